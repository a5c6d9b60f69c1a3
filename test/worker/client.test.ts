import { expose, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort as NodeMessagePort } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { MemoryBlockBackend } from '../../src/devices/virtio/blk/backend.ts';
import { encodeSnapshot } from '../../src/machine/snapshot-file/write.ts';
import { ErrorCodes } from '../../src/util/errors.ts';
import { RunningMachine, type WorkerConnection } from '../../src/worker/client.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import type { HostMessage, MachineConfig, MachineControl } from '../../src/worker/protocol.ts';
import { MachineServer } from '../../src/worker/serve.ts';
import { CORE_PATH } from '../support/core-module.ts';
import { echo, kernel32, printAndExit, spin } from '../support/tiny-guest.ts';

/** A worker's server on this thread, joined by the same messages. */
function connect(): { connection: WorkerConnection; die: (error: Error) => void } {
  const control = new MessageChannel();
  const data = new MessageChannel();
  let die: (error: Error) => void = () => {};
  const server = new MachineServer({
    host: nodeHost(),
    openDisk: () => new MemoryBlockBackend(new Uint8Array(512)),
    openShare: () => {
      throw new Error('no shares here');
    },
    openChunks: () => Promise.reject(new Error('there are none')),
    openSnapshot: () => {
      throw new Error('no files here');
    },
    listen: (port, receive) => {
      const nodePort = port as unknown as NodeMessagePort;
      nodePort.on('message', (message: HostMessage) => receive(message));
      return { postMessage: (message, transfer) => nodePort.postMessage(message, transfer as never) };
    },
  });
  expose(server, nodeEndpoint(control.port2));
  const connection: WorkerConnection = {
    control: wrap<MachineControl>(nodeEndpoint(control.port1)),
    remoteData: data.port2 as unknown as MessagePort,
    send: (message, transfer) => data.port1.postMessage(message, transfer as never),
    onMessage: (receive) => void data.port1.on('message', receive),
    onFailure: (fail) => (die = fail),
    close: () => {
      server.stop();
      data.port1.close();
      control.port1.close();
      return Promise.resolve();
    },
  };
  return { connection, die: (error) => die(error) };
}

const config = (kernel: Uint8Array): MachineConfig => ({
  core: readFileSync(CORE_PATH),
  ramBytes: 16 << 20,
  boot: { kernel, commandLine: '' },
});

const restored = (bytes: Uint8Array, kernel: string): MachineConfig => ({
  core: readFileSync(CORE_PATH),
  ramBytes: 16 << 20,
  restore: { kind: 'memory', bytes, identity: { kernel } },
});
const fillRandom = (target: Uint8Array): void => void target.fill(1);

