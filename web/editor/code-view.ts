/** The CodeMirror view of the editor: what it looks like, and its keys. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { bracketMatching, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { Compartment, EditorState, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';

/** Colours that are legible on the page's, light or dark. */
const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: 'light-dark(#83308f, #d9a2f0)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'light-dark(#1a6b2e, #86d993)' },
  { tag: [tags.comment, tags.meta], color: 'light-dark(#55605d, #a3afab)', fontStyle: 'italic' },
  { tag: [tags.number, tags.bool, tags.null, tags.atom], color: 'light-dark(#7a5600, #e3c46a)' },
  { tag: [tags.definition(tags.variableName), tags.propertyName], color: 'light-dark(#1b55b0, #82b4ff)' },
  { tag: [tags.typeName, tags.className, tags.standard(tags.name)], color: 'light-dark(#0b6367, #6fd0cf)' },
  { tag: tags.heading, fontWeight: 'bold' },
  { tag: tags.emphasis, fontStyle: 'italic' },
  { tag: tags.strong, fontWeight: 'bold' },
  { tag: [tags.link, tags.url], textDecoration: 'underline' },
]);

const look = EditorView.theme({
  '&': { height: '100%', color: 'var(--_text)', backgroundColor: 'var(--_background)' },
  '&.cm-focused': { outline: '2px solid var(--_accent)', outlineOffset: '-2px' },
  '.cm-scroller': { fontFamily: 'var(--_mono)', fontSize: '0.875rem', lineHeight: '1.5' },
  '.cm-content': { caretColor: 'var(--_text)' },
  '.cm-cursor': { borderLeftColor: 'var(--_text)' },
  '.cm-gutters': { color: 'var(--_muted)', backgroundColor: 'var(--_raised)', borderRight: '1px solid var(--_line)' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--_accent) 7%, transparent)' },
  '.cm-selectionBackground, &.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--_accent) 30%, transparent)',
  },
  '.cm-panels': { color: 'var(--_text)', backgroundColor: 'var(--_raised)' },
  '.cm-textfield, .cm-button': {
    color: 'var(--_text)',
    backgroundColor: 'var(--_background)',
    backgroundImage: 'none',
  },
});

export interface CodeViewEvents {
  changed(): void;
  save(): void;
}

export interface CodeDocument {
  readonly text: string;
  readonly lineSeparator: string;
  /** What a screen reader calls it. */
  readonly label: string;
}

export class CodeView {
  readonly #view: EditorView;
  readonly #events: CodeViewEvents;
  readonly #language = new Compartment();

  constructor(parent: HTMLElement, root: ShadowRoot, events: CodeViewEvents) {
    this.#events = events;
    this.#view = new EditorView({ parent, root });
  }

  get text(): string {
    return this.#view.state.sliceDoc();
  }

  /** Shows another document; what was undone and done before is forgotten. */
  show({ text, lineSeparator, label }: CodeDocument): void {
    this.#view.setState(
      EditorState.create({
        doc: text,
        extensions: [
          EditorState.lineSeparator.of(lineSeparator),
          lineNumbers(),
          history(),
          drawSelection(),
          indentOnInput(),
          bracketMatching(),
          highlightActiveLine(),
          highlightSelectionMatches(),
          syntaxHighlighting(colours),
          this.#language.of([]),
          keymap.of([
            { key: 'Mod-s', preventDefault: true, run: () => (this.#events.save(), true) },
            ...defaultKeymap,
            ...searchKeymap,
            ...historyKeymap,
            indentWithTab,
          ]),
          EditorView.contentAttributes.of({
            'aria-label': label,
            'aria-description': 'Tab indents. Escape, then Tab, leaves the editor.',
          }),
          EditorView.updateListener.of(({ docChanged }) => docChanged && this.#events.changed()),
          look,
        ],
      }),
    );
  }

  useLanguage(language: Extension): void {
    this.#view.dispatch({ effects: this.#language.reconfigure(language) });
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
  }
}
