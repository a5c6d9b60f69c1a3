/** Each option of a container's isolation in the runtime-spec configuration that crun gets. */
import { describe, expect, test } from 'vitest';
import { ALL_CAPABILITIES } from '../../../src/container/isolation/capabilities.ts';
import { DEFAULT_ISOLATION } from '../../../src/container/isolation/options.ts';
import type { IsolationOptions, ResourceLimits } from '../../../src/container/lifecycle/config.ts';
import { runtimeSpec, type RuntimeSpec } from '../../../src/container/runtime-spec.ts';

const MIB = 2 ** 20;
const FILTER = 'run.oci.seccomp_bpf_data';

function spec(isolation: Partial<IsolationOptions> = {}): RuntimeSpec {
  return runtimeSpec({
    name: 'web',
    rootfs: '/run/vivarium/rootfs/web',
    hostname: 'box',
    args: ['sh', '-c', 'true'],
    env: [],
    cwd: '/',
    uid: 0,
    gid: 0,
    volumes: [{ source: '/run/vivarium/vol0', destination: '/data', readOnly: false }],
    isolation: { ...DEFAULT_ISOLATION, ...isolation },
  });
}

const limited = (limits: ResourceLimits) => spec({ limits }).linux.resources;
const mountAt = (made: RuntimeSpec, place: string) => made.mounts.find(({ destination }) => destination === place);

test('nothing asked for is what a container has without isolation options', () => {
  const { name, rootfs, hostname } = { name: 'web', rootfs: '/r', hostname: 'box' };
  const request = { name, rootfs, hostname, args: ['a'], env: [], cwd: '/', uid: 0, gid: 0 };

  expect(runtimeSpec(request)).toEqual(runtimeSpec({ ...request, isolation: DEFAULT_ISOLATION }));
});

describe('limits', () => {
  test('there are none without', () => {
    expect(limited({})).toEqual({ devices: [{ allow: false, access: 'rwm' }] });
  });

  test.each<[ResourceLimits, object]>([
    [{ memoryBytes: 64 * MIB }, { memory: { limit: 64 * MIB, swap: 128 * MIB } }],
    [{ memoryBytes: 64 * MIB, memorySwapBytes: 64 * MIB }, { memory: { limit: 64 * MIB, swap: 64 * MIB } }],
    [{ memoryBytes: 64 * MIB, memorySwapBytes: -1 }, { memory: { limit: 64 * MIB, swap: -1 } }],
    [{ memoryReservationBytes: 8 * MIB }, { memory: { reservation: 8 * MIB } }],
    [{ nanoCpus: 250_000_000 }, { cpu: { quota: 25_000, period: 100_000 } }],
    [{ cpuQuotaUs: 50_000 }, { cpu: { quota: 50_000 } }],
    [{ cpuQuotaUs: 5000, cpuPeriodUs: 10_000 }, { cpu: { quota: 5000, period: 10_000 } }],
    [{ cpuShares: 512 }, { cpu: { shares: 512 } }],
    [{ pidsLimit: 20 }, { pids: { limit: 20 } }],
  ])('%j', (limits, resources) => expect(limited(limits)).toMatchObject(resources));

  test('of processes may be none', () => {
    expect([limited({ pidsLimit: -1 }).pids, limited({ pidsLimit: 0 }).pids]).toEqual([undefined, undefined]);
  });

  test.each<[ResourceLimits, string]>([
    [{ memoryBytes: 5 * MIB }, 'least memory limit is 6m'],
    [{ memoryReservationBytes: MIB }, 'least memory reservation is 6m'],
    [{ memoryBytes: 8 * MIB, memoryReservationBytes: 9 * MIB }, 'less than the reservation'],
    [{ memorySwapBytes: 8 * MIB }, 'give --memory too'],
    [{ memoryBytes: 8 * MIB, memorySwapBytes: 7 * MIB }, 'no less than --memory'],
    [{ nanoCpus: 2e9 }, '--cpus can be 0.01 to 1.00, for the guest has 1 CPU, not 2'],
    [{ nanoCpus: 1000 }, '--cpus can be'],
    [{ nanoCpus: 5e8, cpuQuotaUs: 5000 }, 'not both'],
    [{ cpuShares: 1 }, '--cpu-shares can be 2 to 262144'],
    [{ cpuPeriodUs: 999 }, '--cpu-period'],
    [{ cpuPeriodUs: 1_000_001 }, '--cpu-period'],
    [{ cpuQuotaUs: 999 }, '--cpu-quota'],
    [{ pidsLimit: -2 }, '--pids-limit -2'],
    [{ pidsLimit: 1.5 }, '--pids-limit 1.5'],
  ])('%j is refused', (limits, message) => expect(() => limited(limits)).toThrow(message));
});

