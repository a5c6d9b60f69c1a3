import { expect, test } from 'vitest';
import { AgentClient, type GuestRun } from '../../src/container/agent-client.ts';
import {
  ExitHow,
  PayloadReader,
  PayloadWriter,
  Reply,
  Request,
  STDIN_WINDOW,
  SYNC,
} from '../../src/container/agent-protocol.ts';
import { exitCodeOf, OUTPUT_WINDOW } from '../../src/container/guest-process.ts';
import { FakeAgent } from '../support/fake-agent.ts';

const SHELL: GuestRun = { kind: 'guest', args: ['sh'], stdin: true };

function counter(): () => bigint {
  let next = 1n;
  return () => next++;
}

async function connected(): Promise<{ agent: FakeAgent; client: AgentClient }> {
  const agent = new FakeAgent();
  const client = new AgentClient(agent.port, counter());
  await client.hello();
  return { agent, client };
}

/** Lets promise callbacks run. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

test('hello resolves with what the agent says of itself', async () => {
  const agent = new FakeAgent();
  const info = await new AgentClient(agent.port, counter()).hello();
  expect(info).toMatchObject({ version: 1, kernelRelease: '6.1.0-guest', machine: 'x86_64', channels: [] });
});

test('hello is repeated with a new epoch when the agent boots after it', async () => {
  const agent = new FakeAgent();
  agent.greets = false;
  const hello = new AgentClient(agent.port, counter()).hello();
  agent.greets = true;
  agent.welcome({ epoch: 0n });
  await hello;
  expect(agent.hellos.map((one) => one.epoch)).toEqual([1n, 2n]);
});

test('hello skips stale bytes, a stale SYNC and a WELCOME of another epoch', async () => {
  const agent = new FakeAgent();
  agent.greets = false;
  const hello = new AgentClient(agent.port, counter()).hello();
  agent.raw(Uint8Array.of(1, 2, 3, 255, 255, 255, 255));
  agent.raw(SYNC);
  agent.raw(new Uint8Array(20).fill(255));
  agent.welcome({ epoch: 77n });
  agent.welcome();
  expect((await hello).epoch).toBe(1n);
});

test('hello refuses an agent of another version', async () => {
  const agent = new FakeAgent();
  agent.greets = false;
  const hello = new AgentClient(agent.port, counter()).hello();
  agent.welcome({ version: 9 });
  await expect(hello).rejects.toThrow('speaks version 9');
});

test('hello can be aborted', async () => {
  const agent = new FakeAgent();
  agent.greets = false;
  const hello = new AgentClient(agent.port).hello({ signal: AbortSignal.abort(new Error('enough')) });
  await expect(hello).rejects.toThrow('enough');
});

test('a request before hello is refused', async () => {
  await expect(new AgentClient(new FakeAgent().port).ping()).rejects.toThrow('await hello() first');
});

test('mount sends flags, source, target, type and options', async () => {
  const { agent, client } = await connected();
  const mounted = client.mount({
    source: 'vol0',
    target: '/run/v',
    type: '9p',
    options: 'a=b',
    readOnly: true,
    noDev: true,
  });
  const frame = agent.frames[0]!;
  const r = new PayloadReader(frame.payload);
  expect([frame.type, r.u32(), r.string(), r.string(), r.string(), r.string()]).toEqual([
    Request.MOUNT,
    5,
    'vol0',
    '/run/v',
    '9p',
    'a=b',
  ]);
  agent.send(Reply.OK, frame.channel);
  await mounted;
});

test('an ERROR rejects the request with its text', async () => {
  const { agent, client } = await connected();
  const mounted = client.mount({ source: 'x', target: '/y', type: '9p' });
  agent.send(
    Reply.ERROR,
    agent.frames[0]!.channel,
    new PayloadWriter().uint(4, 2).string('No such file or directory').done(),
  );
  await expect(mounted).rejects.toThrow("the guest can't mount x on /y: no such file or directory");
});

test('setClock sends whole seconds and nanoseconds', async () => {
  const { agent, client } = await connected();
  void client.setClock(1_500_000_000_250);
  const r = new PayloadReader(agent.frames[0]!.payload);
  expect([r.u64(), r.u32()]).toEqual([1_500_000_000n, 250_000_000]);
});

test('run sends the words and environment of a program in the guest, then SPAWN', async () => {
  const { agent, client } = await connected();
  client.run({ kind: 'guest', args: ['ls', '-l'], env: ['A=1'], cwd: '/tmp' });
  const r = new PayloadReader(agent.frames[0]!.payload);
  expect([r.u16(), r.string(), r.string(), r.u16(), r.string(), r.string()]).toEqual([2, 'ls', '-l', 1, 'A=1', '/tmp']);
  expect(agent.frames.map((frame) => frame.type)).toEqual([Request.SPEC, Request.SPAWN]);
});

test('a specification longer than a frame goes in several', async () => {
  const { agent, client } = await connected();
  client.run({ kind: 'guest', args: Array.from({ length: 3 }, () => 'x'.repeat(30000)) });
  expect(agent.frames.map((frame) => frame.type)).toEqual([Request.SPEC, Request.SPEC, Request.SPAWN]);
});

test('stdout and stderr arrive apart, and exit gives the code', async () => {
  const { agent, client } = await connected();
  const got = { out: '', err: '' };
  const process = client.run({
    ...SHELL,
    onStdout: (bytes) => void (got.out += text(bytes)),
    onStderr: (bytes) => void (got.err += text(bytes)),
  });
  agent.started(process.channel, 321);
  agent.output(Reply.STDOUT, process.channel, 'to out');
  agent.output(Reply.STDERR, process.channel, 'to err');
  agent.exit(process.channel, ExitHow.CODE, 7);
  expect(await process.started).toBe(321);
  expect(await process.exit).toEqual({ kind: 'exited', code: 7 });
  expect(got).toEqual({ out: 'to out', err: 'to err' });
});

test('an end by signal gives the signal, and 128+n as exit code', async () => {
  const { agent, client } = await connected();
  const process = client.run(SHELL);
  agent.exit(process.channel, ExitHow.SIGNAL, 15);
  const status = await process.exit;
  expect(status).toEqual({ kind: 'signalled', signal: 15 });
  expect(exitCodeOf(status)).toBe(143);
});

test('stdin stops at the window and goes on with credit', async () => {
  const { agent, client } = await connected();
  const process = client.run(SHELL);
  const written = process.write(new Uint8Array(STDIN_WINDOW + 1000).fill(65));
  expect(agent.received(Request.STDIN).length).toBe(STDIN_WINDOW);
  agent.send(Reply.STDIN_CREDIT, process.channel, new PayloadWriter().uint(4, 600).done());
  expect(agent.received(Request.STDIN).length).toBe(STDIN_WINDOW + 600);
  agent.send(Reply.STDIN_CREDIT, process.channel, new PayloadWriter().uint(4, 600).done());
  await written;
  expect(agent.received(Request.STDIN).length).toBe(STDIN_WINDOW + 1000);
});

test('end of stdin comes after the bytes that wait for credit', async () => {
  const { agent, client } = await connected();
  const process = client.run(SHELL);
  void process.write(new Uint8Array(STDIN_WINDOW + 1));
  process.end();
  expect(agent.frames.some((frame) => frame.type === Request.STDIN_EOF)).toBe(false);
  agent.send(Reply.STDIN_CREDIT, process.channel, new PayloadWriter().uint(4, 1).done());
  expect(agent.frames.at(-1)!.type).toBe(Request.STDIN_EOF);
});

test('stdin that holds the synchronisation mark arrives whole in harmless frames', async () => {
  const { agent, client } = await connected();
  const process = client.run(SHELL);
  await process.write(SYNC);
  expect(agent.received(Request.STDIN)).toEqual(SYNC);
  expect(agent.frames.filter((frame) => frame.type === Request.STDIN).length).toBe(2);
});

test('credit for output returns when the sink has taken it', async () => {
  const { agent, client } = await connected();
  let release = (): void => {};
  const process = client.run({ ...SHELL, onStdout: () => new Promise((resolve) => (release = resolve)) });
  agent.frames = [];
  agent.stdout(process.channel, OUTPUT_WINDOW / 4);
  await settle();
  expect(agent.frames).toEqual([]);
  release();
  await settle();
  expect(agent.frames.map((frame) => frame.type)).toEqual([Request.CREDIT]);
});

test('exit waits for a slow sink', async () => {
  const { agent, client } = await connected();
  let release = (): void => {};
  let over = false;
  const process = client.run({ ...SHELL, onStdout: () => new Promise((resolve) => (release = resolve)) });
  void process.exit.then(() => (over = true));
  agent.output(Reply.STDOUT, process.channel, 'x');
  agent.exit(process.channel, ExitHow.CODE, 0);
  await settle();
  expect(over).toBe(false);
  release();
  await process.exit;
});

test('a sink that fails rejects exit with its error', async () => {
  const { agent, client } = await connected();
  const process = client.run({ ...SHELL, onStdout: () => Promise.reject(new Error('disk full')) });
  agent.output(Reply.STDOUT, process.channel, 'x');
  agent.exit(process.channel, ExitHow.CODE, 0);
  await expect(process.exit).rejects.toThrow('disk full');
});

test('output beyond the credit ends the session', async () => {
  const { agent, client } = await connected();
  const process = client.run({ ...SHELL, onStdout: () => new Promise(() => {}) });
  agent.stdout(process.channel, OUTPUT_WINDOW + 1);
  await expect(process.exit).rejects.toThrow('output beyond its credit');
});

test('kill and resize send signal number and rows before columns', async () => {
  const { agent, client } = await connected();
  const process = client.run({ ...SHELL, terminal: { columns: 80, rows: 25 } });
  process.kill(15);
  process.resize(100, 40);
  expect([...agent.received(Request.SIGNAL)]).toEqual([15, 0, 0, 0]);
  expect([...agent.received(Request.RESIZE)]).toEqual([40, 0, 100, 0]);
});

test('a new hello gives the programs that still run, and attach goes on with them', async () => {
  const { agent, client } = await connected();
  const before = client.run(SHELL);
  agent.greets = false;
  const hello = client.hello();
  const state = new PayloadWriter().uint(1, 2).uint(1, 0).uint(1, 2).uint(1, 0).uint(4, 0).uint(4, 55).uint(4, 1000);
  agent.welcome({ channels: [state.uint(8, 1).uint(8, 2).uint(8, 3).string('web').done()] });
  const info = await hello;
  agent.frames = [];
  let output = '';
  const after = client.attach(info.channels[0]!, { onStdout: (bytes) => void (output += text(bytes)) });
  agent.output(Reply.STDOUT, after.channel, 'still here');
  agent.exit(after.channel, ExitHow.CODE, 3);
  await expect(before.exit).rejects.toThrow('greeted anew');
  expect(info.channels[0]).toMatchObject({ pid: 55, stdinCredit: 1000, stdoutBytes: 2n, name: 'web' });
  expect(await after.started).toBe(55);
  expect(await after.exit).toEqual({ kind: 'exited', code: 3 });
  expect(output).toBe('still here');
  expect(agent.frames.map((frame) => frame.type)).toEqual([Request.CREDIT, Request.CREDIT]);
});

test('a guest that restarts loses its programs with a clear error', async () => {
  const { agent, client } = await connected();
  const process = client.run(SHELL);
  agent.welcome({ epoch: 0n });
  await expect(process.exit).rejects.toThrow('the guest has restarted');
});

test('garbage from the guest ends the session, and later calls say why', async () => {
  const { agent, client } = await connected();
  const process = client.run(SHELL);
  agent.raw(new Uint8Array(64).fill(255));
  await expect(process.exit).rejects.toThrow('broke its protocol');
  await expect(client.ping()).rejects.toThrow('broke its protocol');
});

test('close rejects what waits', async () => {
  const { client } = await connected();
  const process = client.run(SHELL);
  const ping = client.ping();
  client.close();
  await expect(process.exit).rejects.toThrow('the guest has stopped');
  await expect(ping).rejects.toThrow('the guest has stopped');
});

test('readFile asks for a path and gives the bytes', async () => {
  const { agent, client } = await connected();
  const content = client.readFile('/proc/uptime');
  const [frame] = agent.frames;
  agent.output(Reply.OK, frame!.channel, '12.5 7.0\n');

  expect([frame!.type, new PayloadReader(frame!.payload).string()]).toEqual([Request.READ_FILE, '/proc/uptime']);
  expect(text(await content)).toBe('12.5 7.0\n');
});

test('readFile rejects with the guest’s reason', async () => {
  const { agent, client } = await connected();
  const content = client.readFile('/nowhere');
  agent.send(
    Reply.ERROR,
    agent.frames[0]!.channel,
    new PayloadWriter().uint(4, 2).string('No such file or directory').done(),
  );

  await expect(content).rejects.toMatchObject({
    code: 'AGENT',
    message: "the guest can't read /nowhere: no such file or directory",
  });
});

test('writeFile sends a path and then bytes as they are', async () => {
  const { agent, client } = await connected();
  const written = client.writeFile('/sys/fs/cgroup/x/cgroup.freeze', '1');
  const [frame] = agent.frames;
  agent.send(Reply.OK, frame!.channel);
  await written;

  const path = '/sys/fs/cgroup/x/cgroup.freeze';
  expect([
    frame!.type,
    new PayloadReader(frame!.payload).string(),
    text(frame!.payload.subarray(2 + path.length)),
  ]).toEqual([Request.WRITE_FILE, path, '1']);
});

test('writeFile refuses more than one write takes', async () => {
  const { agent, client } = await connected();

  await expect(client.writeFile('/x', new Uint8Array(65536))).rejects.toMatchObject({ code: 'LIMIT' });

  expect(agent.frames).toEqual([]);
});
