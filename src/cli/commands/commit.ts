/** `viv commit`: an image of a container's changes (docker commit). */
import { join } from 'node:path';
import { Command } from 'commander';
import type { ContainerConfig } from '../../container/lifecycle/config.ts';
import { parseImageName, type ImageName } from '../../oci/image-name.ts';
import { spool } from '../../oci/node-layer-cache.ts';
import { composeImage, readBase } from '../../oci/store/compose.ts';
import { changeRunConfig, type RunConfig } from '../../oci/store/run-config.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action } from '../action.ts';
import { type OpenContainerFiles, withContainerFiles } from '../container-files.ts';
import { openContainerFiles } from '../open-container-files.ts';
import { cacheFolder } from '../paths.ts';
import { openStore } from '../registry-settings.ts';

interface CommitFlags {
  readonly author?: string;
  readonly change: readonly string[];
  readonly message?: string;
  readonly pause: string | boolean;
}

export function commitCommand(open: OpenContainerFiles = openContainerFiles): Command {
  return new Command('commit')
    .summary("make an image of a container's changes")
    .description(
      'Makes an image of what a container changed, on top of the image that it was made of. Volumes are not part of it.',
    )
    .usage('[options] CONTAINER [REPOSITORY[:TAG]]')
    .argument('<container>')
    .argument('[name]')
    .option('-a, --author <author>', 'who made it')
    .option('-c, --change <instruction>', 'apply an instruction of a Dockerfile, such as CMD or ENV', append, [])
    .option('-m, --message <text>', 'what it is about')
    .option('-p, --pause [bool]', 'let the container stand still meanwhile; false for not', true)
    .addHelpText('after', '\nExample:\n  viv commit -m "with curl" -c \'CMD ["curl", "--help"]\' work me/curl:latest')
    .action(
      action(async (container: string, nameText: string | undefined, flags: CommitFlags) => {
        const name = nameText === undefined ? undefined : imageNameOf(nameText);
        const id = await withContainerFiles(open, container, async ({ files, config, paused }) => {
          const { manifest } = config.image;
          if (manifest === undefined)
            throw new VivariumError(
              ErrorCodes.USAGE,
              `the image of container ${container} is not in the image store; load it with viv load, and make the container of that`,
            );
          const store = openStore();
          const base = await readBase(store, { manifest: await store.findManifest(manifest) });
          const runConfig = changeRunConfig(containerRunConfig(base.runConfig, config), flags.change);
          const commit = (): Promise<string> =>
            composeImage(
              store,
              {
                base,
                layer: files.layerTar({ onNote: (text) => void process.stderr.write(`viv: ${text}\n`) }),
                what: `what container ${container} changed`,
                runConfig,
                platform: base.platform,
                created: new Date().toISOString(),
                createdBy: (config.cmd.length > 0 ? config.cmd : (base.runConfig.Cmd ?? [])).join(' '),
                author: flags.author,
                comment: flags.message,
                name,
              },
              (stream) => spool(join(cacheFolder(), 'layers'), stream),
            );
          return flags.pause === false || flags.pause === 'false' ? commit() : paused(commit);
        });
        process.stdout.write(`${id}\n`);
      }),
    );
}

export function append(value: string, all: readonly string[]): readonly string[] {
  return [...all, value];
}

/** A name for a new image: one with a digest names what is there already. */
export function imageNameOf(text: string): ImageName {
  const name = parseImageName(text);
  if (name.digest !== undefined)
    throw new VivariumError(
      ErrorCodes.USAGE,
      `${JSON.stringify(text)} has a digest, which nobody can choose; give a tag`,
    );
  return name;
}

/** How the container is run: its image's configuration with what the user said when it was made. */
export function containerRunConfig(image: RunConfig, config: ContainerConfig): RunConfig {
  const changed: RunConfig = { ...image };
  if (config.entrypoint !== undefined) {
    changed.Entrypoint = config.entrypoint.filter((word) => word !== '');
    delete changed.Cmd; // it was the old entry point's
  }
  if (config.cmd.length > 0) changed.Cmd = [...config.cmd];
  if (config.env.length > 0) changed.Env = mergedEnv(image.Env ?? [], config.env);
  if (config.workingDir !== undefined) changed.WorkingDir = config.workingDir;
  if (config.user !== undefined) changed.User = config.user;
  if (config.stopSignal !== undefined) changed.StopSignal = config.stopSignal;
  if (Object.keys(config.labels).length > 0) changed.Labels = { ...image.Labels, ...config.labels };
  if (config.healthCheck !== undefined) changed.Healthcheck = healthCheckOf(config.healthCheck);
  return changed;
}

/** The last of a name counts; a bare name takes it away. */
function mergedEnv(image: readonly string[], own: readonly string[]): string[] {
  const env = new Map(image.map((entry) => [entry.split('=', 1)[0]!, entry]));
  for (const entry of own) {
    const name = entry.split('=', 1)[0]!;
    if (entry.includes('=')) env.set(name, entry);
    else env.delete(name);
  }
  return [...env.values()];
}

const NS_PER_MS = 1_000_000;

function healthCheckOf(check: NonNullable<ContainerConfig['healthCheck']>): NonNullable<RunConfig['Healthcheck']> {
  return {
    Test: [...check.test],
    Interval: check.intervalMs * NS_PER_MS,
    Timeout: check.timeoutMs * NS_PER_MS,
    StartPeriod: check.startPeriodMs * NS_PER_MS,
    Retries: check.retries,
  };
}
