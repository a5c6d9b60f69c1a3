/**
 * A root filesystem as its layers' images stack up, by overlayfs's rules (Linux Documentation/filesystems/overlayfs.rst):
 * what a container will see, for looking things up without a guest.
 */
import type { ContentSource } from './content.ts';
import type { ErofsImage, ErofsInode, ErofsKind } from './erofs/reader.ts';
import { badImage, overLimit, quote } from './fail.ts';
import { IMPLIED_ROOT_LABEL, isOpaque, isWhiteout, OVERLAY_XATTR_PREFIX } from './overlay.ts';
import { DEFAULT_DIRECTORY_ATTRIBUTES, type InodeAttributes, MAX_SYMLINKS, pathComponents } from './tree.ts';

interface Part {
  readonly image: ErofsImage;
  readonly inode: ErofsInode;
}

/** Something in the root filesystem. */
export interface RootfsNode {
  readonly kind: ErofsKind;
  /** Without overlayfs's own extended attributes. */
  readonly attributes: InodeAttributes;
  readonly major: number;
  readonly minor: number;
  readonly linkCount: number;
  /** A file's bytes, or the target of a symbolic link. */
  readonly content: ContentSource;
  /** Equal for two names of one inode. */
  readonly identity: string;
  /** Undefined at the root. */
  readonly parent: RootfsNode | undefined;
  /** Where it is in the layers, the uppermost first; several for a directory that they share. */
  readonly parts: readonly Part[];
}

export class Rootfs {
  readonly root: RootfsNode;
  readonly #order: ReadonlyMap<ErofsImage, number>;

  /** Images of the layers, the lowest first. They are read for as long as this is used. */
  constructor(images: readonly ErofsImage[]) {
    this.#order = new Map(images.map((image, index) => [image, index]));
    const parts: Part[] = [];
    for (const image of [...images].reverse()) {
      parts.push({ image, inode: image.root });
      if (isOpaque(image.root.attributes)) break;
    }
    const described = [...images].reverse().find(({ label }) => label !== IMPLIED_ROOT_LABEL);
    this.root = {
      kind: 'directory',
      attributes: plainAttributes(described?.root.attributes ?? DEFAULT_DIRECTORY_ATTRIBUTES),
      major: 0,
      minor: 0,
      linkCount: described?.root.linkCount ?? 2,
      content: described?.root.content ?? NOTHING,
      identity: '/',
      parent: undefined,
      parts,
    };
  }

  /** What is in a directory under this name; links are not followed. */
  child(directory: RootfsNode, name: string): RootfsNode | undefined {
    const found: Part[] = [];
    for (const { image, inode: folder } of directory.parts) {
      const inode = image.lookup(folder, name);
      if (inode === undefined) continue;
      const isDirectory = inode.kind === 'directory';
      if (found.length > 0 && !isDirectory) break;
      if (isWhiteout(inode)) return undefined;
      found.push({ image, inode });
      if (!isDirectory || isOpaque(inode.attributes)) break;
    }
    return found.length === 0 ? undefined : this.#node(found, directory);
  }

  /** Names in a directory, sorted. */
  list(directory: RootfsNode): string[] {
    const names = new Map<string, boolean>();
    for (const { image, inode: folder } of directory.parts) {
      for (const { name, inode } of image.list(folder)) {
        if (!names.has(name)) names.set(name, !isWhiteout(inode));
      }
    }
    return [...names]
      .filter(([, isThere]) => isThere)
      .map(([name]) => name)
      .sort();
  }

  /** Goes down from the root without following links; `undefined` when it is not there. */
  find(names: readonly string[]): RootfsNode | undefined {
    let at: RootfsNode | undefined = this.root;
    for (const name of names) {
      if (at?.kind !== 'directory') return undefined;
      at = this.child(at, name);
    }
    return at;
  }

  /**
   * Finds an inode the way a process in the container would: links are followed, and `..` stops at the root.
   * `undefined` when it is not there or the links go round in circles.
   */
  lookup(path: string): RootfsNode | undefined {
    let pending = pathComponents(path).reverse();
    let at = this.root;
    for (let links = 0; pending.length > 0;) {
      const name = pending.pop()!;
      if (at.kind !== 'directory') return undefined;
      if (name === '..') {
        at = at.parent ?? at;
        continue;
      }
      const child = this.child(at, name);
      if (child === undefined) return undefined;
      if (child.kind !== 'symlink') {
        at = child;
        continue;
      }
      if (++links > MAX_SYMLINKS) return undefined;
      const target = linkTarget(child);
      pending = pending.concat(pathComponents(target).reverse());
      if (target.startsWith('/')) at = this.root;
    }
    return at;
  }

  /** The bytes of a regular file, or `undefined` when there is none. Throws LIMIT when it is longer than `maximumBytes`. */
  readFile(path: string, maximumBytes: number): Uint8Array | undefined {
    const node = this.lookup(path);
    if (node?.kind !== 'file') return undefined;
    const { content } = node;
    if (content.size > maximumBytes) throw overLimit(`${path} in the image has more than ${maximumBytes} bytes`);
    const bytes = content.readSync(0, content.size);
    if (bytes.length !== content.size) throw badImage(`${quote(path)} in the image can't be read whole`);
    return bytes;
  }

  #node(parts: readonly Part[], parent: RootfsNode): RootfsNode {
    const { image, inode } = parts[0]!;
    const { kind, attributes, major, minor, linkCount, content, nid } = inode;
    return {
      kind,
      attributes: plainAttributes(attributes),
      major,
      minor,
      linkCount,
      content,
      identity: `${this.#order.get(image)}:${nid}`,
      parent,
      parts,
    };
  }
}

const NOTHING: ContentSource = { size: 0, readSync: () => new Uint8Array(0) };

/** Where a symbolic link leads. */
export function linkTarget({ content }: RootfsNode): string {
  return new TextDecoder().decode(content.readSync(0, content.size));
}

function plainAttributes(attributes: InodeAttributes): InodeAttributes {
  const { xattrs } = attributes;
  if (![...xattrs.keys()].some((name) => name.startsWith(OVERLAY_XATTR_PREFIX))) return attributes;
  return { ...attributes, xattrs: new Map([...xattrs].filter(([name]) => !name.startsWith(OVERLAY_XATTR_PREFIX))) };
}
