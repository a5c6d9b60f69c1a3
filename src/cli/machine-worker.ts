/** The script of the machine's worker thread, as the command line starts it: says how shares are opened. */
import type { FolderShare } from '../sandbox/image.ts';
import { AssertionError } from '../util/errors.ts';
import { serveMachine } from '../worker/node-entry.ts';
import { folderShare } from '../worker/node-shares.ts';

serveMachine({
  openShare: (share) => {
    if (share.kind !== 'host') throw new AssertionError(`there is no kind of share "${share.kind}"`);
    const { folder, readOnly } = share as FolderShare;
    return folderShare(folder, readOnly);
  },
});
