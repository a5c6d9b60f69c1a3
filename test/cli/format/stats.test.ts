import { describe, expect, test } from 'vitest';
import { formatList } from '../../../src/cli/format/table.ts';
import { binarySize, STATS_FORMAT, statsRow } from '../../../src/cli/format/stats.ts';
import type { ContainerStats } from '../../../src/container/supervisor/protocol.ts';

const STATS: ContainerStats = {
  readMs: 1000,
  cpuMs: 100,
  onlineCpus: 1,
  memoryBytes: 1_994_000,
  memoryLimitBytes: 512 << 20,
  pids: 3,
  blockReadBytes: 1_720_000,
  blockWriteBytes: 41_000,
};
const CONTAINER = { id: '1'.padEnd(64, '0'), name: 'box' };

describe('usage', () => {
  test('is shown as docker stats shows it, CPU time since the last look', () => {
    const first = statsRow(CONTAINER, STATS, undefined, true);
    const second = statsRow(CONTAINER, { ...STATS, readMs: 2000, cpuMs: 350 }, first, true);
    expect(formatList([second], STATS_FORMAT)).toBe(
      'CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O       PIDS\n' +
        '100000000000   box       25.00%    1.902MiB / 512MiB   0.37%     0B / 0B   1.72MB / 41kB   3\n',
    );
  });

  test('of a container that does not run is not known', () => {
    const row = statsRow(CONTAINER, undefined, undefined, false);
    expect(formatList([row], STATS_FORMAT, { template: '{{.ID}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}' })).toBe(
      `${CONTAINER.id} -- -- / -- --\n`,
    );
  });

  test.each([
    [0, '0B'],
    [1023, '1023B'],
    [1024, '1KiB'],
    [1.5 * 2 ** 20, '1.5MiB'],
    [2 ** 34, '16GiB'],
  ])('%d bytes', (bytes, text) => {
    expect(binarySize(bytes)).toBe(text);
  });
});
