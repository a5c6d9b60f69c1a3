/** Pages and labs that a test writes, on a server of the built site. Node only. */
import { createHash } from 'node:crypto';
import type { Page } from 'playwright-core';
import type { StaticServer } from './static-server.ts';

type Content = string | Uint8Array;

/** Answers these paths with these contents; others as before. */
export function serveContents(server: StaticServer, contents: ReadonlyMap<string, Content>): void {
  const earlier = server.intercept;
  server.intercept = (request, response) => {
    const { pathname } = new URL(request.url!, 'http://host');
    const content = contents.get(decodeURIComponent(pathname));
    if (content === undefined) return earlier?.(request, response) ?? false;
    const type = pathname.endsWith('.html') ? 'text/html; charset=utf-8' : 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'access-control-allow-origin': '*' }).end(content);
    return true;
  };
}

/** A lab at labs/NAME/, as viv lab build lays it there. */
export function serveLab(server: StaticServer, name: string, files: Readonly<Record<string, string>>): void {
  const shapes = Object.fromEntries(
    Object.entries(files).map(([path, text]) => [
      path,
      { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') },
    ]),
  );
  const index = JSON.stringify({ format: 'vivarium-lab', version: 1, files: shapes, images: {} });
  const contents = new Map<string, Content>([[`/labs/${name}/lab.json`, index]]);
  for (const [path, text] of Object.entries(files)) contents.set(`/labs/${name}/${path}`, text);
  serveContents(server, contents);
}

/** What is on the terminal that is shown, and above it. */
export function terminalText(page: Page): Promise<string> {
  return page
    .locator('viv-terminal:visible')
    .first()
    .evaluate((terminal: HTMLElement & { readonly text: string }) => terminal.text);
}
