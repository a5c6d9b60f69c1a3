/**
 * What instruction semantics are written against. A semantic function is generic in a backend B: `core<B>()` gives a
 * stateless object whose methods do the work (Interp), append Wasm (Emit) or record what is touched (Effects).
 * Operand kinds are classes used as compile-time tags: asc folds `kind<K>()` and compiles one arm only.
 */
import { R_OP } from '../layout';

/** A decoded record (see layout.ts, R_*). */
@unmanaged
export class Insn {
  op: u16;
  where: u16;
  r0: u8;
  r1: u8;
  index: u8;
  ea: u8;
  disp: i32;
  imm: i32;

  @inline get address(): usize {
    return changetype<usize>(this) + R_OP;
  }
  /** Offset of the instruction in its page. */
  @inline get offset(): u32 {
    return (<u32>this.where) & 0xfff;
  }
  /** Length in bytes. */
  @inline get length(): u32 {
    return (<u32>this.where) >> 12;
  }
}

// Operand kinds: told apart by their size, which is a compile-time constant.
/** Register in field r0. */
@unmanaged
export class R0 {}
/** Register in field r1. */
@unmanaged
export class R1 {
  a: u8;
}
/** Register in field r2 (byte 1 of the immediate). */
@unmanaged
export class R2 {
  a: u16;
}
/** Immediate, 32 bits sign-extended. */
@unmanaged
export class I {
  a: u32;
}
/** Memory operand. */
@unmanaged
export class M {
  a: u64;
}
/** 64-bit immediate in disp and imm. */
@unmanaged
export class I64 {
  a: u64;
  b: u64;
}

export const KIND_R0: usize = 0;
export const KIND_R1: usize = 1;
export const KIND_R2: usize = 2;
export const KIND_I: usize = 4;
export const KIND_M: usize = 8;
export const KIND_I64: usize = 16;

/** Condition codes as types, SDM Vol. 2 Appendix B, table B-1. */
@unmanaged
@final
export class CC_O {
  @inline get code(): i32 {
    return 0;
  }
}
@unmanaged
@final
export class CC_NO {
  @inline get code(): i32 {
    return 1;
  }
}
@unmanaged
@final
export class CC_B {
  @inline get code(): i32 {
    return 2;
  }
}
@unmanaged
@final
export class CC_AE {
  @inline get code(): i32 {
    return 3;
  }
}
@unmanaged
@final
export class CC_E {
  @inline get code(): i32 {
    return 4;
  }
}
@unmanaged
@final
export class CC_NE {
  @inline get code(): i32 {
    return 5;
  }
}
@unmanaged
@final
export class CC_BE {
  @inline get code(): i32 {
    return 6;
  }
}
@unmanaged
@final
export class CC_A {
  @inline get code(): i32 {
    return 7;
  }
}
@unmanaged
@final
export class CC_S {
  @inline get code(): i32 {
    return 8;
  }
}
@unmanaged
@final
export class CC_NS {
  @inline get code(): i32 {
    return 9;
  }
}
@unmanaged
@final
export class CC_P {
  @inline get code(): i32 {
    return 10;
  }
}
@unmanaged
@final
export class CC_NP {
  @inline get code(): i32 {
    return 11;
  }
}
@unmanaged
@final
export class CC_L {
  @inline get code(): i32 {
    return 12;
  }
}
@unmanaged
@final
export class CC_GE {
  @inline get code(): i32 {
    return 13;
  }
}
@unmanaged
@final
export class CC_LE {
  @inline get code(): i32 {
    return 14;
  }
}
@unmanaged
@final
export class CC_G {
  @inline get code(): i32 {
    return 15;
  }
}

/** The backend object: stateless, so any pointer will do. */
export function core<B>(): B {
  return changetype<B>(0);
}
