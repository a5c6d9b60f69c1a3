/**
 * Markdown as a tree that is safe to show: there is no HTML in it, addresses have been checked, and whoever shows it makes
 * elements and text nodes, never markup.
 */

export type Block =
  | { readonly kind: 'heading'; readonly level: 1 | 2 | 3 | 4 | 5 | 6; readonly children: readonly Inline[] }
  | { readonly kind: 'paragraph'; readonly children: readonly Inline[] }
  | { readonly kind: 'quote'; readonly children: readonly Block[] }
  | {
      readonly kind: 'list';
      /** Number of the first item; undefined for a list without numbers. */
      readonly start: number | undefined;
      /** Items without blank lines between them: their paragraphs are shown as plain lines. */
      readonly isTight: boolean;
      readonly items: ReadonlyArray<readonly Block[]>;
    }
  | ({ readonly kind: 'code-block' } & Code)
  | {
      readonly kind: 'table';
      readonly align: ReadonlyArray<'left' | 'center' | 'right' | undefined>;
      readonly head: ReadonlyArray<readonly Inline[]>;
      readonly rows: ReadonlyArray<ReadonlyArray<readonly Inline[]>>;
    }
  | { readonly kind: 'rule' };

export type Inline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'emphasis'; readonly children: readonly Inline[] }
  | { readonly kind: 'strong'; readonly children: readonly Inline[] }
  | { readonly kind: 'strike'; readonly children: readonly Inline[] }
  | ({ readonly kind: 'code' } & Code)
  | {
      readonly kind: 'link';
      readonly target: LinkTarget;
      readonly title: string | undefined;
      readonly children: readonly Inline[];
    }
  | {
      readonly kind: 'image';
      /** Path in the lab's folder. */
      readonly path: string;
      /** What it shows, for who can't see it. */
      readonly alt: string;
      readonly title: string | undefined;
    }
  /** A line break that the writer asked for. */
  | { readonly kind: 'break' };

export type LinkTarget =
  /** `http:` or `https:`. */
  | { readonly kind: 'web'; readonly href: string }
  /** `#step=ID`. */
  | { readonly kind: 'step'; readonly step: string }
  /** A file of the lab's folder, to be downloaded. */
  | { readonly kind: 'file'; readonly path: string };

/** Code, and what a click on it does. */
export interface Code {
  readonly text: string;
  /** First word after the fence: `sh`, `python`, … */
  readonly language: string | undefined;
  readonly action: CodeAction | undefined;
}

export type CodeAction =
  | { readonly kind: 'copy' }
  | {
      /** Typed into a terminal, with Enter. */
      readonly kind: 'run';
      /** Ctrl-C is pressed first. */
      readonly interrupt: boolean;
      /** Name of the terminal, which is opened if it is not there; the step's first without it. */
      readonly terminal: string | undefined;
    };
