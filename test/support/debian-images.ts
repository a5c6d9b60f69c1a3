/**
 * Images for tests, made of Debian's packages and kept in the cache outside of the project: a Debian system with python3
 * as mmdebstrap makes it and umoci packs it, Debian's own kernels, and static programs for i386. Node only; needs the
 * package archive once.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { busyboxFiles } from '../../images/busybox/build.ts';
import { cacheDir, hashParts, temporaryFolder } from '../../scripts/lib/cache.mjs';
import { nodeCodec } from '../../src/oci/node-codec.ts';
import { writeLayoutFolder } from '../../src/oci/node-write-layout.ts';
import { buildLayout } from '../../src/oci/write-layout.ts';

const KIND = 'test-images';
const SUITE = 'bookworm';
const PACKAGES = ['python3'];
const KEY_LENGTH = 16;

/** A folder in the cache, made by `make` in another that then takes its name. */
async function cached(recipe: string[], make: (folder: string) => void | Promise<void>): Promise<string> {
  const folder = join(cacheDir(), KIND, hashParts(...recipe).slice(0, KEY_LENGTH));
  if (existsSync(folder)) return folder;
  const staging = temporaryFolder(KIND);
  try {
    await make(staging);
    renameSync(staging, folder);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
  return folder;
}

function run(command: string, args: string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, LC_ALL: 'C.UTF-8' } });
}

/** A Debian system: its image as a layout, and the same as a tar. */
export async function debianImage(): Promise<{ layout: string; tarball: string }> {
  const recipe = ['debian', SUITE, ...PACKAGES];
  const folder = await cached(recipe, (staging) => {
    const include = `--include=${PACKAGES.join(',')}`;
    run(
      'mmdebstrap',
      ['--variant=minbase', '--skip=check/qemu', '--architectures=amd64', include, SUITE, 'root.tar'],
      staging,
    );
    run('umoci', ['init', '--layout', 'layout'], staging);
    run('umoci', ['new', '--image', 'layout:debian'], staging);
    run('umoci', ['raw', 'add-layer', '--image', 'layout:debian', 'root.tar'], staging);
    run('umoci', ['config', '--image', 'layout:debian', '--config.cmd', 'bash'], staging);
    run('umoci', ['gc', '--layout', 'layout'], staging);
  });
  return { layout: join(folder, 'layout'), tarball: join(folder, 'root.tar') };
}

/** Debian's stock cloud kernel and the initramfs that its initramfs-tools make for it. */
export async function debianCloudKernel(): Promise<{ kernel: string; initrd: string }> {
  const packages = ['linux-image-cloud-amd64', 'initramfs-tools'];
  const folder = await cached(['cloud-kernel', SUITE, ...packages], (staging) => {
    const include = `--include=${packages.join(',')}`;
    run(
      'mmdebstrap',
      ['--variant=apt', '--skip=check/qemu', '--architectures=amd64', include, SUITE, 'root.tar'],
      staging,
    );
    run('tar', ['-xf', 'root.tar', './boot'], staging);
    rmSync(join(staging, 'root.tar'));
  });
  const boot = readdirSync(join(folder, 'boot'));
  const find = (prefix: string): string =>
    join(
      folder,
      'boot',
      boot.find((name) => name.startsWith(prefix))!,
    );
  return { kernel: find('vmlinuz-'), initrd: find('initrd.img-') };
}

/** A static busybox for i386. */
export async function busybox386(): Promise<string> {
  const folder = await cached(['busybox-386-program'], (staging) => {
    const root = downloadForeign('busybox-static', 'i386', staging);
    renameSync(join(root, 'bin/busybox'), join(staging, 'busybox'));
    rmSync(join(staging, 'work'), { recursive: true });
  });
  return join(folder, 'busybox');
}

/** An image for linux/386 with a static busybox in it. */
export async function busybox386Image(): Promise<string> {
  const program = await busybox386();
  const folder = await cached(['busybox-386'], async (staging) => {
    const applets = ['bin/sh', 'bin/echo', 'bin/uname', 'bin/md5sum', 'bin/seq', 'bin/awk'];
    const files = busyboxFiles(readFileSync(program), applets);
    const platform = { os: 'linux', architecture: '386' };
    await writeLayoutFolder(
      join(staging, 'layout'),
      await buildLayout({ files, platform, execution: { cmd: ['sh'] } }, nodeCodec),
    );
  });
  return join(folder, 'layout');
}

/** Debian's stock kernel for amd64, or for i386 with PAE. */
export async function debianKernel(architecture: 'amd64' | 'i386'): Promise<string> {
  const flavour = architecture === 'amd64' ? 'amd64' : '686-pae';
  const folder = await cached(['kernel', SUITE, flavour], (staging) => {
    const root = downloadForeign(`linux-image-${flavour}`, architecture, staging, true);
    renameSync(join(root, 'boot'), join(staging, 'boot'));
    rmSync(join(staging, 'work'), { recursive: true });
  });
  const name = readdirSync(join(folder, 'boot')).find((file) => file.startsWith('vmlinuz-'))!;
  return join(folder, 'boot', name);
}

/**
 * Downloads and unpacks a package, leaving the host's own apt state alone.
 * @param viaDependency take the package's first dependency in its place, as a package that only names another wants.
 */
function downloadForeign(name: string, architecture: string, staging: string, viaDependency = false): string {
  const work = join(staging, 'work');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'deb', 'root'])
    mkdirSync(join(work, folder), { recursive: true });
  const options = [
    `APT::Architecture=${architecture}`,
    `APT::Architectures=${architecture}`,
    `Dir::State::lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'Dir::State::status=/dev/null',
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  try {
    run('apt-get', [...options, 'update'], work);
  } catch {
    // It fails when one of several indexes does; the download shows whether the main one is there.
  }
  const wanted = viaDependency ? firstDependency(name, options) : name;
  run('apt-get', [...options, 'download', wanted], join(work, 'deb'));
  const [deb] = readdirSync(join(work, 'deb'));
  run('dpkg-deb', ['-x', join(work, 'deb', deb!), join(work, 'root')], work);
  return join(work, 'root');
}

function firstDependency(name: string, aptOptions: readonly string[]): string {
  const text = execFileSync('apt-cache', [...aptOptions, 'depends', '--important', name], { encoding: 'utf8' });
  const dependency = /^\s*Depends: ([^\s<]+)/m.exec(text)?.[1];
  if (dependency === undefined) throw new Error(`the package archive has no ${name}, or it depends on nothing`);
  return dependency;
}
