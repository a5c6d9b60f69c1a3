/**
 * A container's files through its guest: what needs a root's rights and a real overlay. Committed images are judged by stock
 * tools. Needs the build.
 */
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { copyToContainer, copyToHost } from '../../src/cli/copy/copy.ts';
import { Guest } from '../../src/container/guest.ts';
import { GuestFiles } from '../../src/container/guest-files.ts';
import { planRootfs, type RootfsPlan } from '../../src/container/rootfs-plan.ts';
import { runtimeSpec } from '../../src/container/runtime-spec.ts';
import { concatBytes } from '../../src/oci/blob.ts';
import { MemoryContent } from '../../src/oci/content.ts';
import type { Digest } from '../../src/oci/digest.ts';
import { DEFAULT_LIMITS } from '../../src/oci/limits.ts';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import { openImageFiles } from '../../src/oci/node-image.ts';
import { spool } from '../../src/oci/node-layer-cache.ts';
import { composeImage, readBase } from '../../src/oci/store/compose.ts';
import { exportImages } from '../../src/oci/store/export.ts';
import { ImageStore } from '../../src/oci/store/image-store.ts';
import { importImages } from '../../src/oci/store/import.ts';
import { NodeStoreFiles } from '../../src/oci/store/node-store-files.ts';
import { parseImageName } from '../../src/oci/image-name.ts';
import { type TarEntry, readTar } from '../../src/oci/tar.ts';
import { writeTar } from '../../src/oci/tar-writer.ts';
import type { PreparedImage } from '../../src/sandbox/image.ts';
import { kernelCommandLine } from '../../src/sandbox/kernel-command-line.ts';
import { builtAssets, sandboxParts } from '../support/sandbox.ts';

const BOOT_MS = 240_000;
const MIB = 2 ** 20;
const MOUNT_POINTS = ['/proc', '/sys', '/dev', '/etc'];

let folder: string;
let image: PreparedImage;
let guest: Guest;
let rootfs: RootfsPlan;
let files: GuestFiles;
let count = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-guest-files-'));
  const parts = sandboxParts(folder);
  image = await parts.prepareImage({ image: builtAssets().images.busybox, signal: new AbortController().signal });
  const { kernel, initramfs } = await parts.readGuest();
  guest = await Guest.start({
    startMachine: (start) => parts.startMachine(start),
    config: {
      core: parts.core,
      ramBytes: 256 * MIB,
      boot: { kernel, initrd: initramfs, commandLine: kernelCommandLine(true) },
    },
  });
  await guest.booted();
  rootfs = planRootfs({
    id: 'box',
    layers: image.layers,
    rootAttributes: image.rootAttributes,
    disk: { scratchFolder: join(folder, 'scratch') },
    storageBytes: 64 * MIB,
    uuid: crypto.getRandomValues(new Uint8Array(16)),
    files: new Map(),
  });
  await guest.plugRootfs(rootfs);
  files = new GuestFiles(guest.client, { ...rootfs, mountPoints: MOUNT_POINTS });
}, BOOT_MS);
afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a shell command prints in the container. */
async function inContainer(script: string): Promise<string> {
  const name = `run-${count++}`;
  const spec = runtimeSpec({
    args: ['sh', '-c', script],
    env: ['PATH=/bin:/sbin'],
    cwd: '/',
    uid: 0,
    gid: 0,
    hostname: 'box',
    name,
    rootfs: rootfs.path,
  });
  let text = '';
  const take = (bytes: Uint8Array): void => void (text += new TextDecoder().decode(bytes));
  const process = guest.client.run({ kind: 'container', name, spec, onStdout: take, onStderr: take });
  await process.exit;
  await guest.client.release(process);
  return text;
}

