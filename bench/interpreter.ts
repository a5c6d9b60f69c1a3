/** Guest instructions a second in a tight loop: a table-driven CRC-32, from a cold process (compiling our core included). */
import { expectedCrc } from './support/crc-guest.ts';
import type { Report } from './support/report.ts';
import { ourSide } from './support/sides.ts';

const ROUNDS = 3000; // 65536 bytes of 8 instructions each
const TARGET = 300;

export async function interpreter(runs: number): Promise<Report> {
  const expected = String(expectedCrc(ROUNDS));
  const results = [];
  for (let n = 0; n < runs; n++) results.push(await ourSide({ kind: 'crc', rounds: ROUNDS }));
  const speed = {
    name: 'speed',
    unit: 'M/s',
    atLeast: TARGET,
    values: results.map((r) => r.instructions / r.cpuMs / 1000),
  };
  return {
    workload: 'interpreter',
    figures: [
      speed,
      { name: 'speed by the clock', unit: 'M/s', values: results.map((r) => r.instructions / r.wallMs / 1000) },
      { name: 'instructions', unit: 'M', values: results.map((r) => r.instructions / 1e6) },
    ],
    checks: [
      {
        name: `the checksum is ${expected}, as the host computes it`,
        passed: results.every((r) => r.output === expected),
      },
    ],
    notes: [],
  };
}
