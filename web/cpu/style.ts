/** Looks of the pane. Pages set the colours by custom properties; without them they follow the reader's light or dark. */
export const STYLE = `
:host { display: block; color-scheme: light dark; container-type: inline-size; font: 14px/1.4 system-ui, sans-serif;
  --text: var(--viv-text, light-dark(#1b1b1b, #e8e8e8)); --back: var(--viv-back, light-dark(#ffffff, #161a1d));
  --line: var(--viv-line, light-dark(#8a8f94, #7b858d)); --soft: var(--viv-soft, light-dark(#eef1f3, #232a2f));
  --accent: var(--viv-accent, light-dark(#0b57a4, #8cc4ff)); --changed: var(--viv-changed, light-dark(#9c2a00, #ffb38a));
  color: var(--text); background: var(--back); }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
button, input, select { font: inherit; color: inherit; background: var(--soft); border: 1px solid var(--line);
  border-radius: 4px; padding: 4px 8px; min-height: 32px; }
button { cursor: pointer; }
input[type='checkbox'] { min-height: 0; vertical-align: middle; }
button:disabled { color: var(--line); cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.row, [role='toolbar'] { display: flex; flex-wrap: wrap; gap: 6px; align-items: center; margin: 6px 0; }
[role='toolbar'] { padding: 6px 8px; margin: 0; border-bottom: 1px solid var(--line); }
[role='tablist'] { display: flex; gap: 2px; overflow-x: auto; padding: 6px 8px 0; border-bottom: 1px solid var(--line); }
[role='tab'] { border-bottom: 0; border-radius: 4px 4px 0 0; white-space: nowrap; background: none; }
[role='tab'][aria-selected='true'] { background: var(--soft); font-weight: 600; box-shadow: inset 0 3px var(--accent); }
[role='tabpanel'] { padding: 8px; }
.status { margin: 0; padding: 6px 8px; min-height: 2.6em; }
.status .where, dd, td, th[scope='row'], .code, pre, .bit, .head { font-family: ui-monospace, monospace; font-size: 13px; }
.error { color: var(--changed); font-weight: 600; }
.registers { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 0 16px; margin: 8px 0; }
.registers > div { display: flex; gap: 8px; }
dt { width: 2.6em; font-weight: 600; } dd { margin: 0; white-space: nowrap; }
.bit { display: inline-block; border: 1px solid var(--line); border-radius: 3px; padding: 0 4px; margin: 2px 0; }
.bit.set { background: var(--accent); color: var(--back); } .bit.set .changed { color: inherit; }
.changed { color: var(--changed); text-decoration: underline; }
.changed::after { content: '●'; font-size: 0.6em; vertical-align: super; }
.heard { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.scroll { overflow-x: auto; max-width: 100%; margin: 8px 0; }
table { border-collapse: collapse; } caption { text-align: start; white-space: nowrap; font-weight: 600; padding: 4px 0; }
th, td { text-align: start; padding: 2px 10px 2px 0; white-space: nowrap; vertical-align: top; }
thead th { border-bottom: 1px solid var(--line); }
.dump td { padding-right: 5px; } .dump .ascii { padding-left: 8px; white-space: pre; }
.code { list-style: none; margin: 8px 0; padding: 0; overflow-x: auto; }
.code li { display: flex; gap: 8px; align-items: baseline; white-space: nowrap; padding: 0 4px; }
.code .symbol { font-weight: 600; padding-top: 6px; } .code .next { background: var(--soft); font-weight: 600; }
.code .arrow { flex: none; width: 1em; } .code .bytes { min-width: 16em; }
.gutter { border: 0; background: none; padding: 0 6px; min-height: 24px; min-width: 24px; color: var(--changed); }
.link { border: 0; background: none; padding: 0; min-height: 24px; color: var(--accent); text-decoration: underline; }
td .link { min-height: 0; font: inherit; }
.breakpoints { padding-left: 0; list-style: none; } details { margin: 6px 0; } summary { cursor: pointer; padding: 4px 0; }
@container (max-width: 560px) { .code .bytes { display: none; } .registers { grid-template-columns: 1fr; } }
`;
