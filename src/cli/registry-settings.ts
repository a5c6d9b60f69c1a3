/**
 * The image store and the registries as a user has set them up: `registries.json` in the configuration folder
 * (`{ "registries": { "HOST": { "mirrors": ["HOST[/PREFIX]"], "insecure": true } } }`), the option --insecure-registry, and
 * VIVARIUM_INSECURE_REGISTRIES, a list with commas, for commands that pull on the way.
 */
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { Option } from 'commander';
import { DEFAULT_REGISTRY, parseImageName } from '../oci/image-name.ts';
import { limitsWith } from '../oci/limits.ts';
import { nodeCodec } from '../oci/node-codec.ts';
import { NodeCredentials } from '../oci/registry/node-credentials.ts';
import { NodeTransport } from '../oci/registry/node-transport.ts';
import { Registries, type RegistrySettings } from '../oci/registry/registries.ts';
import { ImageStore } from '../oci/store/image-store.ts';
import { NodeStoreFiles } from '../oci/store/node-store-files.ts';
import { ErrorCodes, VivariumError } from '../util/errors.ts';
import { configFolder, dataFolder, dockerConfigFolder } from './paths.ts';

const SETTINGS_FILE = 'registries.json';
const CREDENTIALS_FILE = 'auth.json';
const STALL_VARIABLE = 'VIVARIUM_STALL_SECONDS';

/** Where images are. */
export function storeFolder(): string {
  return join(dataFolder(), 'images');
}

export function openStore(): ImageStore {
  return new ImageStore({ files: new NodeStoreFiles(storeFolder()), codec: nodeCodec });
}

export function credentialsPath(): string {
  return join(configFolder(), CREDENTIALS_FILE);
}

export function openCredentials(): NodeCredentials {
  return new NodeCredentials({
    path: credentialsPath(),
    dockerPath: join(dockerConfigFolder(), 'config.json'),
    warn: (message) => void process.stderr.write(`viv: ${message}\n`),
  });
}

export interface RegistryFlags {
  readonly insecureRegistry?: readonly string[];
}

export interface RegistriesExtras {
  readonly signal?: AbortSignal;
  readonly credentials?: Pick<NodeCredentials, 'find'>;
}

/** The registries, with what the user says about them. Throws USAGE for settings that can't be read. */
export function openRegistries(
  { insecureRegistry = [] }: RegistryFlags,
  { signal, credentials = openCredentials() }: RegistriesExtras = {},
): Registries {
  const settings = readSettings();
  const fromEnvironment = (process.env['VIVARIUM_INSECURE_REGISTRIES'] ?? '').split(',').filter((name) => name !== '');
  const stallS = Number(process.env[STALL_VARIABLE]);
  return new Registries({
    transport: new NodeTransport({
      userAgent: `vivarium (${process.platform} ${release()}; node ${process.version})`,
      ...(stallS > 0 ? { stallMs: stallS * 1000 } : {}),
    }),
    settings: {
      mirrors: settings.mirrors,
      insecure: new Set([...settings.insecure, ...fromEnvironment, ...insecureRegistry]),
    },
    credentials,
    codec: nodeCodec,
    limits: limitsWith(),
    clock: {
      nowMs: () => Date.now(),
      random: Math.random,
      sleep: (milliseconds, abort) => new NodeStoreFiles(storeFolder()).sleep(milliseconds, abort),
    },
    onRetry: (reason, waitMs) =>
      void process.stderr.write(`viv: ${reason}; trying again in ${(waitMs / 1000).toFixed(1)} s\n`),
    signal,
  });
}

function readSettings(): RegistrySettings {
  const path = join(configFolder(), SETTINGS_FILE);
  const fail = (why: string): VivariumError =>
    new VivariumError(ErrorCodes.USAGE, `the settings in ${path} can't be used: ${why}; correct or remove them`);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { insecure: new Set(), mirrors: new Map() };
    throw fail('the file can not be read');
  }
  let value: { registries?: Record<string, { mirrors?: unknown; insecure?: unknown }> };
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    throw fail('it is not JSON');
  }
  const insecure = new Set<string>();
  const mirrors = new Map<string, readonly string[]>();
  for (const [host, entry] of Object.entries(value?.registries ?? {})) {
    const list = entry?.mirrors ?? [];
    if (!Array.isArray(list) || !list.every((mirror) => typeof mirror === 'string'))
      throw fail(`mirrors of ${host} is not a list of hosts`);
    if (entry?.insecure !== undefined && typeof entry.insecure !== 'boolean')
      throw fail(`insecure of ${host} is neither true nor false`);
    if (entry?.insecure === true) insecure.add(host);
    if (list.length > 0) mirrors.set(host, list as string[]);
  }
  return { insecure, mirrors };
}

/** Which registry a user means by a word on the command line; without one, Docker's. */
export function parseRegistry(text: string | undefined): string {
  if (text === undefined) return DEFAULT_REGISTRY;
  const host = text.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  if (host === DEFAULT_REGISTRY) return host;
  // Any host will do here, also one without a dot or a port.
  parseImageName(`${host.includes(':') || host.includes('.') ? host : `${host}:443`}/x`);
  return host;
}

export function insecureOption(): Option {
  return new Option(
    '--insecure-registry <host>',
    'do without TLS, or without a certificate that is vouched for, for this registry',
  ).argParser((value: string, all: readonly string[] = []) => [...all, value]);
}
