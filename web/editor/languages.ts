/** The language of a file by its name or first line; each is fetched when a file of it is opened. */
import type { Extension } from '@codemirror/state';
import { StreamLanguage } from '@codemirror/language';

type Language = () => Promise<Extension>;

const shell: Language = async () => {
  const { shell: mode } = await import('@codemirror/legacy-modes/mode/shell');
  return StreamLanguage.define(mode);
};
const python: Language = async () => (await import('@codemirror/lang-python')).python();
const c: Language = async () => (await import('@codemirror/lang-cpp')).cpp();
const markdown: Language = async () => (await import('@codemirror/lang-markdown')).markdown();
const yaml: Language = async () => (await import('@codemirror/lang-yaml')).yaml();
const json: Language = async () => (await import('@codemirror/lang-json')).json();

const BY_ENDING: Readonly<Record<string, Language>> = {
  sh: shell,
  bash: shell,
  profile: shell,
  py: python,
  c,
  h: c,
  cc: c,
  cpp: c,
  hpp: c,
  md: markdown,
  yaml,
  yml: yaml,
  json,
};

/** Nothing for a language that is not known. */
export async function languageOf(path: string, text: string): Promise<Extension> {
  const ending = /\.([^./]+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const byEnding = Object.hasOwn(BY_ENDING, ending) ? BY_ENDING[ending] : undefined;
  const language = byEnding ?? languageOfFirstLine(text);
  return language === undefined ? [] : language();
}

/** By the interpreter that it names (Linux execve(2)). */
function languageOfFirstLine(text: string): Language | undefined {
  const line = /^#!.*/.exec(text)?.[0] ?? '';
  if (/\b(ba|da|a|k|z)?sh\b/.test(line)) return shell;
  return /\bpython/.test(line) ? python : undefined;
}
