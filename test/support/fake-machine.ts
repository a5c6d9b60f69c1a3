/** A machine that is nothing but a fake agent and what a test says: for the host's side of containers. */
import { NO_TRANSLATION } from './no-translation.ts';
import type {
  GuestMachine,
  MachineByteStream,
  MachineStart,
  OpenedDevices,
  StartMachine,
} from '../../src/container/guest-machine.ts';
import type { VivariumError } from '../../src/util/errors.ts';
import type {
  CheckpointInfo,
  DeviceConfig,
  DiskConfig,
  MachineExit,
  MachineSnapshot,
} from '../../src/worker/protocol.ts';
import { FakeAgent } from './fake-agent.ts';

export class FakeMachine implements GuestMachine {
  readonly agent = new FakeAgent();
  readonly exit: Promise<MachineExit>;
  readonly com1: MachineByteStream = { onData: null, send: () => {} };
  start!: MachineStart;
  /** What opening shares tells. */
  shareDetails: readonly unknown[] = [];
  /** What was opened. */
  devices: DeviceConfig | undefined;
  /** How many requests the agent had when devices were attached. */
  attachedAfter: number | undefined;
  readonly snapshot = {} as MachineSnapshot;
  isTerminated = false;
  onDiskTrouble: ((error: VivariumError) => void) | null = null;
  /** What was asked of its checkpoints: `keep`, `back N` and `release N`. */
  readonly checkpointOrders: string[] = [];
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

  open(devices: DeviceConfig): Promise<OpenedDevices> {
    this.devices = devices;
    const { shareDetails } = this;
    return Promise.resolve({
      shareDetails,
      attach: () => {
        this.attachedAfter = this.agent.frames.length;
        this.disks.push(...(devices.disks ?? []));
        return Promise.resolve();
      },
    });
  }
  save(): Promise<MachineSnapshot> {
    return Promise.resolve(this.snapshot);
  }
  checkpoint(): Promise<CheckpointInfo> {
    const number = this.checkpointOrders.filter((order) => order === 'keep').length;
    this.checkpointOrders.push('keep');
    return Promise.resolve({ number, byteCount: 4096 });
  }
  goBack(checkpoint: number): Promise<void> {
    this.checkpointOrders.push(`back ${checkpoint}`);
    return Promise.resolve();
  }
  releaseCheckpoint(checkpoint: number): Promise<void> {
    this.checkpointOrders.push(`release ${checkpoint}`);
    return Promise.resolve();
  }
  stream(name: string): MachineByteStream {
    return name === 'com1' ? this.com1 : this.agent.port;
  }
  stop(): Promise<void> {
    this.end({ kind: 'stopped' });
    return Promise.resolve();
  }
  unixMs(): number {
    return 1_800_000_000_250;
  }
  terminate(): Promise<void> {
    this.isTerminated = true;
    return Promise.resolve();
  }
  detachDisk(serial: string): Promise<void> {
    this.disks = this.disks.filter((disk) => disk.serial !== serial);
    return Promise.resolve();
  }
  get inspection(): never {
    throw new Error('nobody looks inside a fake machine');
  }
  dump(): Promise<string> {
    return Promise.resolve('cpu 0: as it stands');
  }
  statistics() {
    const unclaimed = { portReads: 0, portWrites: 0, mmioReads: 0, mmioWrites: 0 };
    return Promise.resolve({
      instructions: 0,
      machineNs: 0,
      isPaused: false,
      isWaitingForDisk: false,
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
