/** `viv exec` (docker container exec). */
import { Command } from 'commander';
import { StartError } from '../../container/start-error.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { AttachSession, terminalSize } from '../attach-session.ts';
import { readVariables } from '../container-flags/environment.ts';
import { findContainer } from '../container-order.ts';
import { openContainers } from '../containers.ts';
import { DEFAULT_DETACH_KEYS, parseDetachKeys } from '../detach-keys.ts';
import { EXIT_FAILURE, fail } from '../failure.ts';
import { ask, findSupervisor } from '../supervisor.ts';

const EXIT_FAILED = 1;
/** Of a command that did not start for another reason than that it is not there. */
const EXIT_NOT_STARTED = 126;

interface ExecFlags {
  readonly detach?: boolean;
  readonly interactive?: boolean;
  readonly tty?: boolean;
  readonly env: readonly string[];
  readonly envFile: readonly string[];
  readonly workdir?: string;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly detachKeys: string;
}

const collect = (value: string, all: readonly string[]): string[] => [...all, value];

export function execCommand(): Command {
  return new Command('exec')
    .summary('run a command in a container that runs')
    .description(
      "Runs a command in a container that runs. The status is the command's; 126 and 127 for one that can't be executed or found.",
    )
    .usage('[options] CONTAINER COMMAND [ARG...]')
    .argument('<container>')
    .argument('<command...>')
    .passThroughOptions()
    .option('-d, --detach', 'do not wait for it')
    .option('-i, --interactive', 'keep stdin open')
    .option('-t, --tty', 'give the command a terminal')
    .option('-e, --env <name=value>', "set a variable; a bare name takes the host's value", collect, [])
    .option('--env-file <file>', 'set variables as a file says, one a line', collect, [])
    .option('-w, --workdir <dir>', 'working folder in the container')
    .option('-u, --user <user[:group]>', 'user of the command, by name or number')
    .option('--privileged', 'give the command all capabilities')
    .option('--detach-keys <keys>', 'keys that leave the command', DEFAULT_DETACH_KEYS)
    .addHelpText('after', '\nExamples:\n  viv exec -it web sh\n  viv exec -u root -e DEBUG=1 web /usr/bin/check --all')
    .action(action(exec));
}

async function exec(word: string, args: string[], flags: ExecFlags): Promise<number> {
  const detachKeys = parseDetachKeys(flags.detachKeys);
  const store = openContainers();
  const { id, config } = await findContainer(store, word);
  const connection = await findSupervisor(store, config.pod);
  if (connection === undefined) throw new VivariumError(ErrorCodes.CONFLICT, `container ${id} is not running`);
  const { detach = false, interactive = false, tty = false, privileged = false, workdir, user } = flags;
  const terminal = tty ? terminalSize() : undefined;
  const request = {
    id,
    args,
    env: readVariables(flags.envFile, flags.env, process.env),
    workingDir: workdir,
    user,
    tty,
    privileged,
    ...(detach ? {} : { attach: { stdin: interactive, stdout: true, stderr: true, terminal } }),
  };
  const session = new AttachSession();
  try {
    const { exec: execId } = await connection.request('exec', request);
    if (detach) return 0;
    const end = await session.follow({
      connection,
      stdin: interactive,
      terminal,
      detachKeys,
      resize: async (size) => {
        const other = await findSupervisor(store, config.pod);
        if (other !== undefined) await ask(other, 'resize', { id, exec: execId, size });
      },
    });
    if (end.kind === 'exited') return end.exitCode;
    process.stderr.write('read escape sequence\n');
    return EXIT_FAILED;
  } catch (error) {
    if (session.status !== undefined) return session.status;
    if (detach || !(error instanceof StartError)) throw error;
    fail(error);
    return error.exitCode === EXIT_FAILURE ? EXIT_NOT_STARTED : error.exitCode;
  } finally {
    connection.close();
    session.close();
  }
}
