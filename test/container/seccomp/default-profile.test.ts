import { describe, expect, test } from 'vitest';
import { ALL_CAPABILITIES, DEFAULT_CAPABILITIES } from '../../../src/container/isolation/capabilities.ts';
import { defaultPolicy } from '../../../src/container/seccomp/default-profile.ts';
import { compileFilter } from '../../../src/container/seccomp/filter.ts';
import { Action, ENOSYS, EPERM, failWith } from '../../../src/container/seccomp/policy.ts';
import { LAST_SYSCALL } from '../../../src/container/seccomp/syscalls.ts';
import { runFilter, type Call } from '../../support/bpf.ts';

const FILTER = compileFilter(defaultPolicy(DEFAULT_CAPABILITIES));
const ALL = compileFilter(defaultPolicy(ALL_CAPABILITIES));
const with_ = (name: string) => compileFilter(defaultPolicy([...DEFAULT_CAPABILITIES, name]));
const ALLOW = Action.ALLOW;
const REFUSE = failWith(EPERM);

describe('the default filter', () => {
  test.each([
    'read', 'openat', 'execve', 'fork', 'vfork', 'chmod', 'fchownat', 'ptrace', 'mknod', 'setuid', 'capset', 'chroot',
    'seccomp', 'prctl', 'futex', 'mmap', 'landlock_create_ruleset', 'process_mrelease', 'futex_waitv',
  ])('allows %s', (call) => expect(runFilter(FILTER, { call })).toBe(ALLOW)); // prettier-ignore

  test.each([
    'mount', 'umount2', 'unshare', 'setns', 'reboot', 'keyctl', 'add_key', 'request_key', 'bpf', 'init_module',
    'kexec_load', 'swapon', 'settimeofday', 'sethostname', 'syslog', 'perf_event_open', 'io_uring_setup', 'userfaultfd',
    'iopl', 'pivot_root', 'open_by_handle_at', 'move_mount', 'quotactl', 'acct', 'vhangup', 'mbind',
  ])('refuses %s', (call) => expect(runFilter(FILTER, { call })).toBe(REFUSE)); // prettier-ignore

  test.each<[string, Call, number]>([
    ['an i386 program its own numbers', { architecture: 'i386', call: 'socketcall' }, ALLOW],
    ['an i386 program no mount', { architecture: 'i386', call: 'mount' }, REFUSE],
    ['an i386 program no umount by its old name', { architecture: 'i386', call: 'umount' }, REFUSE],
    ['an i386 program the number that is umount2 elsewhere', { architecture: 'i386', call: 166 - 1 }, ALLOW],
    ['no clock by its 64-bit name', { architecture: 'i386', call: 'clock_settime64' }, REFUSE],
    ['a thread', { call: 'clone', arguments: [0x3d0f00n] }, ALLOW],
    ['no namespace of users', { call: 'clone', arguments: [0x10000011n] }, REFUSE],
    ['clone3 as if there were none', { call: 'clone3' }, failWith(ENOSYS)],
    ['a Unix socket', { call: 'socket', arguments: [1n] }, ALLOW],
    ['an IPv6 socket', { call: 'socket', arguments: [10n] }, ALLOW],
    ["no socket of the kernel's cryptography", { call: 'socket', arguments: [38n] }, REFUSE],
    ['none either by bits that the kernel cuts off', { call: 'socket', arguments: [0x1_0000_0026n] }, REFUSE],
    ['no socket to the host', { architecture: 'i386', call: 'socket', arguments: [40n] }, REFUSE],
    ['the usual personality', { call: 'personality', arguments: [0n] }, ALLOW],
    ['a question for the personality', { call: 'personality', arguments: [0xffffffffn] }, ALLOW],
    ['no memory that may be at address 0', { call: 'personality', arguments: [0x0100000n] }, REFUSE],
    ['a number between the calls as if there were none', { call: 400 }, failWith(ENOSYS)],
    ['what a newer kernel may have as if there were none', { call: LAST_SYSCALL + 1 }, failWith(ENOSYS)],
    ['x32 as if there were none', { call: 0x40000000 }, failWith(ENOSYS)],
  ])('allows %s', (_, call, answer) => expect(runFilter(FILTER, call)).toBe(answer));

  test.each([
    ['CAP_SYS_ADMIN', 'mount'],
    ['CAP_SYS_ADMIN', 'unshare'],
    ['CAP_SYS_ADMIN', 'clone3'],
    ['CAP_SYS_ADMIN', 'bpf'],
    ['CAP_BPF', 'bpf'],
    ['CAP_SYSLOG', 'syslog'],
    ['CAP_SYS_TIME', 'settimeofday'],
    ['CAP_SYS_BOOT', 'reboot'],
    ['CAP_SYS_MODULE', 'init_module'],
    ['CAP_DAC_READ_SEARCH', 'open_by_handle_at'],
    ['CAP_SYS_NICE', 'mbind'],
    ['CAP_SYS_PTRACE', 'kcmp'],
  ])('with %s allows %s', (capability, call) => {
    expect(runFilter(with_(capability), { call })).toBe(ALLOW);
    expect(runFilter(FILTER, { call })).not.toBe(ALLOW);
  });

  test('with CAP_SYS_ADMIN allows namespaces', () => {
    expect(runFilter(with_('CAP_SYS_ADMIN'), { call: 'clone', arguments: [0x10000011n] })).toBe(ALLOW);
  });

  test('with every capability still refuses what no capability is about', () => {
    expect(runFilter(ALL, { call: 'keyctl' })).toBe(REFUSE);
  });

  test('without CAP_SYS_CHROOT refuses chroot', () => {
    expect(runFilter(compileFilter(defaultPolicy([])), { call: 'chroot' })).toBe(REFUSE);
  });
});
