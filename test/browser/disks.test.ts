/** Images that are fetched as they are read, and what is kept of them. Needs the build and Chromium. */
import { randomBytes } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { writeStaticImage } from '../../src/oci/static/node-write.ts';
import { nodeImages } from '../../src/sandbox/node-image.ts';
import { startChromium, type Browser } from '../support/chromium.ts';
import { addFile, emptyTree, imageBytes } from '../support/erofs-image.ts';
import { builtAssets } from '../support/sandbox.ts';
import { openBlank, SITE, useVivarium } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

const MIB = 2 ** 20;
const LARGE_BYTES = 24 * MIB;
let site: string;
let layer: string;
let browser: Browser;
let server: StaticServer;

/** A site with an image that is larger than what its first program needs. */
beforeAll(async () => {
  site = mkdtempSync(join(tmpdir(), 'vivarium-site-'));
  cpSync(SITE, site, { recursive: true });
  const { signal } = new AbortController();
  const image = builtAssets().images.busybox;
  const busybox = await nodeImages(join(site, 'cache'))({ image, signal });
  const tree = emptyTree();
  addFile(tree, 'large', randomBytes(LARGE_BYTES));
  const bytes = await imageBytes(tree);
  writeFileSync(join(site, 'large.erofs'), bytes);
  const layers = busybox.layers.map((lower) => ({
    path: (lower as { path: string }).path,
    byteCount: lower.byteCount,
  }));
  const large = { path: join(site, 'large.erofs'), byteCount: bytes.length };
  const written = await writeStaticImage({ ...busybox, layers: [...layers, large] }, join(site, 'images'), 'large');
  layer = `/images/${written.files.at(-1)!}`;
});
afterAll(() => rmSync(site, { recursive: true }));
beforeEach(async () => {
  browser = await startChromium();
  server = await serveFolder(site);
});
afterEach(async () => {
  await browser.close();
  await server.close();
});

/** Starts a computer of the large image and runs a command in it; gives what it printed, and troubles. */
function run(page: Page, command: string): Promise<{ out: string; exitCode: number; troubles: string[] }> {
  return useVivarium(
    page,
    async ({ openSite, startComputer }, script) => {
      const troubles: string[] = [];
      const parts = await openSite(new URL('./', location.href));
      const { computer } = await startComputer(parts, {
        image: 'images/large/image.json',
        onTrouble: ({ message }) => troubles.push(message),
      });
      const { stdout, exit } = await computer.run({ args: ['sh', '-c', script] });
      await computer.close();
      return { out: new TextDecoder().decode(stdout), exitCode: exit.exitCode, troubles };
    },
    command,
  );
}

test('the first program runs before the image is there, and what was read is not fetched again', async () => {
  const page = await openBlank(browser, server);

  expect((await run(page, 'ls -l /large | wc -l')).out).toBe('1\n');
  expect(server.sentBytes.get(layer)).toBeLessThan(2 * MIB);

  await run(page, 'wc -c < /large');
  server.sentBytes.clear();
  expect((await run(page, 'wc -c < /large')).out).toBe(`${LARGE_BYTES}\n`);
  expect(server.sentBytes.get(layer) ?? 0).toBeLessThan(4 * MIB);

  await run(page, 'cat /large > /dev/null');
  server.sentBytes.clear();
  expect((await run(page, 'cat /large | wc -c')).out).toBe(`${LARGE_BYTES}\n`);
  expect(server.sentBytes.get(layer)).toBeUndefined();
});

test('a server without ranges sends the file once', async () => {
  await server.close();
  server = await serveFolder(site, { ranges: false });
  const page = await openBlank(browser, server);

  expect((await run(page, 'cat /large | wc -c')).out).toBe(`${LARGE_BYTES}\n`);
  expect(server.requests.filter(({ path }) => path === layer)).toHaveLength(1);
});

test('a fetch that is cut off goes on, and the content is right', async () => {
  const page = await openBlank(browser, server);
  let cuts = 0;
  server.intercept = (request, response) => {
    if (!request.url!.endsWith(layer) || cuts >= 5) return false;
    cuts++;
    const [, start, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range!)!;
    response.writeHead(206, {
      'content-length': Number(last) - Number(start) + 1,
      'content-range': `bytes ${start}-${last}/*`,
    });
    response.flushHeaders();
    setTimeout(() => response.destroy(), 50);
    return true;
  };

  const { out } = await run(page, 'cat /large | wc -c');

  expect([out, cuts]).toEqual([`${LARGE_BYTES}\n`, 5]);
});

test('a file that is not on the server is an I/O error in the guest and a sentence in the page', async () => {
  const page = await openBlank(browser, server);
  server.intercept = (request, response) => {
    if (!request.url!.endsWith(layer) || Number(/=(\d+)/.exec(request.headers.range!)![1]) < MIB) return false;
    response.writeHead(404).end();
    return true;
  };

  const { exitCode, troubles } = await run(page, 'cat /large > /dev/null');

  expect(exitCode).toBe(1);
  expect(troubles[0]).toBe(
    `the server has no file ${server.url.slice(0, -1)}${layer} (404); check the address, or upload the whole site again`,
  );
});

test('an image that the site does not have is named, with those that it has', async () => {
  const page = await openBlank(browser, server);

  const message = await useVivarium(page, async ({ openSite, startComputer }) => {
    const parts = await openSite(new URL('./', location.href));
    return startComputer(parts, { image: 'debian' }).then(
      () => 'started',
      (error: Error) => error.message,
    );
  });

  expect(message).toMatch(/^the site has no image "debian", only busybox(, [a-z-]+)*; check the name$/);
});
