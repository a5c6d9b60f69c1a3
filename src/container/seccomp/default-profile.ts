/**
 * The filter of containers that ask for none, after what Docker documents of its own
 * (docs.docker.com/engine/security/seccomp, "Significant syscalls blocked by the default profile"): a call is refused when it
 * concerns the whole kernel rather than the container, unless a capability of the container is about just that; everything else
 * is allowed. What the kernel does not have yet fails with ENOSYS, so that programs fall back to what it has.
 */
import { Action, ENOSYS, EPERM, failWith, type Condition, type Decision, type SeccompPolicy } from './policy.ts';

/** Calls that are refused, and the capabilities any of which lifts that. */
const REFUSED: readonly { readonly calls: string; readonly unless?: string }[] = [
  // The kernel's keyring knows no namespaces.
  { calls: 'add_key keyctl request_key' },
  // Programs and code for the kernel.
  { calls: 'delete_module finit_module init_module', unless: 'SYS_MODULE' },
  { calls: 'kexec_file_load kexec_load' },
  { calls: 'bpf', unless: 'SYS_ADMIN BPF' },
  { calls: 'perf_event_open', unless: 'SYS_ADMIN PERFMON' },
  { calls: 'reboot', unless: 'SYS_BOOT' },
  { calls: 'syslog', unless: 'SYS_ADMIN SYSLOG' },
  // Mounts, namespaces and names.
  {
    calls: 'fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree umount umount2',
    unless: 'SYS_ADMIN',
  },
  { calls: 'setdomainname sethostname setns unshare', unless: 'SYS_ADMIN' },
  { calls: 'chroot', unless: 'SYS_CHROOT' },
  { calls: 'pivot_root' },
  // File systems as a whole, and ways around the container's own.
  { calls: 'fanotify_init lookup_dcookie quotactl quotactl_fd', unless: 'SYS_ADMIN' },
  { calls: 'open_by_handle_at', unless: 'DAC_READ_SEARCH' },
  { calls: 'swapoff swapon' },
  // Clocks and accounting, of which there is one.
  { calls: 'clock_settime clock_settime64 settimeofday stime', unless: 'SYS_TIME' },
  { calls: 'acct', unless: 'SYS_PACCT' },
  // Hardware and terminals.
  { calls: 'ioperm iopl', unless: 'SYS_RAWIO' },
  { calls: 'vhangup', unless: 'SYS_TTY_CONFIG' },
  { calls: 'vm86 vm86old' },
  // Other processes, and where memory lies.
  { calls: 'kcmp pidfd_getfd process_madvise', unless: 'SYS_PTRACE' },
  { calls: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node', unless: 'SYS_NICE' },
  { calls: 'migrate_pages move_pages' },
  // Much code in the kernel that attackers have used and few programs need.
  { calls: 'io_uring_enter io_uring_register io_uring_setup userfaultfd' },
  // Of old: nobody uses them.
  { calls: '_sysctl create_module get_kernel_syms nfsservctl query_module sysfs uselib ustat' },
];

/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET: clone(2). */
const NAMESPACE_FLAGS = 0x7e020000n;
/** The kernel looks at 32 bits of these arguments, whatever lies above. */
const INT = 0xffffffffn;
/** Address families (include/linux/socket.h): the kernel's cryptography, and a way to the host. */
const AF_ALG = 38n;
const AF_VSOCK = 40n;
/** personality(2): Linux, with other ways to lay out memory or not; or a question. */
const PERSONALITIES = [0n, 0x0008n, 0x20000n, 0x20008n, 0xffffffffn];

const ALLOWED: Decision = { rules: [], otherwise: Action.ALLOW };
const REFUSED_DECISION: Decision = { rules: [], otherwise: failWith(EPERM) };

function is(argument: number, masked: bigint, value = INT): Condition {
  return { argument, comparison: 'MASKED_EQ', value, masked };
}

/** @param capabilities of the container, as in capabilities(7). */
export function defaultPolicy(capabilities: readonly string[]): SeccompPolicy {
  const held = new Set(capabilities);
  const isLifted = (unless = ''): boolean => unless.split(' ').some((name) => held.has(`CAP_${name}`));
  const decisions = new Map<string, Decision>([
    ['personality', onlyIf(PERSONALITIES.map((persona) => is(0, persona)))],
    ['socket', exceptIf([is(0, AF_ALG), is(0, AF_VSOCK)])],
  ]);
  if (!isLifted('SYS_ADMIN')) {
    decisions.set('clone', onlyIf([is(0, 0n, NAMESPACE_FLAGS)]));
    // Its flags are in memory, where a filter can't look; without it, programs use clone.
    decisions.set('clone3', { rules: [], otherwise: failWith(ENOSYS) });
  }
  for (const { calls, unless } of REFUSED)
    if (!isLifted(unless)) for (const name of calls.split(' ')) decisions.set(name, REFUSED_DECISION);
  return {
    decide: (name) => decisions.get(name) ?? ALLOWED,
    unknown: failWith(ENOSYS),
    newer: failWith(ENOSYS),
  };
}

function onlyIf(conditions: readonly Condition[]): Decision {
  return { rules: each(conditions, Action.ALLOW), otherwise: failWith(EPERM) };
}

function exceptIf(conditions: readonly Condition[]): Decision {
  return { rules: each(conditions, failWith(EPERM)), otherwise: Action.ALLOW };
}

function each(conditions: readonly Condition[], action: number) {
  return conditions.map((condition) => ({ conditions: [condition], action }));
}
