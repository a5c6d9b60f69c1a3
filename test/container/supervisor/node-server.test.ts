/** A supervisor and its clients over a real socket, with a machine that is a fake. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Reply, Request } from '../../../src/container/agent-protocol.ts';
import { SupervisorConnection } from '../../../src/container/supervisor/node-client.ts';
import { SupervisorServer } from '../../../src/container/supervisor/node-server.ts';
import { Pod } from '../../../src/container/supervisor/pod.ts';
import { FrameKind } from '../../../src/container/supervisor/protocol.ts';
import type { ContainerConfig } from '../../../src/container/lifecycle/config.ts';
import { configOf, FakePodHost, idOf } from '../../support/fake-pod-host.ts';

let folder: string;
let socket: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'viv-sup-'));
  socket = join(folder, 'pod.sock');
});
afterEach(() => rmSync(folder, { recursive: true }));

const ATTACH = { stdin: true, stdout: true, stderr: true };
const id = idOf(1);

async function serve(change: Partial<ContainerConfig> = {}) {
  const host = new FakePodHost(configOf(id, change));
  const server = new SupervisorServer({ podId: id, socket, pod: (changed) => new Pod(host, changed) });
  await server.listen();
  return { host, server };
}

async function client(): Promise<SupervisorConnection> {
  return (await SupervisorConnection.open(socket))!;
}

/** Lets the program of that number run; resolves to its channel. */
async function running(host: FakePodHost, number = 0): Promise<number> {
  const { channel } = await vi.waitUntil(() => host.machines.length > 0 && host.programs[number]);
  host.machine.agent.started(channel, 100);
  return channel;
}

async function started(change: Partial<ContainerConfig> = {}) {
  const { host, server } = await serve(change);
  const connection = await client();
  const starting = connection.request('start', { id, attach: ATTACH });
  const channel = await running(host);
  await starting;
  return { host, server, connection, channel };
}

/** What a container prints until it ends. */
async function followed(connection: SupervisorConnection) {
  let out = '';
  let err = '';
  const report = await connection.follow((kind, bytes) => {
    if (kind === FrameKind.STDOUT) out += new TextDecoder().decode(bytes);
    if (kind === FrameKind.STDERR) err += new TextDecoder().decode(bytes);
  });
  return { out, err, ...report };
}

