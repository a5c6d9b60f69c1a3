/**
 * Copies a finished root filesystem into whatever will serve it. Layers are merged before (layers.ts), so a sink only
 * ever creates: no removal, no replacing, no whiteouts, and every parent comes before its children.
 */
import type { ContentSource } from './content.ts';
import type { DirectoryInode, Inode, InodeAttributes, Rootfs, SpecialInode } from './rootfs.ts';

/** `Node` is the sink's own handle of an inode. */
export interface RootfsSink<Node> {
  /** The directory that exists from the start. */
  readonly root: Node;
  /** Sets the attributes of the root. */
  setRootAttributes(attributes: InodeAttributes): void;
  mkdir(parent: Node, name: string, attributes: InodeAttributes): Node;
  /** `content` stays readable for as long as the image's layers are open. */
  createFile(parent: Node, name: string, attributes: InodeAttributes, content: ContentSource): Node;
  symlink(parent: Node, name: string, attributes: InodeAttributes, target: string): Node;
  mknod(
    parent: Node,
    name: string,
    attributes: InodeAttributes,
    device: Pick<SpecialInode, 'kind' | 'major' | 'minor'>,
  ): Node;
  /** A further name of an inode that was created before; never a directory. */
  link(parent: Node, name: string, target: Node): void;
}

/** Creates everything that is in `rootfs`, parents first. */
export function copyRootfs<Node>(rootfs: Rootfs, sink: RootfsSink<Node>): void {
  const made = new Map<Inode, Node>();
  const pending: Array<{ directory: DirectoryInode; node: Node }> = [{ directory: rootfs.root, node: sink.root }];
  sink.setRootAttributes(rootfs.root.attributes);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const [name, { inode }] of next.directory.entries) {
      const existing = made.get(inode);
      if (existing !== undefined) {
        sink.link(next.node, name, existing);
        continue;
      }
      const node = create(sink, next.node, name, inode);
      if (inode.kind === 'directory') pending.push({ directory: inode, node });
      else made.set(inode, node);
    }
  }
}

function create<Node>(sink: RootfsSink<Node>, parent: Node, name: string, inode: Inode): Node {
  switch (inode.kind) {
    case 'directory':
      return sink.mkdir(parent, name, inode.attributes);
    case 'file':
      return sink.createFile(parent, name, inode.attributes, inode.content);
    case 'symlink':
      return sink.symlink(parent, name, inode.attributes, inode.target);
    default:
      return sink.mknod(parent, name, inode.attributes, inode);
  }
}
