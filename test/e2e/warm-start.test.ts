/** `viv run` from a booted guest in the cache: the same as from a boot, but for time and randomness. Needs the build. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startOnTerminal, startViv, viv } from '../support/viv.ts';

let folder: string;
let env: Record<string, string>;

/** A cache of our own with a booted guest of the usual size in it. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-warm-'));
  env = { VIVARIUM_CACHE: join(folder, 'cache'), VIVARIUM_WARM: '1' };
  await run(['busybox', 'true']);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function run(words: string[], more: Record<string, string> = {}, input?: string) {
  const options = { env: { ...env, ...more }, ...(input === undefined ? {} : { input }) };
  const { status, stdout, stderr } = await viv(['run', ...words], options);
  return { status, out: stdout.toString(), err: stderr };
}

const snapshots = (cache = env['VIVARIUM_CACHE']!): string[] => {
  const place = join(cache, 'snapshots');
  return (existsSync(place) ? readdirSync(place) : [])
    .filter((name) => name.endsWith('.vivsnap'))
    .map((name) => join(place, name));
};

describe('a guest from the cache', () => {
  test.each<[string, string[], string?]>([
    ['streams and a status', ['busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7']],
    ['a signal', ['busybox', 'sh', '-c', 'kill -9 $$']],
    ['stdin', ['-i', 'busybox', 'wc', '-c'], 'x'.repeat(300_000)],
    ['a program that is not there', ['busybox', 'no-such-program']],
    [
      'options',
      [
        '-w',
        '/var/tmp',
        '-u',
        'nobody',
        '--hostname',
        'box',
        '-e',
        'A=b',
        'busybox',
        'sh',
        '-c',
        'pwd; id -un; hostname; echo $A',
      ],
    ],
    [
      'mounts, devices and limits',
      [
        '--hostname',
        'box',
        'busybox',
        'sh',
        '-c',
        'cat /proc/mounts /proc/cpuinfo; ls /dev; ulimit -a; cat /proc/self/status | grep Cap',
      ],
    ],
  ])('gives what one that boots does: %s', async (_, words, input) => {
    const cold = await run(['--no-warm', ...words], {}, input);
    const warm = await run(words, {}, input);

    // Each container has an ID of its own, which the paths of its disks have in them.
    const withoutId = (result: typeof warm) => ({ ...result, out: result.out.replace(/\b[0-9a-f]{12}\b/g, 'ID') });
    expect(withoutId(warm)).toEqual(withoutId(cold));
    expect(snapshots().length).toBe(1);
  });

  test('has not booted itself: its kernel tells of an earlier boot', async () => {
    const bootedAt = async (words: string[]): Promise<string> =>
      (await run([...words, '--cap-add', 'SYSLOG', 'busybox', 'sh', '-c', 'dmesg | grep "using sched offset"'])).out;

    const [first, booted, second] = [await bootedAt([]), await bootedAt(['--no-warm']), await bootedAt([])];

    expect(first).toContain('using sched offset');
    expect([second, booted === first]).toEqual([first, false]);
  });

  test('has a terminal', async () => {
    const { stdout } = await startOnTerminal("viv run -it busybox sh -c 'stty size; tty'", { env }).ended;

    expect(stdout.toString()).toBe('33 101\r\n/dev/pts/0\r\n');
  });

  test('ends by the signals that viv gets', async () => {
    const running = startViv(
      ['run', 'busybox', 'sh', '-c', 'trap "echo got it; exit 3" TERM; echo ready; while :; do sleep 0.1; done'],
      { env },
    );
    await running.printed('ready');

    running.child.kill('SIGTERM');

    expect(await running.ended).toMatchObject({ status: 3 });
  });

  test('shares as many folders as are asked for, both ways', async () => {
    const volumes = Array.from({ length: 8 }, (_, index) => {
      const path = join(folder, `volume${index}`);
      mkdirSync(path);
      writeFileSync(join(path, 'in'), `${index}\n`);
      return ['-v', `${path}:/v/${index}`];
    });

    const { out } = await run([...volumes.flat(), 'busybox', 'sh', '-c', 'cat /v/*/in; echo out > /v/7/out']);

    expect(out).toBe('0\n1\n2\n3\n4\n5\n6\n7\n');
    expect(readFileSync(join(folder, 'volume7', 'out'), 'utf8')).toBe('out\n');
  });

  test("has the time that it is, by the kernel's clock and by the real-time clock", async () => {
    const before = Math.floor(Date.now() / 1000);
    const { out } = await run([
      'busybox',
      'sh',
      '-c',
      'date +%s; cat /proc/uptime; sleep 1; date +%s; cat /proc/uptime',
    ]);
    const after = Math.ceil(Date.now() / 1000);

    const [first, uptime, second, later] = out.split('\n').map((line) => Number(line.split(' ')[0])) as [
      number,
      number,
      number,
      number,
    ];
    expect(first).toBeGreaterThanOrEqual(before);
    expect(second).toBeLessThanOrEqual(after);
    // A second is a second by both clocks, and machine time went on from where it was saved.
    expect(second - first).toBeGreaterThanOrEqual(1);
    expect(later - uptime).toBeGreaterThan(0.99);
    expect(uptime).toBeLessThan(60);
  });

  test('has randomness of its own', async () => {
    const read =
      'cat /proc/sys/kernel/random/boot_id /proc/sys/kernel/random/uuid; head -c 16 /dev/urandom | hexdump -v; head -c 16 /dev/random | hexdump -v';
    const [first, second] = [await run(['busybox', 'sh', '-c', read]), await run(['busybox', 'sh', '-c', read])];

    const lines = ({ out }: { out: string }): string[] =>
      out.split('\n').filter((line) => /\S{8}/.test(line) || line.includes(' '));
    expect(lines(first).length).toBe(4);
    lines(first).forEach((line, index) => expect(line).not.toBe(lines(second)[index]));
  });

  test('knows nothing of the runs before it', async () => {
    await run(['busybox', 'sh', '-c', 'echo left > /tmp/left; echo left > /left']);

    expect(await run(['busybox', 'sh', '-c', 'ls /tmp /left'])).toMatchObject({ status: 1, out: '/tmp:\n' });
  });
});

