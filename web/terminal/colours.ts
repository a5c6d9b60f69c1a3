/** The sixteen colours of a terminal, on a dark and on a light background. */
import type { ITheme } from '@xterm/xterm';

export const darkColours: ITheme = {
  black: '#2b3331',
  red: '#ff8f85',
  green: '#86d993',
  yellow: '#e3c46a',
  blue: '#82b4ff',
  magenta: '#d9a2f0',
  cyan: '#6fd0cf',
  white: '#d7dedb',
  brightBlack: '#8c9894',
  brightRed: '#ffb0a8',
  brightGreen: '#a9ebb3',
  brightYellow: '#f4dc97',
  brightBlue: '#abceff',
  brightMagenta: '#ebc5fb',
  brightCyan: '#9be8e7',
  brightWhite: '#ffffff',
  selectionBackground: '#2f5d56',
};

export const lightColours: ITheme = {
  black: '#1c2321',
  red: '#a8201a',
  green: '#1a6b2e',
  yellow: '#7a5600',
  blue: '#1b55b0',
  magenta: '#83308f',
  cyan: '#0b6367',
  white: '#5d6865',
  brightBlack: '#56615d',
  brightRed: '#c2352d',
  brightGreen: '#1f7f38',
  brightYellow: '#8a6200',
  brightBlue: '#2a67cc',
  brightMagenta: '#9a3fa8',
  brightCyan: '#0d7478',
  brightWhite: '#39423f',
  selectionBackground: '#b5ddd5',
};
