/**
 * The debug exit port f4h, by which a guest (a test kernel, a lab) ends the machine with a status of its choice. The
 * convention is that of the isa-debug-exit device other emulators have.
 */
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import type { PortMap } from '../port-map.ts';

export const DEBUG_EXIT_PORT = 0xf4;
const DEBUG_EXIT_PORT_COUNT = 4;
const EXIT_STATUS_MASK = 0xff;
const STATE_VERSION = 1;

/** The process status for a written value: odd, so that it differs from a clean power-off, and a byte, as a process has it. */
export function debugExitStatus(value: number): number {
  return ((value << 1) | 1) & EXIT_STATUS_MASK;
}

export class DebugExit implements PortDevice, Stateful {
  readonly #exit: (value: number) => void;

  /** @param exit called with the written value, from inside the guest's port write. */
  constructor(exit: (value: number) => void) {
    this.#exit = exit;
  }

  connect(ports: Pick<PortMap, 'register'>): void {
    ports.register(DEBUG_EXIT_PORT, DEBUG_EXIT_PORT_COUNT, this);
  }

  portRead(_port: number, _size: AccessSize): number {
    return 0;
  }

  portWrite(_port: number, _size: AccessSize, value: number): void {
    this.#exit(value);
  }

  save(): DeviceState {
    return { version: STATE_VERSION };
  }

  load(_state: DeviceState): void {}

  quiesce(): Promise<void> {
    return Promise.resolve();
  }
}
