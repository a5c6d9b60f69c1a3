/** `viv pull`: an image from a registry into the store (docker pull). `--all-tags` is left out. */
import { Command } from 'commander';
import {
  type ImageName,
  familiarName,
  familiarRepository,
  formatImageName,
  parseImageName,
  withDefaultTag,
} from '../../oci/image-name.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { type Pulled, pullImage } from '../../oci/registry/pull.ts';
import { action, interruptible } from '../action.ts';
import { tellImage } from '../image-events.ts';
import { type RegistryFlags, insecureOption, openRegistries, openStore } from '../registry-settings.ts';
import { PULL_WORDS, TransferProgress } from '../transfer-progress.ts';

interface PullFlags extends RegistryFlags {
  readonly platform?: string;
  readonly quiet?: boolean;
}

export function pullCommand(): Command {
  return new Command('pull')
    .summary('get an image from a registry')
    .description(
      'Gets an image from a registry into the store. Layers come several at a time; what was cut off goes on where it was.',
    )
    .usage('[options] NAME[:TAG|@DIGEST]')
    .argument('<name>')
    .option('--platform <os/architecture>', 'take this platform of the image: linux/amd64 or linux/386')
    .option('-q, --quiet', 'print only the name in the end')
    .addOption(insecureOption())
    .addHelpText(
      'after',
      '\nExamples:\n  viv pull debian:bookworm\n  viv pull --platform linux/386 localhost:5000/tool',
    )
    .action(
      action(async (text: string, flags: PullFlags) => {
        const name = withDefaultTag(parseImageName(text));
        const quiet = flags.quiet ?? false;
        const out = (line: string): void => void (quiet || process.stdout.write(`${line}\n`));
        if (name.digest === undefined) out(`${name.tag}: Pulling from ${name.path}`);
        const pulled = await interruptible((signal) => pull(name, { ...flags, quiet, signal }));
        out(`Digest: ${pulled.digest}`);
        out(`Status: ${pulled.isNew ? 'Downloaded newer image' : 'Image is up to date'} for ${familiarName(name)}`);
        process.stdout.write(`${formatImageName(name)}\n`);
      }),
    );
}

export interface PullRequest extends RegistryFlags {
  readonly platform?: string | undefined;
  readonly quiet: boolean;
  readonly signal: AbortSignal;
}

/** Pulls, with its progress on stderr. */
export async function pull(name: ImageName, { platform, quiet, signal, ...flags }: PullRequest): Promise<Pulled> {
  const progress = new TransferProgress(PULL_WORDS);
  try {
    const pulled = await pullImage(name, {
      store: openStore(),
      registries: openRegistries(flags, { signal }),
      platform: platform === undefined ? undefined : parsePlatform(platform),
      onEvent: (event) => (quiet ? undefined : progress.see(event)),
      onMirrorFailure: (error) => void process.stderr.write(`viv: a mirror could not help: ${error.message}\n`),
      signal,
    });
    await tellImage('pull', familiarName(name), { name: familiarRepository(name) });
    return pulled;
  } finally {
    if (!quiet) progress.end();
  }
}
