/** Debian's stock kernels, which know nothing of us, up to a shell; the one for clouds with Debian's own initramfs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { busybox386, debianCloudKernel, debianKernel } from '../support/debian-images.ts';
import { guestAssets } from '../support/guest-assets.ts';
import { shellInitramfs } from '../support/shell-initramfs.ts';
import { startViv, viv, type VivProcess } from '../support/viv.ts';

/** Two and a half billion instructions, or six, on a machine that may be busy with other things. */
const BOOT_BUDGET_MS = 300_000;
/** Of what the generic kernels run up to their shells. Seen: 96.5 and 97.1. */
const TRANSLATED_PERCENT_MIN = 90;
/** The first time, packages are downloaded and an initramfs is made. */
const RECIPE_BUDGET_MS = 600_000;
const PROMPT = '(initramfs) ';

let kernel: string;
let initrd: string;
let machine: VivProcess | undefined;
beforeAll(async () => {
  ({ kernel, initrd } = await debianCloudKernel());
}, RECIPE_BUDGET_MS);
afterAll(() => machine?.child.kill('SIGKILL'));

describe("Debian's cloud kernel", () => {
  test(
    'boots to the shell of its initramfs, which runs commands',
    async () => {
      const words = ['--kernel', kernel, '--initrd', initrd, '--append', 'console=ttyS0 quiet', '-m', '512M'];
      machine = startViv(['boot', ...words]);
      await machine.printed(PROMPT);

      machine.child.stdin.write('echo "$(uname -m) $((6 * 7))"; cat /proc/version; poweroff -f\n');

      const { status, stdout } = await machine.ended;
      expect(stdout.toString()).toMatch(/\r\nx86_64 42\r\nLinux version \S+-cloud-amd64 /);
      expect(status).toBe(0);
    },
    BOOT_BUDGET_MS,
  );
});

describe("Debian's kernels for PCs", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vivarium-kernel-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.for([
    { architecture: 'amd64', machine: 'x86_64', release: '-amd64', busybox: () => guestAssets().busybox },
    { architecture: 'i386', machine: 'i686', release: '-686-pae', busybox: busybox386 },
  ] as const)(
    'boots to a shell in translated code: $architecture',
    { timeout: BOOT_BUDGET_MS + RECIPE_BUDGET_MS },
    async ({ architecture, machine, release, busybox }) => {
      const initrd = join(folder, architecture);
      writeFileSync(initrd, shellInitramfs(await busybox(), 'uname -mr; echo $((6 * 7)); poweroff -f'));
      const kernel = await debianKernel(architecture);

      const words = ['--kernel', kernel, '--initrd', initrd, '--append', 'console=ttyS0 quiet', '-m', '512M'];
      const { status, stdout, stderr } = await viv(['boot', '--stats', ...words]);

      expect(stdout.toString()).toMatch(new RegExp(`\\d${release} ${machine}\\r\\n42\\r\\n`));
      expect(status).toBe(0);
      const percent = Number(/([\d.]+) % in translated code/.exec(stderr)?.[1]);
      expect(percent).toBeGreaterThan(TRANSLATED_PERCENT_MIN);
    },
  );
});
