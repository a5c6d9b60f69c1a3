/**
 * Applies layer tars to a root filesystem in order (image-spec v1.1, layer.md "Applying Changesets"): later entries win,
 * `.wh.NAME` and `.wh..wh..opq` hide what lower layers had. Nothing here touches the host's file system.
 *
 * What a hostile layer may not do: name a path that is absolute or has `..`, go through a link that leads out of the
 * root, hard-link something that is not in the tree, or bring devices other than the harmless ones below. An absolute
 * hard-link target means the image's root (Kaniko writes such).
 */
import { type ContentSource, EMPTY_CONTENT, sliceContent } from './content.ts';
import { badImage, overLimit, quote } from './fail.ts';
import type { ImageLimits } from './limits.ts';
import {
  DEFAULT_DIRECTORY_ATTRIBUTES,
  type DirectoryEntry,
  type DirectoryInode,
  type Inode,
  type InodeAttributes,
  MAX_SYMLINKS,
  type Rootfs,
  newDirectory,
  pathComponents,
} from './rootfs.ts';
import { type TarEntry, readTar } from './tar.ts';

const WHITEOUT_PREFIX = '.wh.'; // layer.md "Whiteouts"
const OPAQUE_WHITEOUT = '.wh..wh..opq'; // layer.md "Opaque Whiteout"
/** AUFS kept its own files under this prefix; layers of its time have them, and no tool unpacks them. */
const AUFS_PREFIX = '.wh..wh.';

/**
 * Devices that a container gets anyway (runtime-spec "Default Devices"), and overlayfs's own whiteout 0/0: as
 * `major:minor`. They become inodes of the guest's tree and never nodes on the host; all other devices are refused.
 */
const HARMLESS_CHARACTER_DEVICES: ReadonlySet<string> = new Set([
  '0:0', // overlayfs whiteout
  '1:3', // null
  '1:5', // zero
  '1:7', // full
  '1:8', // random
  '1:9', // urandom
  '5:0', // tty
  '5:1', // console
  '5:2', // ptmx
]);

/** overlayfs would take these for its own marks; tools leave them out of layers. */
const OVERLAY_XATTR_PREFIX = 'trusted.overlay.';

const utf8 = new TextEncoder();

/** Applies layers one after another. */
export class LayerApplier {
  readonly #rootfs: Rootfs;
  readonly #limits: ImageLimits;
  #layer = -1;
  #entryCount = 0;
  #followedLinks = 0;
  #what = '';

  constructor(rootfs: Rootfs, limits: ImageLimits) {
    this.#rootfs = rootfs;
    this.#limits = limits;
  }