async function entriesOf(stream: AsyncIterable<Uint8Array>): Promise<Map<string, TarEntry>> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  const content = new MemoryContent([concatBytes(chunks)]);
  return new Map([...readTar(content, { what: 'x', limits: DEFAULT_LIMITS })].map((entry) => [entry.path, entry]));
}
async function* stream(pieces: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

test('a container that did nothing has changed nothing', async () => {
  await inContainer('true');

  expect(await files.changes()).toEqual([]);
});

test('attributes, links and devices go in and come out again', async () => {
  const capability = Uint8Array.of(1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  const xattrs = new Map([
    ['security.capability', capability],
    ['trusted.own', Uint8Array.of(0, 255, 10)],
  ]);
  const written = [
    { path: 'd', type: 'directory', mode: 0o1755, uid: 3_000_000, gid: 7, mtimeNs: 1_500_000_000n },
    {
      path: 'd/f',
      type: 'file',
      mode: 0o4755,
      uid: 1,
      gid: 2,
      mtimeNs: -1n,
      content: new Uint8Array(70_000).fill(7),
      xattrs,
    },
    { path: 'd/g', type: 'hardlink', mode: 0o4755, linkPath: 'd/f' },
    { path: 'd/l', type: 'symlink', mode: 0o777, uid: 5, gid: 5, linkPath: '/nowhere', mtimeNs: 0n },
    { path: 'd/null', type: 'char', mode: 0o666, major: 1, minor: 3, mtimeNs: 0n },
    { path: 'd/p', type: 'fifo', mode: 0o600, mtimeNs: 0n },
  ] as const;

  await files.writeTar('/tmp', stream(writeTar(written)));
  const read = await entriesOf(files.readTar('/tmp/d', 'd'));

  expect([...read.keys()]).toEqual(['d/', 'd/f', 'd/g', 'd/l', 'd/null', 'd/p']);
  expect(read.get('d/')).toMatchObject({ mode: 0o1755, uid: 3_000_000, gid: 7, mtimeNs: 1_500_000_000n });
  expect(read.get('d/f')).toMatchObject({ mode: 0o4755, uid: 1, gid: 2, mtimeNs: -1n, size: 70_000 });
  expect(read.get('d/f')!.xattrs).toEqual(xattrs);
  expect(read.get('d/g')).toMatchObject({ type: 'hardlink', linkPath: 'd/f' });
  expect(read.get('d/l')).toMatchObject({ type: 'symlink', uid: 5, linkPath: '/nowhere' });
  expect(read.get('d/null')).toMatchObject({ type: 'char', major: 1, minor: 3 });
  expect(read.get('d/p')).toMatchObject({ type: 'fifo' });
  expect(await inContainer('ls -ln /tmp/d/f | cut -c1-22; rm -r /tmp/d')).toBe('-rwsr-xr-x    2 1     \n');
});

test('a full disk says so', async () => {
  const file = { path: 'large', type: 'file', mode: 0o600, content: new Uint8Array(100 * MIB) } as const;

  await expect(files.writeTar('/tmp', stream(writeTar([file])))).rejects.toMatchObject({ code: 'NO_SPACE' });

  await inContainer('rm /tmp/large');
});

test('cp goes both ways', async () => {
  const host = join(folder, 'host');
  mkdirSync(join(host, 'dir'), { recursive: true });
  writeFileSync(join(host, 'dir/f'), 'host');
  const container = { name: 'box', files, user: '' };
  const options = { followLink: false, archive: false, onNote: () => {} };

  await copyToContainer(join(host, 'dir'), container, '/tmp/in', options);
  const text = await inContainer('cat /tmp/in/f; ln -s /etc/passwd /tmp/in/l; echo guest > /tmp/in/f');
  await copyToHost(container, '/tmp/in', join(host, 'out'), options);
  await inContainer('rm -r /tmp/in');

  expect([text, readFileSync(join(host, 'out/f'), 'utf8')]).toEqual(['host', 'guest\n']);
  expect(lstatSync(join(host, 'out/l')).isSymbolicLink()).toBe(true);
});

describe('what a container changed', () => {
  beforeAll(async () => {
    await inContainer(
      'mkdir -p /new/deep; echo x > /new/deep/f; ln /new/deep/f /new/h; rm /bin/vi; rm -r /home; mkdir /home; ' +
        'touch /home/me; chmod 711 /root; chown 5:6 /new/h',
    );
  });

  test('is listed', async () => {
    const listed = (await files.changes()).map(({ kind, path }) => `${kind} ${path}`);

    expect(listed.filter((line) => !line.includes('/tmp'))).toEqual([
      'C /bin',
      'D /bin/vi',
      'C /home',
      'A /home/me',
      'A /new',
      'A /new/deep',
      'A /new/deep/f',
      'A /new/h',
      'C /root',
    ]);
  });

  test('is a layer with whiteouts', async () => {
    const entries = await entriesOf(files.layerTar());

    expect([...entries.keys()].filter((path) => !path.startsWith('tmp'))).toEqual([
      './',
      'bin/',
      'bin/.wh.vi',
      'home/',
      'home/.wh..wh..opq',
      'home/me',
      'new/',
      'new/deep/',
      'new/deep/f',
      'new/h',
      'root/',
    ]);
    expect(entries.get('new/h')).toMatchObject({ type: 'hardlink', linkPath: 'new/deep/f', uid: 5, gid: 6 });
    expect(entries.get('new/deep/f')!.xattrs.size).toBe(0);
  });

  test('is in an export, and what it deleted is not', async () => {
    const entries = await entriesOf(files.exportTar());

    expect([entries.has('new/h'), entries.has('bin/sh'), entries.has('bin/vi'), entries.has('./')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('makes an image that stock tools accept and unpack to the same', async () => {
    const store = new ImageStore({ files: new NodeStoreFiles(join(folder, 'store')), codec: nodeCodec });
    const archive = await openImageFiles(builtAssets().images.busybox, join(folder, 'layers'), DEFAULT_LIMITS);
    const [imported] = await importImages(store, archive);
    archive.close();
    const base = await readBase(store, await store.find(imported!.id));

    const id = await composeImage(
      store,
      {
        base,
        layer: files.layerTar(),
        what: 'box',
        runConfig: { ...base.runConfig, Cmd: ['true'] },
        platform: base.platform,
        created: '2024-01-02T03:04:05Z',
        createdBy: 'sh',
        name: parseImageName('me/box:1'),
      },
      (chunks) => spool(join(folder, 'layers'), chunks),
    );

    const layout = join(folder, 'layout');
    mkdirSync(layout);
    const found = await store.find(id);
    const chunks: Uint8Array[] = [];
    for await (const chunk of exportImages(store, [{ image: found, tags: found.tags }])) chunks.push(chunk);
    execFileSync('tar', ['-x', '-C', layout], { input: concatBytes(chunks) });
    const tag = execFileSync('umoci', ['ls', '--layout', layout]).toString().trim();
    execFileSync('oci-image-tool', ['validate', '--type', 'image', '--ref', `name=${tag}`, layout], { stdio: 'pipe' });
    execFileSync('umoci', ['unpack', '--image', `${layout}:${tag}`, join(folder, 'bundle')], { stdio: 'pipe' });
    const unpacked = (path: string): string => join(folder, 'bundle/rootfs', path);
    expect(lstatSync(unpacked('new/h')).ino).toBe(lstatSync(unpacked('new/deep/f')).ino);
    expect([lstatSync(unpacked('new/h')).uid, lstatSync(unpacked('root')).mode & 0o777]).toEqual([5, 0o711]);
    expect(() => lstatSync(unpacked('bin/vi'))).toThrow('ENOENT');
    expect(lstatSync(unpacked('bin/sh')).isFile()).toBe(true);
    expect((await store.openImage(found)).config.diffIds.length).toBe(base.diffIds.length + 1);
    expect(id satisfies Digest).toMatch(/^sha256:/);
  });
});
