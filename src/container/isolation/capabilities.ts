/**
 * Capabilities of a container's processes (capabilities(7) of Linux 6.1): Docker's default set, and what `--cap-add`,
 * `--cap-drop` and `--privileged` make of it (docs.docker.com/engine/containers/run, "Runtime privilege and Linux capabilities").
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

/** All that the guest's kernel knows, by number. */
export const ALL_CAPABILITIES: readonly string[] = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
];

/** What a container's root may do: Docker's default set. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
];

const ALL = 'ALL';

export interface CapabilityWishes {
  /** Names with or without CAP_, in any case, or ALL. */
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** All of them, whatever else is asked for. */
  readonly privileged: boolean;
}

/** The set, by number. Throws USAGE for a name that is none. */
export function resolveCapabilities({ capAdd, capDrop, privileged }: CapabilityWishes): string[] {
  const added = new Set(capAdd.map((name) => fullName(name, '--cap-add')));
  const dropped = new Set(capDrop.map((name) => fullName(name, '--cap-drop')));
  return ALL_CAPABILITIES.filter((name) => privileged || isHeld(name, added, dropped));
}

/** As Docker has it: adding all keeps what is dropped by name; dropping all keeps what is added by name. */
function isHeld(name: string, added: ReadonlySet<string>, dropped: ReadonlySet<string>): boolean {
  if (added.has(ALL)) return !dropped.has(name);
  if (added.has(name)) return true;
  return !dropped.has(ALL) && !dropped.has(name) && DEFAULT_CAPABILITIES.includes(name);
}

function fullName(text: string, flag: string): string {
  const name = text.trim().toUpperCase();
  if (name === ALL) return ALL;
  const full = name.startsWith('CAP_') ? name : `CAP_${name}`;
  if (!ALL_CAPABILITIES.includes(full))
    throw new VivariumError(
      ErrorCodes.USAGE,
      `${flag} ${JSON.stringify(text)} is no capability; write one of capabilities(7), like NET_ADMIN, or ALL`,
    );
  return full;
}
