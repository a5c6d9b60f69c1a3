/** What a tab of the pane is: it says what it needs to see, and shows it. */
import type { Breakpoint, Look, LookRequest } from '../../src/worker/protocol.ts';
import type { Child } from './dom.ts';

/** What tabs may ask of the pane. */
export interface Pane {
  /** Looks again, after the tab's own settings have changed. */
  refresh(): void;
  /** Goes to a tab with an address in its field. */
  open(tab: 'code' | 'memory' | 'page-tables', address: bigint): void;
  /** An address as typed: number, register or name of the kernel's. Undefined, with a message shown, when it is none. */
  resolve(text: string): Promise<bigint | undefined>;
  setBreakpoints(breakpoints: readonly Breakpoint[]): void;
}

export interface Tab {
  readonly id: string;
  readonly label: string;
  /** What to ask for; all of it goes in one call. */
  request(): LookRequest;
  /** The tab's content. `before`: what it showed at the stop before, for marking what has changed. */
  show(look: Look, before: Look | undefined): Child;
  /** Comes with an address from elsewhere. */
  goTo?(address: bigint): void;
}
export type MakeTab = (pane: Pane) => Tab;
