import { describe, expect, test, vi } from 'vitest';
import { Request } from '../../../src/container/agent-protocol.ts';
import { Pod } from '../../../src/container/supervisor/pod.ts';
import type { PodContainer } from '../../../src/container/supervisor/pod-container.ts';
import type { ContainerConfig } from '../../../src/container/lifecycle/config.ts';
import { configOf, FakePodHost, idOf } from '../../support/fake-pod-host.ts';

const SIGTERM = 15;
const SIGKILL = 9;
const EXIT_CODE = 0;
const EXIT_SIGNAL = 1;
const START_FAILED = 2;

/** Waits for the program of that number and lets it run; resolves to its channel. */
async function running(host: FakePodHost, number = 0): Promise<number> {
  const { channel, name } = await vi.waitUntil(() => host.machines.length > 0 && host.programs[number]);
  host.machine.agent.files.set(`/sys/fs/cgroup/vivarium/${name}/memory.events`, 'low 0\noom_kill 0\n');
  host.machine.agent.started(channel, 100 + number);
  return channel;
}

/** A pod with a container that runs. */
async function started(change: Partial<ContainerConfig> = {}) {
  const host = new FakePodHost(configOf(idOf(1), change));
  const pod = new Pod(host);
  const container = await pod.container(idOf(1));
  const starting = container.start();
  const channel = await running(host);
  await starting;
  return { host, pod, container, channel, agent: host.machine.agent, state: () => host.states.get(idOf(1))! };
}

const ended = (container: PodContainer) => container.wait('next-exit');

