/** Several containers in one guest, with limits that hold, and health checks. Needs the build. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ContainerHome, until } from '../support/lifecycle.ts';

let home: ContainerHome;
beforeAll(() => {
  home = new ContainerHome();
});
afterAll(() => home.remove());

const TICKS = 'i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done';
/** Doubles a string until there is no memory for it. */
const HOG = 'x=0123456789abcdef; while :; do x=$x$x; done';
const FORKS = 'n=0; while [ $n -lt 40 ]; do sleep 100 & n=$((n+1)); done; wait';

describe('three containers of a pod', () => {
  let pod: string;
  let ids: string[];
  beforeAll(async () => {
    const steady = await home.detached('--pod', 'trio', '--name', 'steady', 'busybox', 'sh', '-c', TICKS);
    const more = await Promise.all([
      home.detached('--pod', 'trio', '--name', 'hungry', '-m', '16m', 'busybox', 'sleep', '1000'),
      home.detached('--pod', 'trio', '--name', 'many', '--pids-limit', '8', 'busybox', 'sleep', '1000'),
    ]);
    ids = [steady, ...more];
    pod = (JSON.parse(home.record(steady, 'config.json')) as { pod: string }).pod;
  });
  afterAll(() => home.run(['kill', 'steady', 'hungry', 'many']));

  test('are in one guest, and do not see each other', async () => {
    const pods = ids.map((id) => (JSON.parse(home.record(id, 'config.json')) as { pod: string }).pod);
    expect(new Set(pods)).toEqual(new Set([pod]));
    const boot = await Promise.all(
      ['steady', 'many'].map((name) => home.out('exec', name, 'cat', '/proc/sys/kernel/random/boot_id')),
    );
    expect(new Set(boot).size).toBe(1);
    expect(await home.out('exec', 'many', 'sh', '-c', 'ps | grep -c [t]ick; true')).toBe('0\n');
    await home.out('exec', 'steady', 'touch', '/mine');
    expect((await home.run(['exec', 'many', 'test', '-e', '/mine'])).status).toBe(1);
  });

  test('go on while one of them eats all the memory that it may have', async () => {
    await home.run(['exec', 'hungry', 'sh', '-c', HOG]);
    const { status } = await home.run([
      'run',
      '--pod',
      'trio',
      '--name',
      'hog',
      '-m',
      '16m',
      'busybox',
      'sh',
      '-c',
      HOG,
    ]);
    expect([status, home.state(home.idOf('hog')).oomKilled]).toEqual([137, true]);
    expect(home.events(home.idOf('hog'))).toContain('oom');
    const length = home.log(ids[0]!).length;
    await until('the neighbour goes on', () => home.log(ids[0]!).length > length);
    expect(home.state(ids[2]!).status).toBe('running');
  });

  test('go on while one of them forks without bound', async () => {
    const { err } = await home.run(['exec', 'many', 'sh', '-c', FORKS]);
    expect(err).toMatch(/can't fork|Resource temporarily unavailable/);
    const length = home.log(ids[0]!).length;
    await until('the neighbour goes on', () => home.log(ids[0]!).length > length);
    expect(await home.out('exec', 'steady', 'echo', 'fine')).toBe('fine\n');
  });

  test('get other limits while they run', async () => {
    expect(await home.out('update', '--pids-limit', '20', '--memory', '32m', '--cpus', '0.5', 'many')).toBe('many\n');
    const script = 'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max';
    expect(await home.out('exec', 'many', 'sh', '-c', script)).toBe('20\n33554432\n50000 100000\n');
  });

  test('start and stop one by one', async () => {
    await home.out('stop', '-t', '0', 'many');
    expect(home.state(ids[0]!).status).toBe('running');
    await home.out('start', 'many');
    expect(await home.out('exec', 'many', 'echo', 'back')).toBe('back\n');
    expect(home.events(ids[0]!).filter((action) => action === 'start')).toHaveLength(1);
  });

  test('are counted one by one', async () => {
    const rows = await home.out('stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}');
    expect(
      rows
        .split('\n')
        .filter(Boolean)
        .map((row) => row.split(' ')[0])
        .sort(),
    ).toEqual(['hungry', 'many', 'steady']);
  });
});

describe('a pod', () => {
  test('that two commands start at once has one supervisor', async () => {
    const made = await Promise.all(
      ['one', 'two'].map((name) => home.out('create', '--pod', 'race', '--name', name, 'busybox', 'sleep', '1000')),
    );
    const ids = made.map((line) => line.trim());

    await Promise.all(ids.map((id) => home.out('start', id)));

    expect(ids.map((id) => home.state(id).status)).toEqual(['running', 'running']);
    const boot = await Promise.all(ids.map((id) => home.out('exec', id, 'cat', '/proc/sys/kernel/random/boot_id')));
    expect(new Set(boot).size).toBe(1);
    await home.out('kill', ...ids);
  });

  test('whose supervisor is killed has containers that have exited, and starts again', async () => {
    const id = await home.detached('--pod', 'mortal', 'busybox', 'sleep', '1000');
    const other = await home.detached('--pod', 'mortal', 'busybox', 'sleep', '1000');
    const { pod } = JSON.parse(home.record(id, 'config.json')) as { pod: string };
    process.kill(home.supervisorPid(pod), 'SIGKILL');
    expect(await home.out('wait', id, other)).toBe('137\n137\n');
    expect(await home.out('start', id, other)).toBe(`${id}\n${other}\n`);
    await home.out('kill', id, other);
  });

  test('shows each container its own folders of the host', async () => {
    const folders = ['a', 'b'].map((name) => join(home.folder, name));
    for (const folder of folders) {
      mkdirSync(folder);
      writeFileSync(join(folder, 'given'), folder.slice(-1));
    }
    const [a, b] = [
      await home.out('run', '--pod', 'shares', '-v', `${folders[0]}:/data`, 'busybox', 'cat', '/data/given'),
      await home.out(
        'run',
        '--pod',
        'shares',
        '-v',
        `${folders[1]}:/data`,
        'busybox',
        'sh',
        '-c',
        'cat /data/given; echo back > /data/made',
      ),
    ];
    expect([a, b, readFileSync(join(folders[1]!, 'made'), 'utf8')]).toEqual(['a', 'b', 'back\n']);
  });
});

describe('a health check', () => {
  test('finds a container healthy, and then not any more', async () => {
    const words = ['--health-cmd', 'test ! -e /ill', '--health-interval', '500ms', '--health-retries', '2'];
    const id = await home.detached('--name', 'patient', ...words, 'busybox', 'sleep', '1000');
    expect(home.state(id).health!.status).toBe('starting');
    await until('it is healthy', () => home.state(id).health!.status === 'healthy');
    await home.out('exec', 'patient', 'touch', '/ill');
    await until('it is unhealthy', () => home.state(id).health!.status === 'unhealthy');
    await home.out('kill', 'patient');
    expect(home.events(id).filter((action) => action.startsWith('health_status'))).toEqual([
      'health_status: healthy',
      'health_status: unhealthy',
    ]);
  });
});