describe('a machine in a worker', () => {
  it('gives all its output before it tells how it ended', async () => {
    const text: string[] = [];
    const machine = await RunningMachine.start(
      connect().connection,
      config(kernel32(printAndExit('all of it', 9))),
      (started) => {
        started.stream('com1').onData = async (bytes) => {
          await new Promise((resolve) => setTimeout(resolve, 5));
          text.push(new TextDecoder().decode(bytes));
        };
      },
    );

    const exit = await machine.exit;

    expect([exit, text.join('')]).toEqual([{ kind: 'debug-exit', value: 9, status: 19 }, 'all of it']);
    expect(machine.finalStatistics?.instructions).toBeGreaterThan(10);
  });

  it('takes input and says when it has drained', async () => {
    const echoed: number[] = [];
    const machine = await RunningMachine.start(connect().connection, config(kernel32(echo())));
    const com1 = machine.stream('com1');
    com1.onData = (bytes) => void echoed.push(...bytes);

    com1.send(new Uint8Array(70_000).fill('x'.charCodeAt(0)));
    await com1.drained();
    com1.send(new TextEncoder().encode('q'));
    const exit = await machine.exit;

    expect([exit.kind, echoed.length]).toEqual(['debug-exit', 70_001]);
  });

  it('keeps the code of an error', async () => {
    const started = RunningMachine.start(connect().connection, config(Uint8Array.of(1, 2, 3)));

    await expect(started).rejects.toMatchObject({ code: ErrorCodes.BAD_KERNEL });
  });

  it('answers while the guest is busy, and stops', async () => {
    const machine = await RunningMachine.start(connect().connection, config(kernel32(spin())));

    const dump = await machine.dump();
    await machine.stop();

    expect(dump).toContain('32-bit protected mode');
    expect(await machine.exit).toEqual({ kind: 'stopped' });
  });

  it('rejects when its worker dies', async () => {
    const { connection, die } = connect();
    const machine = await RunningMachine.start(connection, config(kernel32(spin())));

    die(new Error('out of luck'));

    await expect(machine.exit).rejects.toThrow('out of luck');
  });

  it('rejects when nobody can take its output', async () => {
    const machine = await RunningMachine.start(
      connect().connection,
      config(kernel32(printAndExit('x', 1))),
      (started) => {
        started.stream('com1').onData = () => Promise.reject(new Error('broken pipe'));
      },
    );

    await expect(machine.exit).rejects.toThrow('broken pipe');
  });

  it('is looked into, stopped and stepped through the same messages', async () => {
    const machine = await RunningMachine.start(connect().connection, { ...config(kernel32(spin())), paused: true });
    const { inspection } = machine;

    const first = await inspection.stopped();
    const second = await inspection.step({ count: 2 });
    await inspection.setBreakpoints([{ linear: 0x100002n }]);
    await inspection.resume();
    const third = await inspection.stopped();
    const { registers } = await inspection.look({ registers: true });
    await machine.stop();

    expect([first, second, third].map(({ reason, rip }) => [reason.kind, rip])).toEqual([
      ['pause', 0x100000n],
      ['step', 0x100000n],
      ['breakpoint', 0x100002n],
    ]);
    expect(registers).toMatchObject({ mode: '32-bit protected mode', instructions: 3 });
  });

  it('keeps the code of an error in what was asked for', async () => {
    const machine = await RunningMachine.start(connect().connection, config(kernel32(spin())));

    await expect(machine.inspection.step({ count: 0 })).rejects.toMatchObject({ code: ErrorCodes.LIMIT });
    await machine.stop();
  });

  it('tells whoever waits for it to stand still that it has ended', async () => {
    const machine = await RunningMachine.start(connect().connection, config(kernel32(spin())));
    const stopped = machine.inspection.stopped();
    await machine.stop();
    await machine.exit;

    expect((await stopped).reason).toEqual({ kind: 'ended' });
    expect((await machine.inspection.step()).reason).toEqual({ kind: 'ended' });
    await expect(machine.inspection.look({})).rejects.toMatchObject({ code: ErrorCodes.GUEST_STOPPED });
  });

  it('goes on from what another one saved', async () => {
    const first = await RunningMachine.start(connect().connection, config(kernel32(echo())));
    first.stream('com1').send(new TextEncoder().encode('before '));
    await vi.waitFor(async () => expect((await first.statistics()).instructions).toBeGreaterThan(10_000));
    const snapshot = await first.save();
    await first.stop();
    const bytes = Buffer.concat(await encodeSnapshot(snapshot, { identity: { kernel: 'echo' }, fillRandom }));
    const text: string[] = [];

    const second = await RunningMachine.start(connect().connection, restored(bytes, 'echo'), (machine) => {
      machine.stream('com1').onData = (output) => void text.push(new TextDecoder().decode(output));
    });
    second.stream('com1').send(new TextEncoder().encode('after q'));

    expect(await second.exit).toMatchObject({ kind: 'debug-exit' });
    expect(text.join('')).toBe('after q');
  });

  it('refuses a snapshot of something else, or a damaged one', async () => {
    const first = await RunningMachine.start(connect().connection, config(kernel32(spin())));
    const pieces = await encodeSnapshot(await first.save(), { identity: { kernel: 'spin' }, fillRandom });
    await first.stop();
    const bytes = new Uint8Array(Buffer.concat(pieces));
    const start = (content: Uint8Array, kernel: string) =>
      RunningMachine.start(connect().connection, restored(content, kernel));

    await expect(start(bytes, 'echo')).rejects.toMatchObject({
      code: 'BAD_STATE',
      message: expect.stringContaining('of another kernel') as string,
    });
    bytes[bytes.length - 1]! ^= 1;
    await expect(start(bytes, 'spin')).rejects.toMatchObject({
      code: 'BAD_STATE',
      message: expect.stringContaining('damaged') as string,
    });
  });

  it('attaches devices that were opened before', async () => {
    const machine = await RunningMachine.start(connect().connection, config(kernel32(spin())));
    const before = (await machine.save()).devices['pci'] as { functions: object };

    const opened = await machine.open({ disks: [{ kind: 'memory', bytes: new Uint8Array(512), readOnly: true }] });
    const meanwhile = (await machine.save()).devices['pci'] as { functions: object };
    await opened.attach();
    const after = (await machine.save()).devices['pci'] as { functions: object };
    await machine.stop();

    const count = ({ functions }: { functions: object }): number => Object.keys(functions).length;
    expect([count(meanwhile), count(after)]).toEqual([count(before), count(before) + 1]);
  });

  it('tells why devices can not be opened, and goes on', async () => {
    const machine = await RunningMachine.start(connect().connection, config(kernel32(echo())));

    await expect(machine.open({ shares: [{ tag: 'x', kind: 'y' }] })).rejects.toThrow('no shares here');
    machine.stream('com1').send(new TextEncoder().encode('q'));

    expect(await machine.exit).toMatchObject({ kind: 'debug-exit' });
  });
});
