/** A registry client that waits for nobody: its back-off takes no time, and says how long it would have been. */
import { limitsWith, type ImageLimits } from '../../src/oci/limits.ts';
import type { CredentialSource, Credentials } from '../../src/oci/registry/credentials.ts';
import { NodeTransport } from '../../src/oci/registry/node-transport.ts';
import { Registries } from '../../src/oci/registry/registries.ts';
import { webCodec } from '../../src/oci/web-codec.ts';

export interface ClientFixture {
  registries: Registries;
  waits: number[];
  asked: string[];
}

export interface ClientOptions {
  insecure?: string[];
  mirrors?: Record<string, string[]>;
  credentials?: Record<string, Credentials>;
  stallMs?: number;
  limits?: Partial<ImageLimits>;
  signal?: AbortSignal;
}

export function client({
  insecure = [],
  mirrors = {},
  credentials = {},
  stallMs,
  limits,
  signal,
}: ClientOptions = {}): ClientFixture {
  const waits: number[] = [];
  const asked: string[] = [];
  const source: CredentialSource = {
    find(registry) {
      asked.push(registry);
      return Promise.resolve(credentials[registry]);
    },
  };
  const registries = new Registries({
    transport: new NodeTransport({ userAgent: 'test', ...(stallMs === undefined ? {} : { stallMs }) }),
    settings: { insecure: new Set(insecure), mirrors: new Map(Object.entries(mirrors)) },
    credentials: source,
    codec: webCodec,
    limits: limitsWith(limits),
    clock: {
      nowMs: () => Date.now(),
      sleep: (milliseconds, abort) => {
        waits.push(milliseconds);
        abort?.throwIfAborted();
        return Promise.resolve();
      },
      random: () => 0,
    },
    signal,
  });
  return { registries, waits, asked };
}
