import { expect, test } from 'vitest';
import { PULL_WORDS, type ProgressStream, TransferProgress } from '../../src/cli/transfer-progress.ts';
import type { TransferEvent } from '../../src/oci/registry/pull.ts';
import { sha256 } from '../support/image-builder.ts';

const A = sha256(Buffer.from('a'));
const B = sha256(Buffer.from('b'));
const short = (digest: string): string => digest.slice(7, 19);
const event = (digest: typeof A, state: TransferEvent['state'], current = 0): TransferEvent => ({
  digest,
  state,
  current,
  total: 1000,
});

function stream(isTTY: boolean): ProgressStream & { text: string } {
  return {
    isTTY,
    columns: 200,
    text: '',
    write(text: string) {
      this.text += text;
    },
  };
}

test('a pull without a terminal prints a line for each change, none for progress', () => {
  const out = stream(false);
  const progress = new TransferProgress(PULL_WORDS, out, () => 0);

  for (const state of ['waiting', 'moving', 'moving', 'done'] as const) progress.see(event(A, state));
  progress.end();

  expect(out.text).toBe(`${short(A)}: Pulling fs layer\n${short(A)}: Pull complete\n`);
});

test('a pull on a terminal draws its lines in place, ten times a second', () => {
  const out = stream(true);
  let nowMs = 0;
  const progress = new TransferProgress(PULL_WORDS, out, () => nowMs);
  progress.see(event(A, 'waiting'));
  progress.see(event(B, 'exists', 1000));
  progress.see(event(A, 'moving', 100));
  out.text = '';

  progress.see(event(A, 'moving', 200));
  nowMs = 100;
  progress.see(event(A, 'moving', 500));

  expect(out.text).toBe(
    `\u001b[2A\r\u001b[K${short(A)}: Downloading [${'='.repeat(25)}>${' '.repeat(24)}] 500B/1kB\n\r\u001b[K${short(B)}: Already exists\n`,
  );
});

test('a terminal that says it is 0 columns wide gets whole lines', () => {
  const out = { ...stream(true), columns: 0 };
  new TransferProgress(PULL_WORDS, out, () => 0).see(event(A, 'done'));

  expect(out.text).toBe(`\r\u001b[K${short(A)}: Pull complete\n`);
});
