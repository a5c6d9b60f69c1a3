/** The file tree and the editor, on the files of a real machine. */
import type { Page } from 'playwright-core';
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startChromium, type Browser } from '../support/chromium.ts';
import { serveLab } from '../support/served-pages.ts';
import { SITE } from '../support/site.ts';
import { serveFolder, type StaticServer } from '../support/static-server.ts';

const POLL = { timeout: 30_000, interval: 100 };
const LAB = {
  'lab.yaml': `version: 1
id: files
title: Files
machines:
  - image: busybox
    cwd: /root
files:
  - { path: /root/script.sh, content: "#!/bin/sh\\necho one\\n", mode: 0755 }
  - { path: /root/folder/inner.txt, content: "inner\\n" }
steps:
  - { id: only, title: Only, text: Look around. }
`,
};
let browser: Browser;
let site: StaticServer;
let page: Page;
beforeAll(async () => {
  browser = await startChromium();
});
afterAll(() => browser.close());
beforeEach(async () => {
  site = await serveFolder(SITE);
  serveLab(site, 'files', LAB);
  page = await browser.open(`${site.url}lab.html?lab=labs/files`);
  await page.getByRole('tab', { name: 'Files' }).click({ timeout: POLL.timeout });
  await item('script.sh').waitFor();
});
afterEach(async () => {
  await page.evaluate(() => (document.querySelector('viv-lab') as HTMLElement).remove());
  await page.close();
  await site.close();
});

const item = (name: string) => page.getByRole('treeitem', { name, exact: true });
const names = () => page.locator('viv-files .name').allInnerTexts();
const content = () => page.locator('viv-editor .cm-content');

/** Runs a command in the machine, and gives what it prints. */
function inMachine(command: string): Promise<string> {
  return page.evaluate(async (text) => {
    const lab = document.querySelector('viv-lab') as HTMLElement & {
      computer(): { run(options: { args: string[] }): Promise<{ stdout: Uint8Array }> };
    };
    const { stdout } = await lab.computer().run({ args: ['sh', '-c', text] });
    return new TextDecoder().decode(stdout);
  }, command);
}

async function openScript(): Promise<void> {
  await item('script.sh').click();
  await expect.poll(() => content().innerText(), POLL).toContain('echo one');
}

describe('the editor', () => {
  test('saves to the file in the guest, which keeps its mode', async () => {
    await openScript();
    await content().click();
    await page.keyboard.press('Control+End');
    await page.keyboard.type('echo two');
    expect(await page.locator('viv-editor .dirty').innerText()).toBe('not saved');
    await page.keyboard.press('Control+s');
    await expect.poll(() => page.locator('viv-editor .dirty').innerText(), POLL).toBe('');

    expect(await inMachine('/root/script.sh; stat -c %a /root/script.sh')).toBe('one\ntwo\n755\n');
  });

  test('asks before it overwrites what the guest has written meanwhile', async () => {
    await openScript();
    await content().click();
    await page.keyboard.type('# mine\n');
    await inMachine('echo "echo theirs" > /root/script.sh');
    await page.keyboard.press('Control+s');
    await expect
      .poll(() => page.locator('viv-editor [role=alert]').allInnerTexts(), POLL)
      .toEqual([expect.stringContaining('was changed in the machine')]);
    expect(await inMachine('cat /root/script.sh')).toBe('echo theirs\n');

    await page.getByRole('button', { name: "Take the machine's" }).click();
    await expect.poll(() => content().innerText(), POLL).toContain('echo theirs');
    expect(await page.locator('viv-editor .dirty').innerText()).toBe('');
  });

  test('keeps what is here when the student wants that', async () => {
    await openScript();
    await content().click();
    await page.keyboard.type('# mine\n');
    await inMachine('echo theirs > /root/script.sh');
    await page.keyboard.press('Control+s');
    await page.getByRole('button', { name: 'Keep what is here' }).click();
    await expect.poll(() => inMachine('cat /root/script.sh'), POLL).toContain('# mine');
  });

  test('refuses what is no text, and says why', async () => {
    await inMachine("head -c 100 /dev/zero > /root/zeros; head -c 2000000 /dev/zero | tr '\\0' a > /root/long");
    await page.getByRole('button', { name: 'Refresh' }).click();
    await item('zeros').click();
    await expect
      .poll(() => page.locator('viv-editor .problem').allInnerTexts(), POLL)
      .toEqual([expect.stringContaining('/root/zeros is not text')]);
    await item('long').click();
    await expect
      .poll(() => page.locator('viv-editor .problem').allInnerTexts(), POLL)
      .toEqual([expect.stringContaining('/root/long has 1.9 MiB')]);
  });
});

describe('the file tree', () => {
  test('makes, renames and removes files and folders', async () => {
    await page.getByRole('button', { name: '+ Folder' }).click();
    await page.getByLabel('Name').fill('new');
    await page.keyboard.press('Enter');
    await expect.poll(names, POLL).toContain('new');
    await item('new folder').click();
    await page.getByRole('button', { name: '+ File' }).click();
    await page.getByLabel('Name').fill('a b.txt');
    await page.keyboard.press('Enter');
    await expect.poll(() => inMachine('ls /root/new'), POLL).toBe('a b.txt\n');

    await item('script.sh').click();
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByLabel('New name').fill('folder');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('viv-files .status').innerText(), POLL).toContain('There is a folder already');
    await page.getByRole('button', { name: 'Rename' }).click();
    await page.getByLabel('New name').fill('renamed.sh');
    await page.keyboard.press('Enter');
    await expect.poll(() => inMachine('ls /root'), POLL).toBe('folder\nnew\nrenamed.sh\n');
    expect(await page.locator('viv-editor .path').innerText()).toBe('/root/renamed.sh');

    await item('folder folder').click();
    await page.getByRole('button', { name: 'Delete' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
    await expect.poll(() => inMachine('ls /root'), POLL).toBe('new\nrenamed.sh\n');
  });

  test('is worked by keys alone', async () => {
    await page.locator('[role=treeitem][tabindex="0"]').focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('ArrowRight');
    await expect.poll(names, POLL).toEqual(['/root', 'folder', 'inner.txt', 'script.sh']);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await expect.poll(() => content().innerText(), POLL).toContain('inner');
  });

  test('takes files in and gives them out', async () => {
    await page
      .locator('viv-files input[type=file]')
      .setInputFiles({ name: 'up.bin', mimeType: 'application/octet-stream', buffer: Buffer.from([0, 1, 255]) });
    await expect.poll(() => page.locator('viv-files .status').innerText(), POLL).toBe('up.bin is in /root now.');
    expect(await inMachine('od -An -tx1 /root/up.bin')).toBe(' 00 01 ff\n');

    await item('up.bin').click();
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ]);
    expect([...(await readFile(await file.path()))]).toEqual([0, 1, 255]);
    expect(file.suggestedFilename()).toBe('up.bin');
  });
});
