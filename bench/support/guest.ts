/** Our guest in this very process, with the agent's client: the shortest way from a benchmark to the machine. Node only. */
import { readFileSync } from 'node:fs';
import { AgentClient, p9Options, type AgentInfo, type AgentPort } from '../../src/container/agent-client.ts';
import { PORT_NAME } from '../../src/container/agent-protocol.ts';
import { runtimeSpec } from '../../src/container/runtime-spec.ts';
import { Machine } from '../../src/machine/machine.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { folderShare } from '../../src/worker/node-shares.ts';

const ROOTFS = '/run/vivarium/rootfs';
const MEMORY_BYTES = 512 << 20;
export const COMMAND_LINE = 'console=ttyS0 panic=-1 quiet';

export interface GuestFiles {
  readonly kernel: string;
  readonly initramfs: string;
  /** Folder for the container's root, shared by 9p. */
  readonly rootfs?: string;
}

/** A guest whose agent has answered. */
export interface ReadyGuest {
  readonly machine: Machine;
  readonly client: AgentClient;
  readonly info: AgentInfo;
}

export async function bootGuest(coreModule: WebAssembly.Module, files: GuestFiles): Promise<ReadyGuest> {
  const port: AgentPort = { send: (bytes) => machine.consolePort(0).send(bytes), onData: null };
  const machine: Machine = new Machine({
    coreModule,
    ramBytes: MEMORY_BYTES,
    host: nodeHost(),
    boot: { kernel: readFileSync(files.kernel), initrd: readFileSync(files.initramfs), commandLine: COMMAND_LINE },
    shares: files.rootfs === undefined ? [] : [{ tag: 'rootfs', ...folderShare(files.rootfs, true) }],
    consolePorts: [{ name: PORT_NAME, output: (bytes) => port.onData?.(bytes) }],
  });
  const client = new AgentClient(port);
  const ended = machine.run().then((exit) => {
    throw new Error(`the guest ended: ${exit.kind}`);
  });
  const info = await Promise.race([client.hello(), ended]);
  ended.catch(() => {}); // it is stopped in the end
  return { machine, client, info };
}

/** Mounts the guest's root share and returns what runs a command in a container on it: its output and exit code. */
export async function containerRunner(
  client: AgentClient,
): Promise<(args: string[]) => Promise<{ output: string; code: number }>> {
  await client.mount({ source: 'rootfs', target: ROOTFS, type: '9p', options: p9Options('loose'), readOnly: true });
  let count = 0;
  return async (args) => {
    const name = `bench${count++}`;
    const decoder = new TextDecoder();
    let output = '';
    const take = (bytes: Uint8Array): void => void (output += decoder.decode(bytes, { stream: true }));
    const env = ['PATH=/usr/bin:/bin', 'PYTHONDONTWRITEBYTECODE=1'];
    const spec = runtimeSpec({
      name,
      rootfs: ROOTFS,
      hostname: 'bench',
      args,
      env,
      cwd: '/',
      uid: 0,
      gid: 0,
      terminal: undefined,
    });
    const status = await client.run({ kind: 'container', name, spec, onStdout: take, onStderr: take }).exit;
    return { output, code: status.kind === 'exited' ? status.code : -1 };
  };
}
