/**
 * A small encoder for AML, the byte code of ACPI's definition blocks (ACPI 6.4 §20), with the resource descriptors that a
 * PC's devices need (§6.4). Every function returns the bytes of one term. It has only the terms that our DSDT uses.
 */
import { assert } from '../util/errors.ts';

/** The bytes of one or more AML terms. */
export type Aml = readonly number[];

// Opcodes (§20.3)
const ZERO_OP = 0x00;
const ONE_OP = 0x01;
const NAME_OP = 0x08;
const BYTE_PREFIX = 0x0a;
const WORD_PREFIX = 0x0b;
const DWORD_PREFIX = 0x0c;
const QWORD_PREFIX = 0x0e;
const STRING_PREFIX = 0x0d;
const SCOPE_OP = 0x10;
const BUFFER_OP = 0x11;
const PACKAGE_OP = 0x12;
const METHOD_OP = 0x14;
const DUAL_NAME_PREFIX = 0x2e;
const MULTI_NAME_PREFIX = 0x2f;
const EXT_OP_PREFIX = 0x5b;
const DEVICE_OP = 0x82; // after EXT_OP_PREFIX
const ROOT_CHARACTER = 0x5c;
const ARG0_OP = 0x68;
const STORE_OP = 0x70;
const IF_OP = 0xa0;
const RETURN_OP = 0xa4;

const SEGMENT_LENGTH = 4;
const MAX_ARGUMENTS = 7;
const MAX_PACKAGE_ELEMENTS = 255;

/** Little-endian bytes of an unsigned number. */
export function littleEndian(value: number, byteCount: number): Aml {
  assert(
    Number.isInteger(value) && value >= 0 && value < 2 ** (8 * byteCount),
    `${value} does not fit in ${byteCount} bytes`,
  );
  return Array.from({ length: byteCount }, (_, index) => Math.floor(value / 2 ** (8 * index)) % 256);
}

/** A name string: segments of up to four characters separated by dots, from the root if it begins with a backslash. */
export function nameString(path: string): Aml {
  const isAbsolute = path.startsWith('\\');
  const segments = (isAbsolute ? path.slice(1) : path).split('.').filter((segment) => segment !== '');
  const encoded = segments.flatMap((segment) => {
    assert(/^[A-Z_][A-Z0-9_]{0,3}$/.test(segment), `${segment} is no AML name`);
    return [...ascii(segment.padEnd(SEGMENT_LENGTH, '_'))];
  });
  const prefix =
    segments.length === 2
      ? [DUAL_NAME_PREFIX]
      : segments.length > 2
        ? [MULTI_NAME_PREFIX, segments.length]
        : segments.length === 0
          ? [ZERO_OP]
          : [];
  return [...(isAbsolute ? [ROOT_CHARACTER] : []), ...prefix, ...encoded];
}

/** An integer constant in its shortest form. */
export function integer(value: number): Aml {
  if (value === 0) return [ZERO_OP];
  if (value === 1) return [ONE_OP];
  if (value <= 0xff) return [BYTE_PREFIX, value];
  if (value <= 0xffff) return [WORD_PREFIX, ...littleEndian(value, 2)];
  if (value <= 0xffffffff) return [DWORD_PREFIX, ...littleEndian(value, 4)];
  return [QWORD_PREFIX, ...littleEndian(value, 8)];
}

export function string(text: string): Aml {
  return [STRING_PREFIX, ...ascii(text), 0];
}

/** A compressed EISA identifier such as PNP0501, as an integer (§19.3.4, "EISAID"). */
export function eisaId(id: string): Aml {
  assert(/^[A-Z]{3}[0-9A-F]{4}$/.test(id), `${id} is no EISA identifier`);
  const letters = [...ascii(id.slice(0, 3))].map((code) => code - 0x40);
  const [first = 0, second = 0, third = 0] = letters;
  const packed = (first << 10) | (second << 5) | third;
  const product = Number.parseInt(id.slice(3), 16);
  return [DWORD_PREFIX, packed >> 8, packed & 0xff, product >> 8, product & 0xff];
}

export function packageOf(...elements: Aml[]): Aml {
  assert(elements.length <= MAX_PACKAGE_ELEMENTS, 'an AML package has at most 255 elements');
  return withLength([PACKAGE_OP], [elements.length, ...elements.flat()]);
}

export function buffer(bytes: Aml): Aml {
  return withLength([BUFFER_OP], [...integer(bytes.length), ...bytes]);
}

export function name(path: string, value: Aml): Aml {
  return [NAME_OP, ...nameString(path), ...value];
}

