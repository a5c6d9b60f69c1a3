/**
 * Files by which a container knows itself, /etc/hostname and /etc/hosts, as Docker puts them over whatever the image has.
 * Left out: /etc/resolv.conf, for there is no network.
 */

const MODE = 0o644;
const FOLDER_MODE = 0o755;
const ATTRIBUTES = { mode: MODE, uid: 0, gid: 0 };

/** The part of a file tree's builder that this needs. */
export interface FileTree<Node> {
  readonly root: Node;
  get(parent: Node, name: string): Node | undefined;
  isDirectory(node: Node): boolean;
  mkdir(parent: Node, name: string, attributes: typeof ATTRIBUTES): Node;
  /** With everything below; nothing happens when it is not there. */
  remove(parent: Node, name: string): void;
  createFile(parent: Node, name: string, attributes: typeof ATTRIBUTES, content: Uint8Array): Node;
}

/** Writes the files. An image whose /etc is no folder stays as it is. */
export function addIdentityFiles<Node>(tree: FileTree<Node>, hostname: string): void {
  const etc = tree.get(tree.root, 'etc') ?? tree.mkdir(tree.root, 'etc', { ...ATTRIBUTES, mode: FOLDER_MODE });
  if (!tree.isDirectory(etc)) return;
  const [shortName] = hostname.split('.');
  const names = shortName === hostname ? hostname : `${hostname} ${shortName}`;
  const hosts = `127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.1.1\t${names}\n`;
  for (const [name, text] of [
    ['hostname', `${hostname}\n`],
    ['hosts', hosts],
  ] as const) {
    tree.remove(etc, name);
    tree.createFile(etc, name, ATTRIBUTES, new TextEncoder().encode(text));
  }
}
