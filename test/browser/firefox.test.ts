/** The main path in Firefox, from the built site on a plain static server. Needs the build and Debian's firefox-esr. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startFirefox, type Firefox } from '../support/firefox.ts';
import { BLANK, SITE, useVivarium, type ScriptedPage } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

let browser: Firefox;
beforeAll(async () => {
  browser = await startFirefox();
});
afterAll(() => browser.close());

/** Types into a shell on a terminal and gives all that was on it, to the answer. */
function typeInShell(
  page: ScriptedPage,
  options: { readonly useSnapshot: boolean; readonly typed: string; readonly answer: string },
): Promise<{ readonly screen: string; readonly notices: readonly string[] }> {
  return useVivarium(
    page,
    async ({ openSite, startComputer }, { useSnapshot, typed, answer }) => {
      const notices: string[] = [];
      const site = new URL('./', location.href);
      const parts = await openSite(site, { useSnapshot, onNotice: (text) => notices.push(text) });
      const { computer } = await startComputer(parts, { image: 'busybox', hostname: 'fox' });
      const shell = await computer.spawn({ args: ['sh'], tty: { columns: 80, rows: 24 } });
      const [reader, decoder] = [shell.stdout.getReader(), new TextDecoder()];
      let screen = '';
      const until = async (text: string): Promise<void> => {
        while (!screen.includes(text)) {
          const { done, value } = await reader.read();
          if (done) throw new Error(`the shell has ended: ${screen}`);
          screen += decoder.decode(value, { stream: true });
        }
      };
      await until('# ');
      const writer = shell.stdin.getWriter();
      await writer.write(new TextEncoder().encode(typed));
      await until(answer);
      await computer.close();
      // The shell asks where the cursor is.
      return { screen: screen.replaceAll('\x1b[6n', ''), notices };
    },
    options,
  );
}

describe.each([
  ['with isolation headers', true],
  ['without isolation headers', false],
])('Firefox, on a site %s', (_, isolated) => {
  let server: StaticServer;
  beforeAll(async () => {
    server = await serveFolder(SITE, { isolated });
  });
  afterAll(() => server.close());

  test('goes on from the booted guest, to a prompt that answers what is typed', async () => {
    const page = await browser.open(`${server.url}${BLANK}`);

    const { screen, notices } = await typeInShell(page, {
      useSnapshot: true,
      typed: 'echo $((6 * 7)) on $(hostname)\n',
      answer: '\r\n42 on fox\r\n',
    });

    expect(screen).toMatch(/# echo \$\(\(6 \* 7\)\) on \$\(hostname\)\r\n42 on fox\r\n/);
    expect(notices).toEqual([]);
    expect(await page.evaluate('crossOriginIsolated')).toBe(isolated);
    expect(server.requests.map(({ path }) => path)).not.toContainEqual(expect.stringContaining('kernel'));
  });

  test('runs programs in the container, and finds one’s file after a reload', async () => {
    const page = await browser.open(`${server.url}${BLANK}`);
    const run = (command: string): Promise<unknown> =>
      useVivarium(
        page,
        async ({ openSite, startComputer }, script) => {
          const parts = await openSite(new URL('./', location.href));
          const { computer, notKept } = await startComputer(parts, { image: 'busybox', keep: 'mine' });
          const { stdout, exit } = await computer.run({ args: ['sh', '-c', script] });
          return { out: new TextDecoder().decode(stdout), exit, notKept };
        },
        command,
      );

    const first = await run('uname -sm; printf "b\\na\\n" | sort > /root/mine; sync; exit 3');
    await page.reload();
    const second = await run('cat /root/mine');

    expect(first).toEqual({ out: 'Linux x86_64\n', exit: { kind: 'exited', exitCode: 3 } });
    expect(second).toEqual({ out: 'a\nb\n', exit: { kind: 'exited', exitCode: 0 } });
  });
});

test('Firefox boots the guest where there is no booted one', async () => {
  const server = await serveFolder(SITE);
  try {
    const page = await browser.open(`${server.url}${BLANK}`);

    const { screen } = await typeInShell(page, { useSnapshot: false, typed: 'uname -s\n', answer: '\r\nLinux\r\n' });

    expect(screen).toContain('# uname -s\r\nLinux\r\n');
    expect(server.requests.map(({ path }) => path)).toContainEqual(expect.stringContaining('kernel'));
  } finally {
    await server.close();
  }
});
