/** Found by the fuzzer: REP instructions and the parts into which a run's budget is cut. */
import { describe, expect, it } from 'vitest';
import { DATA, FLAG, SystemMachine, VECTOR } from '../support/system-machine.ts';

const UD2 = [0x0f, 0x0b];
const REP_STOSB = [0xf3, 0xaa];

/** A machine whose last run ended with most of its budget left. */
function machineAfterFault(): SystemMachine {
  const m = new SystemMachine().code(UD2);
  m.run();
  return m.set({ rdi: DATA, rcx: 100, rax: 7 }).code(REP_STOSB);
}

describe('a repetition after a run that ended early', () => {
  it('is stepped one iteration at a time', () => {
    const m = machineAfterFault();

    m.step();

    expect([m.get('rcx'), m.get('rdi')]).toEqual([99n, BigInt(DATA + 1)]);
  });

  it('traps after one iteration when TF is set', () => {
    const m = machineAfterFault();
    m.flags = FLAG.TF;

    const delivered = m.run();

    expect(delivered?.vector).toBe(VECTOR.DB);
    expect([m.get('rcx'), m.get('rdi')]).toEqual([99n, BigInt(DATA + 1)]);
  });
});
