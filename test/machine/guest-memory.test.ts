import { describe, expect, it } from 'vitest';
import { PAGE_DIRTY, PAGE_FLAGS, PAGE_HAS_CODE, RAM_BASE } from '../../assembly/layout.ts';
import { GuestAddressError } from '../../src/devices/bus.ts';
import { WasmGuestMemory } from '../../src/machine/guest-memory.ts';

const RAM_BYTES = 64 * 1024;
const WASM_PAGES = (RAM_BASE + RAM_BYTES) / 65536;

function create(memory = new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES })) {
  const invalidated: [number, number][] = [];
  const flags = new Uint8Array(memory.buffer, PAGE_FLAGS, RAM_BYTES / 4096);
  const guest = new WasmGuestMemory(memory, RAM_BYTES, (physical, byteCount) =>
    invalidated.push([physical, byteCount]),
  );
  return { guest, flags, invalidated };
}

describe('guest memory', () => {
  it('reads and writes little-endian at any alignment', () => {
    const { guest } = create();

    guest.write64(0x1001, 0x1122334455667788n);

    expect([guest.read8(0x1001), guest.read16(0x1002), guest.read32(0x1003), guest.read64(0x1001)]).toEqual([
      0x88,
      0x6677,
      0x33445566,
      0x1122334455667788n,
    ]);
  });

  it('marks every page that a write touches as dirty', () => {
    const { guest, flags } = create();

    guest.write(0x1fff, new Uint8Array(0x1002));

    expect([...flags.subarray(0, 5)]).toEqual([0, PAGE_DIRTY, PAGE_DIRTY, PAGE_DIRTY, 0]);
  });

  it('drops decoded code before it overwrites it', () => {
    const { guest, flags, invalidated } = create();
    flags[2] = PAGE_HAS_CODE;

    guest.fill(0x1ff0, 0x20, 0xcc);

    expect(invalidated).toEqual([[0x1ff0, 0x20]]);
  });

  it('invalidates nothing on pages without code', () => {
    const { guest, flags, invalidated } = create();
    flags[3] = PAGE_HAS_CODE;

    guest.write32(0x2ffc, 1);

    expect(invalidated).toEqual([]);
  });

  it('refuses a range that leaves RAM', () => {
    const { guest } = create();

    expect(() => guest.write32(RAM_BYTES - 3, 0)).toThrow(GuestAddressError);
    expect(() => guest.read8(RAM_BYTES)).toThrow(GuestAddressError);
    expect(() => guest.view(0, RAM_BYTES + 1)).toThrow(GuestAddressError);
  });

  it('refuses addresses that are no whole numbers from 0 up', () => {
    const { guest } = create();

    expect(() => guest.read8(-1)).toThrow(GuestAddressError);
    expect(() => guest.read8(0.5)).toThrow(GuestAddressError);
    expect(() => guest.read8(NaN)).toThrow(GuestAddressError);
    expect(() => guest.view(0, -1)).toThrow(GuestAddressError);
  });

  it('takes nothing at the very end', () => {
    const { guest, flags } = create();

    guest.write(RAM_BYTES, new Uint8Array(0));

    expect([...flags]).toEqual(new Array(16).fill(0));
  });

  it('works over a shared buffer', () => {
    const { guest } = create(new WebAssembly.Memory({ initial: WASM_PAGES, maximum: WASM_PAGES, shared: true }));

    guest.write(0x10, Uint8Array.of(1, 2, 3));

    expect([...guest.view(0x10, 3)]).toEqual([1, 2, 3]);
  });
});