export function scope(path: string, ...terms: Aml[]): Aml {
  return withLength([SCOPE_OP], [...nameString(path), ...terms.flat()]);
}

export function device(path: string, ...terms: Aml[]): Aml {
  return withLength([EXT_OP_PREFIX, DEVICE_OP], [...nameString(path), ...terms.flat()]);
}

/** A method that is not serialised. */
export function method(path: string, argumentCount: number, ...terms: Aml[]): Aml {
  assert(argumentCount <= MAX_ARGUMENTS, 'an AML method has at most 7 arguments');
  return withLength([METHOD_OP], [...nameString(path), argumentCount, ...terms.flat()]);
}

export const ARG0: Aml = [ARG0_OP];

export function store(source: Aml, target: Aml): Aml {
  return [STORE_OP, ...source, ...target];
}

export function when(condition: Aml, ...terms: Aml[]): Aml {
  return withLength([IF_OP], [...condition, ...terms.flat()]);
}

export function returns(value: Aml): Aml {
  return [RETURN_OP, ...value];
}

// Resource descriptors (§6.4)

const END_TAG = [0x79, 0x00]; // §6.4.2.9; a checksum of 0 is taken as right
const IO_DESCRIPTOR = 0x47; // §6.4.2.5
const IO_DECODE_16 = 0x01;
const IRQ_DESCRIPTOR = 0x22; // §6.4.2.1, edge-triggered and active high
const WORD_SPACE = 0x88; // §6.4.3.5.3
const DWORD_SPACE = 0x87; // §6.4.3.5.2
const QWORD_SPACE = 0x8a; // §6.4.3.5.1
/** Space kinds (§6.4.3.5). */
const SPACE_MEMORY = 0;
const SPACE_IO = 1;
const SPACE_BUS = 2;
/** Producer, positive decode, minimum and maximum fixed. */
const SPACE_FIXED = 0x0c;
const MEMORY_READ_WRITE = 0x01;
const IO_ENTIRE_RANGE = 0x03;

/** A buffer with resource descriptors, for _CRS. */
export function resourceTemplate(...descriptors: Aml[]): Aml {
  return buffer([...descriptors.flat(), ...END_TAG]);
}

/** I/O ports at a fixed place. */
export function ioPorts(first: number, count: number): Aml {
  return [IO_DESCRIPTOR, IO_DECODE_16, ...littleEndian(first, 2), ...littleEndian(first, 2), 1, count];
}

/** One ISA interrupt, edge-triggered. */
export function isaInterrupt(irq: number): Aml {
  return [IRQ_DESCRIPTOR, ...littleEndian(1 << irq, 2)];
}

/** Bus numbers that a host bridge decodes. */
export function busNumbers(first: number, last: number): Aml {
  return addressSpace(WORD_SPACE, 2, SPACE_BUS, 0, first, last);
}

/** I/O ports that a host bridge passes on. */
export function ioWindow(first: number, last: number): Aml {
  return addressSpace(WORD_SPACE, 2, SPACE_IO, IO_ENTIRE_RANGE, first, last);
}

/** Memory below 4 GiB that a host bridge passes on. */
export function memoryWindow(first: number, last: number): Aml {
  return addressSpace(DWORD_SPACE, 4, SPACE_MEMORY, MEMORY_READ_WRITE, first, last);
}

/** Memory anywhere that a host bridge passes on. */
export function memoryWindow64(first: number, last: number): Aml {
  return addressSpace(QWORD_SPACE, 8, SPACE_MEMORY, MEMORY_READ_WRITE, first, last);
}

function addressSpace(tag: number, width: number, kind: number, typeFlags: number, first: number, last: number): Aml {
  assert(last >= first, 'an address range ends before it begins');
  const fields = [0, first, last, 0, last - first + 1].flatMap((value) => littleEndian(value, width)); // granularity, minimum, maximum, translation, length
  return [tag, ...littleEndian(3 + fields.length, 2), kind, SPACE_FIXED, typeFlags, ...fields];
}

/** Opcode, package length (which counts itself, §20.2.4) and content. */
function withLength(opcode: Aml, content: Aml): Aml {
  if (content.length + 1 < 0x40) return [...opcode, content.length + 1, ...content];
  for (let extraBytes = 1; extraBytes <= 3; extraBytes++) {
    const length = content.length + 1 + extraBytes;
    if (length >= 2 ** (4 + 8 * extraBytes)) continue;
    return [...opcode, (extraBytes << 6) | (length & 0xf), ...littleEndian(length >> 4, extraBytes), ...content];
  }
  throw new RangeError('an AML package is larger than 256 MiB');
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
