import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { labAddress, putLabs, readLabs } from '../../../src/cli/lab/build-site.ts';
import { readLab, writeLab, type SiteLab } from '../../../src/cli/lab/lab-site.ts';
import { starterLab } from '../../../src/cli/lab/starter.ts';
import type { Digest } from '../../../src/oci/digest.ts';
import { parseStaticImage } from '../../../src/oci/static/read.ts';
import { DEFAULT_DIRECTORY_ATTRIBUTES } from '../../../src/oci/tree.ts';
import type { PrepareImage } from '../../../src/sandbox/image.ts';

let root: string;
let site: string;
const { signal } = new AbortController();
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lab-site-'));
  site = join(root, 'site');
  write(
    'site/assets.json',
    JSON.stringify({ format: 'vivarium-site', images: { busybox: 'images/busybox/image.json' } }),
  );
  write('site/lab.html', '<body></body>');
});
afterEach(() => rmSync(root, { recursive: true }));

function write(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** A folder with a lab; `change` edits its lab.yaml. */
function lab(name: string, change: (labYaml: string) => string = (text) => text): string {
  for (const [path, content] of starterLab(name, `Lab <${name}>`))
    write(`${name}/${path}`, path === 'lab.yaml' ? change(content) : content);
  write(`${name}/notes-of-the-teacher.txt`, 'not for students');
  return join(root, name);
}

const put = async (folders: string[]): Promise<SiteLab[]> => putLabs(site, await readLabs(folders), signal);
const read = (path: string): string => readFileSync(join(site, path), 'utf8');

describe('a lab in a site', () => {
  test('has the files that it is made of, and no other, with their hashes', async () => {
    const [made] = await put([lab('one')]);

    const { files, ...index } = JSON.parse(read('labs/one/lab.json')) as { files: Record<string, unknown> };
    expect(index).toEqual({ format: 'vivarium-lab', version: 1, images: { busybox: 'busybox' } });
    expect(Object.keys(files)).toEqual([
      'checks/secret.sh',
      'lab.yaml',
      'steps/first-file.md',
      'steps/secret.md',
      'steps/welcome.md',
    ]);
    const check = read('labs/one/checks/secret.sh');
    expect(files['checks/secret.sh']).toEqual({
      bytes: check.length,
      sha256: createHash('sha256').update(check).digest('hex'),
    });
    expect(existsSync(join(site, 'labs/one/notes-of-the-teacher.txt'))).toBe(false);
    expect(labAddress(made!)).toBe('lab.html?lab=labs/one');
  });

  test('has an image that the site has not, as a static image that labs share', async () => {
    const layer = join(root, 'layer');
    writeFileSync(layer, new Uint8Array(8192).fill(7));
    const places: string[] = [];
    const prepareImage: PrepareImage = async ({ image }) => {
      places.push(image);
      return {
        reference: undefined,
        id: `sha256:${'1'.repeat(64)}` as Digest,
        platform: { os: 'linux', architecture: 'amd64', variant: undefined },
        execution: {
          user: '',
          env: [],
          entrypoint: [],
          cmd: ['sh'],
          workingDir: '',
          stopSignal: '',
          labels: new Map(),
          exposedPorts: [],
          volumes: [],
          healthCheck: undefined,
        },
        accounts: new Map(),
        layers: [{ path: layer, byteCount: 8192 }],
        rootAttributes: DEFAULT_DIRECTORY_ATTRIBUTES,
        takesIdentity: [],
      } as unknown as Awaited<ReturnType<PrepareImage>>;
    };
    const folder = lab('one', (yaml) => yaml.replace('image: busybox', 'image: ./My_image.tar'));
    write('one/My_image.tar', 'archive');
    const findImage = async (from: string, image: string): Promise<string> => `${from} ${image}`;

    await writeLab(site, await readLab(folder), { findImage, prepareImage, signal });

    expect(places).toEqual([`${folder} ./My_image.tar`]);
    const { images, files } = JSON.parse(read('labs/one/lab.json')) as { images: unknown; files: object };
    expect(images).toEqual({ './My_image.tar': '../../images/my-image-tar-111111111111/image.json' });
    expect(Object.keys(files)).not.toContain('My_image.tar');
    const description = readFileSync(join(site, 'images/my-image-tar-111111111111/image.json'));
    expect(parseStaticImage(description, 'it').layers).toMatchObject([{ byteCount: 8192 }]);
  });

  test('with mistakes changes nothing', async () => {
    await put([lab('one')]);
    const before = read('labs/one/lab.json');

    await expect(put([lab('two'), lab('one', (yaml) => yaml.replace('title: Welcome', 'titel: W'))])).rejects.toThrow(
      'did you mean "title"?',
    );

    expect(read('labs/one/lab.json')).toBe(before);
    expect(existsSync(join(site, 'labs/two'))).toBe(false);
  });
});

test('the first page leads to the only lab, or lists them, and titles are no markup', async () => {
  await put([lab('one')]);
  const only = read('index.html');
  await put([lab('one'), lab('two')]);
  const list = read('index.html');

  expect(only).toContain('<meta http-equiv="refresh" content="0; url=lab.html?lab=labs/one">');
  expect(only).toContain('<title>Lab &lt;one&gt;</title>');
  expect(list).not.toContain('http-equiv="refresh"');
  expect(list).toContain('<a href="lab.html?lab=labs/two">Lab &lt;two&gt;</a>');
});

test('two labs of one id are refused', async () => {
  const other = lab('other', (yaml) => yaml.replace('id: other', 'id: one'));
  await expect(put([lab('one'), other])).rejects.toThrow('have the same id "one"; give one of them another');
});

test('labs that are left out of a site are gone from it', async () => {
  await put([lab('one'), lab('two')]);
  await put([lab('two')]);
  expect(existsSync(join(site, 'labs/one'))).toBe(false);
});
