/** The script of a machine's worker in a browser. Pages have no folders to share. */
import { AssertionError } from '../src/util/errors.ts';
import { serveMachine } from '../src/worker/web-entry.ts';

serveMachine({
  openShare: (share) => {
    throw new AssertionError(`there is no kind of share "${share.kind}" in a browser`);
  },
});
