/** Volumes as people write them on a command line: HOST:GUEST[:ro]. */
import { resolve } from 'node:path';
import { normalPath, type Volume } from '../sandbox/run-options.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';

/** Throws USAGE. A host path is absolute, or begins with a dot: Docker takes anything else as the name of a volume. */
export function parseVolume(text: string): Volume {
  const [host = '', guest = '', mode = 'rw', ...rest] = text.split(':');
  const fail = (why: string): VivariumError =>
    new VivariumError(ErrorCodes.USAGE, `the volume ${JSON.stringify(text)} ${why}`);
  if (host === '' || guest === '' || rest.length > 0) throw fail('is not of the form HOST:GUEST[:ro]');
  if (!/^[./]/.test(host)) throw fail(`has no path on the host; write ./${host} for a folder here`);
  if (!guest.startsWith('/')) throw fail('needs an absolute path in the container');
  if (mode !== 'ro' && mode !== 'rw') throw fail(`can be ro or rw, not ${JSON.stringify(mode)}`);
  return { hostPath: resolve(host), guestPath: normalPath(guest), readOnly: mode === 'ro' };
}