describe('a supervisor', () => {
  test('gives who starts a container all its output and its end, and then ends itself', async () => {
    const { host, server, connection, channel } = await started();
    const following = followed(connection);
    host.print(channel, 'out');
    host.machine.agent.output(Reply.STDERR, channel, 'err');
    host.machine.agent.exit(channel, 0, 7);
    expect(await following).toEqual({ out: 'out', err: 'err', exitCode: 7, error: '', notices: [] });
    connection.close();
    await server.ended;
    expect([host.machine.isTerminated, await SupervisorConnection.open(socket)]).toEqual([true, undefined]);
  });

  test('tells who starts a container and who sees its end what is to be known of the guest', async () => {
    const { host } = await serve();
    const connection = await client();
    const starting = connection.request('start', { id, attach: ATTACH });
    const channel = await running(host);
    host.notices.push('it booted');
    expect(await starting).toEqual({ notices: ['it booted'] });
    host.notices.push('it was not saved');
    const following = followed(connection);
    host.machine.agent.exit(channel, 0, 0);
    expect((await following).notices).toEqual(['it was not saved']);
    connection.close();
  });

  test('passes input on, and its end', async () => {
    const { host, connection, channel } = await started({ openStdin: true, stdinOnce: true });
    await connection.sendInput(new TextEncoder().encode('typed'));
    await connection.endInput();
    const { agent } = host.machine;
    await vi.waitUntil(() => agent.frames.some(({ type }) => type === Request.STDIN_EOF));
    expect(new TextDecoder().decode(agent.received(Request.STDIN))).toBe('typed');
    agent.exit(channel, 0, 0);
    connection.close();
  });

  test('lets a container go on that stood still for a client, when that has gone', async () => {
    const { host, connection, channel } = await started();
    const cgroup = `/sys/fs/cgroup/vivarium/${host.programs[0]!.name}`;
    const { files } = host.machine.agent;
    files.set(`${cgroup}/cgroup.freeze`, '0').set(`${cgroup}/cgroup.events`, 'frozen 1\n');
    const other = await client();
    await other.request('still', { id });
    expect([files.get(`${cgroup}/cgroup.freeze`), host.states.get(id)!.status]).toEqual(['1', 'paused']);
    files.set(`${cgroup}/cgroup.events`, 'frozen 0\n');
    other.close();
    await vi.waitUntil(() => host.states.get(id)!.status === 'running');
    expect(files.get(`${cgroup}/cgroup.freeze`)).toBe('0');
    host.machine.agent.exit(channel, 0, 0);
    connection.close();
  });

  test('lets a container go on when who started it has gone', async () => {
    const { host, server, connection, channel } = await started();
    connection.close();
    const other = await client();
    const waiting = other.request('wait', { id, condition: 'not-running' });
    host.print(channel, 'nobody reads this');
    host.machine.agent.exit(channel, 0, 3);
    expect(await waiting).toEqual({ exitCode: 3, error: '' });
    other.close();
    await server.ended;
  });

  test('gives a start up when who asked for it goes', async () => {
    const { host, server } = await serve();
    const connection = await client();
    connection.request('start', { id, attach: ATTACH }).catch(() => {});
    const { channel } = await vi.waitUntil(() => host.machines.length > 0 && host.programs[0]);
    connection.close();
    await vi.waitUntil(() => host.signals(channel).includes(9));
    host.machine.agent.exit(channel, 1, 9);
    await server.ended;
    expect(host.states.get(id)!.status).toBe('created');
  });

  test('serves several clients of one container, each of whom may leave', async () => {
    const { host, connection, channel } = await started();
    const first = await client();
    const second = await client();
    await first.request('attach', { id, attach: ATTACH });
    await second.request('attach', { id, attach: ATTACH });
    const [a, b] = [followed(connection), followed(second)];
    const left = followed(first).catch((error: Error) => error.message);
    host.print(channel, 'one ');
    first.close();
    await left;
    host.print(channel, 'two');
    host.machine.agent.exit(channel, 0, 0);
    expect([(await a).out, (await b).out]).toEqual(['one two', 'one two']);
    connection.close();
    second.close();
  });

  test('makes the program wait for a client that does not read', async () => {
    const { host, connection, channel } = await started();
    const { agent } = host.machine;
    for (let n = 0; n < 4; n++) agent.stdout(channel, 65536);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const credit = () => agent.frames.filter(({ type }) => type === Request.CREDIT).length;
    const before = credit();
    const following = connection.follow(() => {});
    await vi.waitUntil(() => credit() > before);
    agent.exit(channel, 0, 0);
    await following;
    expect(before).toBeLessThan(4);
    connection.close();
  });

  test('runs commands, and tells what it is of them', async () => {
    const { host, connection, channel } = await started();
    const exec = await client();
    const request = { id, args: ['id'], env: ['X=y'], tty: false, privileged: false, attach: ATTACH };
    const starting = exec.request('exec', request);
    const { channel: command, name, spec } = await vi.waitUntil(() => host.programs[1]);
    host.machine.agent.started(command);
    expect((await starting).exec).toMatch(/^[0-9a-f]{64}$/);
    expect([name, spec.args, spec.env.includes('X=y')]).toEqual(['100000000000', ['id'], true]);
    const following = followed(exec);
    host.print(command, 'uid=0');
    host.machine.agent.exit(command, 0, 0);
    expect(await following).toMatchObject({ out: 'uid=0', exitCode: 0 });
    exec.close();
    host.machine.agent.exit(channel, 0, 0);
    connection.close();
  });

  test('keeps what an error is on the way', async () => {
    const { host } = await serve();
    const connection = await client();
    const refused = expect(connection.request('start', { id })).rejects.toMatchObject({
      code: 'START_FAILED',
      exitCode: 126,
    });
    const { channel } = await vi.waitUntil(() => host.machines.length > 0 && host.programs[0]);
    host.machine.agent.exit(channel, 2, 1, '{"msg":"open executable: Permission denied"}');
    await refused;
    connection.close();
  });

  test.each([
    ['no operation', { op: 'explode' }, 'USAGE'],
    ['no id', { op: 'stop', id: '../../etc' }, 'BAD_STATE'],
    ['no command', { op: 'exec', id, args: [], env: [], tty: false, privileged: false }, 'USAGE'],
  ])('refuses what is %s', async (_, request, code) => {
    await serve();
    const connection = await client();
    await expect(
      connection.request(request.op as never, { ...request, op: request.op } as never),
    ).rejects.toMatchObject({ code });
    connection.close();
  });

  test('survives clients that send rubbish', async () => {
    const { server } = await serve();
    const connection = await client();
    const raw = connect(socket);
    raw.on('error', () => {});
    raw.write(Buffer.alloc(6 << 20, 0x61));
    await new Promise((resolve) => raw.once('close', resolve));
    expect(await connection.request('info', {})).toEqual({ pid: process.pid, pod: id, containers: [] });
    connection.close();
    await server.ended;
  });

  test('takes the place of a dead one', async () => {
    writeFileSync(socket, 'left behind');
    const { server } = await serve();
    expect(statSync(socket).isSocket()).toBe(true);
    await server.shutdown();
    await server.ended;
  });

  test('stops its containers when it is to end', async () => {
    const { host, server, connection, channel } = await started();
    connection.close();
    const stopping = server.shutdown();
    await vi.waitUntil(() => host.signals(channel).includes(15));
    host.machine.agent.exit(channel, 1, 15);
    await stopping;
    await server.ended;
    expect(host.states.get(id)!).toMatchObject({ status: 'exited', exitCode: 143 });
  });
});
