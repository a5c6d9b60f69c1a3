/**
 * `viv boot`: the bare machine. The guest's first serial port is stdin and stdout, byte for byte; how the machine ends is
 * the process's status.
 */
import { Command } from 'commander';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { startNodeMachine, type RunningMachine } from '../../worker/node.ts';
import type { DiskConfig, MachineConfig, MachineExit, MachineStatistics, Tier } from '../../worker/protocol.ts';
import { defaultKernel } from '../assets.ts';
import { ConsoleTail } from '../console-tail.ts';
import { describeError, EXIT_FAILURE, fail } from '../failure.ts';
import { PanicWatch } from '../panic-watch.ts';
import { readCore, readUserFile } from '../paths.ts';
import { parseMemorySize } from '../sizes.ts';
import { pumpInput, writeTo } from '../streams.ts';
import { enterRawMode, EscapeKeys } from '../terminal.ts';
import { tierOption } from '../tier-option.ts';
import { describeTranslation } from '../translation-page.ts';
import { workerScript } from '../worker-script.ts';

const DEFAULT_MEMORY = '512M';
const DEFAULT_COMMAND_LINE = 'console=ttyS0 panic=-1';
const READ_ONLY_SUFFIX = ',ro';
/** A panicked kernel that neither resets nor prints any more for this long is over. */
const PANIC_SILENCE_MS = 1000;
const SIGNAL_EXIT_BASE = 128;
const SIGNALS = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
const SIGPIPE = 13;

interface BootOptions {
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly disk: readonly string[];
  readonly memory: string;
  readonly verbose?: boolean;
  readonly tier?: Tier;
  readonly stats?: boolean;
}

/** The command, for main.ts. */
export function bootCommand(): Command {
  return new Command('boot')
    .summary('boot a kernel on the bare machine')
    .description(
      'Boots a kernel on the bare machine. The first serial port is stdin and stdout; on a terminal, Ctrl-A x quits.\n' +
        'The status is 0 after power-off, (V<<1)|1 after a write of V to port 0xf4, 125 after a crash.',
    )
    .option('--kernel <file>', 'vmlinux or bzImage (default: the built guest kernel)')
    .option('--initrd <file>', 'initial RAM disk')
    .option('--append <line>', `kernel command line (default: "${DEFAULT_COMMAND_LINE}")`)
    .option(
      '--disk <file[,ro]>',
      'raw disk image, as /dev/vda and so on; can be repeated',
      (value: string, all: readonly string[]) => [...all, value],
      [],
    )
    .option('-m, --memory <size>', 'memory, 16M to 3G', DEFAULT_MEMORY)
    .option('--verbose', 'tell on stderr what the machine does')
    .addOption(tierOption())
    .option('--stats', 'tell on stderr in the end what the translator did')
    .addHelpText(
      'after',
      "\nExample:\n  viv boot --kernel vmlinuz --initrd initrd.img --append 'console=ttyS0 root=/dev/vda' --disk disk.img,ro -m 1G",
    )
    .action(async (options: BootOptions) => {
      process.exitCode = await boot(options);
    });
}

/** Boots and waits for the end; returns the process's status. */
async function boot(options: BootOptions): Promise<number> {
  const config = readConfig(options);
  const panic = new PanicWatch();
  const session = new BootSession(panic);
  try {
    const machine = await startNodeMachine({
      script: workerScript(),
      config,
      prepare: (started) => session.connect(started),
    });
    const exit = await machine.exit;
    if (options.verbose === true) process.stderr.write(describeRun(machine.finalStatistics));
    if (options.stats === true && machine.finalStatistics !== undefined)
      process.stderr.write(
        describeTranslation(machine.finalStatistics.translation, machine.finalStatistics.instructions),
      );
    return session.status ?? finish(exit, session.panicDump, panic.isFound);
  } catch (error) {
    if (session.status !== undefined) return session.status;
    session.close();
    return fail(error, session.tail);
  } finally {
    session.close();
  }
}

function readConfig({ kernel, initrd, append, disk, memory, tier }: BootOptions): MachineConfig {
  const ramBytes = parseMemorySize(memory);
  const kernelPath = kernel ?? defaultKernel();
  return {
    core: readCore(),
    ramBytes,
    ...(tier === undefined ? {} : { tier }),
    boot: {
      kernel: readUserFile(kernelPath, 'the kernel'),
      kernelName: kernelPath,
      ...(initrd === undefined ? {} : { initrd: readUserFile(initrd, 'the initrd') }),
      commandLine: append ?? DEFAULT_COMMAND_LINE,
    },
    disks: disk.map(parseDisk),
  };
}

