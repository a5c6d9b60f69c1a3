/**
 * Disassembles our ACPI tables with iasl (Debian: acpica-tools) and compiles the result again: a check by the reference
 * implementation that the hand-encoded AML is what we mean. Usage: node scripts/check-acpi.mjs [--print]
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));
const options = { root, configFile: false, logLevel: 'error' };
const { module: acpi } = await runnerImport('/src/machine/acpi.ts', options);
const { module: firmware } = await runnerImport('/src/machine/firmware-tables.ts', options);

const machine = {
  cpuApicIds: [0, 1],
  ioApicId: 2,
  pciSlotCount: 32,
  pciMemory: firmware.DEFAULT_PCI_MEMORY,
  pciMemory64: { first: 0x8000000000, last: 0x80ffffffff },
  serialPorts: [1, 2],
};
const { bytes, physical, rsdpPhysical } = acpi.buildAcpiTables(machine);
const view = new DataView(bytes.buffer);
const at = (address) => address - physical;
const xsdt = at(Number(view.getBigUint64(at(rsdpPhysical) + 24, true)));
const tables = [xsdt];
for (let entry = xsdt + 36; entry < xsdt + view.getUint32(xsdt + 4, true); entry += 8)
  tables.push(at(Number(view.getBigUint64(entry, true))));
const fadt = tables.find((offset) => signature(offset) === 'FACP');
tables.push(at(Number(view.getBigUint64(fadt + 140, true))), at(Number(view.getBigUint64(fadt + 132, true))));

const folder = mkdtempSync(join(tmpdir(), 'acpi-'));
try {
  for (const offset of tables) {
    const file = join(folder, `${signature(offset)}.dat`);
    writeFileSync(file, bytes.subarray(offset, offset + view.getUint32(offset + 4, true)));
    run(['-d', file]);
    const source = file.replace('.dat', '.dsl');
    const text = readFileSync(source, 'utf8');
    if (process.argv.includes('--print')) console.log(text);
    if (/warning|error|invalid|incorrect/i.test(text.replace(/iASL Warning.*external.*/gi, '')))
      fail(`${signature(offset)}: the disassembly has complaints`);
    console.log(`${signature(offset)}: ${lastLine(run(['-p', join(folder, 'again'), source]))}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}

function signature(offset) {
  return new TextDecoder().decode(bytes.subarray(offset, offset + 4));
}
function run(args) {
  return execFileSync('iasl', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
function lastLine(text) {
  return text.trim().split('\n').at(-1);
}
function fail(message) {
  console.error(message);
  process.exitCode = 1;
}
