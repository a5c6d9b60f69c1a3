/** What Vite makes of imports that are no modules (vite.dev/guide/features, "Web Workers"). */
declare module '*?worker&url' {
  const url: string;
  export default url;
}

/** vite.dev/guide/env-and-mode. */
interface ImportMeta {
  readonly env: { readonly PROD: boolean };
  /** Modules whose paths match, by their paths, each loaded when it is called (vite.dev/guide/features, "Glob Import"). */
  glob<T>(
    patterns: readonly string[],
    options: { readonly query: string; readonly import: string },
  ): Record<string, () => Promise<T>>;
}
