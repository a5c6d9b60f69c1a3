/**
 * Reads a layer's tar into a tree (image-spec v1.1, layer.md "Applying Changesets"): later entries win, `.wh.NAME` and
 * `.wh..wh..opq` become overlayfs's marks for what lower layers had. Nothing here touches the host's file system.
 *
 * What a hostile layer may not do: name a path that is absolute or has `..`, go through a link that leads out of the
 * root, hard-link something that is not in the tree, or bring devices other than the harmless ones below. An absolute
 * hard-link target means the image's root (Kaniko writes such).
 *
 * A layer is a tree of its own, with one exception: a name below a directory that the layer does not describe. Then the
 * layers below say what that directory is like, or where a link in its place leads.
 */
import { type ContentSource, EMPTY_CONTENT, sliceContent } from './content.ts';
import { badImage, overLimit, quote } from './fail.ts';
import type { ImageLimits } from './limits.ts';
import { IMPLIED_ROOT_LABEL, OVERLAY_XATTR_PREFIX, WHITEOUT, withMarks } from './overlay.ts';
import { linkTarget, type Rootfs, type RootfsNode } from './rootfs.ts';
import { type TarEntry, readTar } from './tar.ts';
import {
  DEFAULT_DIRECTORY_ATTRIBUTES,
  type DirectoryInode,
  type Inode,
  type InodeAttributes,
  MAX_SYMLINKS,
  newDirectory,
  pathComponents,
  pathOf,
} from './tree.ts';

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

const utf8 = new TextEncoder();

/** A layer that was read. */
export interface Layer {
  readonly root: DirectoryInode;
  /** For the image's volume name: whether the layer describes the root directory. */
  readonly label: string;
  /** The layers below were asked, so that over others the tree might be another one. */
  readonly dependsOnLower: boolean;
}

export interface LayerOptions {
  /** Names the layer in errors. */
  readonly what: string;
  readonly limits: ImageLimits;
  /** The layers below, if there are any. */
  readonly lower?: Rootfs | undefined;
  /** Refuse an archive that just stops, for one that no digest covers. */
  readonly requireEnd?: boolean;
}

/** Reads an uncompressed tar. Its files read from `content` for as long as the tree is used. Throws BAD_IMAGE or LIMIT. */
export function readLayer(content: ContentSource, options: LayerOptions): Layer {
  const reader = new LayerReader(content, options);
  let entryCount = 0;
  for (const entry of readTar(content, options)) {
    if (++entryCount > options.limits.entries)
      throw overLimit(`${options.what} has more than ${options.limits.entries} files`);
    reader.apply(entry);
  }
  return reader.finish();
}

/** What a directory hides of the layers below. */
interface Hidden {
  everything: boolean;
  readonly names: Set<string>;
}

class LayerReader {
  readonly #content: ContentSource;
  readonly #limits: ImageLimits;
  readonly #what: string;
  readonly #lower: Rootfs | undefined;
  readonly #root = newDirectory(DEFAULT_DIRECTORY_ATTRIBUTES, undefined, '');
  readonly #hidden = new Map<DirectoryInode, Hidden>();
  #describesRoot = false;
  #dependsOnLower = false;
  #followedLinks = 0;

  constructor(content: ContentSource, { what, limits, lower }: LayerOptions) {
    this.#content = content;
    this.#what = what;
    this.#limits = limits;
    this.#lower = lower;
  }

  apply(entry: TarEntry): void {
    if (entry.path === '') throw badImage(`${this.#what} holds an entry without a name`);
    const names = this.#splitPath(entry.path);
    const name = names.pop();
    if (name === undefined) {
      if (entry.type !== 'directory') throw this.#bad(entry.path, 'replaces the root directory');
      this.#root.attributes = attributesOf(entry);
      this.#describesRoot = true;
    } else if (name.startsWith(WHITEOUT_PREFIX)) {
      this.#applyWhiteout(entry.path, names, name);
    } else {
      const parent = this.#directoryAt(names, entry.path, 'make');
      this.#place(parent!, name, entry);
    }
  }