describe('the cache', () => {
  test('has a guest for each size of memory', async () => {
    const small = await run([
      '--machine-memory',
      '128M',
      'busybox',
      'sh',
      '-c',
      "awk '/MemTotal/ {print int($2 / 1024 / 32)}' /proc/meminfo",
    ]);
    const again = await run([
      '--machine-memory',
      '128M',
      'busybox',
      'sh',
      '-c',
      "awk '/MemTotal/ {print int($2 / 1024 / 32)}' /proc/meminfo",
    ]);

    expect([small.out, again.out]).toEqual(['3\n', '3\n']);
    expect(snapshots().length).toBe(2);
  });

  test('is not used when asked so', async () => {
    const cache = join(folder, 'unused');
    await run(['--no-warm', 'busybox', 'true'], { VIVARIUM_CACHE: cache });
    await run(['busybox', 'true'], { VIVARIUM_CACHE: cache, VIVARIUM_WARM: '0' });
    await run(['--verbose', 'busybox', 'true'], { VIVARIUM_CACHE: cache });

    expect(snapshots(cache)).toEqual([]);
  });

  test.each<[string, (path: string) => void]>([
    ['cut off', (path) => truncateSync(path, 5_000_000)],
    ['empty', (path) => truncateSync(path, 0)],
    [
      'changed in the middle',
      (path) => {
        const bytes = readFileSync(path);
        bytes[bytes.length >> 1]! ^= 1;
        writeFileSync(path, bytes);
      },
    ],
    ['something else', (path) => writeFileSync(path, 'something else, of a few bytes')],
  ])('whose file is %s costs a boot and a line, and is whole afterwards', async (_, damage) => {
    const cache = join(folder, 'damaged');
    await run(['busybox', 'true'], { VIVARIUM_CACHE: cache });
    const [path] = snapshots(cache) as [string];
    const { size } = statSync(path);
    damage(path);

    const first = await run(['busybox', 'echo', 'done'], { VIVARIUM_CACHE: cache });
    const second = await run(['busybox', 'echo', 'done'], { VIVARIUM_CACHE: cache });

    expect(first).toMatchObject({ status: 0, out: 'done\n' });
    expect(first.err).toMatch(/^viv: the saved guest can't be used, so a new one boots: .*\n$/);
    expect(second).toEqual({ status: 0, out: 'done\n', err: '' });
    expect(Math.abs(statSync(path).size / size - 1)).toBeLessThan(0.2);
  });

  test('is filled by several at once without harm', async () => {
    const cache = join(folder, 'several');
    const results = await Promise.all(
      [1, 2, 3].map((number) => run(['busybox', 'echo', String(number)], { VIVARIUM_CACHE: cache })),
    );
    const later = await run(['busybox', 'echo', 'later'], { VIVARIUM_CACHE: cache });

    expect(results.map(({ status, out, err }) => [status, out, err])).toEqual(
      [1, 2, 3].map((number) => [0, `${number}\n`, '']),
    );
    expect(later).toEqual({ status: 0, out: 'later\n', err: '' });
    expect(readdirSync(join(cache, 'snapshots')).filter((name) => name !== 'hashes.json').length).toBe(1);
  });

  test('that can not be written to costs nothing but a line', async () => {
    const cache = join(folder, 'blocked');
    await run(['busybox', 'true'], { VIVARIUM_CACHE: cache });
    const [path] = snapshots(cache) as [string];
    rmSync(path);
    mkdirSync(join(path, 'in the way'), { recursive: true });

    const { status, out, err } = await run(['busybox', 'echo', 'done'], { VIVARIUM_CACHE: cache });

    expect([status, out]).toEqual([0, 'done\n']);
    expect(err).toMatch(/the guest was not saved/);
  });
});
