/** Checks of folders for `viv doctor`: ours may be written, and what is private is so. */
import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { socketPath } from '../../container/supervisor/node-socket-path.ts';
import { VivariumError } from '../../util/errors.ts';
import { existingAbove } from '../host.ts';
import { cacheFolder, configFolder, dataFolder } from '../paths.ts';
import { credentialsPath } from '../registry-settings.ts';
import type { Finding } from './finding.ts';

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

export function checkFolders(): Finding {
  const folders = [
    { what: 'images', folder: dataFolder(), variable: 'VIVARIUM_HOME' },
    { what: 'cache', folder: cacheFolder(), variable: 'VIVARIUM_CACHE' },
    { what: 'settings', folder: configFolder(), variable: 'VIVARIUM_CONFIG' },
  ];
  const problems = folders.flatMap(({ what, folder, variable }) => judgeFolder(what, folder, variable));
  problems.push(...judgePrivate(credentialsPath()));
  const names = folders.map(({ what, folder }) => `${what} in ${folder}`).join(', ');
  return problems.length > 0 ? { problems } : { ok: [`folders: ${names}`] };
}

/** A folder that is ours to make or to write, and nobody else's to write. Empty when all is well. */
export function judgeFolder(what: string, folder: string, variable: string): string[] {
  const place = existingAbove(folder);
  const stats = statSync(place);
  const elsewhere = `set ${variable} to a folder of your own`;
  if (!stats.isDirectory())
    return [`${place} is no folder, and ${what} can't be in ${folder}; remove it, or ${elsewhere}`];
  try {
    accessSync(place, constants.W_OK | constants.X_OK);
  } catch {
    return [`${place} can't be written by ${userInfo().username}, and ${what} can't be in ${folder}; ${elsewhere}`];
  }
  const isOpen = (stats.mode & OTHERS_WRITE) !== 0 && (stats.mode & STICKY) === 0;
  return place === folder && isOpen ? [`other users may write to ${folder}; run chmod go-w ${folder}`] : [];
}

/** A file that only its owner may read. */
export function judgePrivate(path: string): string[] {
  if (!existsSync(path) || (statSync(path).mode & OTHERS) === 0) return [];
  return [`other users may read ${path}, which has passwords; run chmod 600 ${path}`];
}

/** Supervisors listen there, and nobody else may get at their sockets. Makes it, as they do. */
export async function checkRuntimeFolder(): Promise<Finding> {
  try {
    const socket = await socketPath(resolve(dataFolder()), 'doctor');
    return { ok: [`folder for sockets: ${dirname(socket)}`] };
  } catch (error) {
    if (error instanceof VivariumError) return { problems: [error.message] };
    throw error;
  }
}