describe('a container', () => {
  test('runs on its own disk with what image and user say', async () => {
    const { host, state } = await started({ cmd: ['run', 'it'], env: ['B=user'], user: 'www', hostname: 'named' });
    const [{ name, spec }] = host.programs as [(typeof host.programs)[0]];
    expect([name, spec.process.args, spec.process.cwd, spec.hostname]).toEqual([
      '100000000000',
      ['run', 'it'],
      '/srv',
      'named',
    ]);
    expect(spec.process.env).toEqual(expect.arrayContaining(['A=image', 'B=user', 'HOME=/var/www', 'HOSTNAME=named']));
    expect(spec.process.user).toMatchObject({ uid: 33, gid: 44 });
    expect(host.machine.disks.map(({ kind, serial }) => [kind, serial])).toEqual([
      ['extents', 'image-100000000000'],
      ['file', 'disk-100000000000'],
    ]);
    expect(state()).toMatchObject({ status: 'running', pid: 100, startedAt: '2024-01-01T00:00:01.000000000Z' });
    expect(host.events).toEqual(['1 start']);
  });

  test('that is to be removed needs no file, and goes when it ends', async () => {
    const { host, container, channel, agent } = await started({ autoRemove: true });
    expect([host.machine.disks.map(({ kind }) => kind), host.disks]).toEqual([['extents', 'scratch'], []]);
    const removed = container.wait('removed');
    agent.exit(channel, EXIT_CODE, 4);
    expect(await removed).toEqual({ exitCode: 4, error: '' });
    expect([host.states.size, host.events]).toEqual([0, ['1 start', '1 die', '1 destroy']]);
  });

  test.each([
    ['goes with its only container, when that removes itself', { autoRemove: true }, false, true],
    ['stays for who looks at it', { autoRemove: true }, true, false],
    ['stays for a container that may start again', {}, false, false],
    ['stays for a container that shares it with others', { autoRemove: true, pod: idOf(2) }, false, false],
  ])('has a machine that %s', async (_, change, keepsMachine, goes) => {
    const { host, pod, container, channel, agent } = await started(change);
    host.keepsMachine = keepsMachine;
    const end = ended(container);
    agent.exit(channel, EXIT_CODE, 0);
    await end;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(host.machine.isTerminated).toBe(goes);
    await pod.close();
    expect(host.machine.isTerminated).toBe(true);
  });

  test('has its disks out of the guest before anybody is told that it has ended', async () => {
    const { host, container, channel, agent, state } = await started();
    const end = ended(container);
    agent.exit(channel, EXIT_SIGNAL, SIGKILL);
    expect(await end).toEqual({ exitCode: 137, error: '' });
    expect([host.machine.disks, state().status, state().pid]).toEqual([[], 'exited', 0]);
    const kinds = agent.frames.map(({ type }) => type);
    expect(kinds.lastIndexOf(Request.UNMOUNT)).toBeLessThan(kinds.indexOf(Request.REMOVE_DISK));
  });

  test('that was out of memory says so', async () => {
    const { host, container, channel, agent, state } = await started();
    agent.files.set('/sys/fs/cgroup/vivarium/100000000000/memory.events', 'oom_kill 2\n');
    const end = ended(container);
    agent.exit(channel, EXIT_SIGNAL, SIGKILL);
    await end;
    expect([state().oomKilled, host.events]).toEqual([true, ['1 start', '1 oom', '1 die']]);
  });

  test('starts again under another name in the guest, on the same disk', async () => {
    const { host, pod, container, channel, agent } = await started();
    const end = ended(container);
    agent.exit(channel, EXIT_CODE, 0);
    await end;
    const again = (await pod.container(idOf(1))).start();
    await running(host, 1);
    await again;
    expect([host.machines.length, host.programs.map(({ name }) => name)]).toEqual([
      1,
      ['100000000000', '100000000000.1'],
    ]);
    expect(host.machine.disks.map(({ kind }) => kind)).toEqual(['extents', 'file']);
  });

  test('that could not be started stays created, with the reason', async () => {
    const host = new FakePodHost(configOf(idOf(1)));
    const pod = new Pod(host);
    const container = await pod.container(idOf(1));
    const starting = expect(container.start()).rejects.toMatchObject({ code: 'START_FAILED', exitCode: 127 });
    const { channel } = await vi.waitUntil(() => host.machines.length > 0 && host.programs[0]);
    host.machine.agent.exit(
      channel,
      START_FAILED,
      1,
      '{"msg":"executable file `x` not found: No such file or directory"}',
    );
    await starting;
    expect(host.states.get(idOf(1))).toMatchObject({
      status: 'created',
      exitCode: 127,
      error: expect.stringContaining('no program'),
    });
    expect([host.machine.disks, pod.isBusy]).toEqual([[], false]);
  });

  test('whose image is broken leaves nothing in the guest', async () => {
    const host = new FakePodHost(configOf(idOf(1)));
    host.image = Promise.reject(new Error('broken'));
    host.image.catch(() => {});
    const pod = new Pod(host);
    await expect((await pod.container(idOf(1))).start()).rejects.toThrow('broken');
    expect([pod.isBusy, host.states.get(idOf(1))!.exitCode]).toEqual([false, 128]);
  });

  test('is not started when nobody wants it any more', async () => {
    const host = new FakePodHost(configOf(idOf(1)));
    const pod = new Pod(host);
    const giveUp = new AbortController();
    const container = await pod.container(idOf(1));
    const starting = expect(container.start({ signal: giveUp.signal })).rejects.toThrow('enough');
    const { channel } = await vi.waitUntil(() => host.machines.length > 0 && host.programs[0]);
    giveUp.abort(new Error('enough'));
    expect(await vi.waitUntil(() => host.signals(channel)[0])).toBe(SIGKILL);
    host.machine.agent.exit(channel, EXIT_SIGNAL, SIGKILL);
    await starting;
    expect([host.machine.disks, pod.isBusy]).toEqual([[], false]);
  });
});

describe('output', () => {
  test('goes to the log and to who has attached', async () => {
    const { host, container, channel } = await started();
    let seen = '';
    const leave = container.attach({ stdout: (bytes) => void (seen += new TextDecoder().decode(bytes)) });
    host.print(channel, 'one ');
    leave();
    host.print(channel, 'two');
    await vi.waitUntil(() => host.logs.get(idOf(1)) === 'stdout:one stdout:two');
    expect(seen).toBe('one ');
  });
});

