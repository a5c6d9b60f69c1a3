/**
 * A load without a hot loop: python3 of a Debian system starts, imports and ends, again and again, on a root file system
 * shared by 9p. Forks, page faults, system calls and a megabyte of different code.
 */
import type { Report } from './support/report.ts';
import { guestFiles, inTurn, NO_QEMU } from './support/sides.ts';

const TARGET = 150;
const STARTS = 5;
const PROGRAM = 'import json, re, argparse, subprocess; print(sum(range(1000)))';
const COMMAND = `for n in $(seq ${STARTS}); do python3 -c '${PROGRAM}'; done`;
const EXPECTED = '499500\n'.repeat(STARTS);

/** `rootfs`: a folder with the Debian system. */
export async function mixed(runs: number, rootfs: string): Promise<Report> {
  const { ours, peers } = await inTurn(runs, {
    kind: 'mixed',
    files: { ...guestFiles(), rootfs },
    warmUp: ['/bin/sh', '-c', COMMAND],
    command: ['/bin/sh', '-c', COMMAND],
  });
  return {
    workload: 'mixed',
    figures: [
      { name: 'speed', unit: 'M/s', atLeast: TARGET, values: ours.map((r) => r.instructions / r.cpuMs / 1000) },
      { name: 'instructions a start', unit: 'M', values: ours.map((r) => r.instructions / STARTS / 1e6) },
      { name: 'time a start', unit: 's', values: ours.map((r) => r.wallMs / STARTS / 1000) },
      { name: 'CPU time a start', unit: 's', values: ours.map((r) => r.cpuMs / STARTS / 1000) },
      ...(peers.length === 0
        ? []
        : [
            { name: 'QEMU: CPU time a start', unit: 's', values: peers.map((r) => r.cpuMs / STARTS / 1000) },
            { name: 'time / QEMU', unit: 'times', values: ours.map((r, n) => r.wallMs / peers[n]!.wallMs) },
            { name: 'CPU time / QEMU', unit: 'times', values: ours.map((r, n) => r.cpuMs / peers[n]!.cpuMs) },
          ]),
    ],
    checks: [{ name: 'what python prints', passed: [...ours, ...peers].every((r) => r.output === EXPECTED) }],
    notes: peers.length === 0 ? [NO_QEMU] : [],
  };
}
