/** Containers that outlive the command that made them: the supervisor and the commands that talk to it. Needs the build. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ContainerHome, isAlive, until } from '../support/lifecycle.ts';
import { builtAssets } from '../support/sandbox.ts';
import { writeBusyboxArchive } from '../support/session/busybox.ts';

let home: ContainerHome;
beforeAll(() => {
  home = new ContainerHome();
});
afterAll(() => home.remove());

/** Takes a commit some time. */
const BIG_BYTES = 20_000_000;
/** Prints a line a tick, and ends at SIGTERM with 7. */
const TICKS = 'trap "echo stopped; exit 7" TERM; i=0; while :; do i=$((i+1)); echo tick $i; sleep 0.1; done';

describe('a container in the background', () => {
  test('runs on its own, keeps a log, stops by its signal and starts again with its files', async () => {
    const id = await home.detached('--name', 'ticker', 'busybox', 'sh', '-c', `date +%s%N >> /starts; ${TICKS}`);
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    await until('it ticks', () => home.log(id).includes('tick 3'));
    expect(home.state(id).status).toBe('running');

    expect(await home.run(['stop', 'ticker'])).toEqual({ status: 0, out: 'ticker\n', err: '' });
    expect(home.state(id)).toMatchObject({ status: 'exited', exitCode: 7, pid: 0, stoppedByUser: true });
    expect(home.log(id)).toMatch(/stopped\n$/);
    expect(await home.out('wait', 'ticker')).toBe('7\n');

    expect(await home.out('start', 'ticker')).toBe('ticker\n');
    expect(await home.out('exec', 'ticker', 'wc', '-l', '/starts')).toBe('2 /starts\n');
    await home.out('stop', '-t', '0', id.slice(0, 12));
    expect(home.events(id)).toEqual([
      'create',
      'start',
      'kill',
      'die',
      'stop',
      'start',
      'exec_create: wc -l /starts',
      'exec_start: wc -l /starts',
      'exec_die',
      'kill',
      'kill',
      'die',
      'stop',
    ]);
  });

  test('has no supervisor any more when it has ended', async () => {
    const id = await home.detached('busybox', 'sleep', '1000');
    const pid = home.supervisorPid(id);
    await home.out('kill', id);
    await until('the supervisor has ended', () => !isAlive(pid));
    expect(home.state(id)).toMatchObject({ status: 'exited', exitCode: 137 });
  });

  test('is removed by its supervisor when that was asked for', async () => {
    const id = await home.detached('--rm', '--name', 'gone', 'busybox', 'sleep', '1000');
    expect(await home.out('stop', '-t', '0', 'gone')).toBe('gone\n');
    expect(await home.run(['wait', 'gone'])).toMatchObject({
      status: 1,
      err: 'viv: No such container: gone (NOT_FOUND)\n',
    });
    expect(() => home.state(id)).toThrow(/ENOENT/);
  });

  test('that has no such program is told of at once', async () => {
    const { status, out, err } = await home.run(['run', '-d', '--name', 'broken', 'busybox', 'no-such-program']);
    expect([status, out, err]).toEqual([
      127,
      expect.stringMatching(/^[0-9a-f]{64}\n$/), // Docker prints it before it starts the container
      'viv: the image has no program "no-such-program"; check its name and the PATH (START_FAILED)\n',
    ]);
    expect(await home.out('wait', 'broken')).toBe('127\n');
  });
});

