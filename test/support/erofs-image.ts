/** Images that the writer makes of trees, for tests, and the judge: fsck.erofs of Debian's erofs-utils. Node only. */
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ContentSource, MemoryContent } from '../../src/oci/content.ts';
import { ErofsImage } from '../../src/oci/erofs/reader.ts';
import { type ErofsOptions, writeErofs } from '../../src/oci/erofs/writer.ts';
import {
  DEFAULT_DIRECTORY_ATTRIBUTES,
  type DirectoryInode,
  type FileInode,
  type Inode,
  type InodeAttributes,
  newDirectory,
  type SpecialInode,
} from '../../src/oci/tree.ts';

const UUID = Uint8Array.from({ length: 16 }, (_, index) => index + 1);

/** A tree that grows by calls. */
export function emptyTree(attributes: Partial<InodeAttributes> = {}): DirectoryInode {
  return newDirectory({ ...DEFAULT_DIRECTORY_ATTRIBUTES, ...attributes }, undefined, '');
}

export function addDirectory(
  parent: DirectoryInode,
  name: string,
  attributes: Partial<InodeAttributes> = {},
): DirectoryInode {
  const made = newDirectory({ ...DEFAULT_DIRECTORY_ATTRIBUTES, ...attributes }, parent, name);
  parent.entries.set(name, made);
  return made;
}

export function addFile(
  parent: DirectoryInode,
  name: string,
  content: ContentSource | Uint8Array | string = '',
  attributes: Partial<InodeAttributes> = {},
): FileInode {
  const source =
    typeof content === 'string' || content instanceof Uint8Array ? new MemoryContent([Buffer.from(content)]) : content;
  const made: FileInode = { kind: 'file', content: source, attributes: attributesOf(attributes) };
  parent.entries.set(name, made);
  return made;
}

export function addSymlink(parent: DirectoryInode, name: string, target: string): Inode {
  const made: Inode = { kind: 'symlink', target, attributes: attributesOf({ mode: 0o777 }) };
  parent.entries.set(name, made);
  return made;
}

export function addSpecial(
  parent: DirectoryInode,
  name: string,
  kind: SpecialInode['kind'],
  major = 0,
  minor = 0,
): SpecialInode {
  const made: SpecialInode = { kind, major, minor, attributes: attributesOf({}) };
  parent.entries.set(name, made);
  return made;
}

function attributesOf(attributes: Partial<InodeAttributes>): InodeAttributes {
  return { ...DEFAULT_DIRECTORY_ATTRIBUTES, mode: 0o644, ...attributes };
}

/** The bytes of a tree's image. */
export async function imageBytes(root: DirectoryInode, options: Partial<ErofsOptions> = {}): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  await writeErofs(root, { uuid: UUID, what: 'the layer', ...options }, (bytes) => void chunks.push(bytes.slice()));
  return Buffer.concat(chunks);
}

/** Writes an image and opens it again. */
export async function reread(root: DirectoryInode): Promise<ErofsImage> {
  return new ErofsImage(new MemoryContent([await imageBytes(root)]), 'the layer');
}

/** What fsck.erofs complains of: nothing. Throws when it finds a mistake. With a folder, it also puts the files there. */
export function fsckErofs(image: Uint8Array, extractTo?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-erofs-'));
  try {
    const path = join(folder, 'image.erofs');
    writeFileSync(path, image);
    const words = [...(extractTo === undefined ? ['--extract'] : [`--extract=${extractTo}`, '--preserve']), path];
    const { status, stdout, stderr, error } = spawnSync('fsck.erofs', words, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`fsck.erofs ended with ${status}: ${stdout}${stderr}`, { cause: error });
    return stdout + stderr;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
