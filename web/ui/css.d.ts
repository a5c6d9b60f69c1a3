/** A style sheet as text, as Vite gives it (vite.dev/guide/features, "CSS"). */
declare module '*.css?inline' {
  const text: string;
  export default text;
}
