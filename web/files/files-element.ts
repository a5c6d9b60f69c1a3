/**
 * <viv-files>: the files of a computer as a tree, to be opened, made, renamed, removed, taken in from the host and out to it. `source`
 * gives the computer's files; `path` is the folder at the top.
 *
 * Events: `viv-open` with { path } for a file, `viv-moved` with { from, to } after something was renamed or removed (`to` undefined).
 * Keys as WAI-ARIA has them for trees; F2 renames, Delete removes.
 */
import { html, nothing, type PropertyValues, type TemplateResult } from 'lit';
import { repeat } from 'lit/directives/repeat.js';
import type { ComputerFiles } from '../../src/sandbox/computer-options.ts';
import { bytesText } from '../machine/progress.ts';
import { define, sheets, VivElement } from '../ui/base.ts';
import { download } from '../ui/download.ts';
import { sentenceOf, shown } from '../ui/sentences.ts';
import { askDialog, type Question } from './ask-dialog.ts';
import filesText from './files.css?inline';
import { FileTree, folderOf, nameOf, nameProblem, pathIn, type TreeNode } from './tree.ts';

/** What is handed to the browser, or taken from it, at a time. */
const TRANSFER_BYTES_MAX = 64 << 20;

export class VivFiles extends VivElement {
  static override styles = sheets(filesText);
  static override properties = {
    path: { type: String },
    source: { attribute: false },
    _selected: { state: true },
    _status: { state: true },
    _question: { state: true },
    _version: { state: true },
  };
  declare path: string;
  declare source: (() => ComputerFiles) | undefined;
  declare private _selected: string;
  declare private _status: string | undefined;
  declare private _question: Question | undefined;
  declare private _version: number;
  #tree: FileTree | undefined;

  constructor() {
    super();
    this.path = '/';
    this._selected = '/';
    this._version = 0;
  }

  /** Reads what is unfolded again. */
  refresh(): Promise<void> {
    return this.#do(() => this.#tree!.refresh());
  }

  protected override willUpdate(changed: PropertyValues<this>): void {
    const isOther = this.#tree === undefined || this.#tree.root !== this.path;
    if (this.source === undefined || !(isOther || (changed.has('path') && isOther))) return;
    this.#tree = new FileTree(this.path, () => this.source!());
    this._selected = this.path;
    void this.refresh();
  }

  protected override render(): TemplateResult {
    const selected = this.#selectedNode;
    const isRoot = selected?.path === this.path;
    const canChange = selected !== undefined && !isRoot;
    return html`
      <div class="bar" role="toolbar" aria-label="Files">
        <button title="New file" @click=${() => this.#askNew('file')}>+ File</button>
        <button title="New folder" @click=${() => this.#askNew('folder')}>+ Folder</button>
        <button ?disabled=${!canChange} @click=${() => this.#askRename()}>Rename</button>
        <button ?disabled=${!canChange} @click=${() => this.#askRemove()}>Delete</button>
        <button @click=${() => this.renderRoot.querySelector<HTMLInputElement>('#upload')!.click()}>Upload</button>
        <button ?disabled=${selected?.isFolder !== false} @click=${() => void this.#download()}>Download</button>
        <button title="Read the folders again" aria-label="Refresh" @click=${() => void this.refresh()}>↻</button>
        <input
          id="upload"
          type="file"
          multiple
          hidden
          aria-label="Files to upload"
          @change=${(event: Event) => void this.#upload(event)}
        />
      </div>
      <ul
        class="tree"
        role="tree"
        aria-label="Files of the machine"
        @keydown=${(event: KeyboardEvent) => this.#handleKey(event)}
      >
        ${repeat(
          this.#tree?.rows ?? [],
          ({ path }) => path,
          (node) => this.#renderRow(node),
        )}
      </ul>
      <p class="status" role="status" ?hidden=${this._status === undefined}>${this._status}</p>
      ${askDialog(this._question, () => (this._question = undefined))}
    `;
  }

