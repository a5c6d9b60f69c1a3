/** What Vite makes of imports that are no modules (vite.dev/guide/features, "Web Workers"). */
declare module '*?worker&url' {
  const url: string;
  export default url;
}
