/**
 * A lab as its folder says it (docs/reference/lab-format.md), checked and complete: every default is filled in, every file that
 * belongs to it has been read. Plain data that a structured clone carries.
 */

/** The version of the format that `version:` in lab.yaml names. */
export const LAB_FORMAT_VERSION = 1;

export interface Lab {
  /** Names the lab where progress and disks are kept: small letters, digits and dashes. */
  readonly id: string;
  readonly title: string;
  /** One sentence for lists of labs. */
  readonly summary: string | undefined;
  /** BCP 47 tag of the language of its texts, for the page's `lang`. */
  readonly language: string;
  /** What is shown beside text and terminals: a file tree with an editor, a look inside the machine. */
  readonly panels: ReadonlyArray<'files' | 'cpu'>;
  /** At least one. */
  readonly machines: readonly LabMachine[];
  readonly files: readonly PlacedFile[];
  /** At least one, in the order of the lab. */
  readonly steps: readonly LabStep[];
}

export interface LabMachine {
  readonly name: string;
  /** A name as `viv run` takes it, or a path in the lab's folder that begins with `./`. */
  readonly image: string;
  readonly memoryBytes: number;
  /** How much the student may write, in bytes. */
  readonly storageBytes: number;
  /** All rights and devices, for labs that make namespaces or mounts of their own. */
  readonly privileged: boolean;
  readonly hostname: string;
  /** Of terminals and solutions, `user[:group]`; the image's without it. Checks and `init` are root's. */
  readonly user: string | undefined;
  /** Where terminals and scripts begin; the image's without it. */
  readonly cwd: string | undefined;
  /** `NAME=value` each, over the image's. */
  readonly env: readonly string[];
}

/** A file that is in a machine before the first step. */
export interface PlacedFile {
  readonly machine: string;
  /** Absolute path in the machine. */
  readonly path: string;
  readonly content: Uint8Array;
  /** Permission bits. */
  readonly mode: number;
}

export interface LabStep {
  readonly id: string;
  readonly title: string;
  readonly text: MarkdownText;
  /** Machine that its scripts run in and its terminal opens on. */
  readonly machine: string;
  /** Steps that are to be passed before this one opens. */
  readonly needs: readonly string[];
  /** Runs as root, once, when the student comes to the step. */
  readonly init: Script | undefined;
  /** Runs as root and says by its status whether the step is done. Without it the student says so. */
  readonly check: Script | undefined;
  /** In the order in which they are shown. */
  readonly hints: readonly MarkdownText[];
  /** Runs as the machine's user and does what the step asks for. */
  readonly solution: Script | undefined;
  /** For each of its scripts. */
  readonly timeoutMs: number;
}

/** Markdown, and where it is from: links and images in it are relative to that file. */
export interface MarkdownText {
  readonly markdown: string;
  /** Path in the lab's folder. */
  readonly file: string;
  /** The line of `file` that it begins at, from 1. */
  readonly line: number;
}

/** A shell script, or any with a `#!` line. */
export interface Script {
  readonly text: string;
  readonly file: string;
  readonly line: number;
}
