/**
 * The functions of a WebAssembly module: size of each body, and its name if the module tells. WebAssembly core
 * specification 2.0, sections 5.5 and appendix "Name Section". The module is trusted to be valid.
 */
const IMPORT_SECTION = 2;
const CODE_SECTION = 10;
const CUSTOM_SECTION = 0;
const FUNCTION_NAMES = 1;
const HEADER_BYTES = 8;
const IMPORT_FUNCTION = 0;
const IMPORT_TABLE = 1;
const IMPORT_MEMORY = 2;

class Reader {
  constructor(bytes, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }
  byte() {
    return this.bytes[this.at++];
  }
  unsigned() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }
  name() {
    const length = this.unsigned();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }
  limits() {
    const hasMaximum = this.byte() & 1;
    this.unsigned();
    if (hasMaximum) this.unsigned();
  }
}

function countImportedFunctions(reader) {
  let functions = 0;
  for (let left = reader.unsigned(); left > 0; left--) {
    reader.name();
    reader.name();
    const kind = reader.byte();
    if (kind === IMPORT_FUNCTION) {
      functions++;
      reader.unsigned();
    } else if (kind === IMPORT_TABLE) {
      reader.byte();
      reader.limits();
    } else if (kind === IMPORT_MEMORY) reader.limits();
    else reader.at += 2; // a global's type and mutability
  }
  return functions;
}

function readNames(reader, end) {
  const names = new Map();
  while (reader.at < end) {
    const kind = reader.byte();
    const next = reader.unsigned() + reader.at;
    if (kind === FUNCTION_NAMES)
      for (let left = reader.unsigned(); left > 0; left--) names.set(reader.unsigned(), reader.name());
    reader.at = next;
  }
  return names;
}

/** Every function with a body: its index, the bytes of its body, its name if there is one. */
export function functionSizes(bytes) {
  const reader = new Reader(bytes, HEADER_BYTES);
  let imported = 0;
  let names = new Map();
  const sizes = [];
  while (reader.at < bytes.length) {
    const id = reader.byte();
    const end = reader.unsigned() + reader.at;
    if (id === IMPORT_SECTION) imported = countImportedFunctions(reader);
    else if (id === CODE_SECTION) {
      for (let left = reader.unsigned(); left > 0; left--) {
        const byteCount = reader.unsigned();
        sizes.push(byteCount);
        reader.at += byteCount;
      }
    } else if (id === CUSTOM_SECTION && reader.name() === 'name') names = readNames(reader, end);
    reader.at = end;
  }
  return sizes.map((byteCount, n) => ({ index: imported + n, name: names.get(imported + n), byteCount }));
}
