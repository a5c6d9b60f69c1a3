import { describe, expect, it } from 'vitest';
import { formatRequest, LineSplitter, parseAnswer } from '../../bench/programs/protocol.ts';

describe('answers of the guest program', () => {
  it('the end of a run has its number, checksum and milliseconds', () => {
    expect(parseAnswer('@end 7 00ff12ab 41500')).toEqual({
      type: 'end',
      number: 7,
      checksum: '00ff12ab',
      processorMs: 41.5,
    });
  });

  it('a program has a kind and a name', () => {
    expect(parseAnswer('@program x87 escape-x87')).toEqual({ type: 'program', kind: 'x87', name: 'escape-x87' });
  });

  it('a failure has all its words', () => {
    expect(parseAnswer('@failed a child is lost')).toEqual({ type: 'failed', reason: 'a child is lost' });
  });

  it('a carriage return of the console is not part of an answer', () => {
    expect(parseAnswer('@ready\r')).toEqual({ type: 'ready' });
  });

  it("the kernel's messages are no answers", () => {
    expect(parseAnswer('[    0.123456] clocksource: tsc')).toBeUndefined();
  });
});

describe('requests', () => {
  it('a list is a letter, a run a letter and a number', () => {
    expect([formatRequest({ type: 'list' }), formatRequest({ type: 'run', number: 12 })]).toEqual(['l\n', 'r 12\n']);
  });
});

describe('lines of a stream', () => {
  it('a line that comes in pieces is one line', () => {
    const lines = new LineSplitter();
    expect([lines.feed('@rea'), lines.feed('dy\n@li'), lines.feed('sted\n')]).toEqual([[], ['@ready'], ['@listed']]);
  });
});
