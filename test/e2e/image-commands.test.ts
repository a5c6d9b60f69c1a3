/** The commands about images that need no registry, with what Docker prints and the statuses that it ends with. Needs the build. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LayoutBuilder, type LayerInput, gzipLayer } from '../support/image-builder.ts';
import { file, tar } from '../support/tar-builder.ts';
import { type VivResult, viv } from '../support/viv.ts';

const CONFIG_TYPE = 'application/vnd.oci.image.config.v1+json';
const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
const LAYER = gzipLayer(tar(file('a', 'x')));

let folder: string;
let id: string;

/** An image with a history, as a Dockerfile makes one. */
function archive(): Uint8Array {
  const layout = new LayoutBuilder();
  const layers: LayerInput[] = [LAYER];
  const { diff_ids } = (
    JSON.parse(
      new TextDecoder().decode(layout.files.get(`blobs/${layout.config(layers).digest.replace(':', '/')}`)),
    ) as { rootfs: { diff_ids: string[] } }
  ).rootfs;
  const config = layout.blob(
    {
      created: '2024-01-02T03:04:05Z',
      author: 'somebody',
      os: 'linux',
      architecture: 'amd64',
      config: { Cmd: ['sh', '-c', 'true'], Env: ['PATH=/bin'], Labels: { kind: 'test' } },
      rootfs: { type: 'layers', diff_ids },
      history: [
        { created: '2024-01-02T03:04:04Z', created_by: 'ADD a /', comment: 'first' },
        {
          created: '2024-01-02T03:04:05Z',
          created_by: 'CMD ["sh" "-c" "true"] and more of it than is shown',
          empty_layer: true,
        },
      ],
    },
    CONFIG_TYPE,
  );
  id = config.digest;
  const layer = layout.blob(LAYER.stored!, 'application/vnd.oci.image.layer.v1.tar+gzip');
  const manifest = layout.blob({ schemaVersion: 2, mediaType: MANIFEST_TYPE, config, layers: [layer] }, MANIFEST_TYPE);
  return layout.root(manifest, 'me/tool:v1').tar();
}

const environment = (): Record<string, string> => ({
  VIVARIUM_HOME: folder,
  VIVARIUM_CACHE: join(folder, 'cache'),
  VIVARIUM_CONFIG: join(folder, 'config'),
});
const run = (...words: string[]): Promise<VivResult> => viv(words, { env: environment(), input: '' });
async function out(...words: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(...words);
  expect([status, stderr]).toEqual([0, '']);
  return stdout.toString();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-images-'));
  writeFileSync(join(folder, 'image.tar'), archive());
  expect(await out('load', '-i', join(folder, 'image.tar'))).toBe('Loaded image: me/tool:v1\n');
});
afterAll(() => rmSync(folder, { recursive: true }));
const short = (): string => id.slice(7, 19);

test('images lists a table, IDs, JSON and templates', async () => {
  expect((await out('images')).replace(/\d+ \S+ ago|\d+B/g, '*').replace(/ +/g, ' ')).toBe(
    `REPOSITORY TAG IMAGE ID CREATED SIZE\nme/tool v1 ${short()} * *\n`,
  );
  expect(await out('images', '-q')).toBe(`${short()}\n`);
  expect(await out('image', 'ls', '-q', '--no-trunc', 'me/tool')).toBe(`${id}\n`);
  expect(JSON.parse(await out('images', '--format', 'json'))).toMatchObject({
    Repository: 'me/tool',
    Tag: 'v1',
    ID: short(),
    CreatedAt: '2024-01-02 03:04:05 +0000 UTC',
  });
  expect(await out('images', '--format', 'table {{.Tag}}\\t{{.Repository}}', '--filter', 'label=kind=test')).toBe(
    'TAG       REPOSITORY\nv1        me/tool\n',
  );
  expect(await out('images', '-q', 'me/other')).toBe('');
});

test('history shows the steps, newest first', async () => {
  const rows = (
    await out(
      'history',
      '--no-trunc',
      '--human=false',
      '--format',
      '{{.ID}}|{{.CreatedBy}}|{{.Size}}|{{.Comment}}',
      'me/tool:v1',
    )
  ).split('\n');

  expect(rows).toEqual([
    `${id}|CMD ["sh" "-c" "true"] and more of it than is shown|0|`,
    `<missing>|ADD a /|${LAYER.stored!.length}|first`,
    '',
  ]);
  expect(await out('history', 'me/tool:v1')).toMatch(/CMD \["sh" "-c" "true"\] and more of it than i… /);
});

test('image inspect tells what Docker tells, whole or by a template', async () => {
  const [page] = JSON.parse(await out('image', 'inspect', 'me/tool:v1')) as object[];

  expect(page).toMatchObject({
    Id: id,
    RepoTags: ['me/tool:v1'],
    RepoDigests: [],
    Created: '2024-01-02T03:04:05Z',
    Author: 'somebody',
    Os: 'linux',
    Architecture: 'amd64',
    Config: { Cmd: ['sh', '-c', 'true'], Labels: { kind: 'test' } },
    RootFS: { Type: 'layers' },
  });
  expect(await out('image', 'inspect', '-f', '{{join .Config.Cmd " "}} {{index .Config.Labels "kind"}}', short())).toBe(
    'sh -c true test\n',
  );
});

