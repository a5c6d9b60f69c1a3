/**
 * The constants that x87 instructions load: FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ.
 * The inexact ones obey the rounding control and raise nothing (SDM Vol. 2, FLD1).
 */
import {
  LN2_HI,
  LN2_LO,
  LOG10_2_HI,
  LOG10_2_LO,
  LOG2_10_HI,
  LOG2_10_LO,
  LOG2E_HI,
  LOG2E_LO,
  PI_HI,
  PI_LO,
} from './constants.ts';
import { roundsUp } from './round.ts';
import { BIAS, INTEGER_BIT, setF80 } from './state.ts';

/** Result ← the constant with the number of its opcode, D9 E8+index. */
export function f80Constant(index: u32): void {
  switch (index) {
    case 0:
      setF80(BIAS, INTEGER_BIT);
      break;
    case 1:
      rounded(BIAS + 1, LOG2_10_HI, LOG2_10_LO);
      break;
    case 2:
      rounded(BIAS, LOG2E_HI, LOG2E_LO);
      break;
    case 3:
      rounded(BIAS + 1, PI_HI, PI_LO);
      break;
    case 4:
      rounded(BIAS - 2, LOG10_2_HI, LOG10_2_LO);
      break;
    case 5:
      rounded(BIAS - 1, LN2_HI, LN2_LO);
      break;
    default:
      setF80(0, 0);
      break;
  }
}

function rounded(exp: u32, hi: u64, lo: u64): void {
  setF80(exp, hi + <u64>roundsUp(0, (hi & 1) != 0, lo));
}
