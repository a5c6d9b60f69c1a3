/**
 * The board: one CPU, RAM, interrupt controllers, legacy devices, a PCI bus with virtio devices, and the wires between
 * them. It is put together once; what a guest sees of it is in memory-map.ts, acpi.ts and mptable.ts.
 */
import { Cpu } from '../core/cpu.ts';
import { instantiateCore, type CpuHost } from '../core/load.ts';
import type { Tier } from '../core/translator.ts';
import { ApicPage, readApicMsr, writeApicMsr } from '../devices/apic/access.ts';
import { ApicBus } from '../devices/apic/bus.ts';
import { LocalApic } from '../devices/apic/local-apic.ts';
import { APIC_DEFAULT_BASE, APIC_PAGE_BYTES } from '../devices/apic/registers.ts';
import type { AccessSize, Stateful } from '../devices/bus.ts';
import type { ByteSink } from '../devices/byte-batch.ts';
import { DebugConsole } from '../devices/debug/console.ts';
import { DebugExit } from '../devices/debug/exit.ts';
import { IoApic } from '../devices/ioapic/device.ts';
import { fanOut } from '../devices/irq-lines.ts';
import type { IrqLine } from '../devices/irq.ts';
import { MmioMap } from '../devices/mmio-map.ts';
import { PciHost } from '../devices/pci/host-bridge.ts';
import { Pic } from '../devices/pic/device.ts';
import { Pit } from '../devices/pit/device.ts';
import { PortMap } from '../devices/port-map.ts';
import { AcpiPm } from '../devices/power/acpi-pm.ts';
import { SCI_IRQ } from '../devices/power/registers.ts';
import { ResetControl } from '../devices/power/reset.ts';
import { Rtc } from '../devices/rtc/device.ts';
import { Serial } from '../devices/serial/device.ts';
import { COM1_IRQ, COM1_PORT, COM2_IRQ, COM2_PORT } from '../devices/serial/registers.ts';
import { TimerQueue } from '../devices/timer-queue.ts';
import type { VirtioDevice } from '../devices/virtio/device.ts';
import { VirtioPci } from '../devices/virtio/pci.ts';
import { STATUS_DRIVER_OK } from '../devices/virtio/transport.ts';
import { assert } from '../util/errors.ts';
import { buildAcpiTables } from './acpi.ts';
import { CPU_IDENTITY } from './cpu-identity.ts';
import { DEFAULT_PCI_MEMORY, type MachineDescription } from './firmware-tables.ts';
import { WasmGuestMemory } from './guest-memory.ts';
import type { MachineHost } from './host.ts';
import { KvmClock } from './kvmclock.ts';
import { buildMpTable } from './mptable.ts';
import { PCI_PIN_COUNT, PCI_SLOT_COUNT, pciIsaIrq, PciInterrupts } from './pci-interrupts.ts';
import { RandomPool } from './random-pool.ts';
import { APIC_TIMER_HZ, type MachineTime } from './time.ts';

const BOOT_APIC_ID = 0;
const IOAPIC_ID = 1;
const PIT_IRQ = 0;
const RTC_IRQ = 8;
/** The PIT's wire ends at another input of the IOAPIC, and the PIC's output at the first: MADT and MP table say so. */
const IOAPIC_PIT_PIN = 2;
const IOAPIC_PIC_PIN = 0;
/** What a guest can do to end or reset its machine. Called from inside its access. */
export interface BoardEvents {
  powerOff(): void;
  reset(): void;
  debugExit(value: number): void;
  /** An interrupt waits that the CPU may be asleep for. */
  wake(): void;
  note(code: number, detail: number): void;
}

const NS_PER_MS = 1e6;

export interface BoardOptions {
  readonly coreModule: WebAssembly.Module;
  readonly tier?: Tier;
  readonly ramBytes: number;
  readonly host: MachineHost;
  readonly time: MachineTime;
  readonly events: BoardEvents;
  readonly com1: ByteSink;
  readonly com2: ByteSink;
  readonly debugConsole: ByteSink;
  /** COM1 can take input again. */
  readonly onCom1Room: () => void;
  /** On PCI bus 0, in this order from slot 1 on; {@link Board.attach} adds more. */
  readonly virtio: readonly VirtioDevice[];
}

export class Board {
  readonly cpu: Cpu;
  readonly memory: WasmGuestMemory;
  readonly time: MachineTime;
  readonly timers: TimerQueue;
  readonly com1: Serial;
  readonly com2: Serial;
  readonly debugConsole: DebugConsole;
  readonly rtc: Rtc;
  readonly power: AcpiPm;
  readonly pci: PciHost;
  readonly kvmClock: KvmClock;
  /** By name, in the order of loading: sources of interrupts before the controllers, whose state then prevails. */
  readonly devices: ReadonlyMap<string, Stateful>;

