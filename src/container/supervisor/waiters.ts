/** Those who wait for something that happens once to all of them. */

export class Waiters<T> {
  #waiting: ((value: T) => void)[] = [];

  /** Resolves when it happens next. */
  wait(): Promise<T> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  tell(value: T): void {
    const told = this.#waiting;
    this.#waiting = [];
    for (const resolve of told) resolve(value);
  }
}
