/** Values that are there now or come later, without making a promise for those that are there. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with the value: at once if it is there. */
export function andThen<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}