  /** Turns what is hidden into overlayfs's marks. */
  finish(): Layer {
    // First the names that this layer hides and brings anew: nothing of the old directory may show in the new one.
    for (const [directory, { names }] of this.#hidden) {
      for (const name of names) {
        const inode = directory.entries.get(name);
        if (inode?.kind === 'directory') this.#hiddenIn(inode).everything = true;
      }
    }
    for (const [directory, { everything, names }] of this.#hidden) {
      // In a directory that hides everything there is nothing left to hide.
      const whiteouts = everything ? [] : [...names].filter((name) => !directory.entries.has(name));
      for (const name of whiteouts) directory.entries.set(name, WHITEOUT);
      const marks = { opaque: everything, hasWhiteouts: whiteouts.length > 0 };
      directory.attributes = withMarks(directory.attributes, marks);
    }
    const label = this.#describesRoot ? '' : IMPLIED_ROOT_LABEL;
    return { root: this.#root, label, dependsOnLower: this.#dependsOnLower };
  }

  #hiddenIn(directory: DirectoryInode): Hidden {
    let hidden = this.#hidden.get(directory);
    if (hidden === undefined) this.#hidden.set(directory, (hidden = { everything: false, names: new Set() }));
    return hidden;
  }

  #applyWhiteout(path: string, names: string[], name: string): void {
    if (name !== OPAQUE_WHITEOUT && name.startsWith(AUFS_PREFIX)) return;
    const hidden = name.slice(WHITEOUT_PREFIX.length);
    if (hidden === '' || hidden === '.' || hidden === '..') throw this.#bad(path, 'hides an impossible name');
    const parent = this.#directoryAt(names, path, 'find');
    if (parent === undefined) return; // nothing there to hide
    if (name === OPAQUE_WHITEOUT) this.#hiddenIn(parent).everything = true;
    else this.#hiddenIn(parent).names.add(hidden);
  }

  #place(parent: DirectoryInode, name: string, entry: TarEntry): void {
    const existing = parent.entries.get(name);
    if (entry.type === 'directory' && existing?.kind === 'directory') {
      existing.attributes = attributesOf(entry);
      return;
    }
    const inode = this.#makeInode(parent, name, entry);
    // What stood here meanwhile has hidden the directory of the layers below.
    if (inode.kind === 'directory' && existing !== undefined) this.#hiddenIn(inode).everything = true;
    // Only now, so that a link to the very name that it replaces still finds it.
    parent.entries.set(name, inode);
  }

  #makeInode(parent: DirectoryInode, name: string, entry: TarEntry): Inode {
    const attributes = attributesOf(entry);
    switch (entry.type) {
      case 'directory':
        return this.#newDirectory(attributes, parent, name, entry.path);
      case 'file':
        return {
          kind: 'file',
          attributes,
          content: entry.size === 0 ? EMPTY_CONTENT : sliceContent(this.#content, entry.offset, entry.size),
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

  #newDirectory(attributes: InodeAttributes, parent: DirectoryInode, name: string, path: string): DirectoryInode {
    if (parent.depth >= this.#limits.pathDepth)
      throw overLimit(`${this.#what}: ${quote(path)} is deeper than ${this.#limits.pathDepth} directories`);
    return newDirectory(attributes, parent, name);
  }

  #linkTarget(entry: TarEntry): Inode {
    const names = this.#splitPath(entry.linkPath.replace(/^\/+/, ''));
    const name = names.pop();
    const directory = name === undefined ? undefined : this.#directoryAt(names, entry.linkPath, 'find');
    const inode =
      name === undefined || directory === undefined
        ? undefined
        : (directory.entries.get(name) ?? this.#copyUp(directory, name));
    if (inode === undefined)
      throw this.#bad(entry.path, `is a hard link to ${quote(entry.linkPath)}, which is not in the image`);
    if (inode.kind === 'directory')
      throw this.#bad(entry.path, `is a hard link to ${quote(entry.linkPath)}, which is a directory`);
    return inode;
  }

  /** Brings something of a lower layer into this one, as overlayfs does before it makes a link to it. */
  #copyUp(directory: DirectoryInode, name: string): Inode | undefined {
    const below = this.#below(directory, name);
    if (below === undefined) return undefined;
    const inode = copyOf(below, directory, name);
    directory.entries.set(name, inode);
    return inode;
  }

  /** What the layers below have under a name that this layer does not describe. */
  #below(directory: DirectoryInode, name: string): RootfsNode | undefined {
    this.#dependsOnLower = true;
    if (this.#hidden.get(directory)?.names.has(name)) return undefined;
    for (let at: DirectoryInode | undefined = directory; at !== undefined; at = at.parent) {
      if (this.#hidden.get(at)?.everything) return undefined;
      if (at.parent !== undefined && this.#hidden.get(at.parent)?.names.has(at.name)) return undefined;
    }
    return this.#lower?.find([...pathOf(directory), name]);
  }

  /**
   * The directory with these names. Links on the way are followed inside the root, as an archive made on top of
   * `lib -> usr/lib` needs. `find`: `undefined` when something is missing, in the layers below too.
   */
  #directoryAt(names: readonly string[], path: string, mode: 'make' | 'find'): DirectoryInode | undefined {
    let directory = this.#root;
    let pending = [...names].reverse();
    for (let links = 0; pending.length > 0;) {
      const name = pending.pop()!;
      if (name === '..') {
        // Only from a link's target: splitPath lets none through.
        if (directory.parent === undefined) throw this.#bad(path, 'goes through a link that leads out of the root');
        directory = directory.parent;
        continue;
      }
      const own = directory.entries.get(name);
      const inode = own ?? this.#below(directory, name);
      if (inode === undefined) {
        if (mode === 'find') return undefined;
        if (links > 0) throw this.#bad(path, 'goes through a link to a directory that is not in the image');
        const made = this.#newDirectory(DEFAULT_DIRECTORY_ATTRIBUTES, directory, name, path);
        directory.entries.set(name, made);
        directory = made;
      } else if (inode.kind === 'directory') {
        if (own?.kind === 'directory') {
          directory = own;
        } else {
          const made = this.#newDirectory(inode.attributes, directory, name, path);
          directory.entries.set(name, made);
          directory = made;
        }
      } else if (inode.kind === 'symlink') {
        if (++links > MAX_SYMLINKS) throw this.#bad(path, 'goes through too many links');
        const target = 'target' in inode ? inode.target : linkTarget(inode);
        pending = pending.concat(this.#followLink(target, own !== undefined, path));
        if (target.startsWith('/')) directory = this.#root;
      } else {
        if (mode === 'find') return undefined;
        throw this.#bad(path, 'goes through something that is not a directory');
      }
    }
    return directory;
  }

  /** The names that a link stands for, last first. */
  #followLink(target: string, isOwn: boolean, path: string): string[] {
    // An archiver that walks a tree never writes through a link that it has just made. With an absolute target this is
    // the classic way to write to the host, so it is refused although here it could only hit the image's own tree.
    if (target.startsWith('/') && isOwn) throw this.#bad(path, 'goes through an absolute link of the same layer');
    if (++this.#followedLinks > this.#limits.entries)
      throw overLimit(`${this.#what} goes through links more than ${this.#limits.entries} times`);
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

/** Something of a lower layer, for this one. */
function copyOf(node: RootfsNode, parent: DirectoryInode, name: string): Inode {
  const { kind, attributes, content, major, minor } = node;
  switch (kind) {
    case 'directory':
      return newDirectory(attributes, parent, name);
    case 'file':
      return { kind, attributes, content };
    case 'symlink':
      return { kind, attributes, target: linkTarget(node) };
    default:
      return { kind, attributes, major, minor };
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