function parseDisk(text: string): DiskConfig {
  const readOnly = text.endsWith(READ_ONLY_SUFFIX);
  const path = readOnly ? text.slice(0, -READ_ONLY_SUFFIX.length) : text;
  if (path === '')
    throw new VivariumError(ErrorCodes.USAGE, 'a disk needs a file; write --disk FILE or --disk FILE,ro');
  return { kind: 'file', path, readOnly };
}

/** Status of a machine that ended by itself; a crash is told on stderr. A panicked kernel may have reset the machine. */
function finish(exit: MachineExit, panicDump: string | undefined, panicked: boolean): number {
  const dump = panicDump ?? (panicked && exit.kind === 'reset' ? exit.dump : undefined);
  if (dump !== undefined)
    return crash(new VivariumError(ErrorCodes.GUEST_PANIC, 'the guest kernel panicked; its console tells why'), dump);
  switch (exit.kind) {
    case 'debug-exit':
      return exit.status;
    case 'triple-fault':
      return crash(new VivariumError(ErrorCodes.TRIPLE_FAULT, 'the guest crashed with a triple fault'), exit.dump);
    case 'halted':
      return crash(
        new VivariumError(
          ErrorCodes.GUEST_HALTED,
          'the guest halted its CPU with interrupts off, and nothing can wake it',
        ),
        exit.dump,
      );
    case 'power-off':
    case 'reset':
    case 'stopped':
      return 0;
  }
}

function crash(error: VivariumError, dump: string | undefined): number {
  process.stderr.write(`\n${describeError(error)}\n${dump === undefined ? '' : `${dump}\n`}`);
  return EXIT_FAILURE;
}

function describeRun(statistics: MachineStatistics | undefined): string {
  if (statistics === undefined) return '';
  const seconds = statistics.machineNs / 1e9;
  return `viv: ${(statistics.instructions / 1e6).toFixed(1)} M instructions in ${seconds.toFixed(2)} s; unclaimed accesses: ${JSON.stringify(statistics.unclaimed)}\n${statistics.notes.map((note) => `viv: ${note}\n`).join('')}`;
}

/** One boot's ties to the process: terminal, streams and signals. */
class BootSession {
  /** The process's status when something outside of the guest ended it. */
  status: number | undefined;
  panicDump: string | undefined;
  readonly tail = new ConsoleTail();
  readonly #panic: PanicWatch;
  readonly #undo: (() => void)[] = [];
  #panicTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(panic: PanicWatch) {
    this.#panic = panic;
  }

  connect(machine: RunningMachine): void {
    const com1 = machine.stream('com1');
    const write = writeTo(process.stdout);
    com1.onData = async (bytes) => {
      this.#watch(machine, bytes);
      this.tail.see(bytes);
      try {
        await write(bytes);
      } catch {
        this.#end(machine, SIGNAL_EXIT_BASE + SIGPIPE); // nobody reads us any more
      }
    };
    const keys = process.stdin.isTTY ? new EscapeKeys() : undefined;
    this.#undo.push(enterRawMode());
    const filter = (typed: Uint8Array): Uint8Array => {
      if (keys === undefined) return typed;
      const { bytes, quit } = keys.filter(typed);
      if (quit) this.#end(machine, 0);
      return bytes;
    };
    this.#undo.push(pumpInput(process.stdin, com1, filter, () => {}));
    for (const [signal, number] of Object.entries(SIGNALS)) {
      const onSignal = (): void => this.#end(machine, SIGNAL_EXIT_BASE + number);
      process.once(signal, onSignal);
      this.#undo.push(() => process.removeListener(signal, onSignal));
    }
  }

  /** Gives terminal, stdin and signals back. May be called again. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#panicTimer);
    for (const undo of this.#undo.reverse()) undo();
    this.#undo.length = 0;
  }

  #end(machine: RunningMachine, status: number): void {
    this.status ??= status;
    void machine.stop();
  }

  /** After a panic the kernel loops for ever, or resets if its command line says so. */
  #watch(machine: RunningMachine, bytes: Uint8Array): void {
    if (this.#panicTimer !== undefined) {
      clearTimeout(this.#panicTimer);
      this.#panicTimer = undefined;
    }
    this.#panic.see(bytes);
    if (!this.#panic.isFound) return;
    this.#panicTimer = setTimeout(() => {
      void machine.dump().then((dump) => {
        if (this.#isClosed) return;
        this.panicDump = dump;
        void machine.stop();
      });
    }, PANIC_SILENCE_MS);
  }
}
