/** `viv import`: an image of one layer from a root filesystem in a tar archive (docker import). */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { describe } from '../../oci/node-content.ts';
import { spool } from '../../oci/node-layer-cache.ts';
import { abortable } from '../../oci/blob.ts';
import { parsePlatform } from '../../oci/platform.ts';
import { composeImage } from '../../oci/store/compose.ts';
import { changeRunConfig } from '../../oci/store/run-config.ts';
import { ErrorCodes, VivariumError } from '../../util/errors.ts';
import { action, interruptible } from '../action.ts';
import { cacheFolder } from '../paths.ts';
import { openStore } from '../registry-settings.ts';
import { append, imageNameOf } from './commit.ts';

const DEFAULT_PLATFORM = 'linux/amd64';

interface ImportFlags {
  readonly change: readonly string[];
  readonly message?: string;
  readonly platform?: string;
}

export function importCommand(): Command {
  return new Command('import')
    .summary('make an image of a root filesystem in an archive')
    .description('Makes an image of one layer from a tar archive, plain or compressed, of a root filesystem.')
    .usage('[options] FILE|URL|- [REPOSITORY[:TAG]]')
    .argument('<source>')
    .argument('[name]')
    .option('-c, --change <instruction>', 'apply an instruction of a Dockerfile, such as CMD or ENV', append, [])
    .option('-m, --message <text>', 'what it is about')
    .option('--platform <os/architecture>', `what it runs on; ${DEFAULT_PLATFORM} without`)
    .addHelpText('after', '\nExample:\n  viv import -c \'CMD ["sh"]\' rootfs.tar.gz me/system:1')
    .action(
      action(async (source: string, nameText: string | undefined, flags: ImportFlags) => {
        const name = nameText === undefined ? undefined : imageNameOf(nameText);
        const runConfig = changeRunConfig({}, flags.change);
        const platform = parsePlatform(flags.platform ?? DEFAULT_PLATFORM);
        const id = await interruptible(async (signal) =>
          composeImage(
            openStore(),
            {
              base: undefined,
              layer: abortable(await openSource(source, signal), signal),
              what: source === '-' ? 'the archive on stdin' : `the archive ${JSON.stringify(source)}`,
              runConfig,
              platform,
              created: new Date().toISOString(),
              comment: flags.message ?? `Imported from ${source}`,
              name,
            },
            (stream) => spool(join(cacheFolder(), 'layers'), stream),
          ),
        );
        process.stdout.write(`${id}\n`);
      }),
    );
}

async function openSource(source: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  if (source === '-') {
    if (process.stdin.isTTY)
      throw new VivariumError(ErrorCodes.USAGE, 'an archive is not read from a terminal; redirect stdin');
    return process.stdin;
  }
  if (/^https?:\/\//.test(source)) return download(source, signal);
  const info = await stat(source).catch((cause: unknown) => {
    throw new VivariumError(ErrorCodes.NOT_FOUND, `can't open ${JSON.stringify(source)}: ${describe(cause)}`, {
      cause,
    });
  });
  if (!info.isFile())
    throw new VivariumError(
      ErrorCodes.USAGE,
      `${JSON.stringify(source)} is not a file; make a tar archive of it first`,
    );
  return createReadStream(source);
}

async function* download(url: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const failed = (why: string, cause?: unknown): VivariumError =>
    new VivariumError(ErrorCodes.NOT_FOUND, `can't get ${url}: ${why}`, { cause });
  const whyOf = (error: unknown): string => {
    const cause = (error as Error).cause ?? error;
    return cause instanceof Error ? cause.message : String(cause);
  };
  const response = await fetch(url, { signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw failed(whyOf(error), error);
  });
  if (!response.ok) throw failed(`the server answers ${response.status} ${response.statusText}`);
  try {
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    throw failed(whyOf(error), error);
  }
}
