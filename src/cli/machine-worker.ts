/** The script of the machine's worker thread, as the command line starts it: says how shares are opened. */
import { copyRootfs } from '../oci/sink.ts';
import { addIdentityFiles } from '../sandbox/identity-files.ts';
import type { FolderShare, ImageShare } from '../sandbox/image-share.ts';
import { openImageShare } from '../sandbox/node-image-share.ts';
import { AssertionError } from '../util/errors.ts';
import { serveMachine } from '../worker/node-entry.ts';
import { folderShare, treeShare } from '../worker/node-shares.ts';

serveMachine({
  openShare: async (share, context) => {
    switch (share.kind) {
      case 'host': {
        const { folder, readOnly } = share as FolderShare;
        return folderShare(folder, readOnly);
      }
      case 'image': {
        const { rootfs, details } = await openImageShare(share as ImageShare, context.signal);
        const { hostname } = share as ImageShare;
        return treeShare(
          context,
          (tree) => {
            copyRootfs(rootfs, tree);
            addIdentityFiles(tree, hostname);
          },
          details,
        );
      }
      default:
        throw new AssertionError(`there is no kind of share "${share.kind}"`);
    }
  },
});
