/** Debian's docker-registry as a process on a loopback port, open, with passwords, with tokens, or by TLS. Node only. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { X509Certificate, createPrivateKey, randomUUID, sign } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type Server, createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The one who may. */
export const USER = 'me';
export const PASSWORD = 'secret';
const TOKEN_SERVICE = 'test registry';
const TOKEN_ISSUER = 'test issuer';
const TOKEN_SECONDS = 300;
const START_MS = 20_000;

export interface RegistryKind {
  auth?: 'htpasswd' | 'token';
  tls?: boolean;
}

export class DockerRegistry {
  readonly host: string;
  readonly #folder: string;
  readonly #process: ChildProcess;
  readonly #tokens: Server | undefined;

  private constructor(host: string, folder: string, process: ChildProcess, tokens: Server | undefined) {
    this.host = host;
    this.#folder = folder;
    this.#process = process;
    this.#tokens = tokens;
  }

  static async start({ auth, tls = false }: RegistryKind = {}): Promise<DockerRegistry> {
    const folder = mkdtempSync(join(tmpdir(), 'vivarium-registry-'));
    const port = await freePort();
    const needsKey = tls || auth === 'token';
    if (needsKey) makeCertificate(folder);
    const tokens = auth === 'token' ? await startTokenServer(folder) : undefined;
    const config = {
      version: '0.1',
      log: { level: 'error' },
      storage: { filesystem: { rootdirectory: join(folder, 'data') }, delete: { enabled: true } },
      http: {
        addr: `127.0.0.1:${port}`,
        ...(tls ? { tls: { certificate: join(folder, 'cert.pem'), key: join(folder, 'key.pem') } } : {}),
      },
      ...(auth === 'htpasswd' ? { auth: { htpasswd: { realm: 'test', path: writeHtpasswd(folder) } } } : {}),
      ...(tokens === undefined
        ? {}
        : {
            auth: {
              token: {
                realm: `http://127.0.0.1:${(tokens.address() as AddressInfo).port}/token`,
                service: TOKEN_SERVICE,
                issuer: TOKEN_ISSUER,
                rootcertbundle: join(folder, 'cert.pem'),
              },
            },
          }),
    };
    writeFileSync(join(folder, 'config.yml'), JSON.stringify(config)); // which is YAML too
    const child = spawn('docker-registry', ['serve', join(folder, 'config.yml')], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let log = '';
    child.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()));
    try {
      await listening(port, child);
    } catch {
      throw new Error(`docker-registry does not start: ${log}`);
    }
    return new DockerRegistry(`127.0.0.1:${port}`, folder, child, tokens);
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#process.once('close', resolve));
    this.#process.kill();
    await ended;
    this.#tokens?.closeAllConnections();
    this.#tokens?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function listening(port: number, child: ChildProcess): Promise<void> {
  const until = Date.now() + START_MS;
  while (Date.now() < until && child.exitCode === null) {
    const isOpen = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (isOpen) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('it does not listen');
}

/** The registry reads bcrypt only; perl's crypt(3) makes it, and is in every Debian. */
function writeHtpasswd(folder: string): string {
  const hash = execFileSync('perl', ['-e', `print crypt("${PASSWORD}", '$2y$05$' . 'abcdefghijklmnopqrstuu')`], {
    encoding: 'utf8',
  });
  const path = join(folder, 'htpasswd');
  writeFileSync(path, `${USER}:${hash}\n`);
  return path;
}

function makeCertificate(folder: string): void {
  const words =
    'req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1 -keyout key.pem -out cert.pem';
  execFileSync('openssl', words.split(' '), { cwd: folder, stdio: 'ignore' });
}

/** Gives who has the password a token for what is asked, and everybody one that allows nothing. */
async function startTokenServer(folder: string): Promise<Server> {
  const key = createPrivateKey(readFileSync(join(folder, 'key.pem')));
  const certificate = new X509Certificate(readFileSync(join(folder, 'cert.pem'))).raw.toString('base64');
  const expected = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const server = createServer((request, response) => {
    const { searchParams } = new URL(request.url!, 'http://x');
    const { authorization } = request.headers;
    if (authorization !== undefined && authorization !== expected) {
      response.writeHead(401).end();
      return;
    }
    const access = searchParams.getAll('scope').map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return { type, name, actions: authorization === expected ? actions.split(',') : [] };
    });
    const nowS = Math.floor(Date.now() / 1000);
    const claims = {
      iss: TOKEN_ISSUER,
      sub: USER,
      aud: TOKEN_SERVICE,
      exp: nowS + TOKEN_SECONDS,
      nbf: nowS - 5,
      iat: nowS,
      jti: randomUUID(),
      access,
    };
    const unsigned = `${part({ typ: 'JWT', alg: 'RS256', x5c: [certificate] })}.${part(claims)}`;
    const token = `${unsigned}.${sign('sha256', Buffer.from(unsigned), key).toString('base64url')}`;
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ token, expires_in: TOKEN_SECONDS }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}
