/**
 * Files by which a container knows itself, /etc/hostname and /etc/hosts, as Docker puts them over whatever the image has.
 * Left out: /etc/resolv.conf, for there is no network.
 */

const ETC = '/etc';
/** Their names in /etc. */
export const IDENTITY_NAMES = ['hostname', 'hosts'] as const;
export type IdentityName = (typeof IDENTITY_NAMES)[number];

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

/** Where such a file goes. */
export function identityPath(name: string): string {
  return `${ETC}/${name}`;
}
