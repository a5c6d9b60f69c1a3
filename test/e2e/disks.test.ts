/** Disks that come and go while our guest runs, and root filesystems on them. Needs the build. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Guest } from '../../src/container/guest.ts';
import { planRootfs, type RootfsPlan, type RootfsRequest } from '../../src/container/rootfs-plan.ts';
import { runtimeSpec } from '../../src/container/runtime-spec.ts';
import type { PreparedImage } from '../../src/sandbox/image.ts';
import { kernelCommandLine } from '../../src/sandbox/kernel-command-line.ts';
import type { DiskConfig } from '../../src/worker/protocol.ts';
import { builtAssets, sandboxParts } from '../support/sandbox.ts';

const BOOT_MS = 60_000;
const MIB = 2 ** 20;

let folder: string;
let image: PreparedImage;
let guest: Guest;
let plug: (disk: DiskConfig) => Promise<void>;
let unplug: (serial: string) => Promise<void>;
let console = '';
let count = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-disks-'));
  const parts = sandboxParts(folder);
  image = await parts.prepareImage({ image: builtAssets().images.busybox, signal: new AbortController().signal });
  const { kernel, initramfs } = await parts.readGuest();
  guest = await Guest.start({
    startMachine: async (start) => {
      const machine = await parts.startMachine(start);
      plug = async (disk) => (await machine.open({ disks: [disk] })).attach();
      unplug = (serial) => machine.detachDisk(serial);
      return machine;
    },
    config: {
      core: parts.core,
      ramBytes: 256 * MIB,
      boot: { kernel, initrd: initramfs, commandLine: kernelCommandLine(true) },
    },
    onConsole: (bytes) => void (console += new TextDecoder().decode(bytes)),
  });
  await guest.booted();
}, BOOT_MS);
afterAll(async () => {
  await guest?.close();
  rmSync(folder, { recursive: true, force: true });
});

function plan(change: Partial<RootfsRequest> = {}): RootfsPlan {
  return planRootfs({
    id: `c${count++}`,
    layers: image.layers,
    rootAttributes: image.rootAttributes,
    disk: { scratchFolder: join(folder, 'scratch') },
    storageBytes: 64 * MIB,
    uuid: crypto.getRandomValues(new Uint8Array(16)),
    files: new Map(),
    firstLayerNumber: 10 * count,
    ...change,
  });
}

/** What a shell command prints, in a container on this root filesystem or without one in the guest itself. */
async function output(script: string, rootfs?: RootfsPlan): Promise<string> {
  const request = { args: ['sh', '-c', script], env: ['PATH=/bin:/sbin'], cwd: '/', uid: 0, gid: 0, hostname: 'box' };
  const name = `run-${count++}`;
  let text = '';
  const onStdout = (bytes: Uint8Array): void => void (text += new TextDecoder().decode(bytes));
  const process = guest.client.run(
    rootfs === undefined
      ? { kind: 'guest', args: ['busybox', ...request.args], onStdout }
      : { kind: 'container', name, spec: runtimeSpec({ ...request, name, rootfs: rootfs.path }), onStdout },
  );
  await process.exit;
  await guest.client.release(process);
  return text;
}

const disksOfGuest = async (): Promise<string[]> => (await output('ls /sys/block')).split('\n').filter(Boolean);

