/** Makes a failing case small: stretches and instructions go as long as the machines still differ; then tells what is left. */
import { disassemble } from '../../../src/core/disassembler.ts';
import type { Kind } from './kinds.ts';
import type { Case, Outcome, Pair, Plan } from './lockstep.ts';

export interface Shrunk {
  readonly plan: Plan;
  readonly dropped: ReadonlySet<number>;
  readonly outcome: Outcome;
}

const ROUNDS = 4;

export function shrink(pair: Pair, { scenario, plan, seed }: Case, failing: Outcome): Shrunk {
  let best: Shrunk = {
    plan: { ...plan, stretches: plan.stretches.slice(0, failing.stretch! + 1) },
    dropped: new Set(),
    outcome: failing,
  };
  const attempt = (next: Plan, dropped: ReadonlySet<number>): boolean => {
    const outcome = pair.run(scenario, next, dropped, seed);
    if (outcome.difference === undefined) return false;
    best = { plan: { ...next, stretches: next.stretches.slice(0, outcome.stretch! + 1) }, dropped, outcome };
    return true;
  };
  const items = scenario.program.blocks.flat().length;
  for (let round = 0; round < ROUNDS; round++) {
    const size = () => best.plan.stretches.length * 1000 + items - best.dropped.size;
    const before = size();
    for (let step = best.plan.stretches.length >> 1; step >= 1; step >>= 1) {
      for (let n = 0; n + step < best.plan.stretches.length;) {
        const stretches = [...best.plan.stretches];
        stretches.splice(n, step);
        const { warmUp } = best.plan;
        if (
          !attempt({ ...best.plan, stretches, warmUp: n < warmUp ? Math.max(0, warmUp - step) : warmUp }, best.dropped)
        )
          n += step;
      }
    }
    for (let step = items >> 1; step >= 1; step >>= 1) {
      for (let n = 0; n < items; n += step) {
        const dropped = new Set(best.dropped);
        for (let k = n; k < Math.min(items, n + step); k++) dropped.add(k);
        if (dropped.size > best.dropped.size) attempt(best.plan, dropped);
      }
    }
    // The last stretch ends as soon as it can.
    const last = best.plan.stretches.at(-1)!;
    for (let by = last.length >> 1; by >= 1; by >>= 1) {
      const now = best.plan.stretches.at(-1)!;
      if (now.length > by)
        attempt(
          { ...best.plan, stretches: [...best.plan.stretches.slice(0, -1), { ...now, length: now.length - by }] },
          best.dropped,
        );
    }
    if (size() === before) break;
  }
  return best;
}

/** The shrunk case for people. */
export function describe(kind: Kind, { scenario, seed }: Case, { plan, dropped, outcome }: Shrunk): string {
  const { assembled } = scenario.build(dropped);
  const lines = [
    `kind ${kind.name}, seed ${seed}, mode ${scenario.mode}, tier ${plan.tier}, regions of ${plan.regionSize || 'any number of'} instructions, interpreted stretches first: ${plan.warmUp}`,
    `after stretch ${outcome.stretch}: ${outcome.difference}`,
    `stretches: ${plan.stretches.map((s) => `${JSON.stringify(s.action)} then ${s.length} by ${s.budget > 1e6 ? 'all' : s.budget}`).join('; ')}`,
    `code, from its first block (at linear ${scenario.place.code.toString(16)} + its start); blocks at ${assembled.blocks.map((b) => b.toString(16)).join(' ')}`,
  ];
  assembled.items.forEach(([offset, length], n) => {
    if (dropped.has(n)) return;
    for (let at = offset; at < offset + length;) {
      const bytes = assembled.bytes.subarray(at, offset + length);
      const one = disassemble(bytes, { mode: scenario.bits, address: BigInt(at) });
      lines.push(
        `  ${at.toString(16).padStart(4, '0')}  ${Buffer.from(bytes.subarray(0, one.length)).toString('hex').padEnd(24)} ${one.text}`,
      );
      at += one.length;
    }
  });
  return lines.join('\n');
}
