import { fileURLToPath } from 'node:url';
import { ESLint, Linter } from 'eslint';
import { expect, test } from 'vitest';
import { rooms } from '../../scripts/lint/rooms.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** Complaints of the rooms rule about one import in a file of src/. */
function importing(file: string, specifier: string): string[] {
  const config: Linter.Config = { plugins: { vivarium: { rules: { rooms } } }, rules: { 'vivarium/rooms': 'error' } };
  const linter = new Linter({ cwd: PROJECT });
  return linter
    .verify(`import '${specifier}';`, [{ ...config, files: ['**/*.ts'] }], { filename: `${PROJECT}src/${file}` })
    .map((message) => message.message);
}

/** Complaints about the body of a staged semantic function. */
async function staged(body: string): Promise<string[]> {
  const text = `export function TEST<B, W>(i: Insn): void {\n  const e = core<B>();\n  ${body}\n}\n`;
  const [result] = await new ESLint({ cwd: PROJECT }).lintText(text, { filePath: `${PROJECT}assembly/isa/alu.ts` });
  return result!.messages.map((message) => message.message);
}

test.each([
  ['devices/pic/device.ts', '../../util/errors.ts'],
  ['devices/virtio/net/device.ts', '../net/queue.ts'],
  ['machine/board.ts', '../core/cpu.ts'],
  ['core/cpu.ts', '../../assembly/layout.ts'],
  ['container/lifecycle.ts', '../worker/protocol.ts'],
  ['cli/main.ts', '../worker/node.ts'],
  ['cli/commands/run.ts', '../../oci/image.ts'],
])('%s may import %s', (file, specifier) => {
  expect(importing(file, specifier)).toEqual([]);
});

test.each([
  ['util/bytes.ts', '../oci/spec.ts'],
  ['devices/pic/device.ts', '../../machine/board.ts'],
  ['devices/pic/device.ts', '../../core/cpu.ts'],
  ['oci/image.ts', '../container/agent-client.ts'],
  ['container/lifecycle.ts', '../worker/node.ts'],
  ['sandbox/index.ts', '../server/docker/main.ts'],
])('%s may not import %s', (file, specifier) => {
  expect(importing(file, specifier)).toHaveLength(1);
});

test.each([
  ['if (e.begin(e.zf())) {\n    e.x();\n  }\n  e.end();'],
  ['if (sizeof<W>() == 2) e.x();'],
  ['const wide = sizeof<W>() == 8 ? 1 : 0;\n  e.x(wide);'],
])('a staged function may have: %s', async (body) => {
  expect(await staged(body)).toEqual([]);
});

test.each([
  ['if (e.zf()) e.x();'],
  ['if (e.begin(e.zf())) {\n    e.x();\n  } else {\n    e.y();\n  }'],
  ['e.x(i.imm ? 1 : 2);'],
  ['for (let n = 0; n < 3; n++) e.x();'],
  ['while (e.zf()) e.x();'],
  ['e.x(e.zf() && e.cf());'],
])('a staged function may not have: %s', async (body) => {
  expect((await staged(body)).join()).toContain('silently wrong in the translator');
});
