/** The modes that programs run in. */
import type { CodeMode } from '../../../src/core/disasm/decode.ts';

export type Mode =
  'user64' | 'kernel64' | 'compatibility' | 'user32' | 'kernel32' | 'flat32' | 'segmented32' | 'protected16' | 'real';

export interface ModeTraits {
  readonly bits: CodeMode;
  /** EFER.LMA. */
  readonly long: boolean;
  readonly paged: boolean;
  /** Programs run in ring 3 or in ring 0; with segments of their own in either. */
  readonly ring: 0 | 3 | 'either';
}

export const MODES: Readonly<Record<Mode, ModeTraits>> = {
  user64: { bits: 64, long: true, paged: true, ring: 3 },
  kernel64: { bits: 64, long: true, paged: true, ring: 0 },
  compatibility: { bits: 32, long: true, paged: true, ring: 3 },
  user32: { bits: 32, long: false, paged: true, ring: 3 },
  kernel32: { bits: 32, long: false, paged: true, ring: 0 },
  flat32: { bits: 32, long: false, paged: false, ring: 0 },
  segmented32: { bits: 32, long: false, paged: false, ring: 'either' },
  protected16: { bits: 16, long: false, paged: false, ring: 0 },
  real: { bits: 16, long: false, paged: false, ring: 0 },
};
