import { describe, expect, it } from 'vitest';
import type { BlobSource } from '../../../../src/devices/virtio/p9/file-content.ts';
import { FsError } from '../../../../src/devices/virtio/p9/errno.ts';
import { TreeFs } from '../../../../src/devices/virtio/p9/tree-fs.ts';
import { E } from '../../../support/p9-client.ts';
import { ManualClock } from '../../support.ts';

const OWNED = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n };
const DIRECTORY = { ...OWNED, mode: 0o755 };
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function errnoOf(work: () => unknown): number {
  try {
    work();
  } catch (error) {
    if (error instanceof FsError) return error.errno;
    throw error;
  }
  return 0;
}
function made(memoryLimitBytes = 1 << 24): TreeFs {
  return new TreeFs({ clock: new ManualClock(), memoryLimitBytes });
}
function write(fs: TreeFs, name: string, text: string, offset = 0): void {
  const node = fs.lookup(fs.root, name) ?? fs.create(fs.root, name, OWNED).node;
  fs.write(fs.open(node, 2), offset, bytesOf(text));
}
function read(fs: TreeFs, name: string, offset = 0, count = 1000): string {
  return textOf(fs.read(fs.open(fs.lookup(fs.root, name)!, 0), offset, count));
}

/** Counts how it is read. */
class CountingSource implements BlobSource {
  readonly size: number;
  readonly reads: [number, number][] = [];
  constructor(size: number) {
    this.size = size;
  }
  readSync(offset: number, length: number): Uint8Array {
    this.reads.push([offset, length]);
    return Uint8Array.from({ length: Math.max(Math.min(length, this.size - offset), 0) }, (_, i) => (offset + i) % 251);
  }
}

describe('TreeFs contents', () => {
  it('reads from the source without copying it in', () => {
    const fs = made();
    const source = new CountingSource(1_000_000);
    const node = fs.builder().createFile(fs.root, 'f', OWNED, source);
    expect([...fs.read(fs.open(node, 0), 500_000, 3)]).toEqual([500_000 % 251, 500_001 % 251, 500_002 % 251]);
    expect([source.reads, fs.budget.usedBytes]).toEqual([[[500_000, 3]], 0]);
  });

  it('copies only the chunk that is written', () => {
    const fs = made();
    const source = new CountingSource(1_000_000);
    const node = fs.builder().createFile(fs.root, 'f', OWNED, source);
    fs.write(fs.open(node, 2), 200_000, Uint8Array.of(255));
    expect(source.reads).toEqual([[196_608, 65_536]]);
    expect([...fs.read(fs.open(node, 0), 199_999, 3)]).toEqual([199_999 % 251, 255, 200_001 % 251]);
    expect(node.size).toBe(1_000_000);
  });

  it('reads over written and unwritten parts in one go', () => {
    const fs = made();
    const node = fs.builder().createFile(fs.root, 'f', OWNED, new CountingSource(200_000));
    fs.write(fs.open(node, 2), 70_000, Uint8Array.of(255));
    const bytes = fs.read(fs.open(node, 0), 0, 300_000);
    expect([bytes.length, bytes[69_999], bytes[70_000], bytes[150_000]]).toEqual([
      200_000,
      69_999 % 251,
      255,
      150_000 % 251,
    ]);
  });

  it('has holes that read as zero and cost nothing', () => {
    const fs = made();
    write(fs, 'sparse', 'end', 1_000_000_000);
    expect(fs.lookup(fs.root, 'sparse')!.size).toBe(1_000_000_003);
    expect(read(fs, 'sparse', 999_999_998, 5)).toBe('\0\0end');
    expect(fs.budget.usedBytes).toBeLessThan(100_000);
  });

  it('does not bring back what was cut off', () => {
    const fs = made();
    const node = fs.builder().createFile(fs.root, 'f', OWNED, bytesOf('from the source'));
    fs.setattr(node, { size: 4 });
    fs.setattr(node, { size: 10 });
    expect(read(fs, 'f')).toBe('from\0\0\0\0\0\0');
    write(fs, 'f', 'XYZ', 2);
    fs.setattr(node, { size: 3 });
    fs.setattr(node, { size: 6 });
    expect(read(fs, 'f')).toBe('frX\0\0\0');
  });

  it('gives memory back when files are cut and removed', () => {
    const fs = made();
    fs.retain(fs.root);
    const before = fs.budget.usedBytes;
    write(fs, 'f', 'x'.repeat(100_000));
    fs.setattr(fs.lookup(fs.root, 'f')!, { size: 0 });
    fs.unlink(fs.root, 'f', false);
    expect(fs.budget.usedBytes).toBe(before);
  });

  it('stores what fits and then says ENOSPC', () => {
    const fs = made(70_000);
    const { file } = fs.create(fs.root, 'f', OWNED);
    expect(fs.write(file, 0, new Uint8Array(100_000))).toBe(65_536);
    expect(errnoOf(() => fs.write(file, 65_536, new Uint8Array(10_000)))).toBe(E.ENOSPC);
  });

  it('counts inodes and names against the limit', () => {
    const fs = made(10_000);
    fs.retain(fs.root);
    const count = Array.from({ length: 100 }, (_, i) => errnoOf(() => fs.mkdir(fs.root, `d${i}`, DIRECTORY))).filter(
      (errno) => errno === 0,
    ).length;
    expect(count).toBeGreaterThan(5);
    expect(count).toBeLessThan(30);
    expect(errnoOf(() => fs.link(fs.root, 'more', fs.create(fs.root, 'x', OWNED).node))).toBe(E.ENOSPC);
  });

  it('lets a full file system rename and remove', () => {
    const fs = made(1700);
    fs.retain(fs.root);
    fs.mkdir(fs.root, 'a', DIRECTORY);
    fs.mkdir(fs.root, 'b', DIRECTORY);
    expect(errnoOf(() => fs.mkdir(fs.root, 'c', DIRECTORY))).toBe(E.ENOSPC);
    fs.rename(fs.root, 'a', fs.root, 'a-much-longer-name');
    fs.unlink(fs.root, 'b', true);
    fs.unlink(fs.root, 'a-much-longer-name', true);
    expect(fs.budget.usedBytes).toBe(0);
  });

  it('turns a source that is shorter than it says into an I/O error', () => {
    const fs = made();
    const node = fs.builder().createFile(fs.root, 'f', OWNED, { size: 10, readSync: () => new Uint8Array(3) });
    expect(errnoOf(() => fs.read(fs.open(node, 0), 0, 10))).toBe(E.EIO);
  });
});

