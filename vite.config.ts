/**
 * The site (web/vite.site.ts), and in mode `package` what of it the npm package has; and the tests, in suites: unit (fast, no download), e2e (boots real guests), browser (the built
 * site in Chromium and Firefox). scripts/test.mjs has their budgets.
 */
import { defineConfig, type ViteUserConfig } from 'vitest/config';
import { packedSiteConfig, siteConfig } from './web/vite.site.ts';

const E2E_TEST_TIMEOUT_MS = 120_000;
/** The longest take seconds; a busy machine is no failure. */
const UNIT_TEST_TIMEOUT_MS = 30_000;

const testConfig: ViteUserConfig = {
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
      {
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          // Each has a browser and machines in it.
          maxWorkers: 1,
          sequence: { groupOrder: 2 },
          testTimeout: E2E_TEST_TIMEOUT_MS,
          hookTimeout: E2E_TEST_TIMEOUT_MS,
        },
      },
    ],
  },
};

export default defineConfig(({ mode }) => {
  if (mode === 'test') return testConfig;
  return mode === 'package' ? packedSiteConfig : siteConfig;
});
