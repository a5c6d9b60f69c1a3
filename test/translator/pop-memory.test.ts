/** Found by the fuzzer: POP to memory whose address counts from the stack pointer. */
import { expect, it } from 'vitest';
import { le } from '../support/little-endian.ts';
import { CODE, SELECTOR, STACK, SystemMachine, TYPE_DATA, VECTOR } from '../support/system-machine.ts';
import * as L from '../../assembly/layout.ts';

const POP_ES = [0x26, 0x8f, 0x44, 0x24, 0x10]; // pop dword es:[esp + 0x10]
const SHORT = SELECTOR.free;
const LONGER = SELECTOR.free + 8;

it('POP to memory that faulted goes to the same address when it is repeated', () => {
  const m = new SystemMachine('protected');
  m.descriptor(SHORT, 0, 0x10, TYPE_DATA, 0).descriptor(LONGER, 0, 0xffff, TYPE_DATA, 0);
  m.load(L.ES, SHORT).commit().write(STACK, le(0x11223344, 4)).code(POP_ES);
  const faulted = m.run()!;
  m.load(L.ES, LONGER).commit().set({ rsp: STACK });
  m.cpu.setControl('rip', BigInt(CODE));

  m.step();

  expect(faulted.vector).toBe(VECTOR.GP);
  expect(m.get('rsp')).toBe(BigInt(STACK + 4));
  expect(m.read(STACK + 4 + 0x10, 8)).toEqual([...le(0x11223344, 4), 0, 0, 0, 0]);
});
