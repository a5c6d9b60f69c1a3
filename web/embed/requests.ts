/** Reads messages of the page around the embed page, which may be anything. */
import { ErrorCodes, VivariumError } from '../../src/util/errors.ts';
import type { EmbedRequest, RequestId } from './protocol.ts';

const PREFIX = 'vivarium:';
const WORDS_MAX = 1000;
const TEXT_CHARS_MAX = 1 << 20;
const ID_CHARS_MAX = 200;
const TIMEOUT_MS_MAX = 600_000;

/** Undefined for a message that is none of ours; an error for one that is, and wrong. */
export function parseRequest(data: unknown): EmbedRequest | VivariumError | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const message = data as Readonly<Record<string, unknown>>;
  const { type, id } = message;
  if (typeof type !== 'string' || !type.startsWith(PREFIX)) return undefined;
  if (!isId(id)) return wrong(`${type} needs an id, a number or a short text, that its answer will have`);
  switch (type) {
    case 'vivarium:hello':
    case 'vivarium:progress':
      return { type, id };
    case 'vivarium:run':
      return runRequest(id, message);
    case 'vivarium:type': {
      const { command } = message;
      return isText(command) ? { type, id, command } : wrong(`${type} needs a command, which is a text`);
    }
    case 'vivarium:check':
    case 'vivarium:reset': {
      const { step } = message;
      if (step !== undefined && !isText(step)) return wrong(`the step of ${type} is the id of a step, which is a text`);
      return { type, id, ...(step === undefined ? {} : { step }) };
    }
    default:
      return wrong(`there is no message ${JSON.stringify(type.slice(0, 100))} in version 1 of this interface`);
  }
}

function runRequest(id: RequestId, message: Readonly<Record<string, unknown>>): EmbedRequest | VivariumError {
  const { args, input, timeoutMs } = message;
  if (!Array.isArray(args) || args.length === 0 || args.length > WORDS_MAX || !args.every(isText))
    return wrong('vivarium:run needs args, a list of texts: the program and its arguments');
  if (input !== undefined && !isText(input)) return wrong('the input of vivarium:run is a text');
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs > 0 && timeoutMs <= TIMEOUT_MS_MAX))
    return wrong(`the timeoutMs of vivarium:run is a number up to ${TIMEOUT_MS_MAX}`);
  return {
    type: 'vivarium:run',
    id,
    args: args as string[],
    ...(input === undefined ? {} : { input }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  };
}

function isId(id: unknown): id is RequestId {
  return (typeof id === 'number' && Number.isFinite(id)) || (typeof id === 'string' && id.length <= ID_CHARS_MAX);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= TEXT_CHARS_MAX;
}

function wrong(message: string): VivariumError {
  return new VivariumError(ErrorCodes.USAGE, message);
}
