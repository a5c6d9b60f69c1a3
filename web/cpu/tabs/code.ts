/** Disassembly from the next instruction or an address on, with breakpoints. */
import type { Breakpoint, CodeLine, Look } from '../../../src/worker/protocol.ts';
import { el, type Child } from '../dom.ts';
import { addressField } from '../field.ts';
import { bytesText, hex, symbolText } from '../format.ts';
import type { MakeTab, Pane } from '../tab.ts';

const LINES = 24;

export const codeTab: MakeTab = (pane) => {
  const field = addressField(pane, 'From', 'next instruction');
  return {
    id: 'code',
    label: 'Code',
    request: () => ({
      registers: true,
      code: { count: LINES, ...(field.address === undefined ? {} : { at: field.address }) },
    }),
    goTo: (address) => field.set(address),
    show: (look) => {
      const { code } = look;
      if (code === undefined) return undefined;
      const { unreadable } = code;
      return [
        field.element,
        el('ol', { class: 'code', 'aria-label': `${code.bits}-bit code` }, lines(look, code.lines, pane)),
        unreadable === undefined
          ? undefined
          : el('p', {}, `At 0x${hex(unreadable)} no memory is mapped that could be read.`),
        breakpoints(look.breakpoints, pane),
      ];
    },
  };
};

function lines(look: Look, code: readonly CodeLine[], pane: Pane): Child {
  let name: string | undefined;
  return code.map((line) => {
    const heading = line.symbol !== undefined && line.symbol.name !== name ? symbolText(line.symbol) : undefined;
    name = line.symbol?.name;
    const isNext = line.linear === look.registers?.codeLinear;
    const at = `0x${hex(line.linear)}`;
    const isBreakpoint = look.breakpoints.some(({ linear }) => linear === line.linear);
    const goal = line.target;
    return [
      heading === undefined ? undefined : el('li', { class: 'symbol' }, `${heading}:`),
      el(
        'li',
        { class: isNext ? 'next' : '', 'aria-current': isNext ? 'step' : undefined },
        el(
          'button',
          {
            type: 'button',
            class: 'gutter',
            'aria-pressed': isBreakpoint ? 'true' : 'false',
            'aria-label': `Breakpoint at ${at}`,
            'data-key': `breakpoint ${at}`,
            onclick: () => pane.setBreakpoints(toggled(look.breakpoints, line.linear)),
          },
          isBreakpoint ? '●' : '○',
        ),
        el('span', { class: 'arrow', 'aria-hidden': 'true' }, isNext ? '▶' : ''),
        el('span', { class: 'address' }, hex(line.linear, 8)),
        el('span', { class: 'bytes' }, bytesText(line.bytes)),
        el('span', { class: 'text' }, line.text),
        goal?.symbol === undefined
          ? undefined
          : el(
              'button',
              { type: 'button', class: 'link', onclick: () => pane.open('code', goal.linear) },
              symbolText(goal.symbol),
            ),
      ),
    ];
  });
}

function toggled(breakpoints: readonly Breakpoint[], linear: bigint): readonly Breakpoint[] {
  const others = breakpoints.filter((other) => other.linear !== linear);
  return others.length < breakpoints.length ? others : [...breakpoints, { linear }];
}

function breakpoints(all: readonly Breakpoint[], pane: Pane): Child {
  const input = el('input', { type: 'text', autocapitalize: 'off', autocomplete: 'off', spellcheck: 'false' });
  const add = async (event: Event): Promise<void> => {
    event.preventDefault();
    const linear = await pane.resolve(input.value);
    if (linear !== undefined) pane.setBreakpoints([...all.filter((other) => other.linear !== linear), { linear }]);
  };
  return [
    el(
      'form',
      { class: 'row', onsubmit: (event) => void add(event) },
      el('label', {}, 'Breakpoint at ', input),
      el('button', { type: 'submit' }, 'Add'),
    ),
    all.length === 0
      ? undefined
      : el(
          'ul',
          { class: 'breakpoints', 'aria-label': 'Breakpoints' },
          all.map(({ linear }) =>
            el(
              'li',
              {},
              `0x${hex(linear)} `,
              el(
                'button',
                {
                  type: 'button',
                  'aria-label': `Remove the breakpoint at 0x${hex(linear)}`,
                  onclick: () => pane.setBreakpoints(all.filter((other) => other.linear !== linear)),
                },
                'Remove',
              ),
            ),
          ),
        ),
  ];
}
