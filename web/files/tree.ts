/** The folders of a file tree that are unfolded, and what is in them. Knows no DOM. */
import type { FileEntry } from '../../src/container/container-files.ts';
import type { ComputerFiles } from '../../src/sandbox/computer-options.ts';

export interface TreeNode {
  readonly path: string;
  readonly name: string;
  readonly entry: FileEntry | undefined;
  readonly isFolder: boolean;
  /** From 1. */
  readonly level: number;
  readonly isOpen: boolean;
  readonly children: readonly TreeNode[];
}

/** The tree from a folder down. */
export class FileTree {
  readonly root: string;
  readonly #find: () => ComputerFiles;
  readonly #open = new Set<string>();
  readonly #entries = new Map<string, readonly FileEntry[]>();

  /** @param find is asked each time, for a machine may have been replaced. */
  constructor(root: string, find: () => ComputerFiles) {
    this.root = root;
    this.#find = find;
    this.#open.add(root);
  }

  get node(): TreeNode {
    return this.#node(this.root, undefined, 1);
  }

  /** What is shown, from top to bottom. */
  get rows(): readonly TreeNode[] {
    const rows: TreeNode[] = [];
    const add = (node: TreeNode): void => {
      rows.push(node);
      if (node.isOpen) node.children.forEach(add);
    };
    add(this.node);
    return rows;
  }

  /** Unfolds a folder. Rejects as ComputerFiles.list. */
  async unfold(path: string): Promise<void> {
    this.#entries.set(path, await this.#find().list(path));
    this.#open.add(path);
  }

  fold(path: string): void {
    this.#open.delete(path);
  }

  /** Reads all folders that are unfolded again; those that are gone are folded. Rejects when the machine can't be asked. */
  async refresh(): Promise<void> {
    await this.unfold(this.root);
    const others = [...this.#open].filter((path) => path !== this.root).sort();
    for (const path of others) {
      try {
        await this.unfold(path);
      } catch {
        this.#open.delete(path);
        this.#entries.delete(path);
      }
    }
  }

  #node(path: string, entry: FileEntry | undefined, level: number): TreeNode {
    const isFolder = entry === undefined || entry.kind === 'directory';
    const isOpen = isFolder && this.#open.has(path);
    const entries = isOpen ? (this.#entries.get(path) ?? []) : [];
    return {
      path,
      name: entry?.name ?? path,
      entry,
      isFolder,
      level,
      isOpen,
      children: inOrder(entries).map((child) => this.#node(pathIn(path, child.name), child, level + 1)),
    };
  }
}

/** Folders first. */
function inOrder(entries: readonly FileEntry[]): FileEntry[] {
  const rank = ({ kind }: FileEntry): number => (kind === 'directory' ? 0 : 1);
  return [...entries].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1));
}

export function pathIn(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`;
}

export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** What is wrong with a name for a new file; undefined when nothing is. */
export function nameProblem(name: string): string | undefined {
  if (name === '') return 'the name is empty; write one';
  if (name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    return `${JSON.stringify(name)} can't be a name; write one without a slash`;
  return undefined;
}
