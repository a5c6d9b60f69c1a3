import { describe, expect, it } from 'vitest';
import { describeTranslation } from '../../src/cli/translation-page.ts';
import { NO_TRANSLATION } from '../support/no-translation.ts';

describe('the page of --stats', () => {
  it('tells the share of translated code, regions and exits', () => {
    const page = describeTranslation(
      {
        ...NO_TRANSLATION,
        retired: 750_000,
        regions: 12,
        exits: { ...NO_TRANSLATION.exits, jump: 34, instruction: 5 },
      },
      1_000_000,
    );

    expect(page).toContain('1.0 M, of them 75.0 % in translated code');
    expect(page).toContain('12 made');
    expect(page).toContain('to jump 34, indirectly 0, for one instruction 5');
  });

  it('divides nothing by zero', () => {
    expect(describeTranslation(NO_TRANSLATION, 0)).toContain('0.0 M, of them 0.0 %');
  });
});
