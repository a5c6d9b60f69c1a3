/** `viv boot` as a process: streams, statuses and messages, with guests of a few instructions. Needs the build. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { crash, echo, haltForGood, kernel32, kernel64, powerOff, printAndExit, spin } from '../support/tiny-guest.ts';

const VIV = fileURLToPath(new URL('../../bin/viv.mjs', import.meta.url));
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-boot-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

function viv(words: string[], input?: string | { signal: NodeJS.Signals; afterMs: number }): Promise<Result> {
  const child = spawn(process.execPath, ['--', VIV, ...words], { stdio: 'pipe' });
  const result: Result = { status: null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (result.stdout += chunk.toString('latin1')));
  child.stderr.on('data', (chunk: Buffer) => (result.stderr += chunk.toString('latin1')));
  if (typeof input === 'string') child.stdin.end(input);
  else if (input !== undefined) setTimeout(() => child.kill(input.signal), input.afterMs);
  return new Promise((resolve) =>
    child.once('close', (status) => {
      result.status = status;
      resolve(result);
    }),
  );
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
    const kernel = kernelFile(
      'panic',
      kernel32([...printAndExit('[ 1.0] Kernel panic - not syncing: x\r\n', 0).slice(0, -6), ...spin()]),
    );

    const { status, stderr } = await viv(['boot', '--kernel', kernel, '-m', '16M']);

    expect(status).toBe(125);
    expect(stderr).toContain('viv: the guest kernel panicked; its console tells why (GUEST_PANIC)\ncpu 0:');
  });

  it('ends at a signal', async () => {
    const kernel = kernelFile('spin', kernel32(spin()));

    const { status } = await viv(['boot', '--kernel', kernel, '-m', '16M'], { signal: 'SIGTERM', afterMs: 1500 });

    expect(status).toBe(143);
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
