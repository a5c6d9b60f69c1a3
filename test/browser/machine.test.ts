/** The machine in a real browser, from the built site on a plain static server. Needs the build and Chromium. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { openBlank, SITE, useVivarium } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

let browser: Browser;
let server: StaticServer | undefined;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());
afterEach(() => server?.close());

describe.each([
  ['with isolation headers', true],
  ['without isolation headers', false],
])('a page %s', (_, isolated) => {
  beforeEach(async () => {
    server = await serveFolder(SITE, { isolated });
  });

  test('goes on from the booted guest and runs programs in a container', async () => {
    const page = await openBlank(browser, server!);

    const result = await useVivarium(page, async ({ openSite, startComputer }) => {
      const parts = await openSite(new URL('./', location.href));
      const { computer } = await startComputer(parts, { image: 'busybox' });
      const uname = await computer.run({ args: ['uname', '-sm'] });
      const sorted = await computer.run({ args: ['sort'], input: new TextEncoder().encode('b\na\n') });
      const missing = await computer.run({ args: ['no-such-program'] }).catch((error: Error) => error.message);
      await computer.close();
      const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
      return { isolated: crossOriginIsolated, uname: text(uname.stdout), sorted: text(sorted.stdout), missing };
    });

    expect(result).toEqual({
      isolated,
      uname: 'Linux x86_64\n',
      sorted: 'a\nb\n',
      missing: 'the image has no program "no-such-program"; check its name and the PATH',
    });
    expect(server!.requests.map(({ path }) => path)).not.toContainEqual(expect.stringContaining('kernel'));
  });
});

test('a page boots the guest when the site has no booted one of that size, and says so', async () => {
  server = await serveFolder(SITE);
  const page = await openBlank(browser, server);

  const result = await useVivarium(page, async ({ openSite, startComputer }) => {
    const notices: string[] = [];
    const fetched = new Set<string>();
    const parts = await openSite(new URL('./', location.href), {
      onNotice: (text) => notices.push(text),
      onProgress: ({ what, doneBytes, totalBytes }) => {
        if (doneBytes === totalBytes) fetched.add(what);
      },
    });
    const { computer } = await startComputer(parts, { image: 'busybox', memoryBytes: 128 << 20 });
    const { stdout } = await computer.run({ args: ['sh', '-c', 'grep MemTotal /proc/meminfo'] });
    return { notices, fetched: [...fetched], memory: new TextDecoder().decode(stdout) };
  });

  expect(result.notices).toEqual([
    'the site has no started guest with this much memory, so one boots, which takes some seconds more',
  ]);
  expect(result.fetched).toEqual(['core', 'initramfs', 'kernel']);
  expect(result.memory).toMatch(/^MemTotal: +1[01]\d{4} kB\n$/);
});
