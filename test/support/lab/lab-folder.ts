/** Labs in memory for tests. */
import { MemoryLabFiles } from '../../../src/lab/format/files.ts';
import type { Lab } from '../../../src/lab/format/lab.ts';
import { describeMistake } from '../../../src/lab/format/mistake.ts';
import { loadLab, parseLab } from '../../../src/lab/format/parse.ts';

/** A folder of these files. */
export function labFolder(files: Readonly<Record<string, string | Uint8Array>>): MemoryLabFiles {
  const entries = Object.entries(files).map(
    ([path, content]) => [path, typeof content === 'string' ? new TextEncoder().encode(content) : content] as const,
  );
  return new MemoryLabFiles(new Map(entries));
}

/** The mistakes of a folder, as a terminal shows them. */
export async function mistakesOf(files: Readonly<Record<string, string | Uint8Array>>): Promise<string[]> {
  const { mistakes } = await parseLab(labFolder(files));
  return mistakes.map(describeMistake);
}

export function labOf(labYaml: string, files: Readonly<Record<string, string | Uint8Array>> = {}): Promise<Lab> {
  return loadLab(labFolder({ 'lab.yaml': labYaml, ...files }));
}

/** Four lines of every lab of the tests. */
export const HEAD = 'version: 1\nid: trial\ntitle: Trial\nmachines: [{ image: busybox }]\n';
