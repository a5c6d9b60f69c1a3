import { describe, expect, test } from 'vitest';
import { KernelLog } from '../../src/container/kernel-log.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('the kernel log', () => {
  test('gives the reason of a panic, however its line comes', async () => {
    const log = new KernelLog();

    log.see(bytes('[    0.5] Run /init\r\n[    0.6] Kernel pa'));
    log.see(bytes('nic - not syncing: Attempted to kill init! exitcode=0x00000b00\r\n[    0.7] CPU: 0\r\n'));
    await log.panicked;

    expect(log.panic).toBe('Attempted to kill init! exitcode=0x00000b00');
  });

  test('knows of no panic in other lines', () => {
    const log = new KernelLog();

    log.see(bytes('[    0.5] panic=-1 on the command line\r\n'));

    expect(log.panic).toBeUndefined();
  });

  test('takes what a terminal would obey out of the reason, and cuts it', () => {
    const log = new KernelLog();

    log.see(bytes(`Kernel panic - not syncing: a\x1b[2Jb${'x'.repeat(500)}\n`));

    expect(log.panic).toMatch(/^a \[2Jbx{100,200}$/);
  });
});
