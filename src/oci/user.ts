/**
 * Who a container's process runs as: `user[:group]`, by name or number, looked up in the image's own /etc/passwd and
 * /etc/group (passwd(5), group(5)) with docker's rules.
 */
import { VivariumError } from '../util/errors.ts';
import { quote } from './fail.ts';

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, ascending. */
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/** Content of a file in the image, or `undefined` when there is none. */
export type FileLookup = (path: string) => Uint8Array | undefined;

const PASSWD = '/etc/passwd';
const GROUP = '/etc/group';
const MAX_ID = 2 ** 31 - 1; // as docker has it
const DEFAULT_HOME = '/';

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

function parseId(text: string | undefined): number | undefined {
  if (text === undefined || !/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

function lines(lookup: FileLookup, path: string): string[][] {
  const bytes = lookup(path);
  if (bytes === undefined) return [];
  return new TextDecoder()
    .decode(bytes)
    .split('\n')
    .map((line) => line.trim().split(':'));
}

/** Lines that do not parse (NIS marks, comments) are left out, as getpwent(3) does. */
function readPasswd(lookup: FileLookup): PasswdEntry[] {
  return lines(lookup, PASSWD).flatMap(([name, , uidText, gidText, , home]) => {
    const uid = parseId(uidText);
    const gid = parseId(gidText);
    return name && uid !== undefined && gid !== undefined ? [{ name, uid, gid, home: home || DEFAULT_HOME }] : [];
  });
}

function readGroups(lookup: FileLookup): GroupEntry[] {
  return lines(lookup, GROUP).flatMap(([name, , gidText, members]) => {
    const gid = parseId(gidText);
    return name && gid !== undefined ? [{ name, gid, members: (members ?? '').split(',') }] : [];
  });
}

function checkNumber(text: string, kind: string): number | undefined {
  const id = parseId(text);
  if (id === undefined && /^-?[0-9]+$/.test(text))
    throw new VivariumError('USAGE', `${kind} ${text} is out of range (0 to ${MAX_ID})`);
  return id;
}

/**
 * Resolves what an image or the user asks for; empty means root. Names must exist; numbers need not, and then the group is
 * 0 and the home `/`. An explicit group means no supplementary ones. Throws NOT_FOUND or USAGE.
 */
export function resolveUser(wanted: string, lookup: FileLookup): ResolvedUser {
  const [userText = '', groupText = ''] = wanted.split(/:(.*)/s);
  const passwd = readPasswd(lookup);
  const wantedUid = userText === '' ? 0 : checkNumber(userText, 'user');
  const user = passwd.find((entry) => (userText !== '' && entry.name === userText) || entry.uid === wantedUid);
  if (user === undefined && wantedUid === undefined) {
    throw new VivariumError(
      'NOT_FOUND',
      `the image has no user ${quote(userText)} in ${PASSWD}; give a number or a name that is there`,
    );
  }
  const uid = user?.uid ?? wantedUid ?? 0;
  const home = user?.home ?? DEFAULT_HOME;
  if (groupText !== '') return { uid, gid: resolveGroup(groupText, lookup), additionalGids: [], home };
  const gids = user
    ? readGroups(lookup)
        .filter((group) => group.members.includes(user.name))
        .map((group) => group.gid)
    : [];
  return { uid, gid: user?.gid ?? 0, additionalGids: [...new Set(gids)].sort((a, b) => a - b), home };
}

/** Numbers of groups by name or number, each once. Throws as {@link resolveUser}. */
export function resolveGroups(wanted: readonly string[], lookup: FileLookup): number[] {
  return [...new Set(wanted.map((text) => resolveGroup(text, lookup)))];
}

function resolveGroup(text: string, lookup: FileLookup): number {
  const number = checkNumber(text, 'group');
  const group = readGroups(lookup).find((entry) => entry.name === text);
  const gid = group?.gid ?? number;
  if (gid === undefined)
    throw new VivariumError(
      'NOT_FOUND',
      `the image has no group ${quote(text)} in ${GROUP}; give a number or a name that is there`,
    );
  return gid;
}