describe('stopping', () => {
  test('sends the signal, and is over when the program is', async () => {
    const { host, container, channel, agent, state } = await started({ stopSignal: 'SIGUSR1' });
    const stopping = container.stop();
    expect(await vi.waitUntil(() => host.signals(channel)[0])).toBe(10);
    agent.exit(channel, EXIT_CODE, 0);
    await stopping;
    expect([state().status, state().stoppedByUser, host.events]).toEqual([
      'exited',
      true,
      ['1 start', '1 kill', '1 die', '1 stop'],
    ]);
  });

  test('kills a program that does not end in time', async () => {
    const { host, container, channel, agent } = await started();
    const stopping = container.stop({ timeoutMs: 20 });
    await vi.waitUntil(() => host.signals(channel).length === 2);
    agent.exit(channel, EXIT_SIGNAL, SIGKILL);
    await stopping;
    expect(host.signals(channel)).toEqual([SIGTERM, SIGKILL]);
  });

  test('does nothing to a container that does not run', async () => {
    const host = new FakePodHost(configOf(idOf(1)));
    await (await new Pod(host).container(idOf(1))).stop();
    expect([host.machines, host.events]).toEqual([[], []]);
  });

  test('by another signal is no wish that it stays stopped', async () => {
    const { host, container, channel, state } = await started();
    await container.kill('HUP');
    const afterHup = state().stoppedByUser;
    await container.kill('KILL');
    expect([afterHup, state().stoppedByUser, host.signals(channel)]).toEqual([false, true, [1, SIGKILL]]);
  });

  test('is refused for what is no signal or does not run', async () => {
    const { container, channel, agent } = await started();
    await expect(container.kill('NOSUCH')).rejects.toMatchObject({ code: 'USAGE' });
    const end = ended(container);
    agent.exit(channel, EXIT_CODE, 0);
    await end;
    await expect(container.kill('KILL')).rejects.toMatchObject({ code: 'CONFLICT' });
  });
});

describe('a restart policy', () => {
  test('starts it again in the guest that it has, and what a user stops stays so', async () => {
    const { host, container, channel, agent, state } = await started({
      restart: { name: 'always', maximumRetryCount: 0 },
    });
    agent.exit(channel, EXIT_CODE, 1);
    const second = await running(host, 1);
    await vi.waitUntil(() => state().status === 'running');
    expect([state().restartCount, host.programs[1]!.name, host.machine.disks.length]).toEqual([1, '100000000000.1', 2]);
    const stopping = container.stop();
    await vi.waitUntil(() => host.signals(second).length === 1);
    agent.exit(second, EXIT_SIGNAL, SIGTERM);
    await stopping;
    expect([state().status, host.machine.disks]).toEqual(['exited', []]);
  });

  test('that waits for its moment is ended by a stop', async () => {
    const { container, channel, agent, state, pod } = await started({
      restart: { name: 'always', maximumRetryCount: 0 },
    });
    agent.exit(channel, EXIT_CODE, 1);
    await vi.waitUntil(() => state().status === 'restarting');
    await container.stop();
    expect([state().status, pod.isBusy]).toEqual(['exited', false]);
  });
});

describe('a pause', () => {
  test('freezes and thaws the control group', async () => {
    const { container, agent, state } = await started();
    const cgroup = '/sys/fs/cgroup/vivarium/100000000000';
    agent.files.set(`${cgroup}/cgroup.freeze`, '0');
    agent.files.set(`${cgroup}/cgroup.events`, 'populated 1\nfrozen 1\n');
    await container.pause();
    expect([agent.files.get(`${cgroup}/cgroup.freeze`), state().status]).toEqual(['1', 'paused']);
    await expect(container.pause()).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(() => container.checkAttachable()).toThrow('unpause it first');
    agent.files.set(`${cgroup}/cgroup.events`, 'populated 1\nfrozen 0\n');
    await container.unpause();
    expect([agent.files.get(`${cgroup}/cgroup.freeze`), state().status]).toEqual(['0', 'running']);
  });

  test('that does not come about is an error, and the container goes on', async () => {
    const { container, agent, state } = await started();
    const cgroup = '/sys/fs/cgroup/vivarium/100000000000';
    agent.files.set(`${cgroup}/cgroup.freeze`, '0').set(`${cgroup}/cgroup.events`, 'frozen 0\n');
    await expect(container.pause()).rejects.toMatchObject({ code: 'AGENT' });
    expect([agent.files.get(`${cgroup}/cgroup.freeze`), state().status]).toEqual(['0', 'running']);
  });
});

describe('limits', () => {
  test('change while it runs, and stay changed', async () => {
    const { host, container, agent } = await started();
    const cgroup = '/sys/fs/cgroup/vivarium/100000000000';
    for (const file of ['memory.max', 'cpu.max', 'pids.max']) agent.files.set(`${cgroup}/${file}`, 'max');
    await container.update({ limits: { memoryBytes: 1 << 20, nanoCpus: 500_000_000, pidsLimit: -1 } });
    expect(['memory.max', 'cpu.max', 'pids.max'].map((file) => agent.files.get(`${cgroup}/${file}`))).toEqual([
      '1048576',
      '50000 100000',
      'max',
    ]);
    expect(host.configs.get(idOf(1))!.isolation.limits).toEqual({
      memoryBytes: 1 << 20,
      nanoCpus: 500_000_000,
      pidsLimit: -1,
    });
  });
});