  /** Adds the next layer, an uncompressed tar. Files read from `content` for as long as the tree is used. */
  apply(content: ContentSource, what: string): void {
    this.#layer++;
    this.#what = what;
    for (const entry of readTar(content, { what, limits: this.#limits })) {
      if (++this.#entryCount > this.#limits.entries)
        throw overLimit(`the image has more than ${this.#limits.entries} files`);
      this.#applyEntry(entry, content);
    }
  }

  #applyEntry(entry: TarEntry, content: ContentSource): void {
    if (entry.path === '') throw badImage(`${this.#what} holds an entry without a name`);
    const names = this.#splitPath(entry.path);
    const name = names.pop();
    if (name === undefined) {
      if (entry.type !== 'directory') throw this.#bad(entry.path, 'replaces the root directory');
      this.#rootfs.root.attributes = attributesOf(entry);
    } else if (name.startsWith(WHITEOUT_PREFIX)) {
      this.#applyWhiteout(entry.path, names, name);
    } else {
      const parent = this.#directoryAt(names, entry.path, true);
      this.#place(parent!, name, entry, content);
    }
  }

  #applyWhiteout(path: string, names: string[], name: string): void {
    if (name !== OPAQUE_WHITEOUT && name.startsWith(AUFS_PREFIX)) return;
    const hidden = name.slice(WHITEOUT_PREFIX.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw this.#bad(path, 'hides an impossible name');
    const parent = this.#directoryAt(names, path, false);
    if (parent === undefined) return; // nothing there to hide
    if (name === OPAQUE_WHITEOUT) this.#clearLower(parent);
    else this.#removeLower(parent, hidden);
  }

  /** Removes what lower layers put into a directory; what this layer has put there stays. Walks each directory once. */
  #clearLower(directory: DirectoryInode): void {
    if (directory.clearedByLayer === this.#layer) return;
    directory.clearedByLayer = this.#layer;
    for (const name of [...directory.entries.keys()]) this.#removeLower(directory, name);
  }

  #removeLower(directory: DirectoryInode, name: string): void {
    const entry = directory.entries.get(name);
    if (entry === undefined) return;
    if (entry.inode.kind === 'directory') {
      this.#clearLower(entry.inode);
      if (entry.inode.entries.size > 0) return;
    }
    if (entry.layer < this.#layer) directory.entries.delete(name);
  }

  #place(parent: DirectoryInode, name: string, entry: TarEntry, content: ContentSource): void {
    const existing = parent.entries.get(name);
    if (entry.type === 'directory' && existing?.inode.kind === 'directory') {
      existing.inode.attributes = attributesOf(entry);
      existing.layer = this.#layer;
      return;
    }
    const inode = this.#makeInode(parent, entry, content);
    // Only now, so that a link to the very name that it replaces still finds it. Deleting first keeps the new order.
    parent.entries.delete(name);
    parent.entries.set(name, { inode, layer: this.#layer });
  }

  #makeInode(parent: DirectoryInode, entry: TarEntry, content: ContentSource): Inode {
    const attributes = attributesOf(entry);
    switch (entry.type) {
      case 'directory':
        return this.#newDirectory(attributes, parent, entry.path);
      case 'file':
        return {
          kind: 'file',
          attributes,
          content: entry.size === 0 ? EMPTY_CONTENT : sliceContent(content, entry.offset, entry.size),
        };
      case 'symlink':
        if (entry.linkPath === '') throw this.#bad(entry.path, 'is a symbolic link to nothing');
        this.#checkLength(entry.linkPath);
        return { kind: 'symlink', attributes, target: entry.linkPath };
      case 'hardlink':
        return this.#linkTarget(entry);
      case 'fifo':
        return { kind: 'fifo', attributes, major: 0, minor: 0 };
      case 'char':
      case 'block':
        if (entry.type === 'block' || !HARMLESS_CHARACTER_DEVICES.has(`${entry.major}:${entry.minor}`)) {
          throw this.#bad(
            entry.path,
            `is a device node (${entry.type} ${entry.major}:${entry.minor}), which an image may not bring`,
          );
        }
        return { kind: entry.type, attributes, major: entry.major, minor: entry.minor };
    }
  }

  #newDirectory(attributes: InodeAttributes, parent: DirectoryInode, path: string): DirectoryInode {
    if (parent.depth >= this.#limits.pathDepth)
      throw overLimit(`${this.#what}: ${quote(path)} is deeper than ${this.#limits.pathDepth} directories`);
    return newDirectory(attributes, parent);
  }

  #linkTarget(entry: TarEntry): Inode {
    const names = this.#splitPath(entry.linkPath.replace(/^\/+/, ''));
    const name = names.pop();
    const directory = name === undefined ? undefined : this.#directoryAt(names, entry.linkPath, false);
    const inode = name === undefined ? undefined : directory?.entries.get(name)?.inode;
    if (inode === undefined)
      throw this.#bad(entry.path, `is a hard link to ${quote(entry.linkPath)}, which is not in the image`);
    if (inode.kind === 'directory')
      throw this.#bad(entry.path, `is a hard link to ${quote(entry.linkPath)}, which is a directory`);
    return inode;
  }

