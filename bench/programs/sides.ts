/** How each side of the comparison is started, or why it can't be. Node only. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Launch } from './session.ts';
import type { SideOptions } from './vivarium.ts';

export type Architecture = 'i386' | 'amd64';
export const ARCHITECTURES: readonly Architecture[] = ['i386', 'amd64'];
export type SideName = 'native' | 'vivarium' | 'qemu' | 'v86';
export type PeerName = Extract<SideName, 'qemu' | 'v86'>;
export const PEERS: readonly PeerName[] = ['qemu', 'v86'];

/** Each side's guest has as much memory. */
export const MEMORY_BYTES = 512 << 20;
const COMMAND_LINE = 'console=ttyS0 panic=-1 quiet';
const SEABIOS = '/usr/share/seabios'; // Debian's package
const QEMU: Readonly<Record<Architecture, string>> = { i386: 'qemu-system-i386', amd64: 'qemu-system-x86_64' };

/** What scripts/bench.mjs has built for an architecture. */
export interface ProgramFiles {
  readonly bench: string;
  readonly busybox: string;
  readonly initramfs: string;
  readonly kernel: string;
  /** The same kernel with its own loader, for v86. */
  readonly bzImage?: string;
}

export interface Side {
  readonly name: SideName;
  readonly launch: Launch;
}

/** A side that takes no part, and why. */
export interface Absence {
  readonly name: SideName;
  readonly reason: string;
}

export interface SideRequest {
  readonly architecture: Architecture;
  readonly files: ProgramFiles;
  readonly core: string;
  /** An empty folder for the native program. */
  readonly folder: string;
  readonly peers: readonly PeerName[];
  readonly options: SideOptions;
}

function script(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

function native({ files, folder }: SideRequest): Side {
  return { name: 'native', launch: { command: files.bench, args: [files.busybox, folder], timedBy: 'program' } };
}

function vivarium({ files, core, options }: SideRequest): Side {
  const args = [script('vivarium.js'), core, files.kernel, files.initramfs, COMMAND_LINE, JSON.stringify(options)];
  return { name: 'vivarium', launch: { command: process.execPath, args, timedBy: 'threads' } };
}

function qemu({ architecture, files }: SideRequest): Side | Absence {
  const command = QEMU[architecture];
  if (spawnSync(command, ['--version']).status !== 0)
    return { name: 'qemu', reason: `${command} is not installed (Debian: apt-get install qemu-system-x86)` };
  const args = [
    '-nodefaults',
    '-no-reboot',
    ...['-display', 'none'],
    ...['-machine', 'pc'],
    ...['-accel', 'tcg', '-cpu', 'max'],
    ...['-m', String(MEMORY_BYTES >> 20)],
    ...['-serial', 'stdio'],
    ...['-kernel', files.kernel, '-initrd', files.initramfs, '-append', COMMAND_LINE],
  ];
  return { name: 'qemu', launch: { command, args, timedBy: 'threads' } };
}

function v86({ architecture, files }: SideRequest): Side | Absence {
  const absent = (reason: string): Absence => ({ name: 'v86', reason });
  if (architecture === 'amd64') return absent('v86 has no 64-bit mode');
  if (files.bzImage === undefined) return absent('the kernel has no bzImage');
  const bios = [`${SEABIOS}/bios.bin`, `${SEABIOS}/vgabios-stdvga.bin`];
  if (!bios.every((path) => existsSync(path)))
    return absent('v86 brings no BIOS, and SeaBIOS is not installed (Debian: apt-get install seabios)');
  let wasm: string;
  try {
    wasm = join(dirname(createRequire(import.meta.url).resolve('v86')), 'v86.wasm');
  } catch {
    return absent('the npm package v86 is not installed');
  }
  const args = [script('v86.js'), wasm, ...bios, files.bzImage, files.initramfs, COMMAND_LINE];
  return { name: 'v86', launch: { command: process.execPath, args, timedBy: 'threads' } };
}

/** The sides that take part, native first, and those that don't. */
export function sidesFor(request: SideRequest): { sides: Side[]; absences: Absence[] } {
  const all = [native(request), vivarium(request), qemu(request), v86(request)].map((side): Side | Absence =>
    (PEERS as readonly string[]).includes(side.name) && !(request.peers as readonly string[]).includes(side.name)
      ? { name: side.name, reason: 'not asked for' }
      : side,
  );
  return {
    sides: all.filter((side) => 'launch' in side),
    absences: all.filter((side) => 'reason' in side),
  };
}