describe('a guest that fails', () => {
  test('ends its containers with 255, and the next start gets a new one', async () => {
    const { host, pod, container, state } = await started();
    const end = ended(container);
    host.machine.end({ kind: 'triple-fault', dump: 'cpu 0' });
    expect(await end).toEqual({ exitCode: 255, error: 'the guest crashed with a triple fault' });
    expect([state().status, state().error]).toEqual(['exited', 'the guest crashed with a triple fault']);
    const again = (await pod.container(idOf(1))).start();
    await vi.waitUntil(() => host.machines.length === 2);
    await running(host);
    await again;
    expect([state().status, state().error]).toEqual(['running', '']);
  });
});

describe('a record that can not be written', () => {
  test('ends the program whose start it is', async () => {
    const host = new FakePodHost(configOf(idOf(1)));
    const pod = new Pod(host);
    const container = await pod.container(idOf(1));
    const { writeState } = host.records;
    host.records.writeState = () => Promise.reject(new Error('full'));
    const starting = expect(container.start()).rejects.toThrow('full');
    const channel = await running(host);
    await vi.waitUntil(() => host.signals(channel).includes(SIGKILL));
    host.machine.agent.exit(channel, EXIT_SIGNAL, SIGKILL);
    await starting;
    expect([host.machine.disks, pod.isBusy]).toEqual([[], false]);
    host.records.writeState = writeState;
  });

  test('keeps nobody waiting for the end', async () => {
    const { host, pod, container, channel, agent } = await started();
    host.records.writeState = () => Promise.reject(new Error('full'));
    const end = ended(container);
    agent.exit(channel, EXIT_CODE, 5);
    expect(await end).toMatchObject({ exitCode: 5 });
    expect([pod.isBusy, host.notes]).toEqual([false, [`container ${idOf(1)}: full`]]);
  });
});

describe('several containers', () => {
  test('share one guest, each with its own disks, layers and name', async () => {
    const host = new FakePodHost(
      configOf(idOf(1)),
      configOf(idOf(2), { volumes: [{ hostPath: '/data', guestPath: '/in', readOnly: true }] }),
    );
    const pod = new Pod(host);
    const first = (await pod.container(idOf(1))).start();
    await running(host, 0);
    await first;
    const second = (await pod.container(idOf(2))).start();
    await running(host, 1);
    await second;
    expect([host.machines.length, host.programs.map(({ name }) => name)]).toEqual([
      1,
      ['100000000000', '200000000000'],
    ]);
    expect(host.machine.agent.mounts().map(([, , target]) => target)).toEqual([
      '/run/vivarium/layers/0',
      '/run/vivarium/disks/100000000000',
      '/run/vivarium/rootfs/100000000000',
      '/run/vivarium/vol0',
      '/run/vivarium/layers/1',
      '/run/vivarium/disks/200000000000',
      '/run/vivarium/rootfs/200000000000',
    ]);
    const volume = host.programs[1]!.spec.mounts.find(({ destination }) => destination === '/in')!;
    expect([volume.source, volume.options.includes('ro')]).toEqual(['/run/vivarium/vol0', true]);
  });

  test('leave each other alone when one ends', async () => {
    const host = new FakePodHost(configOf(idOf(1), { autoRemove: true }), configOf(idOf(2)));
    const pod = new Pod(host);
    const first = await pod.container(idOf(1));
    void first.start();
    const channel = await running(host, 0);
    const second = await pod.container(idOf(2));
    void second.start();
    await running(host, 1);
    await vi.waitUntil(() => host.states.get(idOf(2))!.status === 'running');
    const end = ended(first);
    host.machine.agent.exit(channel, EXIT_CODE, 0);
    await end;
    expect([pod.isBusy, host.states.get(idOf(2))!.status]).toEqual([true, 'running']);
    expect(host.machine.disks.map(({ serial }) => serial)).toEqual(['image-200000000000', 'disk-200000000000']);
  });
});
