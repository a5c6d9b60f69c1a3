/** Runs jobs on our side (each in a new process) and on the peer's, QEMU with its translator. Node only. */
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { AgentClient } from '../../src/container/agent-client.ts';
import { startQemuGuest } from '../../test/support/qemu-guest.ts';
import { containerRunner, type GuestFiles } from './guest.ts';
import type { Job, SideResult } from './side.ts';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url)); // from dist/bench/support
export const CORE_PATH = process.env['VIVARIUM_CORE'] ?? `${PROJECT}/build/core.wasm`;
const SIDE = fileURLToPath(new URL('side.js', import.meta.url));
const MS_PER_TICK = 10; // of /proc/<pid>/stat: USER_HZ is 100 on Linux
export const NO_QEMU = 'qemu-system-x86_64 is not installed: no ratio (Debian: apt-get install qemu-system-x86)';

/** What the peer's side measures: as {@link SideResult}, without a count of instructions. */
export type PeerResult = Omit<SideResult, 'instructions'>;

export const PROJECT_FOLDER = PROJECT;

export async function ourSide(job: Job): Promise<SideResult> {
  const { stdout } = await promisify(execFile)(process.execPath, [SIDE, CORE_PATH, JSON.stringify(job)]);
  return JSON.parse(stdout) as SideResult;
}

export function hasQemu(): boolean {
  return spawnSync('qemu-system-x86_64', ['--version']).status === 0;
}

/** Kernel and initramfs as the set-up built them. */
export function guestFiles(): GuestFiles {
  const path = `${PROJECT}/build/assets.json`;
  if (!existsSync(path)) throw new Error(`${path} is not there: run npm run build`);
  const { kernel, initramfs } = JSON.parse(readFileSync(path, 'utf8')) as GuestFiles;
  return { kernel, initramfs };
}

function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' '); // from the third field on: proc(5)
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** The boot to the agent, and a command if there is one, under QEMU. */
export async function qemuSide(job: Extract<Job, { kind: 'boot' | 'mixed' }>): Promise<PeerResult> {
  const { kernel, initramfs, rootfs } = job.files;
  const start = performance.now();
  const guest = await startQemuGuest({ kernel, initramfs, ...(rootfs === undefined ? {} : { shares: { rootfs } }) });
  try {
    const client = new AgentClient(guest.port);
    const info = await client.hello();
    if (job.kind === 'boot')
      return {
        wallMs: performance.now() - start,
        cpuMs: cpuMsOf(guest.pid),
        output: `${info.kernelRelease} ${info.machine}`,
      };
    const run = await containerRunner(client);
    await run(job.warmUp);
    const before = { wall: performance.now(), cpu: cpuMsOf(guest.pid) };
    const { output } = await run(job.command);
    return { wallMs: performance.now() - before.wall, cpuMs: cpuMsOf(guest.pid) - before.cpu, output };
  } finally {
    await guest.dispose();
  }
}

/** Takes the sides in turn, so that both meet the same moods of the computer. */
export async function inTurn(
  runs: number,
  job: Extract<Job, { kind: 'boot' | 'mixed' }>,
): Promise<{ ours: SideResult[]; peers: PeerResult[] }> {
  const ours: SideResult[] = [];
  const peers: PeerResult[] = [];
  const withPeer = hasQemu();
  for (let n = 0; n < runs; n++) {
    ours.push(await ourSide(job));
    if (withPeer) peers.push(await qemuSide(job));
  }
  return { ours, peers };
}
