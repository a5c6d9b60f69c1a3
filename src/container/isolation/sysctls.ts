/**
 * `--sysctl`: kernel parameters of a container's own namespaces (docs.docker.com/reference/cli/docker/container/run, "Configure
 * namespaced kernel parameters"). Others would be the guest's, and so every container's.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

const IPC_SYSCTLS = [
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
];
const IPC_PREFIX = 'fs.mqueue.';
const UTS_SYSCTLS = ['kernel.domainname'];
const NETWORK_PREFIX = 'net.';

/** In a network of its own a container's users may use low ports and ping, as with Docker. */
const NETWORK_DEFAULTS: Readonly<Record<string, string>> = {
  'net.ipv4.ip_unprivileged_port_start': '0',
  'net.ipv4.ping_group_range': '0 2147483647',
};

/** What crun is to write. Throws USAGE for a parameter that is not the container's own. */
export function resolveSysctls(
  sysctls: Readonly<Record<string, string>>,
  network: 'guest' | 'none',
): Record<string, string> {
  for (const [name, value] of Object.entries(sysctls)) check(name, value, network);
  return { ...(network === 'none' ? NETWORK_DEFAULTS : {}), ...sysctls };
}

function check(name: string, value: string, network: 'guest' | 'none'): void {
  if (!/^[\w.-]+$/.test(name) || name.includes('..') || /[\0\n]/.test(value))
    throw usage(`--sysctl ${JSON.stringify(`${name}=${value}`)} is no parameter; write one like kernel.shmmax=65536`);
  if (IPC_SYSCTLS.includes(name) || UTS_SYSCTLS.includes(name) || name.startsWith(IPC_PREFIX)) return;
  if (!name.startsWith(NETWORK_PREFIX))
    throw usage(
      `--sysctl ${name}=${value} is not the container's own; there are ${[...IPC_SYSCTLS, ...UTS_SYSCTLS].join(', ')}, fs.mqueue.* and net.*`,
    );
  if (network === 'guest')
    throw usage(`--sysctl ${name} would change the network that all containers of the pod share; add --network none`);
}

function usage(message: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, message);
}
