/** The guest kernel with a shell on the bare machine: entries, disks, and a snapshot of it in memory. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { MemoryBlockBackend } from '../../src/devices/virtio/blk/backend.ts';
import type { BootEntry } from '../../src/machine/boot/request.ts';
import { Machine, type MachineOptions } from '../../src/machine/machine.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { coreModule, tierOfTests } from '../support/core-module.ts';
import { guestAssets } from '../support/guest-assets.ts';
import { shellInitramfs } from '../support/shell-initramfs.ts';

const RAM_BYTES = 256 << 20;
const COMMAND_LINE = 'console=ttyS0 quiet panic=-1';
let kernel: Uint8Array;
let busybox: string;

beforeAll(() => {
  const assets = guestAssets();
  kernel = readFileSync(assets.kernel);
  busybox = assets.busybox;
});

/** A machine with a console that can be waited on. */
class Console {
  readonly machine: Machine;
  #text = '';
  #waiting: (() => void)[] = [];

  constructor(options: Omit<MachineOptions, 'coreModule' | 'ramBytes' | 'com1'>) {
    this.machine = new Machine({
      coreModule: coreModule(),
      ramBytes: RAM_BYTES,
      tier: tierOfTests(),
      com1: (bytes) => {
        this.#text += new TextDecoder('latin1').decode(bytes);
        this.#waiting.splice(0).forEach((resolve) => resolve());
      },
      ...options,
    });
  }

  get text(): string {
    return this.#text;
  }

  async until(text: string): Promise<void> {
    while (!this.#text.includes(text)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  type(line: string): void {
    this.machine.com1Input(new TextEncoder().encode(`${line}\n`));
  }
}

function script(text: string, entry: BootEntry = 'auto') {
  return { kernel, initrd: shellInitramfs(busybox, text), commandLine: COMMAND_LINE, entry };
}

describe('Linux on the bare machine', () => {
  it('runs programs and powers off, entered by PVH', async () => {
    const guest = new Console({
      host: nodeHost(),
      boot: script('uname -m; nproc; dd if=/dev/zero bs=64k count=16 | md5sum; poweroff -f'),
    });

    const exit = await guest.machine.run();

    expect(exit).toEqual({ kind: 'power-off' });
    expect(guest.text).toContain('x86_64\r\n1\r\n');
    expect(guest.text).toContain('b6d81b360a5672d80c27430f39153e2c');
  });

  it('runs programs and powers off, entered by the 64-bit protocol', async () => {
    const guest = new Console({ host: nodeHost(), boot: script('uname -m; poweroff -f', 'linux64') });

    const exit = await guest.machine.run();

    expect([exit, guest.text.includes('x86_64\r\n')]).toEqual([{ kind: 'power-off' }, true]);
  });

  it('reads and writes disks', async () => {
    const disk = new Uint8Array(1 << 20).fill('v'.charCodeAt(0));
    const guest = new Console({
      host: nodeHost(),
      boot: script('head -c 3 /dev/vda; echo; echo written | dd of=/dev/vda bs=512 seek=9 conv=fsync; poweroff -f'),
      disks: [new MemoryBlockBackend(disk)],
    });

    await guest.machine.run();

    expect(guest.text).toContain('vvv\r\n');
    expect(new TextDecoder().decode(disk.subarray(9 * 512, 9 * 512 + 8))).toBe('written\n');
  });

  it('is asleep while the guest is', async () => {
    const guest = new Console({ host: nodeHost(), boot: script('echo ready; sleep 2; poweroff -f') });
    const ended = guest.machine.run();
    await guest.until('ready');
    const before = guest.machine.statistics().instructions;

    await ended;

    // A second of a busy guest would be tens of millions at the least.
    expect(guest.machine.statistics().instructions - before).toBeLessThan(10_000_000);
  });

  it('goes on from a snapshot in a new machine, with its shell, its timers and its disk', async () => {
    const disk = (): MemoryBlockBackend => new MemoryBlockBackend(new Uint8Array(1 << 20).fill('d'.charCodeAt(0)));
    const first = new Console({ host: nodeHost(), boot: script('exec sh'), disks: [disk()] });
    void first.machine.run();
    await first.until('/ # ');
    first.type('kept=yes; (sleep 1; echo timer "fired") & echo "now"');
    await first.until('\r\nnow');
    const snapshot = structuredClone(await first.machine.save());
    first.machine.stop();
    const second = new Console({ host: nodeHost(), disks: [disk()] });

    second.machine.load(snapshot);
    const ended = second.machine.run();
    second.type('echo kept: $kept; head -c 4 /dev/vda; echo');
    await second.until('timer fired');
    second.type('poweroff -f');

    expect(await ended).toEqual({ kind: 'power-off' });
    expect(second.text).toContain('kept: yes');
    expect(second.text).toContain('dddd');
  });
});
