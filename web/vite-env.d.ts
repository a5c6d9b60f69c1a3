/** What Vite makes of imports that are no modules (vite.dev/guide/features, "Web Workers"). */
declare module '*?worker&url' {
  const url: string;
  export default url;
}

/** vite.dev/guide/env-and-mode. */
interface ImportMeta {
  readonly env: { readonly PROD: boolean };
}
