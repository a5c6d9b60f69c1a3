/** The script of a page with the pane on a machine of its own, on the page's thread: a guest of a few instructions. */
import { compileCore } from '../../src/core/load.ts';
import { Machine } from '../../src/machine/machine.ts';
import { webHost } from '../../src/worker/web-host.ts';
import { defineCpu } from '../../web/cpu/viv-cpu.ts';
import { kernel64 } from './tiny-guest.ts';

/** Counts in RAX by a function that pushes what it counts. */
const GUEST = [
  ...[0xe8, 2, 0, 0, 0], // call f
  ...[0xeb, 0xf9], // jmp back
  ...[0x48, 0xff, 0xc0], // f: inc rax
  ...[0x50, 0x5b], // push rax; pop rbx
  ...[0x48, 0x89, 0x04, 0x25, 0, 0, 0x20, 0], // mov [0x200000], rax
  0xc3, // ret
];

defineCpu();
const module = await compileCore(await (await fetch('core.wasm')).arrayBuffer());
const machine = new Machine({
  coreModule: module,
  ramBytes: 16 << 20,
  host: webHost(),
  boot: { kernel: kernel64(GUEST), commandLine: '' },
});
await machine.inspection.pause();
void machine.run();
const pane = document.querySelector('viv-cpu')!;
pane.inspection = machine.inspection;
Object.assign(globalThis, { machine });
