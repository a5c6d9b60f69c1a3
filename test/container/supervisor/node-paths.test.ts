import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { makeDiskFile } from '../../../src/container/supervisor/node-disk-file.ts';
import { runtimeFolder, socketPath } from '../../../src/container/supervisor/node-socket-path.ts';
import { DEFAULT_DIRECTORY_ATTRIBUTES } from '../../../src/oci/tree.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'viv-p-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe("a supervisor's socket", () => {
  test('is where the environment says, else among the temporary files', () => {
    expect([
      runtimeFolder({ VIVARIUM_RUNTIME: '/a', XDG_RUNTIME_DIR: '/b' }),
      runtimeFolder({ XDG_RUNTIME_DIR: '/b' }),
      runtimeFolder({}),
    ]).toEqual(['/a', '/b/vivarium', join(tmpdir(), `vivarium-${process.getuid!()}`)]);
  });

  test('is in a folder that is made for its user alone, and differs by pod and by data folder', async () => {
    vi.stubEnv('VIVARIUM_RUNTIME', join(folder, 'run'));
    const paths = [await socketPath('/home', 'a'), await socketPath('/home', 'b'), await socketPath('/other', 'a')];
    expect([new Set(paths).size, statSync(join(folder, 'run')).mode & 0o777]).toEqual([3, 0o700]);
  });

  test('is refused where others can enter, and behind a link', async () => {
    mkdirSync(join(folder, 'open'));
    chmodSync(join(folder, 'open'), 0o755);
    vi.stubEnv('VIVARIUM_RUNTIME', join(folder, 'open'));
    await expect(socketPath('/home', 'a')).rejects.toMatchObject({ code: 'USAGE' });
    mkdirSync(join(folder, 'private'), { mode: 0o700 });
    symlinkSync('private', join(folder, 'link'));
    vi.stubEnv('VIVARIUM_RUNTIME', join(folder, 'link'));
    await expect(socketPath('/home', 'a')).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('is refused where its path is too long', async () => {
    vi.stubEnv('VIVARIUM_RUNTIME', join(folder, 'x'.repeat(90)));
    await expect(socketPath('/home', 'a')).rejects.toMatchObject({ code: 'LIMIT' });
  });
});

describe("a container's disk", () => {
  const request = {
    rootAttributes: DEFAULT_DIRECTORY_ATTRIBUTES,
    storageBytes: 64 << 20,
    uuid: new Uint8Array(16).fill(7),
    files: new Map(),
  };

  test('is sparse, private, and has a journal', async () => {
    const path = join(folder, 'disk.ext4');
    await makeDiskFile(path, request);
    const stats = statSync(path);
    expect([stats.size, stats.blocks * 512 < 2 << 20, stats.mode & 0o777]).toEqual([64 << 20, true, 0o600]);
    // Superblock, s_feature_compat: has_journal.
    expect(readFileSync(path).readUInt32LE(1024 + 92) & 4).toBe(4);
  });

  test('that is there stays as it is', async () => {
    const path = join(folder, 'disk.ext4');
    await makeDiskFile(path, request);
    const before = readFileSync(path);
    await makeDiskFile(path, { ...request, uuid: new Uint8Array(16).fill(9) });
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('of an impossible size is refused, and nothing stays', async () => {
    const path = join(folder, 'disk.ext4');
    await expect(makeDiskFile(path, { ...request, storageBytes: 1000 })).rejects.toMatchObject({ code: 'USAGE' });
    expect(() => statSync(path)).toThrow(/ENOENT/);
  });
});
