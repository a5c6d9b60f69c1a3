/**
 * `--security-opt` (docs.docker.com/reference/cli/docker/container/run, "Optional security options"). The guest has neither
 * AppArmor nor SELinux: options that switch them off hold, those that name a profile or a label are refused.
 */
import { ErrorCodes, VivariumError } from '../../util/errors.ts';

export interface SecurityOptions {
  /** 'unconfined', 'builtin', or the text of a profile; undefined when it is not asked for. */
  readonly seccomp: string | undefined;
  readonly noNewPrivileges: boolean;
  /** Paths of the kernel in /proc and /sys are masked or read-only. */
  readonly masksPaths: boolean;
  readonly writableCgroups: boolean;
}

/** Throws USAGE for an option that there is not. The last of a kind holds. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let seccomp: string | undefined;
  let noNewPrivileges = false;
  let masksPaths = true;
  let writableCgroups = false;
  for (const option of options) {
    const [, name = '', value] = /^([^=:]*)(?:[=:](.*))?$/s.exec(option) ?? [];
    switch (name) {
      case 'seccomp':
        if (!value) throw unknown(option);
        seccomp = value;
        break;
      case 'no-new-privileges':
        noNewPrivileges = readBoolean(option, value ?? 'true');
        break;
      case 'writable-cgroups':
        writableCgroups = readBoolean(option, value ?? 'true');
        break;
      case 'systempaths':
        if (value !== 'unconfined') throw unknown(option);
        masksPaths = false;
        break;
      case 'apparmor':
        if (value !== 'unconfined') throw absent(option, 'AppArmor', 'apparmor=unconfined');
        break;
      case 'label':
        if (value !== 'disable') throw absent(option, 'SELinux', 'label=disable');
        break;
      default:
        throw unknown(option);
    }
  }
  return { seccomp, noNewPrivileges, masksPaths, writableCgroups };
}

function readBoolean(option: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw unknown(option);
  return value === 'true';
}

function unknown(option: string): VivariumError {
  return new VivariumError(
    ErrorCodes.USAGE,
    `--security-opt ${JSON.stringify(option)} is not known; there are seccomp=FILE, seccomp=unconfined, no-new-privileges, systempaths=unconfined and writable-cgroups`,
  );
}

function absent(option: string, what: string, instead: string): VivariumError {
  return new VivariumError(
    ErrorCodes.USAGE,
    `--security-opt ${JSON.stringify(option)} can't be had: the guest has no ${what}; leave it out, or write ${instead}`,
  );
}
