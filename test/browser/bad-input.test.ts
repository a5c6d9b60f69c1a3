/**
 * What a student is told when the browser, the network or the site is not as it should be; and what works all the same. Disks by
 * range and kept disks have tests of their own. Needs the build and Chromium.
 */
import type { Page } from 'playwright-core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startChromium, type Browser } from '../support/chromium.ts';
import { openBlank, SITE, useVivarium } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

let server: StaticServer;
let browser: Browser;
beforeEach(async () => {
  server = await serveFolder(SITE);
  browser = await startChromium();
});
afterEach(async () => {
  await browser.close();
  await server.close();
});

interface Outcome {
  readonly out: string;
  /** Why it did not start. */
  readonly problem: string;
  readonly notKept: string | undefined;
  readonly notices: readonly string[];
  readonly troubles: readonly string[];
}

/** Starts a computer, runs a command in it and leaves it running. */
function start(
  page: Page,
  options: { readonly command?: string; readonly image?: string; readonly keep?: string } = {},
): Promise<Outcome> {
  return useVivarium(
    page,
    async ({ openSite, startComputer }, { command = 'echo works', image = 'busybox', keep }) => {
      const notices: string[] = [];
      const troubles: string[] = [];
      let [out, problem]: [string, string] = ['', ''];
      let notKept: string | undefined;
      try {
        const parts = await openSite(new URL('./', location.href), { onNotice: (text) => notices.push(text) });
        const onTrouble = ({ message }: Error): void => void troubles.push(message);
        const started = await startComputer(parts, { image, keep, onTrouble });
        notKept = started.notKept;
        const { stdout } = await started.computer.run({ args: ['sh', '-c', command] });
        out = new TextDecoder().decode(stdout);
      } catch (error) {
        problem = (error as Error).message;
      }
      return { out, problem, notKept, notices, troubles };
    },
    options,
  );
}

/** A site's file in the folder `guest`, `images/layers` or `assets` whose name begins so. */
function pathOf(request: string, folder: string, start: string): boolean {
  return request.includes(`/${folder}/${start}`);
}

/** Runs a script in the page and, before its own, in the machine's worker: browsers have no switch for what is missing here. */
async function openWithout(script: string): Promise<Page> {
  server.intercept = (request, response) => {
    if (!pathOf(request.url!, 'assets', 'machine-worker')) return false;
    const own = readFileSync(join(SITE, new URL(request.url!, server.url).pathname), 'utf8');
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(`${script};${own}`);
    return true;
  };
  const page = await browser.context.newPage();
  await page.addInitScript(script);
  await page.goto(`${server.url}assets.json`);
  return page;
}

const NO_OPFS = `StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'))`;
const NO_DATABASE = `Object.defineProperty(globalThis, 'indexedDB', { get() { throw new DOMException('no', 'SecurityError'); } })`;

