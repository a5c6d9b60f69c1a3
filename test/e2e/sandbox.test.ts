/** The JavaScript API on our own machine, and guests that fail. Needs the build. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cpio } from '../../scripts/lib/cpio.mjs';
import { Sandbox } from '../../src/sandbox/sandbox.ts';
import { builtAssets, sandboxParts, type Changes } from '../support/sandbox.ts';
import { crash, haltForGood, kernel64, powerOff } from '../support/tiny-guest.ts';

let layerCache: string;
let image: string;
beforeAll(() => {
  layerCache = mkdtempSync(join(tmpdir(), 'vivarium-sandbox-'));
  image = builtAssets().images.busybox;
});
afterAll(() => rmSync(layerCache, { recursive: true }));

function sandboxOf(change: Changes = {}): Sandbox {
  return new Sandbox(sandboxParts(layerCache, change));
}

describe('a sandbox', () => {
  test('gives a program its input and our streams its output', async () => {
    await using sandbox = sandboxOf();
    const process = await sandbox.run({ image, command: ['sh', '-c', 'cat; echo err >&2; exit 3'], stdin: true });
    const writer = process.stdin.getWriter();
    await writer.write(new TextEncoder().encode('through and through'));
    await writer.close();

    const [out, err, exit] = await Promise.all([text(process.stdout), text(process.stderr), process.exit]);

    expect([out, err, exit]).toEqual(['through and through', 'err\n', { kind: 'exited', exitCode: 3 }]);
  });

  test('ends a program by a signal', async () => {
    await using sandbox = sandboxOf();
    const process = await sandbox.run({ image, command: ['sleep', '1000'] });

    process.kill('SIGKILL');

    expect(await process.exit).toEqual({ kind: 'signalled', exitCode: 137, signal: 9 });
  });

  test('gives a program a terminal that follows resizing', async () => {
    await using sandbox = sandboxOf();
    const command = ['sh', '-c', 'trap "stty size; exit" WINCH; echo ready; while :; do sleep 0.1; done'];
    const process = await sandbox.run({ image, command, tty: { columns: 80, rows: 24 } });
    const reader = process.stdout.getReader();
    await reader.read();
    process.resize(132, 50);

    const { value } = await reader.read();

    expect(new TextDecoder().decode(value)).toBe('50 132\r\n');
  });

  test('that is closed ends its program', async () => {
    const sandbox = sandboxOf();
    const process = await sandbox.run({ image, command: ['sleep', '1000'] });

    await sandbox.close();

    await expect(process.exit).rejects.toThrow('the guest has stopped');
  });

  test('gives up while its guest boots', async () => {
    const abort = new AbortController();
    await using sandbox = sandboxOf();
    const onConsole = (): void => abort.abort(new Error('enough'));

    await expect(sandbox.run({ image, signal: abort.signal, onConsole })).rejects.toThrow('enough');
  });
});

describe('a guest', () => {
  test('that panics tells why, and shows its CPU', async () => {
    const initramfs = new Uint8Array(cpio([]));
    await using sandbox = sandboxOf({ initramfs });

    await expect(sandbox.run({ image })).rejects.toMatchObject({
      code: 'GUEST_PANIC',
      message: expect.stringMatching(/^the guest kernel panicked: VFS: Unable to mount root fs/) as string,
      dump: expect.stringMatching(/^cpu 0: 64-bit mode/) as string,
    });
  });

  test('that crashes shows its CPU', async () => {
    await using sandbox = sandboxOf({ kernel: kernel64(crash()) });

    await expect(sandbox.run({ image })).rejects.toMatchObject({
      code: 'TRIPLE_FAULT',
      dump: expect.stringMatching(/^cpu 0: 64-bit mode/) as string,
    });
  });

  test('that halts for good is no wait without end', async () => {
    await using sandbox = sandboxOf({ kernel: kernel64(haltForGood()) });

    await expect(sandbox.run({ image })).rejects.toMatchObject({ code: 'GUEST_HALTED' });
  });

  test('that switches itself off is told of', async () => {
    await using sandbox = sandboxOf({ kernel: kernel64(powerOff()) });

    await expect(sandbox.run({ image })).rejects.toMatchObject({ code: 'GUEST_STOPPED' });
  });

  test('that is not a kernel is refused', async () => {
    await using sandbox = sandboxOf({ kernel: new Uint8Array(5000) });

    await expect(sandbox.run({ image })).rejects.toMatchObject({ code: 'BAD_KERNEL' });
  });
});
