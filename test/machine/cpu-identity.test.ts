import { expect, test } from 'vitest';
import { CPU_IDENTITY } from '../../src/machine/cpu-identity.ts';
import { CoreDriver } from '../support/core-driver.ts';
import { coreModule } from '../support/core-module.ts';

const driver = new CoreDriver(coreModule());
const EAX = 0;
const EDX = 3;
/** A register of CPUID leaf 1, put together from its bits. */
const leaf1 = (register: number) =>
  Array.from({ length: 32 }, (_, bit) => (driver.hasFeature(1, register, bit) ? 2 ** bit : 0)).reduce((a, b) => a + b);

test('the MP table repeats what CPUID leaf 1 says', () => {
  expect({ signature: leaf1(EAX), features: leaf1(EDX) }).toEqual(CPU_IDENTITY);
});
