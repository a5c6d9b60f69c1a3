/**
 * Credentials in files of the user's: our own, which `viv login` writes for the user's eyes only, and Docker's config.json,
 * which is only read. Helper programs (`docker-credential-NAME`, protocol in docker/docker-credential-helpers: a registry's
 * address on stdin of `get`, JSON on stdout) are asked where a file names them.
 */
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { VivariumError } from '../../util/errors.ts';
import { quote } from '../fail.ts';
import { describe } from '../node-content.ts';
import {
  type CredentialFile,
  type CredentialSource,
  type Credentials,
  credentialKey,
  credentialsOfEntry,
  encodeBasic,
  findEntry,
  findHelper,
  parseCredentialFile,
  registryOfKey,
} from './credentials.ts';

const PRIVATE_FILE_MODE = 0o600;
const PRIVATE_FOLDER_MODE = 0o700;
const OTHERS_BITS = 0o077;
const HELPER_NAME = /^[a-zA-Z0-9_.-]+$/;
const HELPER_TIMEOUT_MS = 60_000;
const HELPER_OUTPUT_BYTES_MAX = 1024 * 1024;
/** What helpers print, with a status that is not 0, when they have nothing. */
const HELPER_HAS_NOTHING = 'credentials not found in native keychain';
/** The user name by which helpers say that the secret is a refresh token. */
const TOKEN_USER = '<token>';

export interface NodeCredentialsOptions {
  /** Ours. */
  readonly path: string;
  /** Docker's. */
  readonly dockerPath: string;
  readonly warn: (message: string) => void;
}

export class NodeCredentials implements CredentialSource {
  readonly #options: NodeCredentialsOptions;

  constructor(options: NodeCredentialsOptions) {
    this.#options = options;
  }

  /** Ours first. Throws USAGE for a damaged file or a helper that is not there or fails. */
  async find(registry: string): Promise<Credentials | undefined> {
    const { path, dockerPath } = this.#options;
    return (await this.#findIn(path, registry)) ?? (await this.#findIn(dockerPath, registry));
  }

  async #findIn(path: string, registry: string): Promise<Credentials | undefined> {
    const file = readFile(path);
    if (file === undefined) return undefined;
    const helper = findHelper(file, registry);
    if (helper !== undefined) {
      const found = await askHelper(helper, credentialKey(registry), path);
      if (found !== undefined) return found;
    }
    const entry = findEntry(file, registry);
    if (entry === undefined) return undefined;
    this.#warnIfOpen(path);
    return credentialsOfEntry(entry, path);
  }

  #warnIfOpen(path: string): void {
    if ((statSync(path).mode & OTHERS_BITS) !== 0 && path === this.#options.path)
      this.#options.warn(`other users can read the credentials in ${path}; run chmod 600 on it`);
  }

  /** Keeps a user name and password. */
  save(registry: string, credentials: { readonly username: string; readonly password: string }): void {
    this.#change((auths) => ({
      ...without(auths, registry),
      [credentialKey(registry)]: { auth: encodeBasic(credentials) },
    }));
  }

  /** Forgets a registry; false when there was nothing of ours. */
  remove(registry: string): boolean {
    const file = readFile(this.#options.path);
    if (file === undefined || findEntry(file, registry) === undefined) return false;
    this.#change((auths) => without(auths, registry));
    return true;
  }

  /** Replaces our file as a whole; its other fields stay. */
  #change(change: (auths: CredentialFile['auths']) => object): void {
    const { path } = this.#options;
    const auths = readFile(path)?.auths ?? {};
    const rest = readText(path) === undefined ? {} : (JSON.parse(readText(path)!) as object);
    const draft = join(dirname(path), `.auth-${randomUUID()}`);
    try {
      mkdirSync(dirname(path), { recursive: true, mode: PRIVATE_FOLDER_MODE });
      writeFileSync(draft, `${JSON.stringify({ ...rest, auths: change(auths) }, null, 2)}\n`, {
        mode: PRIVATE_FILE_MODE,
        flag: 'wx',
        flush: true,
      });
      chmodSync(draft, PRIVATE_FILE_MODE); // whatever the umask
      renameSync(draft, path);
    } catch (cause) {
      throw new VivariumError('USAGE', `can't write the credentials file ${quote(path)}: ${describe(cause)}`, {
        cause,
      });
    } finally {
      rmSync(draft, { force: true });
    }
  }
}

function without(auths: CredentialFile['auths'], registry: string): object {
  return Object.fromEntries(Object.entries(auths).filter(([key]) => registryOfKey(key) !== registry));
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new VivariumError('USAGE', `can't read the credentials file ${quote(path)}: ${describe(cause)}`, { cause });
  }
}

function readFile(path: string): CredentialFile | undefined {
  const text = readText(path);
  return text === undefined || text.trim() === '' ? undefined : parseCredentialFile(text, path);
}

/** `undefined` when the helper has nothing for this registry. */
async function askHelper(name: string, key: string, path: string): Promise<Credentials | undefined> {
  const fail = (why: string): VivariumError =>
    new VivariumError(
      'USAGE',
      `the credential helper docker-credential-${name} that ${quote(path)} names ${why}; correct that, or use viv login`,
    );
  if (!HELPER_NAME.test(name))
    throw new VivariumError(
      'USAGE',
      `${quote(path)} names ${quote(name)} as a credential helper, which is no name of a program`,
    );
  const { status, output } = await runHelper(`docker-credential-${name}`, key).catch((cause: unknown) => {
    throw fail(
      (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'is not installed' : `can't be run (${describe(cause)})`,
    );
  });
  if (status !== 0) {
    if (output.trim() === HELPER_HAS_NOTHING) return undefined;
    throw fail(`fails (${quote(output.trim() || `status ${status}`)})`);
  }
  try {
    const { Username: username, Secret: password } = JSON.parse(output) as { Username?: unknown; Secret?: unknown };
    if (typeof username !== 'string' || typeof password !== 'string') throw new TypeError('fields');
    return username === TOKEN_USER ? { identityToken: password } : { username, password };
  } catch {
    throw fail('does not answer as helpers do');
  }
}

function runHelper(program: string, key: string): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'inherit'], timeout: HELPER_TIMEOUT_MS });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      if (output.length > HELPER_OUTPUT_BYTES_MAX) child.kill();
    });
    child.stdin.on('error', () => {}); // it may end before it has read
    child.stdin.end(key);
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, output }));
  });
}
