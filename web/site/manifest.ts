/**
 * assets.json of a site: what src/cli/site/write-assets.ts has put beside the pages. Paths are relative to it. Files are stored as
 * src/oci/static/format.ts says of layers: chunks, each compressed if that helps.
 */
import { JsonObject, parseJson } from '../../src/oci/json.ts';
import { DEFAULT_LIMITS } from '../../src/oci/limits.ts';
import { readChunks, readPath } from '../../src/oci/static/read.ts';
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import type { RemoteFile, SnapshotIdentity } from '../../src/worker/protocol.ts';

export const MANIFEST_FILE = 'assets.json';
export const SITE_FORMAT = 'vivarium-site';
export const SITE_VERSION = 1;
const LIMITS = DEFAULT_LIMITS;
/** A login page, or a server's own page for what it does not have. */
const LOOKS_LIKE_HTML = /^\s*<(!|html|head|body)/i;
const HTML_START_BYTES = 256;

/** A booted guest. */
export interface SiteSnapshot {
  readonly memoryBytes: number;
  readonly commandLine: string;
  readonly file: RemoteFile;
}

export interface SiteManifest {
  /** What a guest is made of, for the identity of snapshots. */
  readonly parts: SnapshotIdentity;
  readonly core: RemoteFile;
  readonly kernel: RemoteFile;
  readonly initramfs: RemoteFile;
  readonly snapshots: readonly SiteSnapshot[];
  /** Addresses of images' descriptions by the image's name. */
  readonly images: ReadonlyMap<string, URL>;
}

/** Throws NOT_BUILT, BAD_IMAGE or LIMIT. `base` is where it came from. */
export function parseManifest(bytes: Uint8Array, base: URL): SiteManifest {
  const what = `the site's ${MANIFEST_FILE}`;
  if (LOOKS_LIKE_HTML.test(new TextDecoder().decode(bytes.subarray(0, HTML_START_BYTES))))
    throw new VivariumError(
      ErrorCodes.NOT_BUILT,
      `the server answers with a page instead of ${what}; if it wants you to log in, do that and load this page again`,
    );
  const object = new JsonObject(parseJson(bytes, what, LIMITS), what);
  const [format, version] = [object.optionalString('format'), object.size('version')];
  if (format !== SITE_FORMAT || version !== SITE_VERSION)
    throw new VivariumError(ErrorCodes.NOT_BUILT, `${what} is not of this version; build the whole site again`);
  const remote = (file: JsonObject): RemoteFile => readRemote(file, base, what);
  return {
    parts: Object.fromEntries(object.stringMap('parts')),
    core: remote(object.object('core')),
    kernel: remote(object.object('kernel')),
    initramfs: remote(object.object('initramfs')),
    snapshots: object.objects('snapshots').map((snapshot) => ({
      memoryBytes: snapshot.size('memoryBytes'),
      commandLine: snapshot.string('commandLine'),
      file: remote(snapshot.object('file')),
    })),
    images: new Map([...object.stringMap('images')].map(([name, path]) => [name, new URL(readPath(path, what), base)])),
  };
}

function readRemote(object: JsonObject, base: URL, what: string): RemoteFile {
  return { url: new URL(readPath(object.string('path'), what), base).href, ...readChunks(object, what, LIMITS) };
}
