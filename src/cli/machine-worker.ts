/** The script of the machine's worker thread, as the command line starts it: says how shares are opened. */
import { NodeHostFs } from '../devices/virtio/p9/node-host-fs.ts';
import { serveMachine } from '../worker/node-entry.ts';
import { AssertionError } from '../util/errors.ts';

serveMachine({
  openShare: (share) => {
    switch (share.kind) {
      case 'host':
        return {
          fileSystem: new NodeHostFs({ folder: String(share['folder']), readOnly: share['readOnly'] === true }),
        };
      default:
        throw new AssertionError(`there is no kind of share "${share.kind}"`);
    }
  },
});
