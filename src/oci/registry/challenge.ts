/** How a registry asks for credentials: the WWW-Authenticate header (RFC 9110 §11.6.1), schemes Basic and Bearer. */

export interface Challenge {
  readonly scheme: 'basic' | 'bearer';
  /** By lower-case name: `realm`, `service`, `scope`, `error`. */
  readonly parameters: ReadonlyMap<string, string>;
}

const TOKEN = /^[!#$%&'*+.^_`|~0-9a-z-]+/i;
const PARAMETER = /^([!#$%&'*+.^_`|~0-9a-z-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/i;

/** The challenges of a header that we know, in its order. What does not parse ends the list. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: Challenge[] = [];
  let rest = header.trim();
  while (rest !== '') {
    const scheme = TOKEN.exec(rest)?.[0];
    if (scheme === undefined) break;
    rest = rest.slice(scheme.length).trimStart();
    const parameters = new Map<string, string>();
    for (let match = PARAMETER.exec(rest); match !== null; match = PARAMETER.exec(rest)) {
      parameters.set(match[1]!.toLowerCase(), match[2]?.replace(/\\(.)/g, '$1') ?? match[3]!);
      rest = rest.slice(match[0].length).replace(/^[\s,]+/, '');
    }
    rest = rest.replace(/^[\s,]+/, '');
    const known = scheme.toLowerCase();
    if (known === 'basic' || known === 'bearer') challenges.push({ scheme: known, parameters });
  }
  return challenges;
}
