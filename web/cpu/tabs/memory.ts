/** Bytes of linear or physical memory. */
import type { Look, MemoryView } from '../../../src/worker/protocol.ts';
import { el, type Child } from '../dom.ts';
import { addressField } from '../field.ts';
import { hex } from '../format.ts';
import { marked } from '../mark.ts';
import type { MakeTab } from '../tab.ts';

const BYTES = 256;
const BYTES_A_LINE = 16;
const PRINTABLE_FROM = 0x20;
const PRINTABLE_TO = 0x7e;

export const memoryTab: MakeTab = (pane) => {
  const field = addressField(pane, 'From', 'stack pointer');
  let space: 'linear' | 'physical' = 'linear';
  const choice = el(
    'select',
    {
      onchange: (event) => {
        space = (event.target as HTMLSelectElement).value === 'physical' ? 'physical' : 'linear';
        pane.refresh();
      },
    },
    el('option', { value: 'linear' }, 'Linear'),
    el('option', { value: 'physical' }, 'Physical'),
  );
  return {
    id: 'memory',
    label: 'Memory',
    request: () => ({
      registers: true,
      memory: [{ space, byteCount: BYTES, ...(field.address === undefined ? {} : { at: field.address }) }],
    }),
    goTo: (address) => field.set(address),
    show: (look, before) => {
      const view = look.memory?.[0];
      if (view === undefined) return undefined;
      return [el('label', {}, 'Addresses are ', choice), field.element, dump(view, sameView(before, view))];
    },
  };
};

/** What the same bytes were. */
function sameView(before: Look | undefined, { space, at }: MemoryView): MemoryView | undefined {
  const was = before?.memory?.[0];
  return was?.space === space && was.at === at ? was : undefined;
}

function dump(view: MemoryView, before: MemoryView | undefined): Child {
  const now = byteAt(view);
  const was = before === undefined ? now : byteAt(before);
  const lines = Array.from({ length: Math.ceil(view.byteCount / BYTES_A_LINE) }, (_, n) => n * BYTES_A_LINE);
  const line = (start: number): Child => {
    const offsets = Array.from({ length: BYTES_A_LINE }, (_, k) => start + k);
    return el(
      'tr',
      {},
      el('th', { scope: 'row' }, hex(view.at + BigInt(start), 8)),
      offsets.map((k) => el('td', {}, marked(now(k) === undefined ? '··' : hex(now(k)!, 2), now(k) !== was(k)))),
      el('td', { class: 'ascii' }, offsets.map((k) => character(now(k))).join('')),
    );
  };
  const caption = `${view.space} memory; ·· is not mapped, or a device`;
  return el(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    el('table', { class: 'dump' }, el('caption', {}, caption), el('tbody', {}, lines.map(line))),
  );
}

function byteAt(view: MemoryView): (offset: number) => number | undefined {
  return (offset) => {
    const at = view.at + BigInt(offset);
    const piece = view.pieces.find((other) => at >= other.at && at < other.at + BigInt(other.bytes.length));
    return piece?.bytes[Number(at - piece.at)];
  };
}

function character(byte: number | undefined): string {
  return byte !== undefined && byte >= PRINTABLE_FROM && byte <= PRINTABLE_TO ? String.fromCharCode(byte) : '·';
}
