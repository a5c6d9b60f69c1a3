/** Disks that outlive the page, in OPFS and in IndexedDB. Needs the build and Chromium. */
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { bundledModule } from '../support/page-module.ts';
import { openBlank, SITE, useVivarium } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

let server: StaticServer;
let browser: Browser;
beforeAll(async () => {
  server = await serveFolder(SITE);
});
afterAll(() => server.close());
beforeEach(async () => {
  browser = await startChromium();
});
afterEach(() => browser.close());

/** Starts a computer that keeps its disk as `lab`, runs a command and leaves it running, as a student does. */
function runKept(page: Page, command: string): Promise<{ out: string; notKept: string | undefined }> {
  return useVivarium(
    page,
    async ({ openSite, startComputer }, script) => {
      const parts = await openSite(new URL('./', location.href));
      const { computer, notKept } = await startComputer(parts, { image: 'busybox', keep: 'lab' });
      const { stdout } = await computer.run({ args: ['sh', '-c', script] });
      return { out: new TextDecoder().decode(stdout), notKept };
    },
    command,
  );
}

describe('a disk that is kept', () => {
  test('has its files after a reload', async () => {
    const page = await openBlank(browser, server);
    await runKept(page, 'echo mine > /root-file; mkdir -p /deep/er; echo too > /deep/er/file; sync');

    await page.reload();

    expect(await runKept(page, 'cat /root-file /deep/er/file')).toEqual({ out: 'mine\ntoo\n' });
  });

  test('begins anew when it was forgotten', async () => {
    const page = await openBlank(browser, server);
    await runKept(page, 'echo mine > /root-file; sync');
    await page.reload();

    await useVivarium(page, async ({ openSite, Computer }) =>
      Computer.forget(await openSite(new URL('./', location.href)), 'lab'),
    );

    expect((await runKept(page, 'cat /root-file 2>&1')).out).toMatch(/No such file/);
  });

  test('is one tab’s: a second one works without, is told, and changes nothing', async () => {
    const first = await openBlank(browser, server);
    await runKept(first, 'echo first > /file; sync');
    const second = await openBlank(browser, server);

    const { out, notKept } = await runKept(second, 'cat /file 2>&1; echo second > /file; sync');

    expect(out).toMatch(/No such file/);
    expect(notKept).toBe(
      'this computer is open in another tab, which keeps its files; close that one first; files of this computer are lost when the page is closed',
    );
    await second.close();
    await first.reload();
    expect((await runKept(first, 'cat /file')).out).toBe('first\n');
  });

  test('that finds no room is an I/O error in the guest and a sentence in the page', async () => {
    const page = await openBlank(browser, server);
    const session = await browser.context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.url.slice(0, -1), quotaSize: 40 << 20 });

    const result = await useVivarium(page, async ({ openSite, startComputer }) => {
      const troubles: string[] = [];
      const parts = await openSite(new URL('./', location.href));
      const { computer, notKept } = await startComputer(parts, {
        image: 'busybox',
        keep: 'full',
        onTrouble: ({ code, message }) => troubles.push(`${code}: ${message}`),
      });
      const script = 'dd if=/dev/urandom of=/big bs=1M count=64 2>/dev/null; sync -f /big 2>&1 || sync; echo done';
      const { stdout } = await computer.run({ args: ['sh', '-c', script] });
      return { out: new TextDecoder().decode(stdout), troubles, notKept };
    });

    expect(result.notKept).toBeUndefined();
    expect(result.out).toMatch(/done\n$/);
    expect(result.troubles[0]).toBe(
      'NO_SPACE: there is no room to keep what the computer writes; make some, or remove files in it',
    );
  });
});

describe('IndexedDB, where there are no files to write', () => {
  test('keeps chunks all or none, and replaces them', async () => {
    const page = await openBlank(browser, server);
    await page.addScriptTag({ content: await bundledModule('src/worker/web-chunks.ts', 'webChunks') });

    // In a page, unlike in a worker, OPFS has no files that are written in place.
    const result = await page.evaluate(async () => {
      const { openWebChunks, removeWebChunks } = (
        globalThis as unknown as { webChunks: typeof import('../../src/worker/web-chunks.ts') }
      ).webChunks;
      const chunk = (byte: number): Uint8Array => new Uint8Array(65536).fill(byte);
      const content = async (): Promise<unknown> => {
        const store = await openWebChunks('kept/disk');
        const stored = await store.load();
        store.close();
        return (
          stored && {
            identity: stored.identity,
            chunks: [...stored.chunks].map(([n, bytes]) => [n, bytes[9], bytes.length]),
          }
        );
      };
      const before = await content();
      const store = await openWebChunks('kept/disk');
      await store.create(
        { image: 'a' },
        new Map([
          [1, chunk(1)],
          [7, chunk(7)],
          [9, chunk(9)],
        ]),
      );
      await store.commit(
        new Map([
          [7, undefined],
          [9, chunk(99)],
          [10, chunk(10)],
        ]),
      );
      const failed = await store
        .commit(
          new Map([
            [1, chunk(11)],
            [2, (() => {}) as unknown as Uint8Array],
          ]),
        )
        .catch((error: { code: string }) => error.code);
      store.close();
      const after = await content();
      await removeWebChunks('kept/disk');
      return { before, failed, after, removed: await content() };
    });

    expect(result).toEqual({
      before: undefined,
      failed: 'STORE',
      after: {
        identity: { image: 'a' },
        chunks: [
          [1, 1, 65536],
          [9, 99, 65536],
          [10, 10, 65536],
        ],
      },
      removed: undefined,
    });
  });
});
