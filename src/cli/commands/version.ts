/** `viv version`: what this is and what runs it (docker version); also `viv --version`. */
import { Command } from 'commander';
import { action } from '../action.ts';
import { kernelVersion } from '../assets.ts';
import { formatPage, type Page } from '../format/page.ts';
import { coreHash, orReason, packageVersions } from '../versions.ts';

const GUEST = { Os: 'linux', Arch: 'amd64' };

export function versionCommand(): Command {
  return new Command('version')
    .summary('show versions')
    .description(
      'Shows the versions of Vivarium, of the CPU core (a hash), of the guest kernel, and of what runs them.',
    )
    .option('-f, --format <format>', 'json, or a Go template')
    .addHelpText('after', "\nExample:\n  viv version --format '{{.Version}} on Node {{.NodeVersion}}'")
    .action(
      action(({ format }: { readonly format?: string }) => {
        const page = versionPage();
        process.stdout.write(formatPage(format === undefined ? page : { ...page, ...dockerPages(page) }, format));
      }),
    );
}

function versionPage() {
  return {
    Version: packageVersions().version,
    Core: orReason(coreHash),
    KernelVersion: orReason(kernelVersion),
    NodeVersion: process.versions.node,
    V8Version: process.versions.v8,
    Os: process.platform,
    Arch: process.arch,
  };
}

/** What scripts that were made for Docker ask for (docker version): there is no daemon, so that the server is the guest. */
function dockerPages({ Version, Os, Arch, KernelVersion }: ReturnType<typeof versionPage>): Page {
  return { Client: { Version, Os, Arch }, Server: { Version, KernelVersion, ...GUEST } };
}

/** For `viv --version`, one line. */
export function versionLine(): string {
  return `Vivarium version ${packageVersions().version}`;
}
