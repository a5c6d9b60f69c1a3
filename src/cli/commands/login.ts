/** `viv login` and `viv logout`: credentials for registries (docker login, docker logout). */
import { Command } from 'commander';
import type { PasswordCredentials } from '../../oci/registry/credentials.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action, interruptible } from '../action.ts';
import {
  credentialsPath,
  insecureOption,
  openCredentials,
  openRegistries,
  parseRegistry,
  type RegistryFlags,
} from '../registry-settings.ts';
import { askLine } from '../ask.ts';

interface LoginFlags extends RegistryFlags {
  readonly username?: string;
  readonly password?: string;
  readonly passwordStdin?: boolean;
}

export function loginCommand(): Command {
  return new Command('login')
    .summary('keep credentials for a registry')
    .description(
      `Tries a user name and a password at a registry and keeps them in a file that only you can read. Those in Docker's\n` +
        'config.json, and its credential helpers, are used too where there are none of ours.',
    )
    .usage('[options] [SERVER]')
    .argument('[server]')
    .option('-u, --username <name>', 'user name')
    .option('-p, --password <password>', 'password; other users can see it in the list of processes')
    .option('--password-stdin', 'read the password from stdin')
    .addOption(insecureOption())
    .addHelpText('after', '\nExample:\n  viv login -u me --password-stdin registry.example <password.txt')
    .action(
      action(async (server: string | undefined, flags: LoginFlags) => {
        const registry = parseRegistry(server);
        const credentials = await readCredentials(flags);
        const source = { find: () => Promise.resolve(credentials) };
        await interruptible((signal) =>
          openRegistries(flags, { signal, credentials: source }).session(registry).checkLogin(),
        );
        openCredentials().save(registry, credentials);
        process.stderr.write(`WARNING! Your password is stored unencrypted in ${credentialsPath()}.\n`);
        process.stdout.write('Login Succeeded\n');
      }),
    );
}

async function readCredentials({ username, password, passwordStdin }: LoginFlags): Promise<PasswordCredentials> {
  if (password !== undefined && passwordStdin)
    throw new VivariumError(ErrorCodes.USAGE, '--password and --password-stdin are mutually exclusive; give one');
  if (passwordStdin && username === undefined)
    throw new VivariumError(ErrorCodes.USAGE, '--password-stdin needs a user name; give --username too');
  if (password !== undefined) process.stderr.write('WARNING! Using --password is insecure. Use --password-stdin.\n');
  const user = username ?? (await askLine('Username: ', { isSecret: false }));
  const secret = password ?? (passwordStdin ? await readAllInput() : await askLine('Password: ', { isSecret: true }));
  if (user === '' || secret === '')
    throw new VivariumError(ErrorCodes.USAGE, 'a user name and a password are needed; neither may be empty');
  if (user.includes(':'))
    throw new VivariumError(ErrorCodes.USAGE, 'a user name can not have a colon in it; check --username');
  return { username: user, password: secret };
}

/** All of stdin without the line end that tools put there. */
async function readAllInput(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin) text += String(chunk);
  return text.replace(/\r?\n$/, '');
}

export function logoutCommand(): Command {
  return new Command('logout')
    .summary('forget credentials for a registry')
    .description('Forgets what viv login has kept. Credentials of Docker stay.')
    .usage('[SERVER]')
    .argument('[server]')
    .addHelpText('after', '\nExample:\n  viv logout registry.example')
    .action(
      action((server: string | undefined) => {
        const registry = parseRegistry(server);
        const had = openCredentials().remove(registry);
        process.stdout.write(had ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`);
      }),
    );
}
