/** Mode, general registers, flags, segments, control registers; floating point on request. */
import type { RegisterState, VectorState } from '../../../src/worker/protocol.ts';
import { el, table, type Child } from '../dom.ts';
import { bytesText, countText, hex, hex64 } from '../format.ts';
import { marked } from '../mark.ts';
import type { MakeTab } from '../tab.ts';

const FLAGS = ['CF', 'PF', 'AF', 'ZF', 'SF', 'TF', 'IF', 'DF', 'OF', 'NT', 'RF', 'AC', 'ID'];

export const registersTab: MakeTab = (pane) => {
  let showsVectors = false;
  return {
    id: 'registers',
    label: 'Registers',
    request: () => ({ registers: true, vectors: showsVectors }),
    show: (look, before) => {
      const { registers } = look;
      if (registers === undefined) return undefined;
      return [
        general(registers, before?.registers),
        flags(registers, before?.registers),
        control(registers, before?.registers),
        segments(registers, before?.registers),
        el(
          'label',
          {},
          el('input', {
            type: 'checkbox',
            checked: showsVectors,
            onchange: (event) => {
              showsVectors = (event.target as HTMLInputElement).checked;
              pane.refresh();
            },
          }),
          ' x87 and SSE registers',
        ),
        showsVectors && look.vectors !== undefined ? vectors(look.vectors, before?.vectors) : undefined,
      ];
    },
  };
};

function general(now: RegisterState, before: RegisterState | undefined): Child {
  const cells = [
    { name: 'rip', value: now.rip, was: before?.rip },
    ...now.general.map(({ name, value }, n) => ({ name, value, was: before?.general[n]?.value })),
  ];
  return [
    el(
      'p',
      {},
      marked(now.mode, before !== undefined && before.mode !== now.mode),
      ', ring ',
      marked(String(now.cpl), before !== undefined && before.cpl !== now.cpl),
      now.halted ? ', halted' : '',
      `, ${countText(now.instructions)} instructions`,
    ),
    el(
      'dl',
      { class: 'registers', 'aria-label': 'General registers' },
      cells.map(({ name, value, was }) =>
        el('div', {}, el('dt', {}, name), el('dd', {}, marked(hex64(value), was !== undefined && was !== value))),
      ),
    ),
  ];
}

function flags(now: RegisterState, before: RegisterState | undefined): Child {
  return el(
    'div',
    { role: 'group', 'aria-label': `RFLAGS ${hex(now.rflags.value)}` },
    el('span', { class: 'head' }, `RFLAGS ${hex(now.rflags.value, 6)} `),
    FLAGS.map((name) => {
      const set = now.rflags.names.includes(name);
      const changed = before !== undefined && before.rflags.names.includes(name) !== set;
      return [el('span', { class: set ? 'bit set' : 'bit' }, marked(`${name} ${set ? 1 : 0}`, changed)), ' '];
    }),
    el('span', { class: 'bit' }, `IOPL ${now.rflags.iopl}`),
  );
}

function control(now: RegisterState, before: RegisterState | undefined): Child {
  const was = new Map([...(before?.control ?? []), ...(before?.msrs ?? [])].map(({ name, value }) => [name, value]));
  const row = ({ name, value, names }: { name: string; value: bigint; names?: readonly string[] }): Child[] => [
    name,
    marked(hex64(value), was.has(name) && was.get(name) !== value),
    names?.join(' ') ?? '',
  ];
  return [
    table('Control registers', ['Name', 'Value', 'Bits that are set'], now.control.map(row)),
    el(
      'details',
      {},
      el('summary', {}, 'Model-specific registers'),
      table('MSRs', ['Name', 'Value', ''], now.msrs.map(row)),
    ),
  ];
}

function segments(now: RegisterState, before: RegisterState | undefined): Child {
  return table(
    'Segments',
    ['Name', 'Selector', 'Base', 'Limit', 'What it is'],
    now.segments.map(({ name, selector, base, limit, description }, n) => {
      const was = before?.segments[n];
      return [
        name,
        marked(hex(selector, 4), was !== undefined && was.selector !== selector),
        marked(hex64(base), was !== undefined && was.base !== base),
        hex(limit, 8),
        description,
      ];
    }),
  );
}

function vectors(now: VectorState, before: VectorState | undefined): Child {
  const { x87 } = now;
  return [
    el('p', {}, `MXCSR ${hex(now.mxcsr, 8)}, x87 control ${hex(x87.control, 4)}, status ${hex(x87.status, 4)}`),
    table(
      'x87 stack',
      ['Register', 'Value'],
      x87.st.map((st, n) => [
        `st(${n})`,
        marked(
          st === undefined ? 'empty' : String(st.value),
          before !== undefined && before.x87.st[n]?.value !== st?.value,
        ),
      ]),
    ),
    table(
      'SSE',
      ['Register', 'Bytes, most significant first'],
      now.xmm.map((bytes, n) => {
        const text = bytesText(Uint8Array.from(bytes).reverse());
        const was = before?.xmm[n];
        return [`xmm${n}`, marked(text, was !== undefined && bytesText(Uint8Array.from(was).reverse()) !== text)];
      }),
    ),
  ];
}