describe('a root filesystem plugged into a running guest', () => {
  test('runs a container, goes again, and leaves nothing', async () => {
    const before = [await disksOfGuest(), await output('cat /proc/mounts')];
    const rootfs = plan();

    await guest.plugRootfs(rootfs);
    const text = await output('echo kept > /file; cat /file; ls /bin | grep -c sh; id -un', rootfs);
    await guest.unplugRootfs(rootfs);

    expect(text).toMatch(/^kept\n\d+\nroot\n$/);
    expect([await disksOfGuest(), await output('cat /proc/mounts')]).toEqual(before);
    expect(readdirSync(join(folder, 'scratch'))).toEqual([]);
  });

  test('is apart from another one of the same image', async () => {
    const first = plan();
    const second = plan();
    await guest.plugRootfs(first);
    await guest.plugRootfs(second);

    await output('echo first > /file', first);
    const text = await output('cat /file 2>&1; echo second > /file', second);

    expect([text, await output('cat /file', first)]).toEqual([expect.stringContaining('No such file'), 'first\n']);
    await guest.unplugRootfs(first);
    expect(await output('cat /file', second)).toBe('second\n');
    await guest.unplugRootfs(second);
  });

  test('that can not be mounted is pulled out again', async () => {
    const before = await disksOfGuest();
    const rootfs = plan();
    const broken = { ...rootfs, mounts: [...rootfs.mounts, { source: 'disk:none', target: '/run/x', type: 'ext4' }] };

    await expect(guest.plugRootfs(broken)).rejects.toMatchObject({
      code: 'AGENT',
      message: "the guest can't mount disk:none on /run/x: no such device",
    });

    expect(await disksOfGuest()).toEqual(before);
    await guest.plugRootfs(rootfs);
    await guest.unplugRootfs(rootfs);
  });
});

describe('a disk', () => {
  const memoryDisk = (serial: string): DiskConfig => ({
    kind: 'memory',
    serial,
    bytes: new TextEncoder().encode(serial.padEnd(4096, '.')),
    readOnly: true,
  });

  test('is found by its serial number once it is plugged in, and not before', async () => {
    await expect(guest.client.findDisk('late')).rejects.toMatchObject({
      message: "the guest can't find the disk late: no such device",
    });
    await plug(memoryDisk('late'));

    await guest.client.findDisk('late');

    expect(await output('head -c 6 /dev/$(basename $(dirname $(grep -l late /sys/block/*/serial)))')).toBe('late..');
    await guest.client.removeDisk('late');
    await unplug('late');
  });

  test('is not let go of while it is mounted', async () => {
    const rootfs = plan();
    await guest.plugRootfs(rootfs);
    const { serial } = rootfs.disks[0]!;

    await expect(guest.client.removeDisk(serial)).rejects.toMatchObject({
      message: `the guest can't remove the disk ${serial}: resource busy`,
    });

    await guest.unplugRootfs(rootfs);
  });

  test('is not pulled out while the guest has it', async () => {
    await plug(memoryDisk('held'));
    await guest.client.findDisk('held');

    await expect(unplug('held')).rejects.toMatchObject({
      code: 'USAGE',
      message: 'the guest uses the disk held; have it let go of it first',
    });

    expect(await output('head -c 4 /dev/$(basename $(dirname $(grep -l held /sys/block/*/serial)))')).toBe('held');
    await guest.client.removeDisk('held');
    await unplug('held');
  });

  test('beyond the room on the bus is refused, and there is room again when one has gone', async () => {
    const serials: string[] = [];
    const fill = async (): Promise<void> => {
      for (;;) {
        await plug(memoryDisk(`d${serials.length}`));
        serials.push(`d${serials.length}`);
      }
    };

    await expect(fill()).rejects.toMatchObject({ code: 'LIMIT' });
    for (const serial of serials) await guest.client.findDisk(serial);
    expect(serials.length).toBeGreaterThan(20);
    for (const serial of serials) await guest.client.removeDisk(serial).then(() => unplug(serial));
    await plug(memoryDisk('again'));
    await guest.client.findDisk('again');
    await guest.client.removeDisk('again').then(() => unplug('again'));
  });

  test('that the machine does not have can not be pulled out', async () => {
    await expect(unplug('none')).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: 'the machine has no disk none',
    });
  });
});

test('the kernel had nothing to complain of', () => {
  expect(console).not.toMatch(/EXT4-fs error|erofs: .*(corrupt|invalid)|overlayfs: .*(unrecognized|failed)|BUG|Oops/);
});
