import { expose, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { readFileSync } from 'node:fs';
import { MessageChannel, type MessagePort as NodeMessagePort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { MemoryBlockBackend } from '../../src/devices/virtio/blk/backend.ts';
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
});
