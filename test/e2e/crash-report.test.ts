/** A failure of our own, seen by the user: a CPU core that traps. Needs the build. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import wabt from 'wabt';
import { kernel32, powerOff } from '../support/tiny-guest.ts';

const VIV = fileURLToPath(new URL('../../bin/viv.mjs', import.meta.url));
const BROKEN_CORE = `(module
  (import "env" "memory" (memory 1))
  (table (export "table") 0 funcref)
  (func (export "configure") (param f64))
  (func (export "instructionCount") (result f64) (f64.const 0))
  (func (export "updateMode"))
  (func (export "flushTlb"))
  (func (export "invalidate") (param f64 f64))
  (func (export "setEflags") (param i32))
  (func (export "eflags") (result i32) (i32.const 2))
  (func (export "probe"))
  (func (export "requestExit"))
  (func (export "run") (param i32) (result i32) unreachable))`;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vivarium-crash-test-'));
  mkdirSync(join(folder, 'tmp'));
  const { parseWat } = await wabt();
  writeFileSync(join(folder, 'core.wasm'), parseWat('core.wat', BROKEN_CORE).toBinary({}).buffer);
  writeFileSync(join(folder, 'kernel'), kernel32(powerOff()));
});
afterAll(() => rmSync(folder, { recursive: true }));

function boot(kernel: string) {
  return spawnSync(process.execPath, ['--', VIV, 'boot', '--kernel', join(folder, kernel), '-m', '16M'], {
    env: { ...process.env, VIVARIUM_CORE: join(folder, 'core.wasm'), TMPDIR: join(folder, 'tmp') },
    encoding: 'utf8',
  });
}

describe('a core that traps', () => {
  it('ends the command with 125, a dump of the CPU and the name of a report that tar can read', () => {
    const { status, stderr } = boot('kernel');

    expect(status).toBe(125);
    expect(stderr).toContain('viv: this is a bug in vivarium');
    const report = /a report of this failure is in (.*\.tar)/.exec(stderr)![1]!;
    expect(existsSync(report)).toBe(true);
    expect(execFileSync('tar', ['-tf', report], { encoding: 'utf8' })).toBe('dump.txt\nversions.json\n');
    expect(execFileSync('tar', ['-xOf', report, 'dump.txt'], { encoding: 'utf8' })).toContain('cpu 0:');
  });

  it('writes no report for an error of the user', () => {
    const before = readdirSync(join(folder, 'tmp'));

    const { status, stderr } = boot('missing');

    expect([status, stderr.includes('NOT_FOUND'), readdirSync(join(folder, 'tmp'))]).toEqual([125, true, before]);
  });
});
