/** Conversions of one lane, exact, on bit patterns. SDM Vol. 2, CVTDQ2PD and following. */
import { f32ToF64, f64ToF32, sseFromInteger, sseToI32 } from '../fpu/sse';

/** Single to double. */
@unmanaged
@final
export class WIDEN {
  convert<F, T>(a: F): T {
    return <T>f32ToF64(<u32>a);
  }
}
/** Double to single. */
@unmanaged
@final
export class NARROW {
  convert<F, T>(a: F): T {
    return <T>f64ToF32(<u64>a);
  }
}
/** Signed doubleword to single or double. */
@unmanaged
@final
export class FROM_INTEGER {
  convert<F, T>(a: F): T {
    return sseFromInteger<T>(<i64>(<i32>a));
  }
}
/** To a signed doubleword, rounded by MXCSR. */
@unmanaged
@final
export class TO_INTEGER {
  convert<F, T>(a: F): T {
    return <T>(<u32>sseToI32<F>(a, false));
  }
}
/** To a signed doubleword, truncated. */
@unmanaged
@final
export class TRUNCATE {
  convert<F, T>(a: F): T {
    return <T>(<u32>sseToI32<F>(a, true));
  }
}
