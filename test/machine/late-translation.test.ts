import { expect, test } from 'vitest';
import { LateTranslation } from '../../src/machine/late-translation.ts';

function create() {
  const log: string[] = [];
  const cpu = {
    instructionCount: 100,
    isHaltedForGood: false,
    run: (budget: number) => {
      log.push(`run ${budget}`);
      cpu.instructionCount += budget;
      return 0 as const;
    },
  };
  return { log, late: new LateTranslation(cpu, () => void log.push('translate')) };
}

test('translation begins with the first slice after the count, once', () => {
  const { log, late } = create();
  late.wait(25);

  for (const budget of [10, 20, 30, 40]) late.run(budget);

  expect(log).toEqual(['run 10', 'run 20', 'translate', 'run 30', 'run 40']);
  expect(late.instructionCount).toBe(200);
});

test('a CPU that need not wait is left alone', () => {
  const { log, late } = create();

  late.run(1000);

  expect(log).toEqual(['run 1000']);
});