test('tag, rmi and prune change names and images', async () => {
  await out('tag', 'me/tool:v1', 'other');
  const conflict = await run('rmi', short());
  const untagged = await out('rmi', 'other');
  await out('tag', short(), 'gone:1');
  await out('rmi', 'gone:1');
  const pruned = await out('image', 'prune', '-f');

  expect([conflict.status, conflict.stderr]).toEqual([
    1,
    expect.stringMatching(/^viv: image \S+ has several names \(me\/tool:v1, other:latest\); .*--force \(CONFLICT\)\n$/),
  ]);
  expect([untagged, pruned]).toEqual(['Untagged: other:latest\n', 'Total reclaimed space: 0B\n']);
  expect(await out('images', '--format', '{{.Repository}}:{{.Tag}}')).toBe('me/tool:v1\n');
});

test('prune asks, and takes no answer for no', async () => {
  const { status, stdout } = await run('image', 'prune', '--all');

  expect([status, stdout.toString()]).toEqual([
    0,
    expect.stringMatching(/^WARNING! This will remove all images .*\[y\/N\] $/s),
  ]);
  expect(await out('images', '-q')).toBe(`${short()}\n`);
});

test('system df shows what takes room', async () => {
  const rows = (await out('system', 'df', '--format', '{{.Type}}|{{.TotalCount}}|{{.Active}}')).split('\n');

  expect(rows).toEqual(['Images|1|0', 'Containers|0|0', 'Downloads|0|0', 'Layer cache|0|0', '']);
});

test.each<[string, string[], number, RegExp]>([
  [
    'an image that is not there',
    ['rmi', 'nothere'],
    1,
    /^viv: there is no image "nothere" here; see viv images, or get it with viv pull \(NOT_FOUND\)\n$/,
  ],
  ['an image that is not there, by force', ['rmi', '-f', 'nothere'], 0, /^viv: there is no image "nothere" here.*\n$/],
  ['a name that is none', ['pull', 'Not/Me'], 1, /lower case|is no image name.*\(USAGE\)\n$/],
  ['a missing word', ['tag', 'me/tool:v1'], 1, /missing required argument 'name'/],
  ['a word too many', ['history', 'a', 'b'], 1, /too many arguments/],
  ['an option that is not known', ['images', '--nope'], 125, /unknown option '--nope'/],
  [
    'a format that does not work',
    ['images', '--format', '{{.Nope}}'],
    1,
    /there is no field .Nope; there is .Repository, .Tag/,
  ],
  ['a filter that is none', ['images', '-f', 'nope=1'], 1, /is no filter for images/],
  ['an archive that is not there', ['load', '-i', '/nothere.tar'], 1, /there is no archive "\/nothere.tar"/],
  ['an archive that is none', ['load'], 1, /stdin is not an image.*\(BAD_IMAGE\)\n$/],
  [
    'a push of what is not there',
    ['push', 'nothere'],
    1,
    /there is no image "docker.io\/library\/nothere:latest" here/,
  ],
  [
    'a login without a name',
    ['login', '--password-stdin', 'localhost:1'],
    1,
    /needs a user name; give --username too \(USAGE\)\n$/,
  ],
])('%s is one sentence and a status', async (_, words, status, message) => {
  const result = await run(...words);

  expect([result.status, result.stderr]).toEqual([status, expect.stringMatching(message)]);
});

test('logging out of what one is not logged in to is no failure', async () => {
  expect(await out('logout', 'localhost:5000')).toBe('Not logged in to localhost:5000\n');
});

test('import makes an image of an archive, from a file, stdin or a server', async () => {
  const archive = tar(file('etc/motd', 'hello'));
  const path = join(folder, 'rootfs.tar.gz');
  writeFileSync(path, gzipSync(archive));
  const server = createServer((request, response) =>
    request.url === '/rootfs.tar' ? response.end(archive) : response.writeHead(404).end(),
  ).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const id = (await out('import', '-c', 'CMD ["cat", "/etc/motd"]', '-c', 'ENV A=b', path, 'me/motd')).trim();
  const fromServer = (await out('import', `${url}/rootfs.tar`)).trim();
  const missing = await run('import', `${url}/none`);
  const fromStdin = await viv(['import', '-m', 'piped', '-', 'me/piped:1'], { env: environment(), input: archive });
  server.close();

  const inspect = async (name: string): Promise<object> =>
    (JSON.parse(await out('image', 'inspect', name)) as object[])[0]!;
  expect(await inspect('me/motd:latest')).toMatchObject({
    Id: id,
    Config: { Cmd: ['cat', '/etc/motd'], Env: ['A=b'] },
    Os: 'linux',
    Architecture: 'amd64',
  });
  const layers = async (name: string): Promise<unknown> => ((await inspect(name)) as { RootFS: unknown }).RootFS;
  expect(await layers(fromServer)).toEqual(await layers(id));
  expect([missing.status, missing.stderr]).toEqual([
    1,
    `viv: can't get ${url}/none: the server answers 404 Not Found (NOT_FOUND)\n`,
  ]);
  expect([fromStdin.status, fromStdin.stderr]).toEqual([0, '']);
  expect(await out('history', '--format', '{{.Comment}}', 'me/piped:1')).toBe('piped\n');
  await out('rmi', 'me/motd', 'me/piped:1');
});

test.each<[string, string[], string]>([
  ['no archive', ['-'], 'BAD_IMAGE'],
  ['a file that is not there', ['/nope'], 'NOT_FOUND'],
  ['a folder', ['/'], 'USAGE'],
  ['a name that is none', ['-', 'Bad:x'], 'USAGE'],
  ['a change that is none', ['-c', 'FOO x', '-'], 'USAGE'],
])('import of %s fails', async (_, words, code) => {
  const { status, stdout, stderr } = await viv(['import', ...words], { env: environment(), input: 'junk' });
  expect([status, stdout.length]).toEqual([1, 0]);
  expect(stderr).toMatch(new RegExp(`^viv: .*\\(${code}\\)\n$`));
});
