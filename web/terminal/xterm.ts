/**
 * An xterm.js terminal as the elements use it. A module of its own, so that it is fetched while the machine starts (preload.ts).
 * The guest may set the clipboard (OSC 52) but never read it: what a user has copied elsewhere is none of its business.
 */
import { ClipboardAddon, type IClipboardProvider } from '@xterm/addon-clipboard';
import { FitAddon } from '@xterm/addon-fit';
import { SearchAddon } from '@xterm/addon-search';
import { Unicode11Addon } from '@xterm/addon-unicode11';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal, type ITheme } from '@xterm/xterm';
import xtermText from '@xterm/xterm/css/xterm.css?inline';
import { darkColours, lightColours } from './colours.ts';

export const XTERM_STYLE = xtermText;
const SCROLLBACK_LINES = 5000;
/** WCAG 2.2, 1.4.3. */
const CONTRAST_RATIO = 4.5;

export interface XtermOptions {
  readonly fontSize: number;
  readonly fontFamily: string;
  readonly screenReader: boolean;
  /** Faster, where the browser has it; else, and with a screen reader, elements of the page. */
  readonly webgl: boolean;
}

export interface Xterm {
  readonly terminal: Terminal;
  readonly search: SearchAddon;
  /** Resolves when it has the renderer that it keeps. Never rejects. */
  readonly rendered: Promise<void>;
  /** Takes the size that its element has, or less. */
  fit(columnsMax: number | undefined, rowsMax: number | undefined): void;
  dispose(): void;
}

export function openXterm(element: HTMLElement, options: XtermOptions): Xterm {
  const terminal = new Terminal({
    allowProposedApi: true, // unicode11
    cursorBlink: false,
    fontFamily: options.fontFamily,
    fontSize: options.fontSize,
    minimumContrastRatio: CONTRAST_RATIO,
    screenReaderMode: options.screenReader,
    scrollback: SCROLLBACK_LINES,
    theme: themeOf(element),
  });
  const fitAddon = new FitAddon();
  const search = new SearchAddon();
  terminal.loadAddon(fitAddon);
  terminal.loadAddon(search);
  terminal.loadAddon(new Unicode11Addon());
  terminal.unicode.activeVersion = '11';
  terminal.loadAddon(new WebLinksAddon());
  terminal.loadAddon(new ClipboardAddon(undefined, clipboard));
  terminal.open(element);
  const colours = matchMedia('(prefers-color-scheme: dark)');
  const recolour = (): void => {
    terminal.options.theme = themeOf(element);
  };
  colours.addEventListener('change', recolour);
  let isDisposed = false;
  // Its program need not wait for the faster renderer.
  const wantsWebgl = options.webgl && !options.screenReader;
  return {
    terminal,
    search,
    rendered: wantsWebgl ? useWebgl(terminal, () => isDisposed) : Promise.resolve(),
    fit: (columnsMax = Infinity, rowsMax = Infinity) => {
      const room = fitAddon.proposeDimensions();
      if (room === undefined || Number.isNaN(room.cols) || Number.isNaN(room.rows)) return;
      terminal.resize(Math.min(room.cols, columnsMax), Math.min(room.rows, rowsMax));
    },
    dispose: () => {
      isDisposed = true;
      colours.removeEventListener('change', recolour);
      terminal.dispose();
    },
  };
}

const clipboard: IClipboardProvider = {
  readText: () => '',
  writeText: async (_, text) => {
    await navigator.clipboard?.writeText(text).catch(() => {}); // the user has not allowed it
  },
};

/** Without WebGL, or when the browser takes it away, elements of the page show the text. */
async function useWebgl(terminal: Terminal, isDisposed: () => boolean): Promise<void> {
  try {
    const { WebglAddon } = await import('@xterm/addon-webgl');
    if (isDisposed()) return;
    const addon = new WebglAddon();
    addon.onContextLoss(() => addon.dispose());
    terminal.loadAddon(addon);
  } catch {
    // The DOM renderer is there already.
  }
}

/** The colours of the page, and a palette that is legible on them. */
function themeOf(element: HTMLElement): ITheme {
  const { color, backgroundColor } = getComputedStyle(element);
  const palette = brightness(backgroundColor) < 0.5 ? darkColours : lightColours;
  return { ...palette, background: backgroundColor, foreground: color, cursor: color, cursorAccent: backgroundColor };
}

/** From 0, black, to 1; of `rgb(255, 255, 255)` or `color(srgb 1 1 1)`, which is how computed colours are told. */
function brightness(colour: string): number {
  const [red = 0, green = 0, blue = 0] = (colour.match(/\d+(\.\d+)?/g) ?? []).map(Number);
  return (0.299 * red + 0.587 * green + 0.114 * blue) / (colour.startsWith('color(') ? 1 : 255);
}
