/** Progress of labs in the origin's storage. */
import type { ProgressStore } from '../../src/lab/run/runner.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';

const PREFIX = 'vivarium-lab-';

/** Rejects with STORE or NO_SPACE where a page can't keep anything. */
export const pageProgress: ProgressStore = {
  load: async (key) => storage().getItem(`${PREFIX}${key}`) ?? undefined,
  save: async (key, text) => {
    try {
      storage().setItem(`${PREFIX}${key}`, text);
    } catch (error) {
      if (error instanceof VivariumError) throw error;
      throw new VivariumError(
        ErrorCodes.NO_SPACE,
        'this browser has no room left for your progress; save it to a file, and remove what you do not need',
      );
    }
  },
};

function storage(): Storage {
  try {
    return localStorage;
  } catch {
    throw new VivariumError(
      ErrorCodes.STORE,
      'this browser does not let the page keep your progress; save it to a file before you leave',
    );
  }
}