describe('TreeFs names', () => {
  it('counts the links of directories and files', () => {
    const fs = made();
    const a = fs.mkdir(fs.root, 'a', DIRECTORY);
    fs.mkdir(a, 'b', DIRECTORY);
    const file = fs.create(a, 'f', OWNED).node;
    fs.link(fs.root, 'g', file);
    expect([fs.root.linkCount, a.linkCount, file.linkCount]).toEqual([3, 3, 2]);
    fs.unlink(a, 'b', true);
    fs.unlink(a, 'f', false);
    expect([a.linkCount, file.linkCount, fs.lookup(fs.root, 'g')]).toEqual([2, 1, file]);
  });

  it('renames over a file, over an empty directory, and refuses the rest', () => {
    const fs = made();
    write(fs, 'a', 'A');
    write(fs, 'b', 'B');
    const d = fs.mkdir(fs.root, 'd', DIRECTORY);
    const full = fs.mkdir(fs.root, 'full', DIRECTORY);
    fs.create(full, 'x', OWNED);
    fs.rename(fs.root, 'a', fs.root, 'b');
    expect([read(fs, 'b'), fs.lookup(fs.root, 'a')]).toEqual(['A', undefined]);
    expect(errnoOf(() => fs.rename(fs.root, 'b', fs.root, 'd'))).toBe(E.EISDIR);
    expect(errnoOf(() => fs.rename(fs.root, 'd', fs.root, 'b'))).toBe(E.ENOTDIR);
    expect(errnoOf(() => fs.rename(fs.root, 'd', fs.root, 'full'))).toBe(E.ENOTEMPTY);
    expect(errnoOf(() => fs.rename(fs.root, 'none', fs.root, 'x'))).toBe(E.ENOENT);
    fs.rename(fs.root, 'full', fs.root, 'd');
    expect([fs.lookup(fs.root, 'd'), d.linkCount, fs.root.linkCount]).toEqual([full, 0, 3]);
  });

  it('moves a directory with its parent and link counts, but not into itself', () => {
    const fs = made();
    const a = fs.mkdir(fs.root, 'a', DIRECTORY);
    const b = fs.mkdir(a, 'b', DIRECTORY);
    const c = fs.mkdir(fs.root, 'c', DIRECTORY);
    expect(errnoOf(() => fs.rename(fs.root, 'a', b, 'x'))).toBe(E.EINVAL);
    expect(errnoOf(() => fs.rename(fs.root, 'a', a, 'x'))).toBe(E.EINVAL);
    fs.rename(a, 'b', c, 'b');
    expect([fs.parent(b), a.linkCount, c.linkCount]).toEqual([c, 2, 3]);
  });

  it('does nothing when both names are the same file', () => {
    const fs = made();
    write(fs, 'a', 'A');
    fs.link(fs.root, 'b', fs.lookup(fs.root, 'a')!);
    fs.rename(fs.root, 'a', fs.root, 'b');
    expect([fs.lookup(fs.root, 'a')!.linkCount, fs.lookup(fs.root, 'b')]).toEqual([2, fs.lookup(fs.root, 'a')]);
  });

  it('adds nothing to a removed directory', () => {
    const fs = made();
    const gone = fs.mkdir(fs.root, 'gone', DIRECTORY);
    fs.retain(gone);
    fs.unlink(fs.root, 'gone', true);
    expect(errnoOf(() => fs.create(gone, 'x', OWNED))).toBe(E.ENOENT);
    expect(errnoOf(() => fs.mkdir(gone, 'x', DIRECTORY))).toBe(E.ENOENT);
  });

  it('keeps a removed file while it is held, then lets it go', () => {
    const fs = made();
    write(fs, 'f', 'kept');
    const node = fs.lookup(fs.root, 'f')!;
    fs.retain(node);
    fs.unlink(fs.root, 'f', false);
    expect(textOf(fs.read(fs.open(node, 0), 0, 10))).toBe('kept');
    expect(errnoOf(() => fs.link(fs.root, 'back', node))).toBe(E.ENOENT);
    fs.forget(node);
    expect(fs.inodes.has(node.qidPath)).toBe(false);
  });

  it('never gives an inode number twice', () => {
    const fs = made();
    const first = fs.create(fs.root, 'a', OWNED).node.qidPath;
    fs.unlink(fs.root, 'a', false);
    expect(fs.create(fs.root, 'a', OWNED).node.qidPath).toBeGreaterThan(first);
  });

  it('changes the times of what it changes', () => {
    const clock = new ManualClock();
    const fs = new TreeFs({ clock });
    write(fs, 'a', 'A');
    const start = fs.lookup(fs.root, 'a')!.mtime.seconds;
    clock.jump(5_500_000_000);
    write(fs, 'a', 'B');
    expect(fs.lookup(fs.root, 'a')!.mtime).toEqual({ seconds: start + 5, nanoseconds: 500_000_000 });
    expect(fs.root.mtime.seconds).toBe(start);
    clock.jump(1_000_000_000);
    fs.unlink(fs.root, 'a', false);
    expect(fs.root.mtime.seconds).toBe(start + 6);
  });
});

