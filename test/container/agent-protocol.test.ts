import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as protocol from '../../src/container/agent-protocol.ts';
import {
  decodeWelcome,
  encodeFrame,
  findSync,
  FrameDecoder,
  MAX_PAYLOAD,
  PayloadReader,
  PayloadWriter,
  splitPayload,
  SYNC,
} from '../../src/container/agent-protocol.ts';

function concat(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}

function decoderInStep(): FrameDecoder {
  const decoder = new FrameDecoder();
  decoder.push(SYNC.slice());
  decoder.next();
  decoder.inStep();
  return decoder;
}

/** Every #define NAME number of the guest's header. */
function headerNumbers(): Record<string, number> {
  const text = readFileSync(new URL('../../images/guest/protocol.h', import.meta.url), 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^#define (\w+) (0x[0-9a-f]+|\d+)$/gm)].map(([, name, value]) => [name!, Number(value)]),
  );
}

function prefixed(prefix: string, numbers: Record<string, number>): Record<string, number> {
  return Object.fromEntries(Object.entries(numbers).map(([name, value]) => [prefix + name, value]));
}

test('the guest header and the TypeScript constants agree', () => {
  expect(headerNumbers()).toEqual({
    PROTOCOL_VERSION: protocol.PROTOCOL_VERSION,
    HEADER_SIZE: protocol.HEADER_SIZE,
    MAX_PAYLOAD: protocol.MAX_PAYLOAD,
    MAX_SPEC: protocol.MAX_SPEC,
    MAX_CHANNELS: protocol.MAX_CHANNELS,
    STDIN_WINDOW: protocol.STDIN_WINDOW,
    MAX_ECHO: protocol.MAX_ECHO,
    MAX_FILE: protocol.MAX_FILE,
    MAX_FAILURE_TEXT: protocol.MAX_FAILURE_TEXT,
    SYNC_SIZE: SYNC.length,
    HELLO_RESET: protocol.HELLO_RESET,
    POWER_OFF_REBOOT: protocol.POWER_OFF_REBOOT,
    ...prefixed('MSG_', protocol.Request),
    ...prefixed('MSG_', protocol.Reply),
    ...prefixed('MOUNT_', protocol.MountFlag),
    SPAWN_GUEST: protocol.SpawnKind.GUEST,
    SPAWN_CONTAINER: protocol.SpawnKind.CONTAINER,
    SPAWN_EXEC: protocol.SpawnKind.EXEC,
    ...prefixed('SPAWN_', protocol.SpawnFlag),
    ...prefixed('STREAM_', protocol.Stream),
    ...prefixed('EXIT_', protocol.ExitHow),
    ...prefixed('STATE_', protocol.ChannelPhase),
  });
});

test('a frame has length, type, zeros, channel, payload and an end byte, little endian', () => {
  expect([...encodeFrame(0x22, 0x010203, Uint8Array.of(0xaa, 0xbb))]).toEqual([
    2, 0, 0, 0, 0x22, 0, 0, 0, 3, 2, 1, 0, 0xaa, 0xbb, 0x0a,
  ]);
});

test('a frame that arrives byte by byte decodes as one', () => {
  const decoder = decoderInStep();
  const bytes = encodeFrame(0xa1, 7, Uint8Array.of(1, 2, 3));
  const seen = [...bytes].map((byte) => {
    decoder.push(Uint8Array.of(byte));
    return decoder.next();
  });
  expect(seen.slice(0, -1).every((frame) => frame === null)).toBe(true);
  expect(seen.at(-1)).toEqual({ type: 0xa1, channel: 7, payload: Uint8Array.of(1, 2, 3) });
});

test('a hunting decoder drops everything before a SYNC that arrives in two pieces', () => {
  const decoder = new FrameDecoder();
  decoder.push(concat(Uint8Array.of(9, 9, 0xf5, 0x56, 9), SYNC.subarray(0, 5)));
  expect(decoder.next()).toBeNull();
  decoder.push(concat(SYNC.subarray(5), encodeFrame(0x81, 0, Uint8Array.of(5))));
  expect(decoder.next()).toBe('sync');
  expect(decoder.next()).toEqual({ type: 0x81, channel: 0, payload: Uint8Array.of(5) });
});

test('a decoder in step tells of a SYNC between frames', () => {
  const decoder = decoderInStep();
  decoder.push(concat(encodeFrame(0x83, 1, new Uint8Array(0)), SYNC));
  expect(decoder.next()).toMatchObject({ type: 0x83 });
  expect(decoder.next()).toBe('sync');
});

test('a frame longer than the limit is an error', () => {
  const decoder = decoderInStep();
  decoder.push(encodeFrame(0xa1, 1, new Uint8Array(MAX_PAYLOAD + 1)));
  expect(() => decoder.next()).toThrow('a frame of 65537 bytes');
});

test('a frame without its end byte is an error', () => {
  const decoder = decoderInStep();
  const bytes = encodeFrame(0xa1, 1, Uint8Array.of(1));
  bytes[bytes.length - 1] = 0;
  decoder.push(bytes);
  expect(() => decoder.next()).toThrow('does not end where it should');
});

test('splitPayload keeps the bytes and leaves no SYNC in any piece', () => {
  const bytes = concat(Uint8Array.of(1, 2), SYNC, SYNC, Uint8Array.of(3));
  const pieces = splitPayload(bytes);
  expect(concat(...pieces)).toEqual(bytes);
  expect(pieces.map((piece) => findSync(piece))).toEqual(pieces.map(() => -1));
});

test('splitPayload cuts at the limit', () => {
  expect(splitPayload(new Uint8Array(25), 10).map((piece) => piece.length)).toEqual([10, 10, 5]);
});

test('payload fields read back as written', () => {
  const payload = new PayloadWriter()
    .uint(1, 200)
    .uint(2, 65535)
    .uint(4, 4294967295)
    .uint(8, 2n ** 63n)
    .string('grüße')
    .done();
  const r = new PayloadReader(payload);
  expect([r.u8(), r.u16(), r.u32(), r.u64(), r.string()]).toEqual([200, 65535, 4294967295, 2n ** 63n, 'grüße']);
});

test('a string with a NUL is refused', () => {
  expect(() => new PayloadWriter().string('a\0b')).toThrow('NUL');
});

test('a payload that is too short is a protocol error', () => {
  expect(() => decodeWelcome(new Uint8Array(10))).toThrow('broke its protocol');
});

test('a string that claims more bytes than there are is a protocol error', () => {
  expect(() => new PayloadReader(Uint8Array.of(255, 255, 65)).string()).toThrow('too short');
});
