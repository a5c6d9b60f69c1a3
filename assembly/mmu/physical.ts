/** Guest-physical memory: RAM at RAM_BASE, everything else is a device. The one path by which the core writes RAM outside the TLB. */
import { PAGE_DIRTY, PAGE_FLAGS, PAGE_HAS_CODE, RAM_BASE } from '../layout';
import { mmioRead, mmioWrite } from '../host';
import { codeWritten } from '../engine/cache';

/** Bytes of RAM; set once by the host. */
export let ramSize: u64 = 0;
export function setRamSize(bytes: u64): void {
  ramSize = bytes;
}

export function isRam(physical: u64): bool {
  return physical < ramSize;
}
export function wasmAddress(physical: u64): usize {
  return <usize>physical + RAM_BASE;
}
/** Call before RAM at [physical, +size) changes; the range does not cross a page. */
export function beforeWrite(physical: u64, size: u32): void {
  const flags = PAGE_FLAGS + <usize>(physical >> 12);
  if (load<u8>(flags) & PAGE_HAS_CODE) codeWritten(physical, size);
  store<u8>(flags, load<u8>(flags) | PAGE_DIRTY);
}

export function physicalRead32(physical: u64): u32 {
  return isRam(physical) ? load<u32>(wasmAddress(physical)) : mmioRead(<f64>physical, 4);
}
export function physicalRead64(physical: u64): u64 {
  if (isRam(physical)) return load<u64>(wasmAddress(physical));
  return (<u64>mmioRead(<f64>physical, 4)) | ((<u64>mmioRead(<f64>(physical + 4), 4)) << 32);
}
export function physicalWrite32(physical: u64, value: u32): void {
  if (isRam(physical)) {
    beforeWrite(physical, 4);
    store<u32>(wasmAddress(physical), value);
  } else mmioWrite(<f64>physical, 4, value);
}
export function physicalWrite64(physical: u64, value: u64): void {
  if (isRam(physical)) {
    beforeWrite(physical, 8);
    store<u64>(wasmAddress(physical), value);
  } else {
    mmioWrite(<f64>physical, 4, <u32>value);
    mmioWrite(<f64>(physical + 4), 4, <u32>(value >> 32));
  }
}

/** Reads `size` (1 to 8) bytes that do not cross a page. */
export function physicalRead(physical: u64, size: u32): u64 {
  if (isRam(physical)) {
    const at = wasmAddress(physical);
    if (size == 1) return load<u8>(at);
    if (size == 2) return load<u16>(at);
    if (size == 4) return load<u32>(at);
    if (size == 8) return load<u64>(at);
    let value: u64 = 0;
    for (let k: u32 = 0; k < size; k++) value |= (<u64>load<u8>(at + k)) << (k << 3);
    return value;
  }
  if (size == 8) return physicalRead64(physical);
  if (size == 1 || size == 2 || size == 4) return mmioRead(<f64>physical, size);
  let value: u64 = 0;
  for (let k: u32 = 0; k < size; k++) value |= (<u64>mmioRead(<f64>(physical + k), 1)) << (k << 3);
  return value;
}

/** Writes `size` (1 to 8) bytes that do not cross a page. */
export function physicalWrite(physical: u64, size: u32, value: u64): void {
  if (isRam(physical)) {
    beforeWrite(physical, size);
    const at = wasmAddress(physical);
    if (size == 1) store<u8>(at, <u8>value);
    else if (size == 2) store<u16>(at, <u16>value);
    else if (size == 4) store<u32>(at, <u32>value);
    else if (size == 8) store<u64>(at, value);
    else for (let k: u32 = 0; k < size; k++) store<u8>(at + k, <u8>(value >> (k << 3)));
    return;
  }
  if (size == 8) {
    mmioWrite(<f64>physical, 4, <u32>value);
    mmioWrite(<f64>(physical + 4), 4, <u32>(value >> 32));
  } else if (size == 1 || size == 2 || size == 4) mmioWrite(<f64>physical, size, <u32>value);
  else for (let k: u32 = 0; k < size; k++) mmioWrite(<f64>(physical + k), 1, (<u32>(value >> (k << 3))) & 0xff);
}
