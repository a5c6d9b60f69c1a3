/**
 * Files by which a container knows itself, /etc/hostname and /etc/hosts, as Docker puts them over whatever the image has.
 * Left out: /etc/resolv.conf, for there is no network.
 */
import type { RootfsPlan } from './rootfs-plan.ts';
import type { VolumeMount } from './runtime-spec.ts';

const ETC = '/etc';
/** Their names in /etc. */
export const IDENTITY_NAMES = ['hostname', 'hosts'] as const;
export type IdentityName = (typeof IDENTITY_NAMES)[number];

/** What decides which of the files a container gets. */
export interface IdentityRequest {
  readonly hostname: string;
  /** Those that can be put over the image's own. */
  readonly takesIdentity: readonly IdentityName[];
  /** Absolute paths in the container where its volumes go; what lies below one is the volume's. */
  readonly volumePlaces: readonly string[];
}

/** The files that such a container gets, by name. */
export function identityOf({ hostname, takesIdentity, volumePlaces }: IdentityRequest): Map<IdentityName, Uint8Array> {
  const isCovered = (name: IdentityName): boolean =>
    volumePlaces.some((place) => `${identityPath(name)}/`.startsWith(`${place}/`));
  return new Map([...identityFiles(hostname)].filter(([name]) => takesIdentity.includes(name) && !isCovered(name)));
}

/** How they get there from where a root filesystem has put them. */
export function identityMounts(
  files: ReadonlyMap<IdentityName, Uint8Array>,
  { filePath }: RootfsPlan,
  readOnly: boolean,
): VolumeMount[] {
  return [...files.keys()].map((name) => ({ source: filePath(name), destination: identityPath(name), readOnly }));
}

/** Names of the files in /etc and what is in them. */
export function identityFiles(hostname: string): Map<IdentityName, Uint8Array> {
  const [shortName] = hostname.split('.');
  const names = shortName === hostname ? hostname : `${hostname} ${shortName}`;
  const hosts = `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t${names}\n`;
  const encoder = new TextEncoder();
  return new Map([
    ['hostname', encoder.encode(`${hostname}\n`)],
    ['hosts', encoder.encode(hosts)],
  ]);
}

function identityPath(name: string): string {
  return `${ETC}/${name}`;
}
