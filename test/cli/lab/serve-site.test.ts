import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { serveSite, type SiteServer } from '../../../src/cli/lab/serve-site.ts';

let root: string;
let server: SiteServer;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'serve-site-'));
  mkdirSync(join(root, 'site/images'), { recursive: true });
  writeFileSync(join(root, 'secret.txt'), 'secret');
  writeFileSync(join(root, 'site/index.html'), '<body>Hello</body>');
  writeFileSync(join(root, 'site/images/a.layer'), '0123456789');
  server = await serveSite(join(root, 'site'), 0);
});
afterEach(async () => {
  await server.close();
  rmSync(root, { recursive: true });
});

/** A request with a path and headers as no browser sends them. */
function raw(path: string, headers: Record<string, string> = {}): Promise<number> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers }, (response) => {
      response.resume();
      resolve(response.statusCode!);
    });
    asked.on('error', reject).end();
  });
}

test('a page is isolated, is not kept, and loads anew when it is told to', async () => {
  const response = await fetch(server.url);

  expect(Object.fromEntries(response.headers)).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-embedder-policy': 'require-corp',
    'cache-control': 'no-store',
  });
  expect(await response.text()).toContain('new EventSource(');
});

test('files are served by ranges', async () => {
  const response = await fetch(`${server.url}images/a.layer`, { headers: { range: 'bytes=2-4' } });

  expect(response.status).toBe(206);
  expect(response.headers.get('cross-origin-embedder-policy')).toBe('require-corp');
  expect(await response.text()).toBe('234');
});

test('pages hear of changes', async () => {
  const response = await fetch(`${server.url}-/changes`);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();

  server.reload();

  expect((await reader.read()).value).toBe('data: changed\n\n');
  await reader.cancel();
});

test('a service worker of an earlier site is replaced by one that keeps nothing', async () => {
  expect(await (await fetch(`${server.url}service-worker.js`)).text()).toContain('caches.delete');
});

test.each([
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/images/..%5c..%5csecret.txt',
  '/none',
  '/none.html',
  '/%zz',
  '/%00',
])('what is not in the folder is not served: %s', async (path) => {
  expect(await raw(path)).toBe(404);
});

test('another name for this computer gets nothing, so that no page of the web can look in', async () => {
  expect(await raw('/', { host: 'evil.example' })).toBe(403);
  expect(await raw('/', { host: `localhost:${new URL(server.url).port}` })).toBe(200);
});

test('a port that is taken is an error with a remedy', async () => {
  const port = Number(new URL(server.url).port);
  await expect(serveSite(root, port)).rejects.toThrow(`port ${port} is taken; choose another with --port`);
});
