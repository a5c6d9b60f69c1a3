/**
 * Boots our guest under QEMU instead of our own machine, and runs one program in it through the agent: for work on
 * kernel and agent, and to see whether an oddity is the guest's or our CPU's. Needs Debian's qemu-system-x86.
 *
 *   npm run build && node dist/scripts/guest-qemu.js [--rootfs DIR] [-v DIR:PATH] [-t] [--icount] [--verbose] -- CMD…
 *
 * With --rootfs the command runs in a container on that folder (shared by 9p, writes go there), without in the
 * initramfs itself (busybox). --icount gives the guest a clock of one nanosecond an instruction, and the time of each
 * step is printed in them. The exit code is the program's.
 */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { AgentClient, p9Options, type RunRequest } from '../src/container/agent-client.ts';
import { exitCodeOf } from '../src/container/guest-process.ts';
import { runtimeSpec } from '../src/container/runtime-spec.ts';
import { startQemuGuest } from '../test/support/qemu-guest.ts';

const ROOTFS = '/run/vivarium/rootfs';
const VOLUME = '/run/vivarium/vol0';
const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rootfs: { type: 'string' },
    volume: { type: 'string', short: 'v' },
    tty: { type: 'boolean', short: 't' },
    icount: { type: 'boolean' },
    verbose: { type: 'boolean' },
  },
});
const assets = JSON.parse(readFileSync('build/assets.json', 'utf8')) as { kernel: string; initramfs: string };
const args = positionals.length > 0 ? positionals : ['/bin/busybox', 'sh'];
const [volumeFolder, volumePlace] = values.volume?.split(':') ?? [];
const shares = {
  ...(values.rootfs ? { rootfs: resolve(values.rootfs) } : {}),
  ...(volumeFolder ? { vol0: resolve(volumeFolder) } : {}),
};
const guest = await startQemuGuest({
  ...assets,
  shares,
  accel: values.icount ? 'icount' : 'tcg',
  ...(values.verbose ? { onConsole: (text: string) => process.stderr.write(text) } : {}),
});
try {
  const client = new AgentClient(guest.port);
  const info = await client.hello();
  if (values.icount) process.stderr.write(`agent after ${(Number(info.uptimeNs) / 1e6).toFixed(1)} M instructions\n`);
  for (const tag of Object.keys(shares)) {
    await client.mount({
      source: tag,
      target: `/run/vivarium/${tag}`,
      type: '9p',
      options: p9Options(tag === 'rootfs' ? 'loose' : 'mmap'),
    });
  }
  const terminal = values.tty ? { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 } : undefined;
  const streams = {
    stdin: true,
    terminal,
    onStdout: (bytes: Uint8Array) => void process.stdout.write(bytes),
    onStderr: (bytes: Uint8Array) => void process.stderr.write(bytes),
  };
  const volumes = volumePlace ? [{ source: VOLUME, destination: volumePlace, readOnly: false }] : [];
  const common = {
    name: 'main',
    rootfs: ROOTFS,
    hostname: 'guest',
    args,
    env: [PATH],
    cwd: '/',
    uid: 0,
    gid: 0,
    terminal,
    volumes,
  };
  const request: RunRequest = values.rootfs
    ? { kind: 'container', name: 'main', spec: runtimeSpec(common), ...streams }
    : { kind: 'guest', args, env: [PATH], ...streams };
  const program = client.run(request);
  if (values.tty && process.stdin.isTTY) process.stdin.setRawMode(true);
  process.stdin.on('data', (bytes: Buffer) => void program.write(new Uint8Array(bytes)));
  process.stdin.on('end', () => program.end());
  const status = await program.exit;
  if (status.kind === 'start-failed') process.stderr.write(`${status.reason}\n`);
  process.exitCode = exitCodeOf(status);
  await client.powerOff();
} finally {
  if (process.stdin.isTTY) process.stdin.setRawMode(false);
  process.stdin.destroy();
  await guest.dispose();
}