describe('TreeBuilder', () => {
  it('removes trees and clears directories', () => {
    const fs = made();
    const builder = fs.builder();
    const a = builder.mkdir(fs.root, 'a', DIRECTORY);
    const b = builder.mkdir(a, 'b', DIRECTORY);
    builder.createFile(b, 'f', OWNED, bytesOf('x'));
    builder.createFile(fs.root, 'keep', OWNED, bytesOf('x'));
    builder.remove(fs.root, 'a');
    builder.remove(fs.root, 'none');
    expect([[...fs.root.directory!.entries.keys()], fs.root.linkCount, fs.inodes.size]).toEqual([['keep'], 2, 2]);
    builder.clearDirectory(fs.root);
    expect(fs.inodes.size).toBe(1);
  });

  it('costs the guest nothing, and later changes of the host are seen by a new version', () => {
    const fs = made();
    fs.builder().createFile(fs.root, 'f', OWNED, bytesOf('x'));
    fs.retain(fs.root);
    expect([fs.budget.usedBytes, fs.root.qidVersion]).toEqual([0, 1]);
    fs.builder().createFile(fs.root, 'late', OWNED, bytesOf('x'));
    expect(fs.root.qidVersion).toBe(2);
  });
});

describe('TreeFs saved state', () => {
  function built(): TreeFs {
    const fs = made();
    const builder = fs.builder();
    const etc = builder.mkdir(fs.root, 'etc', DIRECTORY);
    builder.createFile(etc, 'a', OWNED, bytesOf('original a'));
    builder.createFile(fs.root, 'b', OWNED, bytesOf('original b'));
    builder.symlink(fs.root, 's', OWNED, 'b');
    return fs;
  }
  /** Changes of every kind. */
  function changed(): TreeFs {
    const fs = built();
    fs.retain(fs.root);
    const etc = fs.lookup(fs.root, 'etc')!;
    fs.write(fs.open(fs.lookup(etc, 'a')!, 2), 0, bytesOf('CHANGED'));
    fs.setXattr(fs.lookup(etc, 'a')!, 'user.k', bytesOf('v'), 0);
    fs.unlink(fs.root, 'b', false);
    const d = fs.mkdir(fs.root, 'd', DIRECTORY);
    fs.write(fs.create(d, 'new', OWNED).file, 0, bytesOf('new file'));
    fs.link(etc, 'hard', fs.lookup(d, 'new')!);
    fs.symlink(d, 'to', 'new', OWNED);
    fs.rename(fs.root, 'etc', d, 'etc');
    fs.forget(fs.root);
    return fs;
  }

  it('brings every change back on a fresh copy of the tree', () => {
    const fs = built();
    fs.load(structuredClone(changed().save()));
    const d = fs.lookup(fs.root, 'd')!;
    const etc = fs.lookup(d, 'etc')!;
    expect(textOf(fs.read(fs.open(fs.lookup(etc, 'a')!, 0), 0, 100))).toBe('CHANGEDl a');
    expect(textOf(fs.getXattr(fs.lookup(etc, 'a')!, 'user.k')!)).toBe('v');
    expect([fs.lookup(fs.root, 'b'), fs.lookup(fs.root, 'etc'), fs.parent(etc)]).toEqual([undefined, undefined, d]);
    expect([fs.lookup(etc, 'hard'), fs.lookup(d, 'new')!.linkCount]).toEqual([fs.lookup(d, 'new'), 2]);
    expect([fs.readlink(fs.lookup(d, 'to')!), d.linkCount]).toEqual(['new', 3]);
    expect(fs.budget.usedBytes).toBe(changed().budget.usedBytes);
    expect(fs.save()).toEqual(changed().save());
  });

  it('undoes later changes when it is loaded over them', () => {
    const fs = changed();
    const pristine = structuredClone(built().save());
    const saved = structuredClone(fs.save());
    fs.load(pristine);
    expect([read(fs, 'b'), fs.lookup(fs.root, 'd'), fs.root.linkCount, fs.budget.usedBytes]).toEqual([
      'original b',
      undefined,
      3,
      0,
    ]);
    expect(textOf(fs.read(fs.open(fs.lookup(fs.lookup(fs.root, 'etc')!, 'a')!, 0), 0, 100))).toBe('original a');
    fs.load(saved);
    expect(fs.save()).toEqual(saved);
  });

  it('is refused by a tree of another image', () => {
    const other = made();
    other.builder().mkdir(other.root, 'etc', DIRECTORY);
    expect(() => other.load(changed().save())).toThrow(/another image/);
  });

  it('is refused by a tree that may hold less', () => {
    const small = made(100);
    const builder = small.builder();
    builder.createFile(builder.mkdir(small.root, 'etc', DIRECTORY), 'a', OWNED, bytesOf('original a'));
    builder.createFile(small.root, 'b', OWNED, bytesOf('original b'));
    builder.symlink(small.root, 's', OWNED, 'b');
    expect(() => small.load(changed().save())).toThrow(/more than 100 bytes/);
  });

  /** Loads a state after an edit of its JSON; the message of the refusal. */
  function refusal(edit: (inodes: { [key: string]: unknown }[], state: { [key: string]: unknown }) => void): string {
    const state = structuredClone(changed().save());
    edit(state['inodes'] as { [key: string]: unknown }[], state);
    try {
      built().load(state);
    } catch (error) {
      return (error as Error).message;
    }
    return '';
  }
  type SavedDirectory = {
    parent: number;
    entries: { name: string; number: number; cookie: number; charge: number }[];
    nextCookie: number;
  };
  const directories = (inodes: { [key: string]: unknown }[]): SavedDirectory[] =>
    inodes.map((inode) => inode['directory']).filter((directory) => directory !== null) as SavedDirectory[];

  it('is refused when a directory is inside itself', () => {
    const message = refusal((inodes) => {
      const d = inodes.find((inode) =>
        (inode['directory'] as SavedDirectory | null)?.entries.some((entry) => entry.name === 'new'),
      )!;
      const directory = d['directory'] as SavedDirectory;
      directory.entries.push({
        name: 'loop',
        number: d['number'] as number,
        cookie: directory.nextCookie++,
        charge: 0,
      });
    });
    expect(message).toMatch(/damaged/);
  });

  it('is refused when an entry names nothing, cookies fall, or fields have the wrong type', () => {
    expect(refusal((inodes) => void (directories(inodes)[0]!.entries[0]!.number = 9999))).toMatch(/damaged/);
    expect(refusal((inodes) => void (directories(inodes)[0]!.entries.at(-1)!.cookie = 0))).toMatch(/damaged/);
    expect(refusal((inodes) => void (inodes[0]!['mode'] = 'x'))).toMatch(/damaged/);
    expect(refusal((_, state) => void (state['inodes'] = 5))).toMatch(/damaged/);
    expect(refusal((_, state) => void (state['removed'] = [1]))).toMatch(/damaged/);
  });
});
