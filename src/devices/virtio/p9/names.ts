/**
 * File names between bytes and strings. A name is any bytes; a string holds them without loss: valid UTF-8 is decoded,
 * a byte that is not part of it becomes a lone surrogate U+DC80 to U+DCFF (the scheme of Python's PEP 383).
 */
const ESCAPE_BASE = 0xdc00;
const ESCAPE_FIRST = 0xdc80;
const ESCAPE_LAST = 0xdcff;
/** Characters made by one call; longer strings are no names or targets anyway. */
const MAX_ARGUMENTS = 4096;
const encoder = new TextEncoder();
const strictDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Decodes any bytes. Different bytes give different strings. */
export function decodeName(bytes: Uint8Array): string {
  if (bytes.length > MAX_ARGUMENTS) return decodeBeyondAscii(bytes);
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i]! >= 0x80) return decodeBeyondAscii(bytes);
  }
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

function decodeBeyondAscii(bytes: Uint8Array): string {
  // TextDecoder refuses shared memory, which guest memory may be.
  const own = bytes.slice();
  try {
    return strictDecoder.decode(own);
  } catch {
    return decodeWithEscapes(own);
  }
}

function decodeWithEscapes(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at);
    text +=
      length === 0
        ? String.fromCharCode(ESCAPE_BASE + bytes[at]!)
        : strictDecoder.decode(bytes.subarray(at, at + length));
    at += Math.max(length, 1);
  }
  return text;
}

/** Length of the valid UTF-8 sequence at `at`, or 0 (Unicode 15, table 3-7). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const length =
    lead >= 0xc2 && lead <= 0xdf ? 2 : lead >= 0xe0 && lead <= 0xef ? 3 : lead >= 0xf0 && lead <= 0xf4 ? 4 : 0;
  if (length === 0 || at + length > bytes.length) return 0;
  // The second byte's range excludes overlong forms, surrogates and what is above U+10FFFF.
  const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (bytes[at + 1]! < low || bytes[at + 1]! > high) return 0;
  for (let i = 2; i < length; i++) {
    if ((bytes[at + i]! & 0xc0) !== 0x80) return 0;
  }
  return length;
}

/** Encodes a string that {@link decodeName} could have made, or any well-formed one. */
export function encodeName(name: string): Uint8Array {
  let ascii = true;
  let escaped = false;
  for (let i = 0; i < name.length; i++) {
    const unit = name.charCodeAt(i);
    if (unit >= 0x80) ascii = false;
    if (unit >= ESCAPE_FIRST && unit <= ESCAPE_LAST && !isLowHalf(name, i)) escaped = true;
  }
  if (ascii) {
    const bytes = new Uint8Array(name.length);
    for (let i = 0; i < name.length; i++) bytes[i] = name.charCodeAt(i);
    return bytes;
  }
  return escaped ? encodeWithEscapes(name) : encoder.encode(name);
}

function encodeWithEscapes(name: string): Uint8Array {
  const parts: number[] = [];
  for (let i = 0; i < name.length;) {
    const unit = name.charCodeAt(i);
    if (unit >= ESCAPE_FIRST && unit <= ESCAPE_LAST && !isLowHalf(name, i)) {
      parts.push(unit - ESCAPE_BASE);
      i++;
      continue;
    }
    const character = String.fromCodePoint(name.codePointAt(i)!);
    parts.push(...encoder.encode(character));
    i += character.length;
  }
  return Uint8Array.from(parts);
}

/** Whether the unit is the second half of a proper surrogate pair. */
function isLowHalf(name: string, index: number): boolean {
  const before = index > 0 ? name.charCodeAt(index - 1) : 0;
  return before >= 0xd800 && before <= 0xdbff;
}
