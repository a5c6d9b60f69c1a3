/**
 * How registries are reached: their mirrors, and which of them may do without a certificate that somebody vouches for.
 * Makes the clients of repositories.
 */
import type { Codec } from '../codec.ts';
import { DEFAULT_REGISTRY, type Repository } from '../image-name.ts';
import type { ImageLimits } from '../limits.ts';
import type { CredentialSource } from './credentials.ts';
import type { HttpTransport } from './http.ts';
import { RepositoryClient } from './repository-client.ts';
import type { RetryHost, RetryPolicy } from './retry.ts';
import { RegistrySession } from './session.ts';

/** Docker's own registry has its API elsewhere than its name says. */
const DEFAULT_REGISTRY_API = 'registry-1.docker.io';

export interface RegistrySettings {
  /** Hosts, perhaps with a port, whose certificates need not be vouched for, or that speak plain HTTP. */
  readonly insecure: ReadonlySet<string>;
  /** For a registry, where to look before it: `HOST[:PORT][/PREFIX]`. */
  readonly mirrors: ReadonlyMap<string, readonly string[]>;
}

export interface RegistriesOptions {
  readonly transport: HttpTransport;
  readonly settings: RegistrySettings;
  readonly credentials: CredentialSource;
  readonly codec: Codec;
  readonly limits: ImageLimits;
  readonly clock: RetryHost;
  readonly retry?: Partial<RetryPolicy>;
  readonly onRetry?: (reason: string, waitMs: number) => void;
  readonly signal?: AbortSignal | undefined;
}

export class Registries {
  readonly #options: RegistriesOptions;
  readonly #sessions = new Map<string, RegistrySession>();

  constructor(options: RegistriesOptions) {
    this.#options = options;
  }

  /** The registry itself. */
  session(registry: string): RegistrySession {
    const kept = this.#sessions.get(registry);
    if (kept !== undefined) return kept;
    const { settings, ...options } = this.#options;
    const host = registry === DEFAULT_REGISTRY ? DEFAULT_REGISTRY_API : registry;
    const insecure = settings.insecure.has(registry) || settings.insecure.has(host);
    const made = new RegistrySession({ ...options, registry, host, insecure });
    this.#sessions.set(registry, made);
    return made;
  }

  /** Where to pull from, in this order: mirrors, then the registry. */
  sources(repository: Repository): RepositoryClient[] {
    const mirrors = this.#options.settings.mirrors.get(repository.registry) ?? [];
    return [
      ...mirrors.map((mirror) => {
        const slash = mirror.indexOf('/');
        const prefix = slash < 0 ? '' : `${mirror.slice(slash + 1).replace(/\/$/, '')}/`;
        return this.#client(
          { registry: slash < 0 ? mirror : mirror.slice(0, slash), path: prefix + repository.path },
          'pull',
        );
      }),
      this.#client(repository, 'pull'),
    ];
  }

  /** Where to push to. */
  target(repository: Repository): RepositoryClient {
    return this.#client(repository, 'pull,push');
  }

  #client({ registry, path }: Repository, actions: string): RepositoryClient {
    return new RepositoryClient(this.session(registry), path, actions, this.#options.codec, this.#options.limits);
  }
}