describe("a process's limits", () => {
  const rlimits = (ulimits: IsolationOptions['ulimits']) => spec({ ulimits }).process.rlimits;

  test('are of open files and processes without', () => {
    expect(rlimits([])).toEqual([
      { type: 'RLIMIT_NOFILE', soft: 1024, hard: 524288 },
      { type: 'RLIMIT_NPROC', soft: -1, hard: -1 },
    ]);
  });

  test('replace those and add others', () => {
    const nofile = { type: 'RLIMIT_NOFILE', soft: 10, hard: 20 };
    const core = { type: 'RLIMIT_CORE', soft: 0, hard: -1 };
    expect(rlimits([nofile, core])).toEqual([nofile, { type: 'RLIMIT_NPROC', soft: -1, hard: -1 }, core]);
  });

  test.each([
    [{ type: 'RLIMIT_LUCK', soft: 1, hard: 1 }, '--ulimit luck=1 is no limit'],
    [{ type: 'nofile', soft: 1, hard: 1 }, '--ulimit nofile=1 is no limit'],
    [{ type: 'RLIMIT_CPU', soft: 2, hard: 1 }, 'higher than the hard one'],
    [{ type: 'RLIMIT_CPU', soft: -1, hard: 1 }, 'higher than the hard one'],
    [{ type: 'RLIMIT_CPU', soft: -2, hard: -1 }, 'whole numbers'],
    [{ type: 'RLIMIT_CPU', soft: 0.5, hard: 1 }, 'whole numbers'],
  ])('%j is refused', (limit, message) => expect(() => rlimits([limit])).toThrow(message));
});

describe('mounts', () => {
  test('are seven and the volume', () => {
    expect(spec().mounts.map(({ destination }) => destination)).toEqual([
      '/proc',
      '/dev',
      '/dev/pts',
      '/sys',
      '/sys/fs/cgroup',
      '/dev/mqueue',
      '/dev/shm',
      '/data',
    ]);
  });

  test('of the root file system may be read-only', () => {
    expect([spec().root.readonly, spec({ readOnlyRootfs: true }).root.readonly]).toEqual([false, true]);
  });

  test('of shared memory have the size asked for', () => {
    expect(mountAt(spec({ shmBytes: 8 * MIB }), '/dev/shm')?.options).toContain(`size=${8 * MIB}`);
    expect(mountAt(spec(), '/dev/shm')?.options).toContain(`size=${64 * MIB}`);
    expect(() => spec({ shmBytes: 0 })).toThrow('--shm-size 0');
  });

  test.each([
    ['', ['noexec', 'nosuid', 'nodev']],
    ['size=64m,mode=1777', ['noexec', 'nosuid', 'nodev', 'size=64m', 'mode=1777']],
    ['rw,exec,uid=5', ['exec', 'nosuid', 'nodev', 'rw', 'uid=5']],
    ['ro,rw,size=1k,size=2k', ['noexec', 'nosuid', 'nodev', 'rw', 'size=2k']],
  ])('of memory with %j', (text, options) => {
    expect(mountAt(spec({ tmpfs: { '/run': text } }), '/run')).toEqual({
      destination: '/run',
      type: 'tmpfs',
      source: 'tmpfs',
      options,
    });
  });

  test.each(['bind', 'size', 'size=big', 'mode=9', 'lowerdir=/', 'constructor=1', 'uid=-1'])(
    'of memory with %j are refused',
    (text) => expect(() => spec({ tmpfs: { '/run': text } })).toThrow(`--tmpfs has no option "${text}"`),
  );

  test('of memory may lie in a volume, and replace shared memory', () => {
    const made = spec({ tmpfs: { '/data/in': '', '/dev/shm': 'size=1m' } });

    expect(made.mounts.slice(-3).map(({ destination }) => destination)).toEqual(['/data', '/data/in', '/dev/shm']);
    expect(made.mounts.filter(({ destination }) => destination === '/dev/shm')).toHaveLength(1);
  });
});

