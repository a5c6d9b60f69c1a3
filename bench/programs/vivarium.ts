/**
 * Our side of the comparison: a machine on this process's main thread, its first serial port on stdin and stdout. Arguments: core, kernel,
 * initramfs, command line, and the options of {@link SideOptions} as JSON.
 */
import { readFileSync, writeSync } from 'node:fs';
import { Machine, type MachineOptions } from '../../src/machine/machine.ts';
import { nodeHost } from '../../src/worker/node-host.ts';
import { MEMORY_BYTES } from './sides.ts';

/** What a comparison varies of our machine. */
export type SideOptions = Partial<Omit<MachineOptions, 'coreModule' | 'host' | 'boot'>>;

const [core, kernel, initramfs, commandLine, options] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
];
let input = Buffer.alloc(0);
const feed = (): void => void (input = input.subarray(machine.com1Input(input)));
const machine: Machine = new Machine({
  coreModule: new WebAssembly.Module(readFileSync(core)),
  ramBytes: MEMORY_BYTES,
  host: nodeHost(),
  boot: { kernel: readFileSync(kernel), initrd: readFileSync(initramfs), commandLine },
  com1: (bytes) => void writeSync(1, bytes),
  onCom1Room: feed,
  ...(JSON.parse(options) as SideOptions),
});
process.stdin.on('data', (bytes: Buffer) => {
  input = Buffer.concat([input, bytes]);
  feed();
});
const exit = await machine.run();
process.stderr.write(`the machine ended: ${exit.kind}\n${machine.dump()}\n`);
process.exit(1);
