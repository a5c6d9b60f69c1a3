/** `--tier`, for every command that makes a machine. */
import { Option } from 'commander';

export function tierOption(): Option {
  return new Option(
    '--tier <tier>',
    'how the CPU runs: 0 interprets, 1 translates everything at first sight (slow, for tests), mixed translates what is hot',
  )
    .choices(['0', '1', 'mixed'])
    .default('mixed');
}
