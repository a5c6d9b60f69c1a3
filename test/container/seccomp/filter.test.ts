/** The compiled program says what the policy says, for every call and around every boundary of a comparison. */
import { describe, expect, test } from 'vitest';
import { compileFilter } from '../../../src/container/seccomp/filter.ts';
import {
  Action,
  failWith,
  type Comparison,
  type Decision,
  type SeccompPolicy,
} from '../../../src/container/seccomp/policy.ts';
import { LAST_SYSCALL, SYSCALLS, type SyscallArchitecture } from '../../../src/container/seccomp/syscalls.ts';
import { runFilter } from '../../support/bpf.ts';

const ALLOW = Action.ALLOW;
const REFUSE = failWith(1);
const ABSENT = failWith(38);
const NEWER = failWith(7);

function policy(decide: (name: string) => Decision): SeccompPolicy {
  return { decide, unknown: ABSENT, newer: NEWER };
}

const always = (action: number): Decision => ({ rules: [], otherwise: action });

function numbers(architecture: SyscallArchitecture): Map<number, string> {
  const entries = [...SYSCALLS].map(([name, number]) => [number[architecture], name] as const);
  return new Map(entries.filter((entry): entry is [number, string] => entry[0] !== undefined));
}

test.each<SyscallArchitecture>(['x86_64', 'i386'])('every number of %s gets its own answer', (architecture) => {
  const names = numbers(architecture);
  const order = [...SYSCALLS.keys()];
  const answer = (name: string | undefined): number =>
    name === undefined ? ABSENT : failWith(100 + order.indexOf(name));
  const filter = compileFilter(policy((name) => always(answer(name))));

  const said = Array.from({ length: LAST_SYSCALL + 1 }, (_, call) => runFilter(filter, { architecture, call }));

  expect(said).toEqual(Array.from(said, (_, call) => answer(names.get(call))));
  expect(runFilter(filter, { architecture, call: LAST_SYSCALL + 1 })).toBe(NEWER);
});

const AROUND = [0n, 1n, 6n, 7n, 8n, 0x1_0000_0006n, 0x5_0000_0006n, 0x5_0000_0007n, 0x5_0000_0008n, 0x6_0000_0000n];
const VALUE = 0x5_0000_0007n;
const HOLDS: Record<Comparison, (value: bigint) => boolean> = {
  EQ: (value) => value === VALUE,
  NE: (value) => value !== VALUE,
  GT: (value) => value > VALUE,
  GE: (value) => value >= VALUE,
  LT: (value) => value < VALUE,
  LE: (value) => value <= VALUE,
  MASKED_EQ: (value) => (value & VALUE) === 0x1_0000_0006n,
};

describe('a comparison', () => {
  test.each(Object.keys(HOLDS) as Comparison[])('%s holds for 64-bit arguments where it should', (comparison) => {
    const condition = { argument: 5, comparison, value: VALUE, masked: 0x1_0000_0006n };
    const decision = { rules: [{ conditions: [condition], action: ALLOW }], otherwise: REFUSE };
    const filter = compileFilter(policy(() => decision));

    const said = AROUND.map((value) => runFilter(filter, { call: 'read', arguments: [0n, 0n, 0n, 0n, 0n, value] }));

    expect(said).toEqual(AROUND.map((value) => (HOLDS[comparison](value) ? ALLOW : REFUSE)));
  });

  test('looks at 32 bits of an i386 argument', () => {
    const condition = { argument: 0, comparison: 'EQ', value: 0xffff_ffff_ffff_fff6n, masked: 0n } as const;
    const decision = { rules: [{ conditions: [condition], action: ALLOW }], otherwise: REFUSE };
    const filter = compileFilter(policy(() => decision));

    expect(runFilter(filter, { architecture: 'i386', call: 'read', arguments: [0xfffffff6n] })).toBe(ALLOW);
  });
});

test('the first rule whose conditions all hold decides', () => {
  const at = (argument: number, value: bigint) => ({ argument, comparison: 'EQ', value, masked: 0n }) as const;
  const decision = {
    rules: [
      { conditions: [at(0, 1n), at(1, 2n)], action: failWith(11) },
      { conditions: [at(0, 1n)], action: failWith(12) },
      { conditions: [at(1, 2n)], action: failWith(13) },
    ],
    otherwise: ALLOW,
  };
  const filter = compileFilter(policy(() => decision));
  const answer = (...values: bigint[]): number => runFilter(filter, { call: 'read', arguments: values });

  expect([answer(1n, 2n), answer(1n, 3n), answer(0n, 2n), answer(0n, 0n)]).toEqual([
    failWith(11),
    failWith(12),
    failWith(13),
    ALLOW,
  ]);
});

test('an i386 program may be kept from every call', () => {
  const filter = compileFilter({ ...policy(() => always(ALLOW)), i386: Action.KILL_THREAD });

  expect(runFilter(filter, { architecture: 'i386', call: 'read' })).toBe(Action.KILL_THREAD);
  expect(runFilter(filter, { call: 'read' })).toBe(ALLOW);
});

test('a policy that the kernel could not take is refused', () => {
  const conditions = [0, 1, 2, 3, 4, 5].map(
    (argument) => ({ argument, comparison: 'GT', value: 1n << 40n, masked: 0n }) as const,
  );
  const decision = { rules: [{ conditions, action: ALLOW }], otherwise: REFUSE };

  expect(() => compileFilter(policy(() => ({ ...decision })))).toThrow('4096');
});
