/** What a check of `viv doctor` gives. A line each. */
export interface Finding {
  readonly ok?: readonly string[];
  /** What may go wrong later, with the remedy; the status stays 0. */
  readonly warnings?: readonly string[];
  /** What a user should do something about, with the remedy. */
  readonly problems?: readonly string[];
  readonly repaired?: readonly string[];
}

export interface CheckOptions {
  readonly repair: boolean;
  readonly signal: AbortSignal;
}

export type Check = (options: CheckOptions) => Promise<Finding> | Finding;
