/** Surroundings of a CPU in which there is nothing: empty ports and addresses, no interrupts, time that stands still. */
import type { CpuHost } from '../../src/core/load.ts';

export const QUIET_HOST: CpuHost = {
  portRead: () => 0xffffffff,
  portWrite: () => {},
  mmioRead: () => 0xffffffff,
  mmioWrite: () => {},
  tscTicks: () => 0,
  random32: () => 0x5eed,
  acknowledge: () => -1,
  apicRead: () => undefined,
  apicWrite: () => false,
  readTpr: () => 0,
  writeTpr: () => {},
  paravirtWrite: () => false,
  note: () => {},
};
