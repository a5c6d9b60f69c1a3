import { describe, expect, test } from 'vitest';
import { cpuWeight, limitFiles, parseKeyed } from '../../../src/container/supervisor/cgroup.ts';
import { parseProcess, readProcesses } from '../../../src/container/supervisor/processes.ts';
import { readStats } from '../../../src/container/supervisor/stats.ts';
import { Cgroup, type GuestFileAccess } from '../../../src/container/supervisor/cgroup.ts';

function guest(files: Record<string, string>): GuestFileAccess {
  return {
    readFile: async (path) => {
      if (files[path] === undefined) throw new Error(`no file ${path}`);
      return new TextEncoder().encode(files[path]);
    },
    writeFile: () => Promise.resolve(),
  };
}

const STAT = '42 (a) (b) S 1 42 42 34816 42 4194304 100 0 0 0 150 50 0 0 20 0 3 0 200 1048576 25 18446744073709551615';
const STATUS = 'Name:\tsh\nUid:\t33\t33\t33\t33\n';

describe('limits as files', () => {
  test.each([
    [{ memoryBytes: 1048576 }, [['memory.max', '1048576']]],
    [
      { memoryBytes: 100, memorySwapBytes: 150 },
      [
        ['memory.max', '100'],
        ['memory.swap.max', '50'],
      ],
    ],
    [{ memorySwapBytes: -1 }, [['memory.swap.max', 'max']]],
    [{ nanoCpus: 250_000_000 }, [['cpu.max', '25000 100000']]],
    [{ cpuQuotaUs: 5000, cpuPeriodUs: 20_000 }, [['cpu.max', '5000 20000']]],
    [{ cpuPeriodUs: 20_000 }, [['cpu.max', 'max 20000']]],
    [{ pidsLimit: 10 }, [['pids.max', '10']]],
    [{ pidsLimit: -1 }, [['pids.max', 'max']]],
    [{ memoryReservationBytes: 5 }, [['memory.low', '5']]],
    [{}, []],
  ])('%j', (limits, files) => {
    expect(limitFiles(limits)).toEqual(files);
  });

  test('weights go from 1 to 10000', () => {
    expect([cpuWeight(2), cpuWeight(1024), cpuWeight(262144)]).toEqual([1, 39, 10000]);
  });

  test('keyed files', () => {
    expect(parseKeyed('low 0\noom_kill 3\nodd line here\n')).toEqual(
      new Map([
        ['low', 0],
        ['oom_kill', 3],
      ]),
    );
  });
});

describe('a process', () => {
  test('is what proc says, whatever its name', () => {
    expect(parseProcess(42, { stat: STAT, status: STATUS, commandLine: 'sh\0-c\0a b\0' }, 1_000_000)).toEqual({
      pid: 42,
      parentPid: 1,
      uid: 33,
      terminal: 34816,
      state: 'S',
      threadCount: 3,
      cpuMs: 2000,
      startedMs: 1_002_000,
      virtualBytes: 1048576,
      residentBytes: 102400,
      name: 'a) (b',
      args: ['sh', '-c', 'a b'],
    });
  });

  test('that has ended meanwhile is left out', async () => {
    const files = guest({
      '/proc/stat': 'btime 5\n',
      '/proc/42/stat': STAT,
      '/proc/42/status': STATUS,
      '/proc/42/cmdline': '',
    });
    expect((await readProcesses(files, [7, 42])).map(({ pid, args }) => [pid, args])).toEqual([[42, []]]);
  });
});

describe('usage', () => {
  test('is what the control group says, with the memory of the machine as the limit where there is none', async () => {
    const folder = '/sys/fs/cgroup/vivarium/c1';
    const files = guest({
      '/proc/uptime': '12.50 3.00\n',
      '/proc/meminfo': 'MemTotal:        1000 kB\nMemFree: 1 kB\n',
      '/proc/stat': 'cpu  1 2\ncpu0 1 2\nbtime 5\n',
      [`${folder}/cpu.stat`]: 'usage_usec 2500000\nuser_usec 1\n',
      [`${folder}/memory.current`]: '5000\n',
      [`${folder}/memory.max`]: 'max\n',
      [`${folder}/memory.stat`]: 'anon 1\ninactive_file 1000\n',
      [`${folder}/pids.current`]: '4\n',
      [`${folder}/io.stat`]: '254:0 rbytes=10 wbytes=20 rios=1\n254:16 rbytes=1 wbytes=2\n',
    });
    const stats = await readStats({ cgroup: new Cgroup(files, 'c1'), plugged: { guest: { client: files } } });
    expect(stats).toEqual({
      readMs: 12_500,
      cpuMs: 2500,
      onlineCpus: 1,
      memoryBytes: 4000,
      memoryLimitBytes: 1_024_000,
      pids: 4,
      blockReadBytes: 11,
      blockWriteBytes: 22,
    });
  });
});
