import { describe, expect, it } from 'vitest';
import { Session, type Launch } from '../../bench/programs/session.ts';

/** A side that is a program of this Node: what it does with each line that comes. */
function side(onLine: string): Launch {
  const code = `console.log('noise'); console.log('@ready');
    require('readline').createInterface({ input: process.stdin }).on('line', (line) => { ${onLine} });`;
  return { command: process.execPath, args: ['-e', code], timedBy: 'program' };
}

describe('a side at work', () => {
  it('lists its programs', async () => {
    const { session } = await Session.start(side("console.log('@program integer crc32\\n@listed')"));
    const names = await session.list();
    await session.dispose();
    expect(names).toEqual([{ kind: 'integer', name: 'crc32' }]);
  });

  it('runs a program and takes the time that it tells', async () => {
    const { session } = await Session.start(side("console.log('@end 3 0000002a 1500')"));
    const repetition = await session.run(3);
    await session.dispose();
    expect(repetition).toMatchObject({ checksum: '0000002a', busiestMs: 1.5 });
  });

  it('that dies is a failure with its complaint', async () => {
    const { session } = await Session.start(side("console.error('out of order'); process.exit(3)"));
    await expect(session.run(0)).rejects.toThrow('it ended (3) out of order');
  });

  it('that can not be started is a failure', async () => {
    await expect(Session.start({ command: '/nowhere', args: [], timedBy: 'threads' })).rejects.toThrow('ENOENT');
  });
});
