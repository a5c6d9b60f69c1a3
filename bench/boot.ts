/** From nothing to an answer of the guest's agent: instructions, and time against QEMU on the same kernel and initramfs. */
import type { Report } from './support/report.ts';
import { guestFiles, inTurn, NO_QEMU } from './support/sides.ts';

const INSTRUCTIONS_MAX = 80;

export async function boot(runs: number): Promise<Report> {
  const { ours, peers } = await inTurn(runs, { kind: 'boot', files: guestFiles() });
  const told = ours[0]!.output;
  return {
    workload: 'boot',
    figures: [
      {
        name: 'instructions to the agent',
        unit: 'M',
        atMost: INSTRUCTIONS_MAX,
        values: ours.map((r) => r.instructions / 1e6),
      },
      { name: 'time', unit: 's', values: ours.map((r) => r.wallMs / 1000) },
      { name: 'CPU time', unit: 's', values: ours.map((r) => r.cpuMs / 1000) },
      ...(peers.length === 0
        ? []
        : [
            { name: 'QEMU: time', unit: 's', values: peers.map((r) => r.wallMs / 1000) },
            { name: 'QEMU: CPU time', unit: 's', values: peers.map((r) => r.cpuMs / 1000) },
            { name: 'time / QEMU', unit: 'times', values: ours.map((r, n) => r.wallMs / peers[n]!.wallMs) },
            { name: 'CPU time / QEMU', unit: 'times', values: ours.map((r, n) => r.cpuMs / peers[n]!.cpuMs) },
          ]),
    ],
    checks: [
      { name: `the agent tells "${told}" on every side`, passed: [...ours, ...peers].every((r) => r.output === told) },
    ],
    notes: peers.length === 0 ? [NO_QEMU] : [],
  };
}
