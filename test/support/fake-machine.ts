/** A machine that is nothing but a fake agent and what a test says: for the host's side of containers. */
import { NO_TRANSLATION } from './no-translation.ts';
import type { GuestMachine, MachineByteStream, MachineStart, StartMachine } from '../../src/container/guest-machine.ts';
import type { DiskConfig, MachineExit } from '../../src/worker/protocol.ts';
import { FakeAgent } from './fake-agent.ts';

export class FakeMachine implements GuestMachine {
  readonly agent = new FakeAgent();
  readonly exit: Promise<MachineExit>;
  readonly com1: MachineByteStream = { onData: null, send: () => {} };
  start!: MachineStart;
  shareDetails: readonly unknown[] = [];
  isTerminated = false;
  /** Plugged in while it runs. */
  disks: DiskConfig[] = [];
  /** Ends the machine. */
  end!: (exit: MachineExit) => void;
  /** Our failure. */
  fail!: (error: Error) => void;

  constructor() {
    this.exit = new Promise((resolve, reject) => {
      this.end = resolve;
      this.fail = reject;
    });
    this.exit.catch(() => {});
  }

  /** Starts this one. */
  readonly starter: StartMachine = (start) => {
    this.start = start;
    start.prepare(this);
    return Promise.resolve(this);
  };

  stream(name: string): MachineByteStream {
    return name === 'com1' ? this.com1 : this.agent.port;
  }
  stop(): Promise<void> {
    this.end({ kind: 'stopped' });
    return Promise.resolve();
  }
  terminate(): Promise<void> {
    this.isTerminated = true;
    return Promise.resolve();
  }
  attachDisk(disk: DiskConfig): Promise<void> {
    this.disks.push(disk);
    return Promise.resolve();
  }
  detachDisk(serial: string): Promise<void> {
    this.disks = this.disks.filter((disk) => disk.serial !== serial);
    return Promise.resolve();
  }
  dump(): Promise<string> {
    return Promise.resolve('cpu 0: as it stands');
  }
  statistics() {
    const unclaimed = { portReads: 0, portWrites: 0, mmioReads: 0, mmioWrites: 0 };
    return Promise.resolve({
      instructions: 0,
      machineNs: 0,
      translation: NO_TRANSLATION,
      instructionsPerSecond: 0,
      unclaimed,
      notes: [],
    });
  }

  /** Kernel output. */
  print(text: string): void {
    void this.com1.onData!(new TextEncoder().encode(text));
  }
}
