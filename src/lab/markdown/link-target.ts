/** Where a link of a lab's text may lead: the web, a step of the lab, or a file of its folder. Nothing that would run. */
import { resolveLabPath } from '../format/paths.ts';
import { stepOfFragment } from '../run/link.ts';
import type { LinkTarget } from './tree.ts';

const SCHEME = /^[a-z][a-z0-9+.-]*:/i;

/** A target, or what is wrong with the address. `file` is the text's own. */
export function linkTarget(address: string, file: string): LinkTarget | string {
  if (/^https?:/i.test(address)) {
    const url = URL.canParse(address) ? new URL(address) : undefined;
    return url === undefined || url.username !== '' || url.password !== ''
      ? `the link ${JSON.stringify(address)} is no address; correct it`
      : { kind: 'web', href: url.href };
  }
  if (SCHEME.test(address) || address.startsWith('//'))
    return `the link ${JSON.stringify(address)} is not allowed; links begin with https:// or http://, with #step=, or name a file of the lab`;
  if (address.startsWith('#')) {
    const step = stepOfFragment(address);
    return step === undefined || step === ''
      ? `the link ${JSON.stringify(address)} leads nowhere; write #step= and the id of a step`
      : { kind: 'step', step };
  }
  const path = labFileOf(address, file);
  return path === undefined
    ? `the link ${JSON.stringify(address)} leads out of the lab's folder; put the file into the folder`
    : { kind: 'file', path };
}

/** The file of the lab's folder that a relative address means; undefined when it is none. */
export function labFileOf(address: string, file: string): string | undefined {
  if (SCHEME.test(address)) return undefined;
  try {
    return resolveLabPath(file, decodeURIComponent(address.replace(/[?#].*$/s, '')));
  } catch {
    return undefined; // a percent sign that encodes nothing
  }
}