  readonly #ports = new PortMap();
  readonly #mmio = new MmioMap();
  readonly #apicBus: ApicBus;
  readonly #localApic: LocalApic;
  readonly #random: RandomPool;
  readonly #slots = new Map<VirtioDevice, { slot: number; pciFunction: VirtioPci }>();

  constructor(options: BoardOptions) {
    const { host, events } = options;
    this.#random = new RandomPool((target) => host.fillRandom(target));
    this.time = options.time;
    this.timers = new TimerQueue(this.time);
    this.cpu = new Cpu(
      instantiateCore(options.coreModule, options.ramBytes, this.#cpuHost(events), {
        ...(options.tier === undefined ? {} : { tier: options.tier }),
        nowMs: () => options.time.nowNs() / NS_PER_MS,
      }),
    );
    this.cpu.core.translator.compilesAtOnce = false;
    this.memory = new WasmGuestMemory(this.cpu.core.memory, options.ramBytes, (physical, byteCount) =>
      this.cpu.core.exports.invalidate(physical, byteCount),
    );
    this.kvmClock = new KvmClock({
      memory: this.memory,
      tscHz: this.time.tscHz,
      now: () => ({ nowNs: this.time.nowNs(), guestTsc: this.#guestTsc() }),
      bootUnixMs: () => this.time.bootUnixMs,
    });

    // Interrupt controllers
    const apicBus = new ApicBus();
    this.#localApic = this.#createLocalApic(apicBus, events, () => pic.acknowledge());
    const ioApic = new IoApic(apicBus, IOAPIC_ID);
    ioApic.connect(this.#mmio);
    const pic = new Pic(fanOut(this.#localApic.lint0, ioApic.line(IOAPIC_PIC_PIN)));
    pic.connect(this.#ports);
    this.#localApic.enableVirtualWire();
    const isaLine = (irq: number): IrqLine =>
      fanOut(pic.line(irq), ioApic.line(irq === PIT_IRQ ? IOAPIC_PIT_PIN : irq));

    // Legacy devices
    const pit = new Pit(this.timers, isaLine(PIT_IRQ));
    pit.connect(this.#ports);
    this.rtc = new Rtc(this.timers, isaLine(RTC_IRQ), { lowBytes: options.ramBytes, highBytes: 0 });
    this.rtc.connect(this.#ports);
    this.com1 = new Serial({
      clock: this.timers,
      irq: isaLine(COM1_IRQ),
      output: options.com1,
      onRoom: options.onCom1Room,
    });
    this.com1.connect(this.#ports, COM1_PORT);
    this.com2 = new Serial({ clock: this.timers, irq: isaLine(COM2_IRQ), output: options.com2 });
    this.com2.connect(this.#ports, COM2_PORT);
    this.debugConsole = new DebugConsole(this.timers, options.debugConsole);
    this.debugConsole.connect(this.#ports);
    const debugExit = new DebugExit((value) => events.debugExit(value));
    debugExit.connect(this.#ports);
    this.power = new AcpiPm(this.timers, isaLine(SCI_IRQ), () => events.powerOff());
    this.power.connect(this.#ports);
    const resetControl = new ResetControl(() => events.reset());
    resetControl.connect(this.#ports);

    // PCI
    const pciInterrupts = new PciInterrupts(
      (pin) => ioApic.line(pin),
      (irq) => pic.line(irq),
    );
    const wires = Array.from({ length: PCI_PIN_COUNT }, (_, wire) => wire);
    this.pci = new PciHost({
      ports: this.#ports,
      mmio: this.#mmio,
      interruptLines: wires.map((wire) => pciInterrupts.line(wire, 0)),
      interruptLineNumbers: wires.map((wire) => pciIsaIrq(wire, 0)),
    });
    this.#apicBus = apicBus;
    for (const device of options.virtio) this.attach(device);

    this.devices = new Map<string, Stateful>([
      ['pit', pit],
      ['rtc', this.rtc],
      ['com1', this.com1],
      ['com2', this.com2],
      ['debugConsole', this.debugConsole],
      ['debugExit', debugExit],
      ['power', this.power],
      ['resetControl', resetControl],
      ['pci', this.pci],
      ['pic', pic],
      ['ioApic', ioApic],
      ['localApic', this.#localApic],
    ]);
  }

  /**
   * Puts a device on the PCI bus, in the lowest free slot. A guest that runs finds it when it looks again. Throws LIMIT
   * when there is no room.
   */
  attach(device: VirtioDevice): void {
    const pciFunction = new VirtioPci({ device, memory: this.memory, msi: this.#apicBus });
    this.#slots.set(device, { slot: this.pci.attach(pciFunction), pciFunction });
  }

  /** Takes it off again. False if the guest's driver has not let go of it: it would wait for its requests for ever. */
  detach(device: VirtioDevice): boolean {
    const place = this.#slots.get(device);
    assert(place !== undefined, 'a device that is detached was attached');
    if ((place.pciFunction.transport.status & STATUS_DRIVER_OK) !== 0) return false;
    this.#slots.delete(device);
    place.pciFunction.reset();
    this.pci.detach(place.slot);
    return true;
  }

  /** Hands out what devices still hold of the guest's output. */
  flushOutput(): void {
    this.com1.flush();
    this.com2.flush();
    this.debugConsole.flush();
  }

  /** Accesses that no device answered, for diagnosis. */
  get unclaimed(): { portReads: number; portWrites: number; mmioReads: number; mmioWrites: number } {
    const { unclaimedReads: portReads, unclaimedWrites: portWrites } = this.#ports;
    const { unclaimedReads: mmioReads, unclaimedWrites: mmioWrites } = this.#mmio;
    return { portReads, portWrites, mmioReads, mmioWrites };
  }

  /** Where memory-mapped registers are now, by address; PCI's window as a whole. */
  get mmioRanges(): readonly { readonly start: number; readonly byteCount: number }[] {
    return this.#mmio.ranges;
  }

  #guestTsc(): bigint {
    return BigInt.asUintN(64, BigInt(this.time.ticks()) + this.cpu.tscOffset);
  }

  #createLocalApic(bus: ApicBus, events: BoardEvents, acknowledgeExternal: () => number): LocalApic {
    const page = this.#mmio.register(APIC_DEFAULT_BASE, APIC_PAGE_BYTES, new ApicPage(() => this.#localApic));
    return new LocalApic({
      id: BOOT_APIC_ID,
      isBootstrap: true,
      cpu: {
        setIntr: (waiting) => {
          this.cpu.setIntr(waiting);
          if (!waiting) return;
          this.cpu.requestExit();
          events.wake();
        },
        nmi: () => {
          this.cpu.raiseNmi();
          this.cpu.requestExit();
          events.wake();
        },
        init: () => events.reset(),
        sipi: () => {}, // the boot CPU does not wait for one (SDM Vol. 3A, 8.4)
      },
      bus,
      clock: this.timers,
      timerHz: APIC_TIMER_HZ,
      tsc: { now: () => this.#guestTsc() },
      acknowledgeExternal,
      onPageChange: (physical) => page.move(physical),
    });
  }

  /** The CPU's imports. They are first called after the board is complete. */
  #cpuHost(events: BoardEvents): CpuHost {
    const ports = this.#ports;
    const mmio = this.#mmio;
    return {
      portRead: (port, size) => ports.read(port, size as AccessSize),
      portWrite: (port, size, value) => ports.write(port, size as AccessSize, value),
      mmioRead: (physical, size) => mmio.read(physical, size as AccessSize),
      mmioWrite: (physical, size, value) => mmio.write(physical, size as AccessSize, value),
      tscTicks: () => this.time.ticks(),
      random32: () => this.#random.next32(),
      acknowledge: () => this.#localApic.acknowledge(),
      apicRead: (msr) => readApicMsr(this.#localApic, msr),
      apicWrite: (msr, low, high) => writeApicMsr(this.#localApic, msr, low, high),
      readTpr: () => this.#localApic.cr8,
      writeTpr: (value) => {
        this.#localApic.cr8 = value;
      },
      paravirtWrite: (msr, low, high) => this.kvmClock.write(msr, low, high),
      note: (code, detail) => events.note(code, detail),
    };
  }

  /** Writes the firmware's tables, which a kernel that boots looks for; returns where the ACPI ones begin. */
  placeTables(): number {
    const description: MachineDescription = {
      cpuApicIds: [BOOT_APIC_ID],
      ioApicId: IOAPIC_ID,
      pciSlotCount: PCI_SLOT_COUNT, // also of devices that come later
      pciMemory: DEFAULT_PCI_MEMORY,
      serialPorts: [1, 2],
    };
    const acpi = buildAcpiTables(description);
    this.memory.write(acpi.physical, acpi.bytes);
    const mp = buildMpTable(description, CPU_IDENTITY);
    this.memory.write(mp.physical, mp.bytes);
    return acpi.rsdpPhysical;
  }
}
