/** The debug console port e9h (Bochs's "port E9 hack"): bytes written go to the host, and a read tells that it is there. */
import type { AccessSize, DeviceState, PortDevice, Stateful } from '../bus.ts';
import { ByteBatch, type ByteSink } from '../byte-batch.ts';
import type { Clock } from '../clock.ts';
import type { PortMap } from '../port-map.ts';

export const DEBUG_CONSOLE_PORT = 0xe9;
const STATE_VERSION = 1;

export class DebugConsole implements PortDevice, Stateful {
  readonly widestPortAccess = 1;
  readonly #output: ByteBatch;

  constructor(clock: Clock, output: ByteSink) {
    this.#output = new ByteBatch('debug console', clock, output);
  }

  connect(ports: Pick<PortMap, 'register'>): void {
    ports.register(DEBUG_CONSOLE_PORT, 1, this);
  }

  portRead(_port: number, _size: AccessSize): number {
    return DEBUG_CONSOLE_PORT;
  }

  portWrite(_port: number, _size: AccessSize, value: number): void {
    this.#output.push(value);
  }

  /** Hands what was written to the sink now, before the machine stops. */
  flush(): void {
    this.#output.flush();
  }

  save(): DeviceState {
    this.flush();
    return { version: STATE_VERSION };
  }

  load(_state: DeviceState): void {}

  quiesce(): Promise<void> {
    this.flush();
    return Promise.resolve();
  }
}
