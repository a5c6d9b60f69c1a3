/**
 * One run of one workload in a process of its own, so that no run profits from an earlier one's compiled code. The parent
 * (see sides.ts) gives the job as JSON; each answer is a line of JSON on stdout.
 */
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { Machine } from '../../src/machine/machine.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { crcKernel } from './crc-guest.ts';
import { bootGuest, containerRunner, type GuestFiles } from './guest.ts';

export type Job =
  | { readonly kind: 'crc'; readonly rounds: number }
  | { readonly kind: 'boot'; readonly files: GuestFiles }
  | { readonly kind: 'mixed'; readonly files: GuestFiles; readonly warmUp: string[]; readonly command: string[] };

/** `cpuMs` is the CPU time of the process, all its threads together, in the phase that counts. */
export interface SideResult {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly instructions: number;
  /** What the guest computed or told. */
  readonly output: string;
}

const MS_PER_US = 1e-3;
const CRC_MEMORY_BYTES = 16 << 20;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * MS_PER_US;
}

async function measured(machine: () => Machine, work: () => Promise<string>): Promise<SideResult> {
  const before = { cpu: cpuMs(), wall: performance.now(), instructions: machine().statistics().instructions };
  const output = await work();
  return {
    wallMs: performance.now() - before.wall,
    cpuMs: cpuMs() - before.cpu,
    instructions: machine().statistics().instructions - before.instructions,
    output,
  };
}

async function runJob(core: WebAssembly.Module, job: Job): Promise<SideResult> {
  switch (job.kind) {
    case 'crc': {
      const sent: number[] = [];
      const machine = new Machine({
        coreModule: core,
        ramBytes: CRC_MEMORY_BYTES,
        host: nodeHost(),
        boot: { kernel: crcKernel(job.rounds), commandLine: '' },
        com1: (bytes) => void sent.push(...bytes),
      });
      return measured(
        () => machine,
        async () => {
          await machine.run();
          return String(Buffer.from(sent).readUInt32LE());
        },
      );
    }
    case 'boot': {
      // From the start of the process, as for the peer.
      const { machine, info } = await bootGuest(core, job.files);
      const { instructions } = machine.statistics();
      return {
        wallMs: performance.now(),
        cpuMs: cpuMs(),
        instructions,
        output: `${info.kernelRelease} ${info.machine}`,
      };
    }
    case 'mixed': {
      const { machine, client } = await bootGuest(core, job.files);
      const run = await containerRunner(client);
      await run(job.warmUp);
      return measured(
        () => machine,
        async () => (await run(job.command)).output,
      );
    }
  }
}

const [corePath, job] = process.argv.slice(2) as [string, string];
const result = await runJob(new WebAssembly.Module(readFileSync(corePath)), JSON.parse(job) as Job);
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0));
