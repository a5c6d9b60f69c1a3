/** `viv history`: how an image was made (docker history). */
import { Command } from 'commander';
import { type ImageDetails, imageDetails } from '../../oci/store/details.ts';
import type { StoredImage } from '../../oci/store/image-store.ts';
import { action } from '../action.ts';
import { goTime, humanSize, since } from '../format/human.ts';
import { type ListFormat, formatList } from '../format/table.ts';
import { openStore } from '../registry-settings.ts';
import { shortId } from '../transfer-progress.ts';

const SHOWN_COMMAND_LENGTH = 45; // as Docker has it
const SIZE_DIGITS = 3;
const MISSING = '<missing>';

interface HistoryFlags {
  readonly format?: string;
  readonly human: string | boolean;
  readonly trunc: boolean;
  readonly quiet?: boolean;
}

interface Row {
  readonly id: string;
  readonly created: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  readonly size: number;
}

export function historyCommand(): Command {
  return new Command('history')
    .summary('show how an image was made')
    .description('Shows the steps that made an image, newest first. SIZE is that of the layer in the store.')
    .usage('[options] IMAGE')
    .argument('<image>')
    .option('--format <format>', 'table, table TEMPLATE, json, or a Go template')
    .option('-H, --human [bool]', 'sizes and dates for people; false for numbers', true)
    .option('--no-trunc', 'show whole IDs and commands')
    .option('-q, --quiet', 'show IDs only')
    .addHelpText('after', "\nExample:\n  viv history --no-trunc --format '{{.CreatedBy}}' debian:bookworm")
    .action(
      action(async (text: string, flags: HistoryFlags) => {
        const store = openStore();
        const image = await store.find(text);
        const rows = rowsOf(image, await imageDetails(store, image));
        process.stdout.write(formatList(rows, listFormat(flags), { template: flags.format, quiet: flags.quiet }));
      }),
    );
}

/** Steps that made a layer take the layers in order; layers that no step tells of come as steps without a command. */
function rowsOf({ id }: StoredImage, { manifest, history }: ImageDetails): Row[] {
  const sizes = manifest.layers.map(({ size }) => size);
  const rows = history.map((entry) => ({ ...entry, size: entry.isEmpty ? 0 : (sizes.shift() ?? 0), id: MISSING }));
  for (const size of sizes)
    rows.push({ created: undefined, createdBy: '', comment: '', isEmpty: false, size, id: MISSING });
  return rows.reverse().map((row, index) => (index === 0 ? { ...row, id } : row));
}

function listFormat({ trunc, human }: HistoryFlags): ListFormat<Row> {
  const isHuman = human !== 'false' && human !== false;
  return {
    headings: {
      ID: 'IMAGE',
      CreatedSince: 'CREATED',
      CreatedAt: 'CREATED AT',
      CreatedBy: 'CREATED BY',
      Size: 'SIZE',
      Comment: 'COMMENT',
    },
    defaultTemplate: `{{.ID}}\\t{{.${isHuman ? 'CreatedSince' : 'CreatedAt'}}}\\t{{.CreatedBy}}\\t{{.Size}}\\t{{.Comment}}`,
    quietTemplate: '{{.ID}}',
    fields: ({ id, created, createdBy, comment, size }) => {
      const command = createdBy.replaceAll('\t', ' ');
      return {
        ID: id === MISSING || !trunc ? id : shortId(id),
        CreatedSince: since(created, Date.now()),
        CreatedAt: goTime(created),
        CreatedBy:
          trunc && command.length > SHOWN_COMMAND_LENGTH ? `${command.slice(0, SHOWN_COMMAND_LENGTH - 1)}…` : command,
        Size: isHuman ? humanSize(size, SIZE_DIGITS) : String(size),
        Comment: comment,
      };
    },
  };
}
