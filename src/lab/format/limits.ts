/** How large a lab may be: far more than any needs, and little enough that a hostile one can't fill a page's memory. */

const KIB = 1024;
const MIB = 1024 * KIB;

export const LIMITS = {
  labFileBytes: MIB,
  /** Of each text in Markdown. */
  markdownBytes: 256 * KIB,
  /** Linux hands a program no longer word than 128 KiB. */
  scriptBytes: 64 * KIB,
  placedFileBytes: 4 * MIB,
  placedBytes: 32 * MIB,
  imageBytes: 4 * MIB,
  machines: 4,
  files: 500,
  steps: 100,
  hints: 10,
  variables: 100,
  /** Levels of lists and quotes in Markdown. */
  markdownNesting: 20,
} as const;
