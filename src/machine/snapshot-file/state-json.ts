/**
 * Device states as JSON, with the two kinds of leaves that JSON has not: bytes as {"$bytes": base64} and large integers
 * as {"$bigint": decimal}. The text is hostile; what it describes is checked by each device (StateReader).
 */
import type { DeviceState, StateValue } from '../../devices/bus.ts';
import { damaged } from './format.ts';

const BYTES = '$bytes';
const BIGINT = '$bigint';
/** More digits than 64 bits have. */
const BIGINT_DIGITS_MAX = 20;
/** What String.fromCharCode takes as arguments without trouble. */
const PIECE_BYTES = 8192;

export type DeviceStates = Readonly<Record<string, DeviceState>>;

export function encodeStates(states: DeviceStates): Uint8Array {
  const text = JSON.stringify(states, function (this: Record<string, StateValue>, key: string) {
    const value = this[key]!; // not what a toJSON made of it: Node's Buffers have one
    if (typeof value === 'bigint') return { [BIGINT]: value.toString() };
    if (value instanceof Uint8Array) return { [BYTES]: toBase64(value) };
    return value;
  });
  return new TextEncoder().encode(text);
}

/** Throws BAD_STATE when it is no JSON object of objects. */
export function decodeStates(bytes: Uint8Array): DeviceStates {
  const states = parseJson(bytes, 'its device states', (_, value: unknown) => leaf(value));
  if (!isRecord(states) || !Object.values(states).every(isRecord)) throw damaged('its device states are not there');
  return states as DeviceStates;
}

/** A JSON text out of a file; depth that exhausts the stack counts as damage. */
export function parseJson(
  bytes: Uint8Array,
  what: string,
  reviver?: (key: string, value: unknown) => unknown,
): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), reviver);
  } catch {
    throw damaged(`${what} can't be read`);
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

function leaf(value: unknown): unknown {
  if (!isRecord(value)) return value;
  const keys = Object.keys(value);
  if (keys.length !== 1) return value;
  const content = value[keys[0]!];
  if (typeof content !== 'string') return value;
  if (keys[0] === BYTES) return fromBase64(content);
  if (keys[0] === BIGINT && content.length <= BIGINT_DIGITS_MAX) return BigInt(content);
  return value;
}

function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PIECE_BYTES)
    text += String.fromCharCode(...bytes.subarray(at, at + PIECE_BYTES));
  return btoa(text);
}

function fromBase64(text: string): Uint8Array {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
