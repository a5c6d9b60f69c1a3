/** `viv boot` as a process: streams, statuses and messages, with guests of a few instructions. Needs the build. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  crash,
  echo,
  haltForGood,
  kernel32,
  kernel64,
  powerOff,
  printAndExit,
  printAndSpin,
} from '../support/tiny-guest.ts';
import { startViv } from '../support/viv.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-boot-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** With stdout as bytes of a string. */
async function viv(words: string[], input?: string) {
  const { status, stdout, stderr } = await startViv(words, { input }).ended;
  return { status, stdout: stdout.toString('latin1'), stderr };
}

function kernelFile(name: string, bytes: Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe('viv boot', () => {
  it('prints what the guest sends and ends with twice the debug exit value plus one', async () => {
    const kernel = kernelFile('print', kernel64(printAndExit('hi\n', 21)));

    expect(await viv(['boot', '--kernel', kernel, '-m', '16M'])).toEqual({ status: 43, stdout: 'hi\n', stderr: '' });
  });

  it('passes stdin to the guest byte for byte, Ctrl-A included', async () => {
    const kernel = kernelFile('echo', kernel32(echo()));

    const { status, stdout } = await viv(['boot', '--kernel', kernel, '-m', '16M'], 'a\x01x\x00\r\n\xffq');

    expect([status, Buffer.from(stdout, 'latin1')]).toEqual([15, Buffer.from('a\x01x\x00\r\n\xffq')]);
  });

  it('ends with 0 at power-off', async () => {
    const kernel = kernelFile('off', kernel32(powerOff()));

    expect(await viv(['boot', '--kernel', kernel, '-m', '16M'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('names a triple fault and shows the CPU', async () => {
    const kernel = kernelFile('crash', kernel32(crash()));

    const { status, stderr } = await viv(['boot', '--kernel', kernel, '-m', '16M']);

    expect(status).toBe(125);
    expect(stderr).toContain('viv: the guest crashed with a triple fault (TRIPLE_FAULT)\ncpu 0: 32-bit protected mode');
  });

  it('names a halt that nothing can end', async () => {
    const kernel = kernelFile('halt', kernel32(haltForGood()));

    const { status, stderr } = await viv(['boot', '--kernel', kernel, '-m', '16M']);

    expect([status, stderr.includes('GUEST_HALTED')]).toEqual([125, true]);
  });

  it('reports a kernel panic that is followed by silence', async () => {
    const kernel = kernelFile('panic', kernel32(printAndSpin('[ 1.0] Kernel panic - not syncing: x\r\n')));

    const { status, stderr } = await viv(['boot', '--kernel', kernel, '-m', '16M']);

    expect(status).toBe(125);
    expect(stderr).toContain('viv: the guest kernel panicked; its console tells why (GUEST_PANIC)\ncpu 0:');
  });

  it('ends at a signal', async () => {
    const kernel = kernelFile('spin', kernel32(printAndSpin('spinning')));

    const boot = startViv(['boot', '--kernel', kernel, '-m', '16M']);
    await boot.printed('spinning');
    boot.child.kill('SIGTERM');

    expect((await boot.ended).status).toBe(143);
  });

  it('refuses a file that is no kernel', async () => {
    const kernel = kernelFile('notes.txt', new TextEncoder().encode('milk, bread'));

    expect(await viv(['boot', '--kernel', kernel])).toEqual({
      status: 125,
      stdout: '',
      stderr: `viv: the kernel ${kernel} is not one: it is neither an ELF vmlinux nor a bzImage (BAD_KERNEL)\n`,
    });
  });

  it('refuses a kernel that is not there', async () => {
    const { status, stderr } = await viv(['boot', '--kernel', '/nonexistent/vmlinux']);

    expect([status, stderr]).toEqual([
      125,
      "viv: the kernel /nonexistent/vmlinux can't be read; check the path (NOT_FOUND)\n",
    ]);
  });

  it('refuses too little memory', async () => {
    const kernel = kernelFile('off2', kernel32(powerOff()));

    const { status, stderr } = await viv(['boot', '--kernel', kernel, '-m', '4M']);

    expect([status, stderr]).toEqual([
      125,
      "viv: a machine can't have 4 MiB of memory; choose between 16M and 3G (BAD_MEMORY_SIZE)\n",
    ]);
  });

  it('refuses a disk that is not there', async () => {
    const kernel = kernelFile('off3', kernel32(powerOff()));

    const { status, stderr } = await viv(['boot', '--kernel', kernel, '--disk', '/nonexistent.img,ro']);

    expect([status, stderr]).toEqual([
      125,
      'viv: cannot open disk /nonexistent.img; check the path and its permissions, or add ,ro (NOT_FOUND)\n',
    ]);
  });

  it('refuses options that it does not have', async () => {
    const { status, stderr } = await viv(['boot', '--fast']);

    expect([status, stderr.includes("unknown option '--fast'")]).toEqual([125, true]);
  });
});
