/** Debian's stock cloud kernel with Debian's own initramfs: a kernel that knows nothing of us, up to a shell. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { debianCloudKernel } from '../support/debian-images.ts';
import { startViv, type VivProcess } from '../support/viv.ts';

/** Two and a half billion instructions, on a machine that may be busy with other things. */
const BOOT_BUDGET_MS = 180_000;
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
