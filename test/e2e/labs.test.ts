/**
 * The project's own labs on the real machine: every check says no before the solution of its step and yes after it; and what their
 * texts have students read in the CPU pane is what the checks ask for. Needs the build.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findImage } from '../../src/cli/assets.ts';
import { Computer } from '../../src/sandbox/computer.ts';
import type { PageWalk, RegisterState } from '../../src/worker/protocol.ts';
import { sandboxParts } from '../support/sandbox.ts';
import { viv } from '../support/viv.ts';

/** What the end of a program still takes in the guest. */
const QUIET_MS = 300;
const USER = 3;
const LARGE_PAGE = 2 ** 21;
const LABS = fileURLToPath(new URL('../../labs', import.meta.url));

test.each([
  ['first-steps', 7],
  ['processes', 8],
  ['containers', 7],
  ['paging', 7],
  ['system-call', 7],
])('each step of the lab %s fails before its solution, and passes after it', async (name, steps) => {
  const { status, stdout, stderr } = await viv(['lab', 'test', `${LABS}/${name}`]);

  expect([status, stderr]).toEqual([0, '']);
  expect(stdout.toString()).toContain(`${steps} of ${steps} steps passed`);
});

describe('what the CPU pane shows in a lab', () => {
  let folder: string;
  let computer: Computer;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vivarium-labs-'));
    computer = await Computer.start(sandboxParts(folder), {
      image: findImage('lab-machine'),
      isolation: { privileged: true },
    });
  });
  afterAll(async () => {
    await computer.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a line of the lab, and returns what it prints. */
  async function shell(line: string): Promise<string> {
    const { stdout, stderr, exit } = await computer.run({ args: ['/bin/sh', '-c', line] });
    expect([line, new TextDecoder().decode(stderr), exit.exitCode]).toEqual([line, '', 0]);
    return new TextDecoder().decode(stdout);
  }

  /** A page as the pane shows it while its process spins, to somebody who has waited for the rest to be quiet. */
  async function walk(linear: bigint): Promise<PageWalk> {
    const { inspection } = computer.machine;
    await sleep(QUIET_MS);
    await inspection.pause();
    const { registers, walks } = await inspection.look({ registers: true, walks: [{ linear }] });
    await inspection.resume();
    return registers!.cpl === USER ? walks![0]! : walk(linear);
  }

  async function physicalOf(page: string): Promise<number> {
    return Number(/physical=(\S+)/.exec(await shell(`page ${page}`))![1]);
  }

  const flagsOf = (page: PageWalk): readonly string[] => page.levels.at(-1)!.flags;
  const frameOf = (page: PageWalk): number => page.levels.at(-1)!.address;

  test('paging: pages come with the first access, are copied when they are written, and shared after a fork', async () => {
    const [first, second] = [0x8080604000n, 0x8080605000n];
    await shell('page map 4; page spin 600');
    const nothing = await walk(first);
    await shell('page read 0; page read 1');
    const [read, alsoRead] = [await walk(first), await walk(second)];
    const zeros = await physicalOf('facts 0');
    await shell('page write 0 hello');
    const written = await walk(first);
    const own = await physicalOf('facts 0');
    await shell('page forget');
    const forgotten = await walk(first);
    await shell('page fork');
    const shared = await walk(first);
    await shell('page spin 0; page child spin 600');
    const childs = await walk(first);
    await shell('page child write 0 mine');
    const copied = await walk(first);
    const childsOwn = await physicalOf('child facts 0');
    const direct = await walk(0xffff888000000000n + BigInt(own));
    await shell('page child end; page end');

    expect(nothing.levels.map(({ name, index }) => [name, index])).toEqual([['PML4E', 1]]);
    expect(read.levels.map(({ name, index }) => [name, index])).toEqual([
      ['PML4E', 1],
      ['PDPTE', 2],
      ['PDE', 3],
      ['PTE', 4],
    ]);
    expect([frameOf(read), frameOf(alsoRead)]).toEqual([zeros, zeros]);
    expect(flagsOf(read)).not.toContain('RW');
    expect(frameOf(written)).toBe(own);
    expect(own).not.toBe(zeros);
    expect(flagsOf(written)).toEqual(expect.arrayContaining(['P', 'RW', 'A', 'D']));
    expect(flagsOf(forgotten)).toContain('D');
    expect(flagsOf(forgotten)).not.toContain('A');
    expect([frameOf(shared), frameOf(childs)]).toEqual([own, own]);
    expect([...flagsOf(shared), ...flagsOf(childs)]).not.toContain('RW');
    expect(childs.cr3).not.toBe(shared.cr3);
    expect(frameOf(copied)).toBe(childsOwn);
    expect(childsOwn).not.toBe(own);
    // Large pages, but where the kernel has protected one of the small ones.
    const isLarge = direct.levels.at(-1)!.name === 'PDE';
    expect([direct.levels.length, frameOf(direct)]).toEqual(isLarge ? [3, own - (own % LARGE_PAGE)] : [4, own]);
    expect(flagsOf(direct)).toEqual(expect.arrayContaining(isLarge ? ['PS', 'G'] : ['G']));
    expect(flagsOf(direct)).not.toContain('US');
    expect(direct.result).toMatchObject({ kind: 'mapped', physical: own });
  });

  test('system call: four steps to SYSCALL, one into the kernel, and back with the result', async () => {
    const { inspection } = computer.machine;
    const registers = async (): Promise<RegisterState> => (await inspection.look({ registers: true })).registers!;
    const value = ({ general }: RegisterState, name: string): bigint =>
      general.find((register) => register.name.toLowerCase() === name)!.value;
    const told = await shell('calls -q hello | head -n 1');
    const fact = (name: string): bigint => BigInt(new RegExp(`${name}=(\\S+)`).exec(told)![1]!);
    const entry = BigInt(`0x${(await shell("grep ' entry_SYSCALL_64$' /proc/kallsyms")).split(' ')[0]}`);

    await inspection.setBreakpoints([{ linear: 0x1000005n }]);
    const output = shell('hello');
    await inspection.stopped();
    for (let n = 0; n < 4; n++) await inspection.step({ holdInterrupts: true });
    const before = await registers();
    await inspection.step({ holdInterrupts: true });
    const inside = await registers();
    await inspection.setBreakpoints([{ linear: fact('rcx') }]);
    await inspection.resume();
    await inspection.stopped();
    const after = await registers();
    await inspection.setBreakpoints([]);
    await inspection.resume();

    expect(await output).toBe('hello, kernel\n');
    expect([before.cpl, inside.cpl, after.cpl]).toEqual([3, 0, 3]);
    expect([value(before, 'rsi'), value(before, 'rdx')]).toEqual([fact('rsi'), fact('rdx')]);
    expect(inside.rip).toBe(entry);
    expect([value(inside, 'rcx'), value(inside, 'r11')]).toEqual([fact('rcx'), fact('r11')]);
    expect(value(inside, 'r11')).toBe(before.rflags.value);
    expect(value(inside, 'rsp')).toBe(value(before, 'rsp'));
    expect([after.rip, value(after, 'rax')]).toEqual([fact('rcx'), fact('result')]);
  });
});
