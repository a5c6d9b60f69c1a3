/**
 * Words and variables of a Dockerfile's instruction (Dockerfile reference, "Environment replacement"): quotes, backslashes,
 * `$NAME`, `${NAME}`, `${NAME:-WORD}` and `${NAME:+WORD}`. Words are split first, with their quotes left on.
 */

type Fail = (why: string) => Error;

/** Splits at spaces outside quotes; quotes and backslashes stay. */
export function splitWords(text: string, fail: Fail): string[] {
  const words: string[] = [];
  let word = '';
  let quoted = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quoted === '' && /\s/.test(char)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    word += char;
    if (char === '\\' && quoted !== "'" && at + 1 < text.length) word += text[++at]!;
    else if (quoted === '' && (char === '"' || char === "'")) quoted = char;
    else if (char === quoted) quoted = '';
  }
  if (quoted !== '') throw fail(`has a ${quoted} that is not closed`);
  return word === '' ? words : [...words, word];
}

/** Takes quotes and backslashes away and puts variables in; unknown ones are empty. */
export function substitute(text: string, lookup: (name: string) => string | undefined, fail: Fail): string {
  let result = '';
  let isDouble = false;
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (char === "'" && !isDouble) {
      const end = text.indexOf("'", at + 1);
      if (end < 0) throw fail("has a ' that is not closed");
      result += text.slice(at + 1, end);
      at = end;
    } else if (char === '"') {
      isDouble = !isDouble;
    } else if (char === '\\' && at + 1 < text.length) {
      const next = text[++at]!;
      result += isDouble && !'"$\\'.includes(next) ? `\\${next}` : next;
    } else if (char === '$') {
      const variable = readVariable(text.slice(at), lookup, fail);
      result += variable.value;
      at += variable.length - 1;
    } else {
      result += char;
    }
  }
  if (isDouble) throw fail('has a " that is not closed');
  return result;
}

function readVariable(
  text: string,
  lookup: (name: string) => string | undefined,
  fail: Fail,
): { value: string; length: number } {
  const plain = /^\$([A-Za-z_][A-Za-z0-9_]*)/.exec(text);
  if (plain !== null) return { value: lookup(plain[1]!) ?? '', length: plain[0].length };
  if (!text.startsWith('${')) return { value: '$', length: 1 };
  const braced = /^\$\{([A-Za-z_][A-Za-z0-9_]*)(?:(:[-+])([^}]*))?\}/.exec(text);
  if (braced === null) throw fail('has a ${ that is no variable');
  const [whole, name, operator, word = ''] = braced;
  const value = lookup(name!) ?? '';
  if (operator === ':-' && value === '') return { value: substitute(word, lookup, fail), length: whole.length };
  if (operator === ':+') return { value: value === '' ? '' : substitute(word, lookup, fail), length: whole.length };
  return { value, length: whole.length };
}
