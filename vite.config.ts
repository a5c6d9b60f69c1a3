/** Tests in suites: unit (fast, no download), e2e (boots real guests). scripts/test.mjs has their budgets. */
import { defineConfig } from 'vitest/config';

const E2E_TEST_TIMEOUT_MS = 120_000;
/** The longest take seconds; a busy machine is no failure. */
const UNIT_TEST_TIMEOUT_MS = 30_000;

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/browser/**'],
          testTimeout: UNIT_TEST_TIMEOUT_MS,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          // Each boots machines that keep a processor busy.
          maxWorkers: 2,
          sequence: { groupOrder: 1 }, // after the unit tests, which have other workers
          testTimeout: E2E_TEST_TIMEOUT_MS,
          hookTimeout: E2E_TEST_TIMEOUT_MS,
        },
      },
    ],
  },
});
