/** CPUID tells exactly what is there: the features that the instruction tables name, and no others. */
import { describe, expect, it } from 'vitest';
import { TABLES } from '../../assembly/isa/tables.ts';
import { CoreDriver } from '../support/core-driver.ts';
import { coreModule } from '../support/core-module.ts';
import { BITS } from '../support/features.ts';

/** Names of the tables that are not CPUID features of their own. */
const ALWAYS = ['X86', 'WAIT'];
/** Told by a subleaf (CPUID 0xd.1), which hasFeature() does not ask; test/isa/xsave.test.ts executes it. */
const SUBLEAF = ['XSAVEOPT'];
/** TZCNT is here, the rest of BMI1 comes with AVX2: until then the bit stays clear and TZCNT is what REP BSF does. */
const PARTLY = ['BMI1'];
const OTHER_NAMES: Readonly<Record<string, string>> = { '3DNOWPREFETCH': 'PREFETCHW' };

const named = new Set(
  TABLES.flatMap((table) => [table.feature, ...table.rows.map((row) => row.options.feature ?? table.feature)]),
);
const implemented = [...named]
  .filter((name) => ![...ALWAYS, ...PARTLY, ...SUBLEAF].includes(name))
  .map((name) => OTHER_NAMES[name] ?? name);
const absent = [
  'AVX',
  'AVX2',
  'FMA',
  'F16C',
  'BMI1',
  'BMI2',
  'AVX512F',
  'SSE4A',
  'XOP',
  'FMA4',
  'TBM',
  'D3NOW',
  'SVM',
  'VMX',
  'MONITOR',
  'GFNI',
  'VAES',
  'RDPID',
  'CLZERO',
  'PKU',
];

const driver = new CoreDriver(coreModule());
const announced = (name: string) => driver.hasFeature(...BITS[name]!);

describe('CPUID', () => {
  it.each(implemented)('announces %s, whose encodings the tables have', (name) => {
    expect(announced(name)).toBe(true);
  });

  it.each(absent)('does not announce %s', (name) => {
    expect(announced(name)).toBe(false);
  });
});
