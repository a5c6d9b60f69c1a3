/**
 * Reads the guest kernel's console and notices a panic by the line with which panic() begins (Linux, kernel/panic.c).
 * Nothing but the kernel writes there: programs of containers have no way to it.
 */

const PANIC = /Kernel panic - not syncing: ?(.*)/;
const LINE_MAX = 1024;
const REASON_MAX = 200;

export class KernelLog {
  readonly #decoder = new TextDecoder();
  #line = '';
  #panic: string | undefined;
  /** Resolves when the kernel panics. */
  readonly panicked: Promise<void>;
  #tell!: () => void;

  constructor() {
    this.panicked = new Promise((resolve) => (this.#tell = resolve));
  }

  /** Why the kernel panicked, if it did. */
  get panic(): string | undefined {
    return this.#panic;
  }

  /** Takes console output. */
  see(bytes: Uint8Array): void {
    if (this.#panic !== undefined) return;
    const lines = (this.#line + this.#decoder.decode(bytes, { stream: true })).split('\n');
    this.#line = lines.pop()!.slice(0, LINE_MAX);
    for (const line of lines) {
      const found = PANIC.exec(line);
      if (found === null) continue;
      this.#panic = readable(found[1]!);
      this.#tell();
      return;
    }
  }
}

/** The guest's words as part of our sentence. */
function readable(text: string): string {
  // What a terminal would obey must not reach it.
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ').trim();
  return plain.slice(0, REASON_MAX) || 'it gave no reason';
}