describe('a browser', () => {
  test('without OPFS keeps files in IndexedDB', async () => {
    const page = await openWithout(NO_OPFS);

    const first = await start(page, { keep: 'lab', command: 'echo mine > /root/file; sync' });
    await page.reload();
    const second = await start(page, { keep: 'lab', command: 'cat /root/file' });

    expect([first.problem, first.notKept]).toEqual(['', undefined]);
    expect(second).toMatchObject({ out: 'mine\n', problem: '', notices: [], troubles: [] });
    expect(await page.evaluate(async () => (await indexedDB.databases()).map(({ name }) => name))).toContain(
      'vivarium-disk-kept/lab',
    );
  });

  test('that keeps nothing at all runs the machine, and the page says that files are lost', async () => {
    const page = await openWithout(`${NO_OPFS};${NO_DATABASE}`);

    expect(await start(page, { keep: 'lab' })).toMatchObject({
      out: 'works\n',
      problem: '',
      notKept:
        'this browser does not let the page keep anything; files of this computer are lost when the page is closed',
    });
  });

  test('whose storage is full runs the machine, and the page says what can’t be kept', async () => {
    const page = await openBlank(browser, server);
    const session = await browser.context.newCDPSession(page);
    await session.send('Storage.overrideQuotaForOrigin', { origin: server.url.slice(0, -1), quotaSize: 64 << 10 });

    const { out, problem, notKept, troubles } = await start(page, { keep: 'lab', command: 'echo works; sync' });

    expect([out, problem]).toEqual(['works\n', '']);
    expect(notKept ?? troubles[0]).toMatch(/there is no room to keep what the computer writes; make some/);
  });

  test('that has damaged what it keeps gets it from the site again', async () => {
    const page = await openBlank(browser, server);
    await start(page);
    await expect.poll(() => overwriteKept(page), { timeout: 20_000 }).toContain('snapshots');
    await page.reload();

    const damaged = await start(page);
    await page.reload();
    const later = await start(page);

    expect([damaged.out, damaged.problem]).toEqual(['works\n', '']);
    expect(damaged.notices).toEqual([expect.stringMatching(/^the saved guest can't be used, so a new one boots: /)]);
    expect(later).toMatchObject({ out: 'works\n', problem: '', notices: [] });
  });

  test('runs two tabs that begin at the same time, and both run', async () => {
    const pages = [await openBlank(browser, server), await openBlank(browser, server)];
    const outcomes = await Promise.all(pages.map((page) => start(page)));
    const again = await Promise.all(pages.map((page) => page.reload().then(() => start(page))));

    for (const outcome of [...outcomes, ...again])
      expect(outcome).toEqual({ out: 'works\n', problem: '', notKept: undefined, notices: [], troubles: [] });
  });

  test('that has slept for an hour shows the right time in the guest', async () => {
    const page = await openBlank(browser, server);
    const sleptSeconds = 3600;

    const seconds = await useVivarium(
      page,
      async ({ openSite, startComputer }, slept) => {
        const parts = await openSite(new URL('./', location.href));
        const { computer } = await startComputer(parts, { image: 'busybox' });
        const behind = async (): Promise<number> => {
          const { stdout } = await computer.run({ args: ['date', '+%s'] });
          return Date.now() / 1000 - Number(new TextDecoder().decode(stdout));
        };
        const before = await behind();
        // As on a host that sleeps: the time of day goes on, the monotonic clock does not.
        const now = Date.now.bind(Date);
        Date.now = () => now() + slept * 1000;
        const asleep = await behind();
        document.dispatchEvent(new Event('visibilitychange'));
        let after = asleep;
        for (let tries = 0; after > slept / 2 && tries < 50; tries++) after = await behind();
        return { before, asleep, after };
      },
      sleptSeconds,
    );

    expect(seconds.before).toBeLessThan(3);
    expect(seconds.asleep).toBeGreaterThan(sleptSeconds - 3);
    expect(Math.abs(seconds.after)).toBeLessThan(3);
  });
});

/** Overwrites all files in the site's caches; gives the names of their folders. */
function overwriteKept(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const folders: string[] = [];
    const root = await (await navigator.storage.getDirectory()).getDirectoryHandle('vivarium');
    for await (const [name, folder] of root.entries()) {
      if (folder.kind !== 'directory') continue;
      for await (const file of (folder as FileSystemDirectoryHandle).values()) {
        if (file.kind !== 'file') continue;
        const handle = file as FileSystemFileHandle;
        const { size } = await handle.getFile();
        const writable = await handle.createWritable();
        await writable.write(new Uint8Array(size).fill(0x55));
        await writable.close();
        if (size > 0) folders.push(name);
      }
    }
    return folders;
  });
}

describe('a server', () => {
  const answer404 = (folder: string, name: string): void => {
    server.intercept = (request, response) => {
      if (!pathOf(request.url!, folder, name)) return false;
      response.writeHead(404).end();
      return true;
    };
  };

  test('without the image is told of, with its address', async () => {
    const page = await openBlank(browser, server);
    const { problem } = await start(page, { image: 'images/none/image.json' });
    expect(problem).toBe(
      `the server has no file ${server.url}images/none/image.json (404); check the address, or upload the whole site again`,
    );
  });

  test('without the booted guest has the page boot one, and say so', async () => {
    answer404('guest', 'snapshot');
    const page = await openBlank(browser, server);
    const { out, notices } = await start(page);
    expect(out).toBe('works\n');
    expect(notices).toEqual([expect.stringMatching(/^the saved guest can't be used, so a new one boots: .*\(404\)/)]);
  });

  test('that closes half way is gone on with where it stopped', async () => {
    const ranges: (string | undefined)[] = [];
    server.intercept = (request, response) => {
      if (!pathOf(request.url!, 'guest', 'snapshot')) return false;
      ranges.push(request.headers.range);
      if (ranges.length > 1) return false;
      const whole = readFileSync(join(SITE, new URL(request.url!, server.url).pathname));
      response.writeHead(200, { 'content-length': whole.length });
      response.write(whole.subarray(0, whole.length >> 1), () => response.destroy());
      return true;
    };
    const page = await openBlank(browser, server);

    const { out, notices } = await start(page);

    expect([out, notices]).toEqual(['works\n', []]);
    expect(ranges[0]).toBeUndefined();
    const [, from] = /^bytes=(\d+)-/.exec(ranges[1]!)!;
    expect(Number(from)).toBeGreaterThan(1 << 16); // what was under way when it was cut is lost
  });

  test('that is away is a sentence with what to do', async () => {
    const page = await openBlank(browser, server);
    server.intercept = (request) => {
      if (!pathOf(request.url!, 'guest', 'core')) return false;
      request.socket.destroy();
      return true;
    };
    const { problem } = await start(page);
    expect(problem).toMatch(
      /^can't fetch http:\/\/127\.0\.0\.1:\d+\/guest\/core-[0-9a-f]+\.bin: .+; check the connection and try again$/,
    );
  });

  test.each([
    ['core', 'guest', 'core'],
    ['booted guest', 'guest', 'snapshot'],
  ])('that has a damaged %s is not believed', async (_, folder, name) => {
    damage(folder, name);
    const page = await openBlank(browser, server);
    const { out, problem } = await start(page);
    expect([out, problem]).toEqual([
      '',
      expect.stringMatching(
        /^the server's file http:\S+\.bin is damaged, or not the one that this site was built with; upload the whole site again$/,
      ),
    ]);
  });

  test('that has a damaged layer is an I/O error in the guest and a sentence in the page', async () => {
    damage('images/layers', '');
    const page = await openBlank(browser, server);
    const { out, problem, troubles } = await start(page);
    expect(out).toBe('');
    expect(problem).not.toBe('');
    expect(troubles[0]).toMatch(
      /^the server's file http:\S+\.layer is damaged, or not the one that this site was built with/,
    );
  });

  test('that answers with a page of its own is not taken for a site', async () => {
    const page = await openBlank(browser, server);
    server.intercept = (request, response) => {
      if (!request.url!.endsWith('assets.json')) return false;
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><p>Please log in');
      return true;
    };
    expect((await start(page)).problem).toBe(
      "the server answers with a page instead of the site's assets.json; if it wants you to log in, do that and load this page again",
    );
  });

  /** Changes a bit in the middle of what it sends of such files. */
  function damage(folder: string, name: string): void {
    server.intercept = (request, response) => {
      if (!pathOf(request.url!, folder, name)) return false;
      const whole = readFileSync(join(SITE, new URL(request.url!, server.url).pathname));
      const [, from, last] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? `bytes=0-${whole.length - 1}`)!;
      const part = whole.subarray(Number(from), Number(last) + 1);
      part[part.length >> 1]! ^= 1;
      const isRange = request.headers.range !== undefined;
      response.writeHead(isRange ? 206 : 200, {
        'content-length': part.length,
        ...(isRange ? { 'content-range': `bytes ${from}-${last}/${whole.length}` } : {}),
      });
      response.end(part);
      return true;
    };
  }
});
