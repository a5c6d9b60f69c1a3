/** A lab's folder to a {@link Lab}, with every mistake in it. */
import { parseImageName } from '../../oci/image-name.ts';
import { DEFAULT_MEMORY_BYTES } from '../../sandbox/run-options.ts';
import { VivariumError } from '../../util/errors.ts';
import { checkMarkdown } from './check-markdown.ts';
import { checkNeeds } from './check-needs.ts';
import type { LabFiles } from './files.ts';
import type { Located } from './kinds.ts';
import { LAB_FILE } from './lab-file.ts';
import type { Lab, LabMachine, LabStep, PlacedFile } from './lab.ts';
import { LIMITS } from './limits.ts';
import { LabError, type Mistake } from './mistake.ts';
import { isMachinePath, labPath } from './paths.ts';
import { isMissing, readYaml } from './read.ts';
import { LAB, type FileValue, type LabValue, type MachineValue, type StepValue } from './schema.ts';
import { LabSources } from './sources.ts';
import { didYouMean } from './suggest.ts';

const DEFAULT_MACHINE = 'main';
const DEFAULT_LANGUAGE = 'en';
const DEFAULT_MODE = 0o644;
const DEFAULT_STORAGE_BYTES = 2 ** 30;
const DEFAULT_TIMEOUT_MS = 60_000;
const PAGE_BYTES = 4096;

export interface ParsedLab {
  /** Undefined when there are mistakes. */
  readonly lab: Lab | undefined;
  /** By file and line. */
  readonly mistakes: readonly Mistake[];
  /** The files that it is made of, but for images; the folder may have others. */
  readonly files: readonly string[];
}

/** Throws {@link LabError}. */
export async function loadLab(files: LabFiles): Promise<Lab> {
  const { lab, mistakes } = await parseLab(files);
  if (lab === undefined) throw new LabError(mistakes);
  return lab;
}

/** Rejects only when the folder itself can't be read. */
export async function parseLab(files: LabFiles): Promise<ParsedLab> {
  const mistakes: Mistake[] = [];
  const sources = new LabSources(files, new Set(await files.list()), mistakes);
  const text = await sources.labFile(LAB_FILE);
  if (text === undefined) return { lab: undefined, mistakes, files: [] };
  const read = readYaml(text, LAB_FILE, LAB);
  mistakes.push(...read.mistakes);
  const lab = read.value === undefined ? undefined : await new LabMaker(sources, mistakes).lab(read.value);
  mistakes.sort((a, b) => compare(a.file, b.file) || a.line - b.line || a.column - b.column);
  return { lab: mistakes.length > 0 ? undefined : lab, mistakes, files: [...sources.used].sort() };
}

/** lab.yaml first. */
function compare(a: string, b: string): number {
  if (a === b) return 0;
  if (a === LAB_FILE || b === LAB_FILE) return a === LAB_FILE ? -1 : 1;
  return a < b ? -1 : 1;
}

/** Makes a lab of what lab.yaml says, and checks what the schema can't. */
class LabMaker {
  readonly #sources: LabSources;
  readonly #mistakes: Mistake[];
  #machineNames: readonly string[] = [];
  #placedBytes = 0;

  constructor(sources: LabSources, mistakes: Mistake[]) {
    this.#sources = sources;
    this.#mistakes = mistakes;
  }

