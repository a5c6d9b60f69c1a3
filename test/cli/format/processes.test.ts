import { describe, expect, test } from 'vitest';
import type { ProcessRow } from '../../../src/container/supervisor/protocol.ts';
import { formatProcesses, psColumns } from '../../../src/cli/format/processes.ts';

const NOW = Date.parse('2024-05-06T12:00:00');
const ROW: ProcessRow = {
  pid: 42,
  parentPid: 1,
  uid: 0,
  terminal: 34816, // 136:0
  state: 'S',
  threadCount: 1,
  cpuMs: 65_000,
  startedMs: Date.parse('2024-05-06T11:58:20'),
  virtualBytes: 1 << 20,
  residentBytes: 8192,
  name: 'sh',
  args: ['sh', '-c', 'true'],
};

describe('processes', () => {
  test('are listed as ps -ef does', () => {
    expect(formatProcesses([ROW, { ...ROW, pid: 43, uid: 33, terminal: 0, args: [] }], psColumns([]), NOW)).toBe(
      [
        'UID                 PID                 PPID                C                   STIME               TTY                 TIME                CMD',
        'root                42                  1                   65                  11:58               pts/0               00:01:05            sh -c true',
        '33                  43                  1                   65                  11:58               ?                   00:01:05            [sh]',
        '',
      ].join('\n'),
    );
  });

  test('have the columns that were asked for, with other headings', () => {
    const columns = psColumns(['-o', 'pid=NUMBER,comm', 'rss']);
    expect(formatProcesses([ROW], columns, NOW).split('\n')[0]).toBe('NUMBER              COMMAND             RSS');
    expect(psColumns(['aux']).map(({ heading }) => heading)).toEqual([
      'USER',
      'PID',
      '%CPU',
      'VSZ',
      'RSS',
      'TTY',
      'STAT',
      'START',
      'TIME',
      'COMMAND',
    ]);
  });

  test('a day old show the day', () => {
    const row = { ...ROW, startedMs: Date.parse('2024-05-01T00:00:00') };
    expect(formatProcesses([row], psColumns(['-o', 'stime']), NOW)).toBe('STIME\nMay01\n');
  });

  test.each([[['--forest']], [['-o', 'nothing']]])('options %j are refused', (words) => {
    expect(() => psColumns(words)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
