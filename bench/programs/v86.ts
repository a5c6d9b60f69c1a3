/**
 * v86's side of the comparison: its first serial port on stdin and stdout. Arguments: v86.wasm, BIOS, VGA BIOS, bzImage,
 * initramfs, command line.
 */
import { readFileSync, writeSync } from 'node:fs';
import { V86 } from 'v86';
import { MEMORY_BYTES } from './sides.ts';

const NEWLINE = 0x0a;

const [wasm, bios, vgaBios, kernel, initramfs, commandLine] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string,
  string,
];
const image = (path: string): { buffer: ArrayBuffer } => ({ buffer: new Uint8Array(readFileSync(path)).buffer });
const emulator = new V86({
  wasm_path: wasm,
  bios: image(bios),
  vga_bios: image(vgaBios),
  bzimage: image(kernel),
  initrd: image(initramfs),
  cmdline: commandLine,
  memory_size: MEMORY_BYTES,
  autostart: true,
});
let line: number[] = [];
emulator.add_listener('serial0-output-byte', (byte: number) => {
  line.push(byte);
  if (byte !== NEWLINE) return;
  writeSync(1, Uint8Array.from(line));
  line = [];
});
process.stdin.setEncoding('latin1').on('data', (text: string) => emulator.serial0_send(text));
