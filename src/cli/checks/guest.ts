/** Checks of what `viv run` is made of, for `viv doctor`: the CPU core compiles; kernel, initramfs and images are as they were built. */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { VivariumError } from '../../util/errors.ts';
import { BUILT_IN_IMAGES, findImage, guestPaths, isCheckout, kernelVersion } from '../assets.ts';
import { packedGuest, unpackGuest, verifyUnpacked } from '../packed-guest.ts';
import { readCore } from '../paths.ts';
import { coreHash } from '../versions.ts';
import type { CheckOptions, Finding } from './finding.ts';

export function checkCore(): Finding {
  return orProblem(() =>
    WebAssembly.validate(Uint8Array.from(readCore()))
      ? { ok: [`CPU core ${coreHash()}`] }
      : {
          problems: [
            `the CPU core is damaged, or this Node can't compile it; ${remedy('build it with npm run build')}`,
          ],
        },
  );
}

export function checkGuest({ repair }: CheckOptions): Finding {
  return orProblem(() => (isCheckout() ? checkBuilt() : checkPacked(repair)));
}

function checkBuilt(): Finding {
  const { kernel, initramfs } = guestPaths();
  BUILT_IN_IMAGES.forEach(findImage); // throws when one is not there
  const problems = [kernel, initramfs].filter((path) => !isAsBuilt(path));
  if (problems.length === 0) return { ok: [guestLine()] };
  return {
    problems: problems.map((path) => `${path} is not as it was built; remove ${dirname(path)} and run npm start`),
  };
}

/** By the hash in the manifest that a recipe leaves beside it. */
function isAsBuilt(path: string): boolean {
  const manifest = join(dirname(path), 'manifest.json');
  if (!existsSync(path) || !existsSync(manifest)) return false;
  const { files } = JSON.parse(readFileSync(manifest, 'utf8')) as {
    readonly files: readonly { readonly name: string; readonly sha256: string }[];
  };
  const expected = files.find(({ name }) => name === basename(path))?.sha256;
  return createHash('sha256').update(readFileSync(path)).digest('hex') === expected;
}

function checkPacked(repair: boolean): Finding {
  const packed = packedGuest()!;
  const folder = unpackGuest(packed);
  const damaged = verifyUnpacked(packed);
  if (damaged.length === 0) return { ok: [guestLine()] };
  if (!repair) return { problems: damaged.map((path) => `${path} is corrupt; run viv doctor --repair`) };
  unpackGuest(packed, { again: true });
  return { ok: [guestLine()], repaired: [`the guest in ${folder} unpacked again`] };
}

function guestLine(): string {
  return `guest: kernel ${kernelVersion()}, initramfs, image ${BUILT_IN_IMAGES.join(', ')}`;
}

function remedy(forCheckout: string): string {
  return isCheckout() ? forCheckout : 'install vivarium again';
}

/** An error of the user's kind tells its remedy. */
function orProblem(check: () => Finding): Finding {
  try {
    return check();
  } catch (error) {
    if (error instanceof VivariumError) return { problems: [error.message] };
    throw error;
  }
}