  /**
   * The directory with these names. Links on the way are followed inside the root, as an archive made on top of
   * `lib -> usr/lib` needs. Without `create`, `undefined` when something is missing.
   */
  #directoryAt(names: readonly string[], path: string, create: boolean): DirectoryInode | undefined {
    let directory = this.#rootfs.root;
    let pending = [...names].reverse();
    for (let links = 0; pending.length > 0;) {
      const name = pending.pop()!;
      if (name === '..') {
        // Only from a link's target: splitPath lets none through.
        if (directory.parent === undefined) throw this.#bad(path, 'goes through a link that leads out of the root');
        directory = directory.parent;
        continue;
      }
      const entry = directory.entries.get(name);
      if (entry === undefined) {
        if (links > 0 && create) throw this.#bad(path, 'goes through a link to a directory that is not in the image');
        if (!create) return undefined;
        const made = this.#newDirectory(DEFAULT_DIRECTORY_ATTRIBUTES, directory, path);
        directory.entries.set(name, { inode: made, layer: this.#layer });
        directory = made;
      } else if (entry.inode.kind === 'directory') {
        directory = entry.inode;
      } else if (entry.inode.kind === 'symlink') {
        if (++links > MAX_SYMLINKS) throw this.#bad(path, 'goes through too many links');
        pending = pending.concat(this.#followLink(entry, entry.inode.target, path));
        if (entry.inode.target.startsWith('/')) directory = this.#rootfs.root;
      } else {
        if (!create) return undefined;
        throw this.#bad(path, 'goes through something that is not a directory');
      }
    }
    return directory;
  }

  /** The names that a link stands for, last first. */
  #followLink(entry: DirectoryEntry, target: string, path: string): string[] {
    // An archiver that walks a tree never writes through a link that it has just made. With an absolute target this is
    // the classic way to write to the host, so it is refused although here it could only hit the image's own tree.
    if (target.startsWith('/') && entry.layer === this.#layer)
      throw this.#bad(path, 'goes through an absolute link of the same layer');
    if (++this.#followedLinks > this.#limits.entries)
      throw overLimit(`the image goes through links more than ${this.#limits.entries} times`);
    const names = pathComponents(target);
    if (names.length > this.#limits.pathDepth)
      throw overLimit(`${this.#what}: ${quote(path)} goes through a link that is too deep`);
    return names.reverse();
  }

  /** Components of a path in the archive; none for the root itself. */
  #splitPath(path: string): string[] {
    // Kaniko writes the root as "/"; every other absolute name is somebody's attempt.
    if (path.startsWith('/') && path !== '/') throw this.#bad(path, 'is an absolute path');
    this.#checkLength(path);
    const names = pathComponents(path);
    if (names.includes('..')) throw this.#bad(path, 'leaves the root');
    if (names.length > this.#limits.pathDepth)
      throw overLimit(`${this.#what}: ${quote(path)} is deeper than ${this.#limits.pathDepth} directories`);
    for (const name of names) {
      if (utf8.encode(name).length > this.#limits.nameBytes)
        throw overLimit(`${this.#what}: ${quote(name)} is longer than ${this.#limits.nameBytes} bytes`);
    }
    return names;
  }

  #checkLength(path: string): void {
    if (utf8.encode(path).length > this.#limits.pathBytes)
      throw overLimit(`${this.#what}: ${quote(path)} is longer than ${this.#limits.pathBytes} bytes`);
  }

  #bad(path: string, problem: string): Error {
    return badImage(`${this.#what}: ${quote(path)} ${problem}`);
  }
}

function attributesOf(entry: TarEntry): InodeAttributes {
  const { mode, uid, gid, mtimeNs } = entry;
  const hasOverlayMarks = [...entry.xattrs.keys()].some((name) => name.startsWith(OVERLAY_XATTR_PREFIX));
  const xattrs = hasOverlayMarks
    ? new Map([...entry.xattrs].filter(([name]) => !name.startsWith(OVERLAY_XATTR_PREFIX)))
    : entry.xattrs;
  return { mode, uid, gid, mtimeNs, xattrs };
}
