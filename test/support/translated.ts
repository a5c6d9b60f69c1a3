/** Runs one instruction as translated code: a region of its own, in a module of its own. */
import * as L from '../../assembly/layout.ts';
import type { CoreDriver } from './core-driver.ts';

export type Done =
  /** Translated code did it. */
  | 'translated'
  /** Translated code left it to the interpreter, with nothing changed. */
  | 'left'
  /** There was nothing to translate: no instruction, one that crosses a page, or no memory to fetch it from. */
  | 'interpreted';

function statistic({ view }: CoreDriver, which: number): bigint {
  return view.getBigUint64(L.T_STATS + which, true);
}

/** Executes the instruction at RIP, in translated code if it can be; throws what a guest fault throws. */
export function executeTranslated(driver: CoreDriver, report?: (done: Done) => void): void {
  driver.view.setUint32(L.T_INSNS_MAX, 1, true);
  driver.translator.setTier('1');
  const entered = statistic(driver, L.TS_ENTERED);
  const left = statistic(driver, L.TS_EXIT_LEAVE);
  try {
    driver.core.run(1);
  } finally {
    driver.translator.setTier('0');
    const hasEntered = statistic(driver, L.TS_ENTERED) !== entered;
    report?.(!hasEntered ? 'interpreted' : statistic(driver, L.TS_EXIT_LEAVE) === left ? 'translated' : 'left');
  }
}
