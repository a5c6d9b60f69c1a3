/**
 * Boots our guest (kernel and initramfs from the cache) under QEMU with the agent's port on a socket and folders as 9p
 * shares: a machine to compare ours with, and to work on the agent without ours. Node only.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PORT_NAME } from '../../src/container/agent-protocol.ts';
import type { AgentPort } from '../../src/container/agent-client.ts';

export interface QemuGuestOptions {
  kernel: string;
  initramfs: string;
  /** 9p tag to host folder. */
  shares?: Record<string, string>;
  memoryMiB?: number;
  /** icount: one virtual nanosecond an instruction, so that the guest's clock counts instructions (and idle time). */
  accel?: 'tcg' | 'icount';
  append?: string;
  /** Kernel messages, as they come. */
  onConsole?: (text: string) => void;
}

export interface QemuGuest {
  port: AgentPort;
  pid: number;
  /** QEMU's exit code. */
  exited: Promise<number | null>;
  /** Kills it and removes what it left. */
  dispose(): Promise<void>;
}

const BASE_PARAMETERS = 'panic=-1 quiet';

/** Starts QEMU; resolves when its end of the agent's port is connected, long before the guest has booted. */
export async function startQemuGuest(options: QemuGuestOptions): Promise<QemuGuest> {
  const folder = mkdtempSync(join(tmpdir(), 'vivarium-qemu-'));
  const socketPath = join(folder, 'agent.sock');
  const server = createServer();
  const connected = new Promise<Socket>((resolve) => server.once('connection', resolve));
  await new Promise<void>((resolve) => server.listen(socketPath, resolve));
  const child = spawn('qemu-system-x86_64', commandLine(options, socketPath), { stdio: ['ignore', 'pipe', 'pipe'] });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaints += text));
  child.stdout.setEncoding('utf8').on('data', (text: string) => options.onConsole?.(text));
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  const failed = new Promise<never>((_, reject) => {
    child.once('error', reject);
    child.once('close', () => reject(new Error(`QEMU ended: ${complaints}`)));
  });
  failed.catch(() => {});
  const dispose = () => disposeOf(child, exited, folder, () => server.close());
  try {
    const socket = await Promise.race([connected, failed]);
    server.close();
    return { port: socketPort(socket), pid: child.pid!, exited, dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

async function disposeOf(child: ChildProcess, exited: Promise<unknown>, folder: string, closeServer: () => void) {
  child.kill('SIGKILL');
  closeServer();
  await exited;
  rmSync(folder, { recursive: true, force: true });
}

function socketPort(socket: Socket): AgentPort {
  const port: AgentPort = { send: (bytes) => void socket.write(bytes), onData: null };
  socket.on('data', (bytes) => port.onData?.(new Uint8Array(bytes)));
  socket.on('error', () => {});
  return port;
}

function commandLine(options: QemuGuestOptions, socketPath: string): string[] {
  const accel = options.accel ?? 'tcg';
  const timing = accel === 'icount' ? ' tsc_early_khz=1000000 no_timer_check lpj=10000000' : '';
  const shares = Object.entries(options.shares ?? {}).flatMap(([tag, path]) => [
    '-virtfs',
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap`,
  ]);
  return [
    '-nodefaults',
    '-no-reboot',
    ...['-display', 'none'],
    ...['-machine', 'pc'],
    ...['-accel', 'tcg', '-cpu', 'max'],
    ...(accel === 'icount' ? ['-icount', 'shift=0,sleep=off'] : []),
    ...['-m', String(options.memoryMiB ?? 512)],
    ...['-serial', 'stdio'],
    ...['-kernel', options.kernel, '-initrd', options.initramfs],
    ...['-append', `${BASE_PARAMETERS}${timing} console=ttyS0 ${options.append ?? ''}`],
    ...['-device', 'virtio-serial-pci'],
    ...['-chardev', `socket,id=agent,path=${socketPath}`],
    ...['-device', `virtserialport,chardev=agent,name=${PORT_NAME}`],
    ...shares,
  ];
}
