/** How one address is translated, level by level. */
import { el, table } from '../dom.ts';
import { addressField } from '../field.ts';
import { hex, hex64, walkText } from '../format.ts';
import { marked } from '../mark.ts';
import type { MakeTab } from '../tab.ts';

export const pageTablesTab: MakeTab = (pane) => {
  const field = addressField(pane, 'Translate', 'next instruction');
  return {
    id: 'page-tables',
    label: 'Page tables',
    request: () => ({ registers: true, walks: [field.address === undefined ? {} : { linear: field.address }] }),
    goTo: (address) => field.set(address),
    show: (look, before) => {
      const walk = look.walks?.[0];
      if (walk === undefined) return undefined;
      const was = before?.walks?.[0];
      return [
        field.element,
        el('p', {}, `Linear 0x${hex(walk.linear)}, CR3 0x${hex(walk.cr3)}, paging: ${walk.paging}`),
        table(
          'Levels',
          ['Entry', 'Number', 'At', 'Value', 'Flags', 'Leads to'],
          walk.levels.map(({ name, index, physical, value, flags, address }, n) => [
            name,
            String(index),
            physical === undefined
              ? 'in the CPU'
              : el(
                  'button',
                  { type: 'button', class: 'link', onclick: () => pane.open('memory', BigInt(physical)) },
                  hex(physical, 8),
                ),
            marked(hex64(value), was?.linear === walk.linear && was.levels[n]?.value !== value),
            flags.join(' '),
            hex(address, 8),
          ]),
        ),
        el('p', { class: 'result' }, walkText(walk)),
      ];
    },
  };
};