describe('rights', () => {
  test('are capabilities that were added and dropped', () => {
    const { capabilities } = spec({ capAdd: ['SYS_TIME'], capDrop: ['CHOWN'] }).process;

    expect(capabilities.bounding).toContain('CAP_SYS_TIME');
    expect(capabilities.bounding).not.toContain('CAP_CHOWN');
    expect([capabilities.effective, capabilities.permitted]).toEqual([capabilities.bounding, capabilities.bounding]);
  });

  test('may be had no more than at first', () => {
    const flags = ['no-new-privileges', 'no-new-privileges=true', 'no-new-privileges:true', 'no-new-privileges=false'];
    expect(flags.map((option) => spec({ securityOpt: [option] }).process.noNewPrivileges)).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  test('are filtered unless that is switched off, and by another filter when one is given', () => {
    const filter = (...securityOpt: string[]) => spec({ securityOpt }).annotations[FILTER];
    const profile = '{"defaultAction":"SCMP_ACT_ALLOW"}';

    expect(filter()).toMatch(/^[A-Za-z0-9+/]{1000,}=*$/);
    expect(filter('seccomp=builtin')).toBe(filter());
    expect(filter('seccomp=unconfined')).toBeUndefined();
    expect(filter('seccomp:unconfined')).toBeUndefined();
    expect(filter(`seccomp=${profile}`)?.length).toBeLessThan(200);
  });

  test('of a filter follow the capabilities', () => {
    expect(spec({ capAdd: ['SYS_ADMIN'] }).annotations[FILTER]).not.toBe(spec().annotations[FILTER]);
  });

  test('keep paths of the kernel masked or read-only', () => {
    const { maskedPaths, readonlyPaths } = spec().linux;
    expect(maskedPaths).toEqual(expect.arrayContaining(['/proc/kcore', '/proc/keys', '/sys/firmware']));
    expect(readonlyPaths).toEqual(expect.arrayContaining(['/proc/sys', '/proc/sysrq-trigger']));
    expect(spec({ securityOpt: ['systempaths=unconfined'] }).linux).toMatchObject({
      maskedPaths: [],
      readonlyPaths: [],
    });
  });

  test('to control groups may be given', () => {
    expect(mountAt(spec(), '/sys/fs/cgroup')?.options).toContain('ro');
    expect(mountAt(spec({ securityOpt: ['writable-cgroups=true'] }), '/sys/fs/cgroup')?.options).toContain('rw');
  });

  test.each([
    ['seccomp', 'not known'],
    ['seccomp=', 'not known'],
    ['seccomp=nonsense', 'is not JSON'],
    ['systempaths=masked', 'not known'],
    ['no-new-privileges=maybe', 'not known'],
    ['magic=on', 'not known'],
    ['apparmor=docker-default', 'no AppArmor'],
    ['label=type:svirt_t', 'no SELinux'],
  ])('asked for by %j are refused', (option, message) => {
    expect(() => spec({ securityOpt: [option] })).toThrow(message);
  });

  test('that switch off what the guest does not have are as they are', () => {
    expect(spec({ securityOpt: ['apparmor=unconfined', 'label=disable'] })).toEqual(spec());
  });

  test('of a privileged container are all of them', () => {
    const { process, linux, annotations, mounts } = spec({ privileged: true });

    expect(process.capabilities.bounding).toEqual(ALL_CAPABILITIES);
    expect(linux).toMatchObject({ maskedPaths: [], readonlyPaths: [] });
    expect(linux.resources.devices).toEqual([{ allow: true, access: 'rwm' }]);
    expect(linux.devices).toContainEqual({ path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666 });
    expect(annotations[FILTER]).toBeUndefined();
    const writable = mounts
      .filter(({ destination }) => /^\/sys/.test(destination))
      .map(({ options }) => options.at(-1));
    expect(writable).toEqual(['rw', 'rw']);
  });

  test('of a privileged container may be filtered after all', () => {
    expect(spec({ privileged: true, securityOpt: ['seccomp=builtin'] }).annotations[FILTER]).toBeDefined();
  });
});

describe('kernel parameters', () => {
  test.each(['kernel.shmmax', 'kernel.sem', 'fs.mqueue.msg_max', 'kernel.domainname'])(
    '%s is the container’s',
    (name) => {
      expect(spec({ sysctls: { [name]: '1' } }).linux.sysctl).toEqual({ [name]: '1' });
    },
  );

  test('of a network of its own are the container’s, and let its users in', () => {
    const { sysctl } = spec({ network: 'none', sysctls: { 'net.ipv4.ip_forward': '1' } }).linux;
    expect(sysctl).toEqual({
      'net.ipv4.ip_forward': '1',
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
    });
  });

  test.each([
    ['kernel.panic', '1', "not the container's own"],
    ['vm.swappiness', '1', "not the container's own"],
    ['net.ipv4.ip_forward', '1', '--network none'],
    ['net/../kernel/panic', '1', 'is no parameter'],
    ['net..x', '1', 'is no parameter'],
    ['kernel.sem', '1\n2', 'is no parameter'],
  ])('%s is refused', (name, value, message) => {
    expect(() => spec({ sysctls: { [name]: value } })).toThrow(message);
  });
});

test('a network of its own is one more namespace', () => {
  const types = (made: RuntimeSpec) => made.linux.namespaces.map(({ type }) => type);
  expect(types(spec())).not.toContain('network');
  expect(types(spec({ network: 'none' }))).toContain('network');
});

test('an init runs the program', () => {
  const { process, mounts } = spec({ init: true });
  expect(process.args).toEqual(['/sbin/docker-init', '--', 'sh', '-c', 'true']);
  expect(mounts.at(-1)).toMatchObject({ destination: '/sbin/docker-init', type: 'bind', options: ['bind', 'ro'] });
});

test('how readily the kernel kills it is from -1000 to 1000', () => {
  expect(spec({ oomScoreAdj: -500 }).process.oomScoreAdj).toBe(-500);
  expect(() => spec({ oomScoreAdj: 1001 })).toThrow('--oom-score-adj can be -1000 to 1000');
});
