/** The built-in busybox image as one archive that Docker and Vivarium load alike, under the same ID. Node only. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RawEntry, file, tar } from '../tar-builder.ts';

const NAME = 'busybox:latest';

interface Descriptor {
  readonly digest: string;
}

/** Writes the archive of an image's layout folder; returns the image's ID, 64 hexadecimal digits. */
export function writeBusyboxArchive(layout: string, path: string): string {
  const entries: RawEntry[] = [];
  const blob = ({ digest }: Descriptor): string => {
    const name = `blobs/${digest.replace(':', '/')}`;
    entries.push(file(name, readFileSync(join(layout, name))));
    return name;
  };
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: [Descriptor] };
  const [descriptor] = index.manifests;
  const manifest = JSON.parse(readFileSync(join(layout, blob(descriptor)), 'utf8')) as {
    config: Descriptor;
    layers: Descriptor[];
  };
  const annotations = {
    'io.containerd.image.name': `docker.io/library/${NAME}`,
    'org.opencontainers.image.ref.name': 'latest',
  };
  const forDocker = [{ Config: blob(manifest.config), RepoTags: [NAME], Layers: manifest.layers.map(blob) }];
  entries.push(
    file('index.json', JSON.stringify({ ...index, manifests: [{ ...descriptor, annotations }] })),
    file('manifest.json', JSON.stringify(forDocker)),
    file('oci-layout', readFileSync(join(layout, 'oci-layout'))),
  );
  writeFileSync(path, tar(...entries));
  return manifest.config.digest.slice('sha256:'.length);
}
