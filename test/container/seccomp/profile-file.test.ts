import { describe, expect, test } from 'vitest';
import { compileFilter } from '../../../src/container/seccomp/filter.ts';
import { Action, ENOSYS, failWith } from '../../../src/container/seccomp/policy.ts';
import { parseProfile } from '../../../src/container/seccomp/profile-file.ts';
import { runFilter, type Call } from '../../support/bpf.ts';

const ALLOW = Action.ALLOW;
const BASE = { defaultAction: 'SCMP_ACT_ERRNO', architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'] };

function answer(profile: object, call: Call, capabilities: readonly string[] = []): number {
  return runFilter(compileFilter(parseProfile(JSON.stringify({ ...BASE, ...profile }), capabilities)), call);
}

const allowing = (more: object = {}) => ({ names: ['mkdir'], action: 'SCMP_ACT_ALLOW', ...more });

describe('a profile', () => {
  test('allows what it names, also by the old form, and does the default with the rest', () => {
    const syscalls = [allowing(), { name: 'rmdir', action: 'SCMP_ACT_ALLOW' }, allowing({ names: ['not_a_call'] })];

    expect(answer({ syscalls }, { call: 'mkdir' })).toBe(ALLOW);
    expect(answer({ syscalls }, { call: 'rmdir' })).toBe(ALLOW);
    expect(answer({ syscalls }, { architecture: 'i386', call: 'mkdir' })).toBe(ALLOW);
    expect(answer({ syscalls }, { call: 'unlink' })).toBe(failWith(1));
    expect(answer({ syscalls, defaultErrnoRet: 13 }, { call: 'unlink' })).toBe(failWith(13));
  });

  test('says of newer calls that there are none, unless they do not fail', () => {
    expect(answer({}, { call: 9999 })).toBe(failWith(ENOSYS));
    expect(answer({ defaultAction: 'SCMP_ACT_ALLOW' }, { call: 9999 })).toBe(ALLOW);
  });

  test.each([
    ['SCMP_ACT_KILL', Action.KILL_THREAD],
    ['SCMP_ACT_KILL_PROCESS', Action.KILL_PROCESS],
    ['SCMP_ACT_TRAP', Action.TRAP],
    ['SCMP_ACT_LOG', Action.LOG],
    ['SCMP_ACT_TRACE', Action.TRACE + 5],
    ['SCMP_ACT_ERRNO', failWith(5)],
  ])('does %s', (action, value) => {
    const syscalls = [allowing({ action, errnoRet: 5 })];
    expect(answer({ defaultAction: 'SCMP_ACT_ALLOW', syscalls }, { call: 'mkdir' })).toBe(value);
  });

  test('compares arguments', () => {
    const syscalls = [allowing({ args: [{ index: 1, value: 0o777, valueTwo: 0o700, op: 'SCMP_CMP_MASKED_EQ' }] })];

    expect(answer({ syscalls }, { call: 'mkdir', arguments: [0n, 0o1700n] })).toBe(ALLOW);
    expect(answer({ syscalls }, { call: 'mkdir', arguments: [0n, 0o755n] })).toBe(failWith(1));
  });

  test('lets a rule without arguments decide alone', () => {
    const refused = {
      names: ['mkdir'],
      action: 'SCMP_ACT_ERRNO',
      errnoRet: 9,
      args: [{ index: 0, value: 0, op: 'SCMP_CMP_EQ' }],
    };

    expect(answer({ syscalls: [refused, allowing()] }, { call: 'mkdir', arguments: [0n] })).toBe(ALLOW);
  });

  test.each<[string, object, boolean]>([
    ['needs a capability that is there', { includes: { caps: ['CAP_KILL'] } }, true],
    ['needs one that is not', { includes: { caps: ['CAP_KILL', 'CAP_CHOWN'] } }, false],
    ['is not for who has one', { excludes: { caps: ['CAP_KILL'] } }, false],
    ['is for this architecture', { includes: { arches: ['arm64', 'amd64'] } }, true],
    ['is for another', { includes: { arches: ['arm64'] } }, false],
    ['is for all others', { excludes: { arches: ['amd64'] } }, false],
    ['wants a kernel that ours is', { includes: { minKernel: '4.8' } }, true],
    ['wants a newer one', { includes: { minKernel: '6.2' } }, false],
    ['is for older ones', { excludes: { minKernel: '5.0' } }, false],
  ])('with a rule that %s', (_, filter, holds) => {
    const allowed = answer({ syscalls: [allowing(filter)] }, { call: 'mkdir' }, ['CAP_KILL']) === ALLOW;
    expect(allowed).toBe(holds);
  });

  test('takes architectures from a map as well, and kills programs of those that it leaves out', () => {
    const syscalls = [allowing()];
    const call: Call = { architecture: 'i386', call: 'mkdir' };
    const map = (subArchitectures: string[]) => [{ architecture: 'SCMP_ARCH_X86_64', subArchitectures }];

    expect(answer({ syscalls, architectures: undefined, archMap: map(['SCMP_ARCH_X86']) }, call)).toBe(ALLOW);
    expect(answer({ syscalls, architectures: undefined, archMap: map([]) }, call)).toBe(Action.KILL_THREAD);
    expect(answer({ syscalls, architectures: ['SCMP_ARCH_X86_64'] }, call)).toBe(Action.KILL_THREAD);
  });
});

describe('a wrong profile', () => {
  test.each<[string, string, string]>([
    ['text', 'not json', 'is not JSON'],
    ['a list', '[]', 'is not a JSON object'],
    ['no default', '{}', 'defaultAction undefined'],
    ['a strange default', '{"defaultAction":"constructor"}', 'defaultAction "constructor"'],
  ])('of %s is refused', (_, text, message) => expect(() => parseProfile(text, [])).toThrow(message));

  test.each<[string, object, string]>([
    ['an unknown action', { syscalls: [allowing({ action: 'SCMP_ACT_NOTIFY' })] }, 'SCMP_ACT_NOTIFY'],
    ['an unknown comparison', { syscalls: [allowing({ args: [{ index: 0, op: 'EQ' }] })] }, '"EQ"'],
    ['an argument too many', { syscalls: [allowing({ args: [{ index: 6, op: 'SCMP_CMP_EQ' }] })] }, 'index 6'],
    ['a negative value', { syscalls: [allowing({ args: [{ index: 0, value: -1, op: 'SCMP_CMP_EQ' }] })] }, 'value -1'],
    ['no names', { syscalls: [{ action: 'SCMP_ACT_ALLOW' }] }, 'without names'],
    ['both forms of names', { syscalls: [allowing({ name: 'a' })] }, 'both "name" and "names"'],
    ['names that are none', { syscalls: [allowing({ names: [1] })] }, 'no list of texts'],
    ['rules that are no list', { syscalls: {} }, 'no list of objects'],
    ['an error that is none', { defaultErrnoRet: 5000 }, '5000'],
    ['a kernel that is none', { syscalls: [allowing({ includes: { minKernel: 'new' } })] }, 'minKernel "new"'],
    ['both lists of architectures', { archMap: [{ architecture: 'SCMP_ARCH_X86_64' }] }, 'keep one'],
    ['another architecture', { architectures: ['SCMP_ARCH_ARM'] }, 'not for SCMP_ARCH_X86_64'],
    ['a flag that can not be had', { flags: ['SECCOMP_FILTER_FLAG_LOG'] }, 'SECCOMP_FILTER_FLAG_LOG'],
    ['a listener', { listenerPath: '/run/x' }, 'listener'],
  ])('with %s is refused', (_, profile, message) => {
    expect(() => parseProfile(JSON.stringify({ ...BASE, ...profile }), [])).toThrow(message);
  });
});