  /** A row; how deep it is, its level says. */
  #renderRow(node: TreeNode): TemplateResult {
    const { path, name, entry, isFolder, isOpen, level } = node;
    const isSelected = path === this._selected;
    const icon = isFolder ? (isOpen ? '▾' : '▸') : entry?.kind === 'symlink' ? '↪' : '·';
    return html`<li
      role="treeitem"
      data-path=${path}
      style="--level: ${level}"
      aria-level=${level}
      aria-selected=${isSelected}
      aria-expanded=${isFolder ? isOpen : nothing}
      tabindex=${isSelected ? 0 : -1}
      @click=${() => void this.#activate(node)}
    >
      <span class="icon" aria-hidden="true">${icon}</span>
      <span class="name">${name}</span>${isFolder ? html`<span class="hidden-text"> folder</span>` : nothing}
      ${entry?.kind === 'file' ? html`<span class="size" aria-hidden="true">${bytesText(entry.size)}</span>` : nothing}
    </li>`;
  }

  get #selectedNode(): TreeNode | undefined {
    return this.#tree?.rows.find(({ path }) => path === this._selected);
  }

  async #activate(node: TreeNode): Promise<void> {
    this._selected = node.path;
    this._status = undefined;
    if (node.entry?.kind === 'symlink') return this.#follow(node);
    if (!node.isFolder) this.emit('viv-open', { path: node.path });
    else if (node.isOpen) this.#fold(node);
    else await this.#do(() => this.#tree!.unfold(node.path));
  }

  /** A link to a file is opened as the file; one to a folder stays what it is. */
  async #follow({ path, entry }: TreeNode): Promise<void> {
    await this.#do(async () => {
      const resolved = entry!.resolved;
      if (
        resolved !== undefined &&
        (await this.source!()
          .stat(`${resolved}/`)
          .catch(() => undefined)) === undefined
      )
        this.emit('viv-open', { path: resolved });
      else this._status = shown(`${nameOf(path)} is a link to ${entry!.target}`);
    });
  }

  #fold({ path }: TreeNode): void {
    this.#tree!.fold(path);
    this._version++;
  }

  #handleKey(event: KeyboardEvent): void {
    const rows = this.#tree?.rows ?? [];
    const at = rows.findIndex(({ path }) => path === this._selected);
    const node = rows[at];
    if (node === undefined) return;
    const parent = rows.find(({ path }) => path === folderOf(node.path));
    const actions: Readonly<Record<string, (() => void) | undefined>> = {
      ArrowDown: () => this.#select(rows[at + 1]),
      ArrowUp: () => this.#select(rows[at - 1]),
      Home: () => this.#select(rows[0]),
      End: () => this.#select(rows.at(-1)),
      ArrowRight: () => (node.isOpen ? this.#select(node.children[0]) : node.isFolder && void this.#activate(node)),
      ArrowLeft: () => (node.isOpen ? this.#fold(node) : this.#select(parent)),
      Enter: () => void this.#activate(node),
      ' ': () => void this.#activate(node),
      F2: () => this.#askRename(),
      Delete: () => this.#askRemove(),
    };
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  }

  #select(node: TreeNode | undefined): void {
    if (node === undefined) return;
    this._selected = node.path;
    void this.updateComplete.then(() => this.#focusSelected());
  }

  #focusSelected(): void {
    this.renderRoot.querySelector<HTMLElement>('[role=treeitem][tabindex="0"]')?.focus();
  }

  /** The folder that something new goes to. */
  get #folder(): string {
    const node = this.#selectedNode;
    return node === undefined ? this.path : node.isFolder ? node.path : folderOf(node.path);
  }

  #askNew(kind: 'file' | 'folder'): void {
    const folder = this.#folder;
    this._question = {
      title: `New ${kind} in ${folder}`,
      label: 'Name',
      value: '',
      answer: kind === 'file' ? 'Make the file' : 'Make the folder',
      problem: nameProblem,
      act: (name) =>
        this.#do(async () => {
          const path = pathIn(folder, name);
          await this.#refuseTaken(path);
          if (kind === 'file') await this.source!().write(path, new Uint8Array());
          else await this.source!().mkdir(path);
          await this.#tree!.unfold(folder);
          this._selected = path;
          if (kind === 'file') this.emit('viv-open', { path });
        }),
    };
  }

  #askRename(): void {
    const node = this.#selectedNode;
    if (node === undefined || node.path === this.path) return;
    const from = node.path;
    this._question = {
      title: `Rename ${node.name}`,
      label: 'New name',
      value: node.name,
      answer: 'Rename',
      problem: nameProblem,
      act: (name) =>
        this.#do(async () => {
          const to = pathIn(folderOf(from), name);
          if (to === from) return;
          await this.#refuseTaken(to);
          await this.source!().rename(from, to);
          this.emit('viv-moved', { from, to });
          this._selected = to;
          await this.#tree!.refresh();
        }),
    };
  }

  #askRemove(): void {
    const node = this.#selectedNode;
    if (node === undefined || node.path === this.path) return;
    this._question = {
      title: `Delete ${node.name}?`,
      text: node.isFolder ? 'Everything in this folder is lost.' : 'The file is lost.',
      answer: 'Delete',
      act: () =>
        this.#do(async () => {
          await this.source!().remove(node.path, { recursive: node.isFolder && node.entry?.kind === 'directory' });
          this.emit('viv-moved', { from: node.path, to: undefined });
          this._selected = folderOf(node.path);
          await this.#tree!.refresh();
        }),
    };
  }

  /** Nothing that is there is replaced by mistake. */
  async #refuseTaken(path: string): Promise<void> {
    const isTaken = await this.source!()
      .stat(path)
      .then(
        () => true,
        () => false,
      );
    if (isTaken) throw new Error(`there is a ${nameOf(path)} already; choose another name`);
  }

  async #upload(event: Event): Promise<void> {
    const input = event.target as HTMLInputElement;
    const files = [...(input.files ?? [])];
    input.value = '';
    const folder = this.#folder;
    await this.#do(async () => {
      for (const file of files) {
        if (file.size > TRANSFER_BYTES_MAX)
          throw new Error(
            `${file.name} has ${bytesText(file.size)}, and ${bytesText(TRANSFER_BYTES_MAX)} can be uploaded`,
          );
        const path = pathIn(folder, file.name);
        await this.#refuseTaken(path);
        await this.source!().write(path, new Uint8Array(await file.arrayBuffer()));
      }
      await this.#tree!.unfold(folder);
      this._status =
        files.length === 1 ? `${files[0]!.name} is in ${folder} now.` : `${files.length} files are in ${folder} now.`;
    });
  }

  async #download(): Promise<void> {
    const { path } = this.#selectedNode!;
    await this.#do(async () => {
      download(nameOf(path), await this.source!().read(path, { bytesMax: TRANSFER_BYTES_MAX }));
    });
  }

  /** Does something, and shows what was wrong with it. */
  async #do(action: () => Promise<void>): Promise<void> {
    this._status = undefined;
    try {
      await action();
    } catch (error) {
      this._status = shown(sentenceOf(error));
    }
    this._version++;
  }
}

define('viv-files', VivFiles);

declare global {
  interface HTMLElementTagNameMap {
    'viv-files': VivFiles;
  }
}
