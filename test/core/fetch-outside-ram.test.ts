/** Code that runs off the end of RAM: nothing answers an instruction fetch from a device. */
import { describe, expect, it } from 'vitest';
import { CpuFixture } from '../support/cpu-fixture.ts';

const UD = 6;
const RAM_END = 16 << 20;
const NOP = 0x90;
const TWO_BYTE_ESCAPE = 0x0f;

describe('an instruction fetch outside of RAM', () => {
  it('raises #UD at the first byte behind RAM', () => {
    const f = new CpuFixture(64).code([NOP], RAM_END - 1);

    f.step();

    expect(f.step()).toMatchObject({ vector: UD, rip: BigInt(RAM_END) });
  });

  it('raises #UD at an instruction that begins in RAM and ends behind it', () => {
    const f = new CpuFixture(64).code([TWO_BYTE_ESCAPE], RAM_END - 1);

    expect(f.step()).toMatchObject({ vector: UD, rip: BigInt(RAM_END - 1) });
  });
});
