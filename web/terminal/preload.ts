/** Fetches what a terminal is made of while its machine starts. What fails here fails again where it is needed, and is told there. */
export function preloadTerminal(): void {
  void import('./xterm.ts').catch(() => {});
}