describe('a running container', () => {
  let id: string;
  beforeAll(async () => {
    id = await home.detached('--name', 'box', '-e', 'GIVEN=here', 'busybox', 'sh', '-c', TICKS);
  });
  afterAll(() => home.run(['kill', 'box']));

  test('runs commands with their own streams, folder, user, environment and status', async () => {
    const words = ['-w', '/tmp', '-u', 'nobody', '-e', 'MORE=x y', 'box', 'sh', '-c'];
    expect(await home.run(['exec', ...words, 'pwd; id -un; echo $GIVEN $MORE; echo err >&2; exit 5'])).toEqual({
      status: 5,
      out: '/tmp\nnobody\nhere x y\n',
      err: 'err\n',
    });
    expect(await home.run(['exec', '-i', 'box', 'wc', '-c'], 'four')).toMatchObject({ status: 0, out: '4\n' });
    expect(await home.run(['exec', 'box', 'wc', '-c'], 'four')).toMatchObject({ status: 0, out: '0\n' });
  });

  test('says which commands it does not have or can not execute', async () => {
    expect((await home.run(['exec', 'box', 'nothing'])).status).toBe(127);
    expect((await home.run(['exec', 'box', '/etc/passwd'])).status).toBe(126);
    expect((await home.run(['exec', '-u', 'nobody-knows', 'box', 'id'])).status).toBe(126);
  });

  test('goes on with a command that nobody waits for', async () => {
    expect(await home.run(['exec', '-d', 'box', 'sh', '-c', 'sleep 0.3; touch /made'])).toMatchObject({
      status: 0,
      out: '',
    });
    await until(
      'the command has done its work',
      async () => (await home.run(['exec', 'box', 'test', '-e', '/made'])).status === 0,
    );
  });

  test('stands still while it is paused', async () => {
    expect(await home.out('pause', 'box')).toBe('box\n');
    expect(home.state(id).status).toBe('paused');
    const before = home.log(id);
    await new Promise((resolve) => setTimeout(resolve, 500));
    const after = home.log(id);
    const refused = await home.run(['exec', 'box', 'true']);
    expect(await home.run(['pause', 'box'])).toMatchObject({ status: 1 });
    expect(await home.out('unpause', 'box')).toBe('box\n');
    await until('it ticks again', () => home.log(id).length > after.length);
    expect([after, refused.status, refused.err]).toEqual([
      before,
      1,
      `viv: Container ${id} is paused, unpause the container before exec (CONFLICT)\n`,
    ]);
  });

  test('shows its processes', async () => {
    const [head, first, ...more] = (await home.out('top', 'box')).split('\n');
    expect(head).toMatch(/^UID +PID +PPID +C +STIME +TTY +TIME +CMD$/);
    expect(first).toMatch(/^root +\d+ +1 .* \? +\d\d:\d\d:\d\d +sh -c trap/);
    expect(more.length).toBeGreaterThan(0);
    expect(await home.out('top', 'box', '-o', 'user,comm')).toMatch(/^USER +COMMAND\nroot +sh\n/);
    expect((await home.run(['top', 'box', '--forest'])).err).toContain('are not known');
  });

  test('shows what it uses', async () => {
    const text = await home.out(
      'stats',
      '--no-stream',
      '--format',
      '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.PIDs}}',
      'box',
    );
    const [, cpu, used, unit, limit, pids] = /^box ([\d.]+)% ([\d.]+)([KM])iB \/ ([\d.]+)MiB (\d+)\n$/.exec(text)!;
    expect([Number(cpu) > 0, Number(used) > 0, unit, Number(limit) > 400, Number(pids) >= 1]).toEqual([
      true,
      true,
      'M',
      true,
      true,
    ]);
  });

  test('is seen by several who attach, and each may leave', async () => {
    const first = home.start('attach', '--no-stdin', '--sig-proxy', 'false', 'box');
    const second = home.start('attach', '--no-stdin', '--sig-proxy', 'false', 'box');
    await Promise.all([first.printed('tick'), second.printed('tick')]);
    first.child.kill('SIGKILL');
    await first.ended;
    const length = home.log(id).length;
    await until('it goes on', () => home.log(id).length > length + 50);
    second.child.kill('SIGINT');
    expect([(await second.ended).status, home.state(id).status]).toEqual([130, 'running']);
  });
});

describe("a container's files", () => {
  test('are read and written while it runs and when it does not', async () => {
    const id = await home.detached('--name', 'files', 'busybox', 'sh', '-c', 'echo own > /own; echo ready; sleep 1000');
    await until('it has written', () => home.log(id).includes('ready'));
    const folder = mkdtempSync(join(home.folder, 'copies-'));
    writeFileSync(join(folder, 'given'), 'from the host\n');

    await home.out('cp', join(folder, 'given'), 'files:/given');
    expect(await home.out('exec', 'files', 'cat', '/given')).toBe('from the host\n');
    await home.out('stop', '-t', '0', 'files');
    await home.out('cp', 'files:/own', join(folder, 'own'));
    expect(readFileSync(join(folder, 'own'), 'utf8')).toBe('own\n');
    expect(await home.out('diff', 'files')).toBe('A /given\nA /own\n');
    expect(home.state(id).status).toBe('exited');
  });

  test('say who a user is that was made in it', async () => {
    const script = 'echo bob:x:1234:55::/home/bob:/bin/sh >> /etc/passwd; echo ready; sleep 1000';
    const id = await home.detached('busybox', 'sh', '-c', script);
    await until('it has written', () => home.log(id).includes('ready'));
    expect(await home.out('exec', '-u', 'bob', id, 'sh', '-c', 'id -u; id -g; echo $HOME')).toBe(
      '1234\n55\n/home/bob\n',
    );
    await home.out('rm', '-f', id);
  });
});

describe('a policy', () => {
  test('starts a container again that failed, as often as it says', async () => {
    const id = await home.detached('--restart', 'on-failure:2', 'busybox', 'sh', '-c', 'echo run; exit 3');
    await until('it has given up', () => home.state(id).status === 'exited');
    expect([home.state(id), home.log(id)]).toMatchObject([{ exitCode: 3, restartCount: 2 }, 'run\nrun\nrun\n']);
    await until('each end is told', () => home.events(id).filter((action) => action === 'die').length === 3);
  });

  test('does not start what a user has stopped', async () => {
    const id = await home.detached('--restart', 'always', 'busybox', 'sh', '-c', 'echo run; sleep 0.2');
    await until('it was started again', () => home.state(id).restartCount >= 2);
    await home.out('stop', '-t', '0', id);
    const runs = home.log(id);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect([home.state(id).status, home.log(id)]).toEqual(['exited', runs]);
  });
});

