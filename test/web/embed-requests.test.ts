/** Messages of pages around the embed page: what is taken, what is answered with an error, and what is none of ours. */
import { describe, expect, test } from 'vitest';
import { VivariumError } from '../../src/util/errors.ts';
import { allowedOrigins } from '../../web/embed/origins.ts';
import { parseRequest } from '../../web/embed/requests.ts';

describe('a request', () => {
  test.each([
    { type: 'vivarium:hello', id: 1 },
    { type: 'vivarium:progress', id: 'a' },
    { type: 'vivarium:run', id: 1, args: ['ls', '-l'], input: 'x', timeoutMs: 1000 },
    { type: 'vivarium:type', id: 1, command: 'ls' },
    { type: 'vivarium:check', id: 1 },
    { type: 'vivarium:reset', id: 1, step: 'one' },
  ])('$type is taken as it is, without what is not of it', (request) => {
    expect(parseRequest({ ...request, more: 1 })).toEqual(request);
  });

  test.each([
    [{ type: 'vivarium:run' }, 'vivarium:run needs an id, a number or a short text, that its answer will have'],
    [
      { type: 'vivarium:hello', id: NaN },
      'vivarium:hello needs an id, a number or a short text, that its answer will have',
    ],
    [{ type: 'vivarium:run', id: 1 }, 'vivarium:run needs args, a list of texts: the program and its arguments'],
    [
      { type: 'vivarium:run', id: 1, args: [] },
      'vivarium:run needs args, a list of texts: the program and its arguments',
    ],
    [
      { type: 'vivarium:run', id: 1, args: ['a', 2] },
      'vivarium:run needs args, a list of texts: the program and its arguments',
    ],
    [{ type: 'vivarium:run', id: 1, args: ['a'], input: {} }, 'the input of vivarium:run is a text'],
    [
      { type: 'vivarium:run', id: 1, args: ['a'], timeoutMs: -1 },
      'the timeoutMs of vivarium:run is a number up to 600000',
    ],
    [{ type: 'vivarium:type', id: 1 }, 'vivarium:type needs a command, which is a text'],
    [{ type: 'vivarium:check', id: 1, step: 3 }, 'the step of vivarium:check is the id of a step, which is a text'],
    [{ type: 'vivarium:eval', id: 1 }, 'there is no message "vivarium:eval" in version 1 of this interface'],
  ])('%j is answered with a sentence', (request, message) => {
    const error = parseRequest(request);
    expect(error).toBeInstanceOf(VivariumError);
    expect(error).toMatchObject({ code: 'USAGE', message });
  });

  test.each([undefined, null, 'vivarium:run', 5, {}, { type: 5 }, { type: 'webpackOk' }])(
    '%j is none of ours',
    (message) => {
      expect(parseRequest(message)).toBeUndefined();
    },
  );
});

describe('origins that may talk to an embed page', () => {
  const page = (content: string): Document =>
    ({ querySelector: () => (content === '' ? null : { content }) }) as unknown as Document;
  const origins = (address: string, site: string): string[] => [
    ...allowedOrigins(new URL(`https://viv.example/embed.html${address}`).searchParams, page(site)),
  ];

  test('are those of the address where the site has no list', () => {
    expect(origins('?origin=https://a.example&origin=https://b.example', '')).toEqual([
      'https://a.example',
      'https://b.example',
    ]);
  });

  test('are none where nobody names one', () => {
    expect(origins('', '')).toEqual([]);
  });

  test('are those of the address that are on the list of the site', () => {
    const site = 'https://a.example https://c.example';
    expect(origins('?origin=https://a.example&origin=https://b.example', site)).toEqual(['https://a.example']);
    expect(origins('?origin=https://b.example', site)).toEqual([]);
    expect(origins('', site)).toEqual(['https://a.example', 'https://c.example']);
  });

  test.each(['*', 'https://a.example/', 'a.example', 'null'])('%s is no origin', (origin) => {
    expect(() => origins(`?origin=${encodeURIComponent(origin)}`, '')).toThrow('is not the origin of a page');
  });
});