  async lab(value: LabValue): Promise<Lab> {
    this.#machineNames = value.machines.map(({ name }) => name?.value ?? DEFAULT_MACHINE);
    this.#unique(
      value.machines.map(({ name, place }) => name ?? { ...place, value: DEFAULT_MACHINE }),
      'machine',
      'name',
    );
    this.#unique(
      value.steps.map(({ id }) => id),
      'step',
      'id',
    );
    this.#unique(
      (value.files ?? []).map((file) => ({
        ...file.path,
        value: `${this.#machineOf(file.machine)}:${file.path.value}`,
      })),
      'file',
      'path',
    );
    const steps: LabStep[] = [];
    for (const step of value.steps) steps.push(await this.#step(step));
    const files: PlacedFile[] = [];
    for (const file of value.files ?? []) files.push(...(await this.#file(file)));
    this.#mistakes.push(...checkNeeds(value.steps), ...checkMarkdown(steps, this.#sources));
    return {
      id: value.id.value,
      title: value.title.value,
      summary: value.summary?.value,
      language: this.#language(value.language),
      panels: value.panels === undefined ? ['files'] : [...new Set(value.panels.map((panel) => panel.value))],
      machines: value.machines.map((machine) => this.#machine(machine)),
      files,
      steps,
    };
  }

  #machine({ name, image, memory, storage, privileged, hostname, user, cwd, env }: MachineValue): LabMachine {
    this.#checkImage(image);
    if (cwd !== undefined && cwd.value !== '/' && !isMachinePath(cwd.value))
      this.#mistake(
        cwd,
        `"cwd" must be the absolute path of a folder, such as /root, not ${JSON.stringify(cwd.value)}`,
      );
    const ownName = name?.value ?? DEFAULT_MACHINE;
    return {
      name: ownName,
      image: image.value,
      memoryBytes: Math.floor((memory?.value ?? DEFAULT_MEMORY_BYTES) / PAGE_BYTES) * PAGE_BYTES,
      storageBytes: storage?.value ?? DEFAULT_STORAGE_BYTES,
      privileged: privileged?.value ?? false,
      hostname: hostname?.value ?? ownName,
      user: user?.value,
      cwd: cwd?.value,
      env: [...(env?.value ?? [])].map(([variable, text]) => `${variable}=${text}`),
    };
  }

  #checkImage(image: Located<string>): void {
    if (isMissing(image.value)) return;
    if (image.value.startsWith('./')) {
      const path = labPath(image.value);
      if (path === undefined)
        this.#mistake(image, `the image ${JSON.stringify(image.value)} is not in the lab's folder; copy it there`);
      else if (!this.#sources.hasImage(image.value, path)) this.#sources.missing(image, path);
      return;
    }
    try {
      parseImageName(image.value);
    } catch (error) {
      if (!(error instanceof VivariumError)) throw error;
      this.#mistake(image, `${error.message}; a file of the lab's folder begins with ./`);
    }
  }

  async #step(value: StepValue): Promise<LabStep> {
    const { id, title, text, needs, machine, init, check, hint, solution, timeout } = value;
    const hints = [];
    for (const one of hint ?? []) hints.push(await this.#sources.markdown(one));
    return {
      id: id.value,
      title: title.value,
      text: await this.#sources.markdown(text),
      machine: this.#machineOf(machine),
      needs: (needs ?? []).map((need) => need.value),
      init: await this.#sources.script(init),
      check: await this.#sources.script(check),
      hints,
      solution: await this.#sources.script(solution),
      timeoutMs: timeout?.value ?? DEFAULT_TIMEOUT_MS,
    };
  }

  async #file({ path, content, source, mode, machine, place }: FileValue): Promise<readonly PlacedFile[]> {
    if (!isMissing(path.value) && !isMachinePath(path.value))
      this.#mistake(
        path,
        `"path" must be the absolute path of a file, such as /root/notes.txt, not ${JSON.stringify(path.value)}`,
      );
    if ((content === undefined) === (source === undefined)) {
      this.#mistake(
        place,
        'a file needs either a "content" or a "source"; write what is in it, or the path of a file to copy',
      );
      return [];
    }
    const bytes =
      source === undefined
        ? new TextEncoder().encode(content!.value)
        : await this.#sources.bytes(source, LIMITS.placedFileBytes);
    if (bytes === undefined) return [];
    this.#placedBytes += bytes.length;
    if (this.#placedBytes > LIMITS.placedBytes && this.#placedBytes - bytes.length <= LIMITS.placedBytes)
      this.#mistake(
        path,
        `the files of the lab have more than ${LIMITS.placedBytes / 2 ** 20} MiB from here on; put large files into the image`,
      );
    return [{ machine: this.#machineOf(machine), path: path.value, content: bytes, mode: mode?.value ?? DEFAULT_MODE }];
  }

  /** A machine's name, also of one that is not there. */
  #machineOf(machine: Located<string> | undefined): string {
    if (machine === undefined) return this.#machineNames[0] ?? DEFAULT_MACHINE;
    if (!this.#machineNames.includes(machine.value)) {
      const otherwise = `the machines are ${this.#machineNames.join(', ')}`;
      const remedy = didYouMean(machine.value, this.#machineNames, otherwise);
      this.#mistake(machine, `there is no machine ${JSON.stringify(machine.value)}; ${remedy}`);
    }
    return machine.value;
  }

  #language(language: Located<string> | undefined): string {
    if (language === undefined) return DEFAULT_LANGUAGE;
    try {
      return new Intl.Locale(language.value).toString();
    } catch {
      this.#mistake(
        language,
        `"language" must be the tag of a language, such as en or de, not ${JSON.stringify(language.value)}`,
      );
      return DEFAULT_LANGUAGE;
    }
  }

  #unique(names: ReadonlyArray<Located<string>>, what: string, key: string): void {
    const first = new Map<string, number>();
    for (const name of names) {
      const line = first.get(name.value);
      if (line === undefined) first.set(name.value, name.line);
      else
        this.#mistake(
          name,
          `the ${what} in line ${line} has the same ${key} ${JSON.stringify(name.value)}; give one of them another`,
        );
    }
  }

  #mistake({ line, column }: Located<unknown>, message: string): void {
    const isKnown = this.#mistakes.some((one) => one.line === line && one.column === column && one.message === message);
    if (!isKnown) this.#mistakes.push({ file: LAB_FILE, line, column, message });
  }
}
