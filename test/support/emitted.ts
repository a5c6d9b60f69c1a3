/** Builds and runs the module around a function body that the core's code writer left at EMIT_CODE. */
import * as L from '../../assembly/layout.ts';
import type { CoreDriver, CoreExports } from './core-driver.ts';

export interface EmitExports extends CoreExports {
  emit(count: number): number;
  emittedCount(): number;
  afterEmitted(done: number): void;
  callHelper: CallableFunction;
  branchTo: CallableFunction;
  branch: CallableFunction;
  divideWide: CallableFunction;
  x87Begin: CallableFunction;
  x87Single: CallableFunction;
  x87Double: CallableFunction;
}

const I32 = 0x7f;
const I64 = 0x7e;

function leb(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value ? low | 0x80 : low);
  } while (value);
  return bytes;
}
const name = (text: string) => [...leb(text.length), ...new TextEncoder().encode(text)];
const section = (id: number, bytes: number[]) => [id, ...leb(bytes.length), ...bytes];
const vector = (items: number[][]) => [...leb(items.length), ...items.flat()];
const signature = (parameters: number[], results: number[]) => [
  0x60,
  ...leb(parameters.length),
  ...parameters,
  ...leb(results.length),
  ...results,
];
const imported = (field: string, type: number) => [...name('core'), ...name(field), 0x00, type];

/** A module of one function with this body (local declarations included). WebAssembly core specification 2.0, section 5.5. */
export function moduleAround(body: Uint8Array): Uint8Array<ArrayBuffer> {
  const types = vector([
    signature([], [I32]),
    signature([I32], []),
    signature([I32, I64], []),
    signature([I64, I64, I64], [I64]),
    signature([I32, I32], []),
  ]);
  const imports = vector([
    [...name('env'), ...name('memory'), 0x02, 0x00, 0x01],
    imported('callHelper', 1),
    imported('branchTo', 2),
    imported('branch', 2),
    imported('divideWide', 3),
    imported('x87Begin', 1),
    imported('x87Single', 4),
    imported('x87Double', 2),
  ]);
  const head = [
    0,
    0x61,
    0x73,
    0x6d,
    1,
    0,
    0,
    0,
    ...section(1, types),
    ...section(2, imports),
    ...section(3, [1, 0]),
    ...section(7, vector([[...name('run'), 0, 7]])),
  ];
  const code = [1, ...leb(body.length)];
  const size = leb(code.length + body.length);
  const bytes = new Uint8Array(head.length + 1 + size.length + code.length + body.length);
  bytes.set(head);
  bytes.set([10, ...size, ...code], head.length);
  bytes.set(body, bytes.length - body.length);
  return bytes;
}

/** Writes code for one instruction at RIP; undefined when its form is not emitted. */
export function emitOne(driver: CoreDriver): Uint8Array<ArrayBuffer> | undefined {
  const core = driver.core as EmitExports;
  const size = core.emit(1);
  return size === 0 ? undefined : moduleAround(driver.bytes.slice(L.EMIT_CODE, L.EMIT_CODE + size));
}

/** Runs an emitted module. Returns how many instructions it did; throws what a helper throws. */
export function runEmitted(driver: CoreDriver, bytes: Uint8Array<ArrayBuffer>): number {
  const core = driver.core as EmitExports;
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
    env: { memory: driver.memory },
    core: core as unknown as WebAssembly.ModuleImports,
  });
  const done = (instance.exports.run as () => number)();
  core.afterEmitted(done);
  return done;
}