describe('a kill', () => {
  test('of the supervisor leaves a container that has exited, whose files are there and which starts again', async () => {
    const id = await home.detached(
      '--name',
      'lost',
      'busybox',
      'sh',
      '-c',
      'echo kept >> /kept; sync; echo ready; sleep 1000',
    );
    await until('it has written', () => home.log(id).includes('ready'));
    process.kill(home.supervisorPid(id), 'SIGKILL');

    expect(await home.out('wait', 'lost')).toBe('137\n');
    expect(home.state(id)).toMatchObject({ status: 'exited', exitCode: 137, error: 'the supervisor ended' });
    expect(await home.run(['exec', 'lost', 'true'])).toMatchObject({ status: 1 });
    await home.out('start', 'lost');
    await until('it runs again', () => home.log(id).split('ready').length === 3);
    expect(await home.out('exec', 'lost', 'cat', '/kept')).toBe('kept\nkept\n');
    await home.out('kill', 'lost');
  });

  test('of the supervisor removes a container that was to be removed', async () => {
    const id = await home.detached('--rm', 'busybox', 'sleep', '1000');
    process.kill(home.supervisorPid(id), 'SIGKILL');
    expect((await home.run(['wait', id])).err).toBe(`viv: No such container: ${id} (NOT_FOUND)\n`);
  });

  test('of the client leaves the container running', async () => {
    const client = home.start('run', '--name', 'orphan', 'busybox', 'sh', '-c', TICKS);
    await client.printed('tick 2');
    client.child.kill('SIGKILL');
    await client.ended;
    expect(await home.out('exec', 'orphan', 'echo', 'alive')).toBe('alive\n');
    await home.out('stop', 'orphan');
    expect(await home.out('wait', 'orphan')).toBe('7\n');
  });

  test('of a client that holds the machine itself leaves nothing', async () => {
    const client = home.start('run', '--rm', '--name', 'inside', 'busybox', 'sh', '-c', TICKS);
    await client.printed('tick 2');
    expect(await home.out('exec', 'inside', 'echo', 'seen')).toBe('seen\n');
    client.child.kill('SIGKILL');
    await client.ended;
    expect((await home.run(['wait', 'inside'])).err).toBe('viv: No such container: inside (NOT_FOUND)\n');
  });
});

describe('a kill of commit', () => {
  test('leaves the store whole and the container running, and the next commit is complete', async () => {
    const archive = join(home.folder, 'busybox.tar');
    writeBusyboxArchive(builtAssets().images.busybox, archive);
    await home.out('load', '-q', '-i', archive);
    const script = `head -c ${BIG_BYTES} /dev/urandom > /big; echo ready; sleep 1000`;
    const id = await home.detached('--name', 'committed', 'busybox', 'sh', '-c', script);
    await until('it has written', () => home.log(id).includes('ready'));
    const statuses: (number | null)[] = [];
    for (const delayMs of [300, 700, 1200, 2000]) {
      const client = home.start('commit', 'committed', 'cut');
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      client.child.kill('SIGKILL');
      statuses.push((await client.ended).status);
      expect(await home.run(['doctor'])).toMatchObject({ status: 0 });
      await until('the container goes on', () => home.state(id).status === 'running');
    }
    expect(statuses).toContain(null); // one at least was still at work

    await home.out('commit', 'committed', 'whole');
    expect(await home.out('run', '--rm', 'whole', 'wc', '-c', '/big')).toBe(`${BIG_BYTES} /big\n`);
    await home.out('rm', '-f', 'committed');
  });
});

describe('a terminal', () => {
  test('is left by the detach keys, and come back to', async () => {
    const first = home.terminal(
      "viv run -it --name shell busybox sh -c 'echo ready; while read x; do echo got $x; done'; echo status $?",
    );
    await first.printed('ready');
    first.child.stdin.write('one\r');
    await first.printed('got one');
    first.child.stdin.write('\x10\x11');
    expect((await first.ended).stdout.toString()).toMatch(/status 0\r\n$/);

    const second = home.terminal('viv attach --detach-keys ctrl-x,d shell; echo status $?');
    await new Promise((resolve) => setTimeout(resolve, 1500));
    second.child.stdin.write('two\r');
    await second.printed('got two');
    second.child.stdin.write('\x18d');
    expect((await second.ended).stdout.toString()).toMatch(/read escape sequence\r\nstatus 1\r\n$/);
    await home.out('kill', 'shell');
  });

  test('belongs to a command too, with its size', async () => {
    const id = await home.detached('busybox', 'sleep', '1000');
    const terminal = home.terminal(`viv exec -it ${id} sh -c 'stty size; tty; exit 3'; echo status $?`);
    expect((await terminal.ended).stdout.toString()).toBe('33 101\r\n/dev/pts/0\r\nstatus 3\r\n');
    await home.out('kill', id);
  });
});
