/**
 * The licences of everything in the npm package that is not ours (NOTICES.txt), and where the corresponding sources of what is under
 * the GPL and LGPL are (SOURCES.md), from what the recipes have recorded of the packages that they took.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './run.mjs';
import { PROJECT } from './steps.mjs';

/** Where Debian's copyright files say that the texts of licences are (package base-files). */
const COMMON_LICENCES = '/usr/share/common-licenses';
/** Files of a package that have its terms, in any case: LICENSE, LICENCE.md, LICENSE-MIT.txt, NOTICE. */
const TERMS = /^(licen[cs]e|notice)([.-]|$)/i;
/** Packages that come without a text, as their readme only names licence and author: one of the same author with the same licence. */
const TERMS_ELSEWHERE = { '@polka/url': 'mrmime', sirv: 'mrmime' };
/** The package whose code is in core.wasm. */
const IN_CORE = ['assemblyscript'];
const RULE = '='.repeat(100);

function section(title, text) {
  return `${RULE}\n${title}\n${RULE}\n\n${text.trimEnd()}\n`;
}

function readManifest(name) {
  const { version, license, author } = JSON.parse(
    readFileSync(join(PROJECT, 'node_modules', name, 'package.json'), 'utf8'),
  );
  return { version, license, author: author?.name ?? author };
}

/** The text of a package's terms. */
function termsOf(name) {
  const folder = join(PROJECT, 'node_modules', name);
  const files = readdirSync(folder).filter((file) => TERMS.test(file));
  if (files.length > 0)
    return files
      .sort()
      .map((file) => readFileSync(join(folder, file), 'utf8').trimEnd())
      .join('\n\n');
  const terms = TERMS_ELSEWHERE[name];
  if (terms === undefined)
    throw new SetupError(
      `${name} comes without the text of its licence: say in scripts/lib/pack-notices.mjs where it is (TERMS_ELSEWHERE)`,
    );
  const [own, other] = [name, terms].map(readManifest);
  if (own.license !== other.license || own.author !== other.author)
    throw new SetupError(`${name} (${own.license}, ${own.author}) no longer has the licence of ${terms}`);
  return termsOf(terms);
}

/** A section for each npm package of these names and in core.wasm. */
export function npmNotices(bundled) {
  return [...new Set([...bundled, ...IN_CORE])]
    .sort()
    .map((name) => section(`${name} ${readManifest(name).version} (npm)`, termsOf(name)));
}

/** Texts of licences that copyright files only name, as `/usr/share/common-licenses/NAME`. */
function commonLicences(texts) {
  const pattern = new RegExp(`${COMMON_LICENCES}/([A-Za-z0-9.-]*[A-Za-z0-9])`, 'g');
  const names = new Set(texts.flatMap((text) => [...text.matchAll(pattern)].map((match) => match[1])));
  return [...names].sort().map((name) => {
    try {
      return section(`${name} (text of the licence)`, readFileSync(join(COMMON_LICENCES, name), 'utf8'));
    } catch {
      throw new SetupError(`the text of the licence ${name} is not in ${COMMON_LICENCES}: install base-files`);
    }
  });
}

/** NOTICES.txt. `kernel` is what kernelLicence gives, `guest` the cache's entry of the initramfs, `bundled` what readBundled does. */
export function notices(kernel, guest, bundled) {
  const guestTexts = readFileSync(join(guest.folder, 'notices'), 'utf8');
  const debian = [
    section(`guest kernel: Debian source package ${kernel.origin.source} ${kernel.origin.version}`, kernel.copyright),
    section('initramfs and image busybox: Debian packages (SOURCES.md has their versions)', guestTexts),
  ];
  return [
    'Licences of what this package carries and Vivarium has not written. NOTICE.md says where each part is.\n',
    ...npmNotices(bundled),
    ...debian,
    ...commonLicences(debian),
  ].join('\n');
}

const INTRODUCTION = `# Sources

This package carries programs under the GNU GPL and LGPL, among others: guest kernel, BusyBox, crun and its libraries, all unmodified
from Debian. Their complete corresponding sources are these Debian source packages. \`apt-get source NAME=VERSION\` gets one
from a Debian mirror as long as it is current, and the archive of all versions that ever were has each for good at
\`https://snapshot.debian.org/package/NAME/VERSION/\`.

The kernel is built by \`images/kernel/build.mjs\` with the fragments of its configuration beside it; crun is built, with the
libraries in it, by \`images/guest/crun.mjs\`; the initramfs is put together, and our programs in it compiled, by
\`images/guest/build.mjs\`; the image by \`images/busybox/build.ts\`. These, and what they use of \`scripts/lib\`, are in this
package.

| part | Debian package | source | where |
|---|---|---|---|
`;

const address = (name, version) =>
  `https://snapshot.debian.org/package/${encodeURIComponent(name)}/${encodeURIComponent(version)}/`;
const row = (part, name, source, version) =>
  `| ${part} | ${name} | ${source} ${version} | <${address(source, version)}> |`;

/** SOURCES.md; the same kernel and guest. */
export function sources(kernel, guest) {
  const part = (name) =>
    name === 'busybox-static'
      ? 'initramfs, image busybox'
      : name === 'musl-dev'
        ? 'our programs in the initramfs'
        : 'initramfs';
  const rows = [
    row('kernel', kernel.package, kernel.origin.source, kernel.origin.version),
    ...Object.entries(guest.manifest.origins).flatMap(([name, { source, version, builtUsing }]) => [
      row(part(name), name, source, version),
      ...builtUsing.map((used) => row(part(name), `in ${name}`, ...used.split(' '))),
    ]),
  ];
  return `${INTRODUCTION}${rows.join('\n')}\n`;
}
