import { beforeEach, describe, expect, test } from 'vitest';
import { ApicPage, isApicMsr, readApicMsr, writeApicMsr } from '../../src/devices/apic/access.ts';
import { ApicBus } from '../../src/devices/apic/bus.ts';
import { LocalApic } from '../../src/devices/apic/local-apic.ts';
import * as R from '../../src/devices/apic/registers.ts';
import { ManualClock, RecordingPins, seededRandom, TSC_HZ } from './support.ts';

const EXTERNAL_VECTOR = 0x30;
const X2APIC_ON = R.APIC_DEFAULT_BASE | R.BASE_ENABLE | R.BASE_X2APIC;

let clock: ManualClock;
let bus: ApicBus;
let tscOffset: bigint;
let pins: RecordingPins[];
let apics: [LocalApic, LocalApic, LocalApic];
let pages: ApicPage[];

beforeEach(() => {
  clock = new ManualClock();
  bus = new ApicBus();
  tscOffset = 0n;
  pins = [new RecordingPins(), new RecordingPins(), new RecordingPins()];
  const make = (id: number) =>
    new LocalApic({
      id,
      isBootstrap: id === 0,
      cpu: pins[id] ?? new RecordingPins(),
      bus,
      clock,
      timerHz: 1e9,
      tsc: { now: () => BigInt(clock.nowNs() * (TSC_HZ / 1e9)) + tscOffset },
      acknowledgeExternal: () => EXTERNAL_VECTOR,
    });
  apics = [make(0), make(1), make(2)];
  pages = apics.map((apic) => new ApicPage(() => apic));
  for (const apic of apics) apic.spurious = 0x1ff;
});

const read = (register: number, cpu = 0) => pages[cpu]?.mmioRead(register << 4, 4);
const write = (register: number, value: number, cpu = 0) => pages[cpu]?.mmioWrite(register << 4, 4, value >>> 0);
const fixed = (vector: number, isLevel = false) =>
  apics[0].deliver({ destination: 0, isLogical: false, isWide: false, delivery: R.Delivery.FIXED, vector, isLevel });
const wrmsr = (register: number, low: number, high = 0, cpu: 0 | 1 | 2 = 0) =>
  writeApicMsr(apics[cpu], R.X2APIC_MSR_FIRST + register, low, high);

describe('interrupt acceptance', () => {
  test('an accepted vector raises INTR and moves from request to service', () => {
    fixed(0x51);
    const waiting = pins[0]?.intr;
    expect([waiting, apics[0].acknowledge(), pins[0]?.intr, read(R.ISR_0 + 2), read(R.IRR_0 + 2)]).toEqual([
      true,
      0x51,
      false,
      1 << 17,
      0,
    ]);
  });

  test('with nothing waiting an acknowledgement gives -1', () => {
    expect(apics[0].acknowledge()).toBe(-1);
  });

  test('the highest vector goes first, and its class holds back the others until EOI', () => {
    fixed(0x31);
    fixed(0x42);
    const first = apics[0].acknowledge();
    fixed(0x4f); // same class
    const blocked = apics[0].hasInterrupt();
    write(R.EOI, 0);
    expect([first, blocked, apics[0].acknowledge()]).toEqual([0x42, false, 0x4f]);
  });

  test('the task priority holds back its class and those below', () => {
    apics[0].cr8 = 5;
    fixed(0x5f);
    const held = pins[0]?.intr;
    write(R.TPR, 0x4f);
    expect([held, pins[0]?.intr, apics[0].cr8, read(R.PPR)]).toEqual([false, true, 4, 0x4f]);
  });

  test('disabled by software it takes no fixed interrupt and masks its LVT', () => {
    write(R.LVT_TIMER, 0x30);
    write(R.SVR, 0xff);
    write(R.LVT_TIMER, 0x30);
    expect([fixed(0x51), apics[0].hasInterrupt(), read(R.LVT_TIMER)]).toEqual([false, false, R.LVT_MASKED | 0x30]);
  });

  test('an illegal vector is an error that ESR shows after a write', () => {
    fixed(0x0f);
    const before = read(R.ESR);
    write(R.ESR, 0);
    expect([before, read(R.ESR)]).toEqual([0, R.ESR_RECEIVE_ILLEGAL_VECTOR]);
  });

  test('an error raises its LVT interrupt', () => {
    write(R.LVT_ERROR, 0xfe);
    read(0x04); // no such register
    expect(apics[0].acknowledge()).toBe(0xfe);
  });

  test('only the EOI of a level-triggered interrupt reaches the IOAPICs', () => {
    const ended: number[] = [];
    bus.addEoiListener({ endOfInterrupt: (vector) => ended.push(vector) });
    fixed(0x61, true);
    fixed(0x51);
    apics[0].acknowledge();
    write(R.EOI, 0);
    apics[0].acknowledge();
    write(R.EOI, 0);
    expect(ended).toEqual([0x61]);
  });
});

describe('LINT pins', () => {
  test('the PIC comes through LINT0 in virtual wire mode, before local interrupts', () => {
    apics[0].enableVirtualWire();
    fixed(0xf0);
    apics[0].lint0.set(true);
    expect(apics[0].acknowledge()).toBe(EXTERNAL_VECTOR);
    apics[0].lint0.set(false);
    expect(apics[0].acknowledge()).toBe(0xf0);
  });

  test('a masked LINT0 hides the PIC', () => {
    apics[0].lint0.set(true);
    expect(apics[0].hasInterrupt()).toBe(false);
  });

  test('with the APIC disabled by its base register LINT0 is INTR and LINT1 is NMI', () => {
    writeApicMsr(apics[0], R.IA32_APIC_BASE, R.APIC_DEFAULT_BASE, 0);
    apics[0].lint0.set(true);
    apics[0].lint1.set(true);
    expect([pins[0]?.intr, pins[0]?.events, apics[0].acknowledge()]).toEqual([true, ['nmi'], EXTERNAL_VECTOR]);
  });

  test('LINT1 gives an NMI per rise', () => {
    apics[0].enableVirtualWire();
    apics[0].lint1.set(true);
    apics[0].lint1.set(true);
    expect(pins[0]?.events).toEqual(['nmi']);
  });

  test('a fixed edge on LINT0 is a vector, as kernels without a working IOAPIC use it', () => {
    write(R.LVT_LINT0, 0x38);
    apics[0].lint0.set(true);
    expect(apics[0].acknowledge()).toBe(0x38);
  });

  test('a fixed level on LINT0 comes again after EOI while the pin is high', () => {
    write(R.LVT_LINT0, R.LVT_LEVEL | 0x38);
    apics[0].lint0.set(true);
    const first = apics[0].acknowledge();
    write(R.EOI, 0);
    const second = apics[0].acknowledge();
    apics[0].lint0.set(false);
    write(R.EOI, 0);
    expect([first, second, apics[0].acknowledge()]).toEqual([0x38, 0x38, -1]);
  });
});

describe('timer', () => {
  test('one-shot counts down at the divided rate and interrupts once', () => {
    write(R.LVT_TIMER, 0x40);
    write(R.TIMER_DIVIDE, 0x3); // 16
    write(R.TIMER_INITIAL, 1000);
    clock.advance(8000);
    const half = read(R.TIMER_CURRENT);
    clock.advance(8000);
    expect([half, read(R.TIMER_CURRENT), apics[0].acknowledge(), clock.nextDeadlineNs()]).toEqual([
      500,
      0,
      0x40,
      undefined,
    ]);
  });

  test('a masked timer counts too, by which kernels calibrate it', () => {
    write(R.TIMER_DIVIDE, 0xb); // 1
    write(R.TIMER_INITIAL, 0xffffffff);
    clock.advance(1e6);
    expect([read(R.TIMER_CURRENT), apics[0].hasInterrupt()]).toEqual([0xffffffff - 1e6, false]);
  });

  test('periodic interrupts each period, and misses coalesce', () => {
    write(R.LVT_TIMER, (R.TIMER_PERIODIC << R.LVT_TIMER_MODE_SHIFT) | 0x40);
    write(R.TIMER_DIVIDE, 0xb);
    write(R.TIMER_INITIAL, 1e6);
    clock.jump(3.5e6);
    clock.runDue();
    expect([apics[0].acknowledge(), clock.nextDeadlineNs(), read(R.TIMER_CURRENT)]).toEqual([0x40, 4e6, 5e5]);
  });

  test('an initial count of 0 stops it', () => {
    write(R.TIMER_INITIAL, 1000);
    write(R.TIMER_INITIAL, 0);
    expect(clock.nextDeadlineNs()).toBeUndefined();
  });

  test('a new divider changes the rate of what remains', () => {
    write(R.TIMER_DIVIDE, 0xb);
    write(R.TIMER_INITIAL, 1000);
    clock.advance(500);
    write(R.TIMER_DIVIDE, 0x0); // 2
    expect([read(R.TIMER_CURRENT), clock.nextDeadlineNs()]).toEqual([500, 1500]);
  });

  test('TSC-deadline mode fires when the guest TSC gets there, and reads 0 after', () => {
    write(R.LVT_TIMER, (R.TIMER_TSC_DEADLINE << R.LVT_TIMER_MODE_SHIFT) | 0x40);
    writeApicMsr(apics[0], R.IA32_TSC_DEADLINE, 20_000, 0);
    const armed = readApicMsr(apics[0], R.IA32_TSC_DEADLINE);
    clock.advance(9_999);
    const early = apics[0].hasInterrupt();
    clock.advance(1);
    expect([armed, early, apics[0].acknowledge(), readApicMsr(apics[0], R.IA32_TSC_DEADLINE)]).toEqual([
      20_000n,
      false,
      0x40,
      0n,
    ]);
  });

  test('a TSC that the guest changes moves the deadline', () => {
    write(R.LVT_TIMER, (R.TIMER_TSC_DEADLINE << R.LVT_TIMER_MODE_SHIFT) | 0x40);
    writeApicMsr(apics[0], R.IA32_TSC_DEADLINE, 20_000, 0);
    tscOffset = 10_000n;
    apics[0].timer.tscChanged();
    expect(clock.nextDeadlineNs()).toBe(5_000);
  });

  test('a deadline in the past fires at once, 0 disarms, and the other modes ignore it', () => {
    writeApicMsr(apics[0], R.IA32_TSC_DEADLINE, 1, 0);
    const ignored = clock.nextDeadlineNs();
    write(R.LVT_TIMER, (R.TIMER_TSC_DEADLINE << R.LVT_TIMER_MODE_SHIFT) | 0x40);
    clock.advance(100);
    writeApicMsr(apics[0], R.IA32_TSC_DEADLINE, 1, 0);
    const due = clock.nextDeadlineNs();
    writeApicMsr(apics[0], R.IA32_TSC_DEADLINE, 0, 0);
    expect([ignored, due, clock.nextDeadlineNs()]).toEqual([undefined, 100, undefined]);
  });
});

describe('inter-processor interrupts', () => {
  test('a physical destination reaches its CPU', () => {
    write(R.ICR_HIGH, 1 << 24);
    write(R.ICR_LOW, 0x55);
    expect([apics[1].acknowledge(), apics[2].acknowledge(), read(R.ICR_LOW)]).toEqual([0x55, -1, 0x55]);
  });

  test('shorthands reach self, all and the others', () => {
    write(R.ICR_LOW, (R.SHORTHAND_SELF << 18) | 0x51);
    write(R.ICR_LOW, (R.SHORTHAND_ALL << 18) | 0x61);
    write(R.ICR_LOW, (R.SHORTHAND_OTHERS << 18) | 0x71);
    expect(apics.map((apic) => apic.acknowledge())).toEqual([0x61, 0x71, 0x71]);
    write(R.EOI, 0);
    expect(apics[0].acknowledge()).toBe(0x51);
  });

  test('INIT and start-up reach the pins; INIT resets the APIC; its de-assert does nothing', () => {
    write(R.TPR, 0x20, 1);
    write(R.ICR_HIGH, 1 << 24);
    write(R.ICR_LOW, 0xc500);
    write(R.ICR_LOW, 0x8500);
    write(R.ICR_LOW, 0x0699);
    expect([pins[1]?.events, apics[1].tpr]).toEqual([['init', `sipi ${0x99}`], 0]);
  });

  test('NMI reaches all others', () => {
    write(R.ICR_LOW, (R.SHORTHAND_OTHERS << 18) | 0x400);
    expect(pins.map(({ events }) => events)).toEqual([[], ['nmi'], ['nmi']]);
  });

  test('flat logical destinations are a bit mask', () => {
    apics.forEach((_, id) => write(R.LDR, 1 << (24 + id), id));
    write(R.ICR_HIGH, 0b110 << 24);
    write(R.ICR_LOW, R.ICR_LOGICAL | 0x55);
    expect(apics.map((apic) => apic.acknowledge())).toEqual([-1, 0x55, 0x55]);
  });

  test('cluster destinations name a cluster and a mask in it', () => {
    const logical = [0x11, 0x12, 0x21];
    apics.forEach((_, id) => {
      write(R.DFR, 0x0fffffff, id);
      write(R.LDR, (logical[id] ?? 0) << 24, id);
    });
    write(R.ICR_HIGH, 0x13 << 24);
    write(R.ICR_LOW, R.ICR_LOGICAL | 0x55);
    write(R.ICR_HIGH, 0xf1 << 24);
    write(R.ICR_LOW, R.ICR_LOGICAL | 0x75);
    expect(apics.map((apic) => apic.acknowledge())).toEqual([0x75, 0x55, 0x75]);
  });

  test('lowest priority goes to one CPU, the least busy', () => {
    apics[0].tpr = 0x30;
    apics[1].tpr = 0x10;
    apics[2].tpr = 0x20;
    write(R.ICR_HIGH, 0xff << 24);
    write(R.ICR_LOW, 0x155);
    expect(apics.map((apic) => apic.acknowledge())).toEqual([-1, 0x55, -1]);
  });

  test('sending an illegal vector is an error', () => {
    write(R.ICR_LOW, 0x05);
    write(R.ESR, 0);
    expect(read(R.ESR)).toBe(R.ESR_SEND_ILLEGAL_VECTOR);
  });
});

describe('message-signalled interrupts', () => {
  test('address and data select the CPU and vector', () => {
    bus.send(0xfee01000, 0x41);
    expect([apics[0].acknowledge(), apics[1].acknowledge()]).toEqual([-1, 0x41]);
  });

  test('the redirection hint of a logical address picks one CPU', () => {
    apics.forEach((_, id) => write(R.LDR, 1 << (24 + id), id));
    bus.send(0xfee0600c, 0x41);
    expect(apics.map((apic) => apic.acknowledge())).toEqual([-1, 0x41, -1]);
  });

  test('an address outside the window is dropped and counted', () => {
    bus.send(0x1000, 0x41);
    bus.send(2 ** 40 + 0xfee00000, 0x41);
    expect([apics[0].hasInterrupt(), bus.undelivered]).toEqual([false, 2]);
  });
});

describe('access', () => {
  test('the page shows ID and version, and ignores what is not a whole register', () => {
    pages[1]?.mmioWrite(R.TPR << 4, 1, 0x50);
    expect([read(R.ID, 1), read(R.VERSION, 1), read(R.TPR, 1), pages[1]?.mmioRead((R.VERSION << 4) + 2, 1)]).toEqual([
      0x01000000, 0x50014, 0, 0x05,
    ]);
  });

  test('x2APIC mode has MSRs and no page, with the logical ID from the ID', () => {
    const isOn = writeApicMsr(apics[1], R.IA32_APIC_BASE, X2APIC_ON, 0);
    const rdmsr = (register: number) => readApicMsr(apics[1], R.X2APIC_MSR_FIRST + register);
    expect([isOn, rdmsr(R.ID), rdmsr(R.LDR), read(R.ID, 1)]).toEqual([true, 1n, 2n, 0xffffffff]);
  });

  test('the command register is one MSR with a 32-bit destination', () => {
    for (const apic of apics) writeApicMsr(apic, R.IA32_APIC_BASE, X2APIC_ON, 0);
    wrmsr(R.ICR_LOW, 0x61, 2);
    wrmsr(R.ICR_LOW, R.ICR_LOGICAL | 0x71, 0b010);
    wrmsr(R.ICR_LOW, 0x81, 0x102); // not CPU 2
    wrmsr(R.SELF_IPI, 0x91);
    expect(apics.map((apic) => apic.acknowledge())).toEqual([0x91, 0x71, 0x61]);
    expect(readApicMsr(apics[0], R.X2APIC_MSR_FIRST + R.ICR_LOW)).toBe((0x102n << 32n) | 0x81n);
  });

  test('reserved registers and bits fault in x2APIC mode', () => {
    writeApicMsr(apics[0], R.IA32_APIC_BASE, X2APIC_ON, 0);
    expect([wrmsr(R.EOI, 1), wrmsr(R.TPR, 0x100), wrmsr(R.TPR, 0, 1), wrmsr(R.LDR, 0), wrmsr(R.DFR, 0)]).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect([
      readApicMsr(apics[0], 0x80b),
      readApicMsr(apics[0], 0x80e),
      readApicMsr(apics[0], 0x831),
      readApicMsr(apics[0], 0x8ff),
    ]).toEqual([undefined, undefined, undefined, undefined]);
  });

  test('x2APIC MSRs fault in xAPIC mode', () => {
    expect([wrmsr(R.TPR, 0), readApicMsr(apics[0], 0x808), isApicMsr(0x808), isApicMsr(0x10)]).toEqual([
      false,
      undefined,
      true,
      false,
    ]);
  });

  test('mode changes that the manual forbids fault', () => {
    const base = (low: number, high = 0) => writeApicMsr(apics[0], R.IA32_APIC_BASE, low, high);
    const invalid = [
      base(R.APIC_DEFAULT_BASE | R.BASE_X2APIC),
      base(R.APIC_DEFAULT_BASE | R.BASE_ENABLE | 1),
      base(X2APIC_ON, 0x80000000),
    ];
    base(X2APIC_ON);
    invalid.push(base(R.APIC_DEFAULT_BASE | R.BASE_ENABLE)); // back to xAPIC
    base(R.APIC_DEFAULT_BASE); // off
    invalid.push(base(X2APIC_ON)); // from off
    expect(invalid).toEqual([false, false, false, false, false]);
  });

  test('the base register says who is the boot CPU, whatever is written', () => {
    writeApicMsr(apics[1], R.IA32_APIC_BASE, (R.APIC_DEFAULT_BASE | R.BASE_ENABLE | R.BASE_BSP) >>> 0, 0);
    expect([readApicMsr(apics[0], R.IA32_APIC_BASE), readApicMsr(apics[1], R.IA32_APIC_BASE)]).toEqual([
      0xfee00900n,
      0xfee00800n,
    ]);
  });
});

describe('state', () => {
  test('a saved and loaded APIC has the same registers, INTR and timer', () => {
    write(R.LVT_TIMER, (R.TIMER_PERIODIC << R.LVT_TIMER_MODE_SHIFT) | 0x40);
    write(R.TIMER_INITIAL, 5e5);
    fixed(0x61, true);
    apics[0].acknowledge();
    fixed(0x71);
    const otherPins = new RecordingPins();
    const other = new LocalApic({
      id: 0,
      isBootstrap: true,
      cpu: otherPins,
      bus: new ApicBus(),
      clock,
      timerHz: 1e9,
      acknowledgeExternal: () => 0,
    });
    other.load(apics[0].save());
    expect([other.save(), otherPins.intr, other.acknowledge()]).toEqual([apics[0].save(), true, 0x71]);
    clock.advance(1e6);
    other.endOfInterrupt();
    other.endOfInterrupt();
    expect(other.acknowledge()).toBe(0x40);
  });

  test('a damaged state is refused', () => {
    expect(() => apics[0].load({ ...apics[0].save(), irr: [1, 2] })).toThrow(/apic 0 .*"irr"/);
  });

  test('any sequence of accesses is survived', () => {
    const random = seededRandom(82489);
    for (let i = 0; i < 20_000; i++) {
      const cpu = random(3);
      const apic = apics[cpu] as LocalApic;
      pages[cpu]?.mmioWrite(random(0x400), 4, random(2 ** 32));
      pages[cpu]?.mmioWrite(random(0x40) << 4, 4, random(2 ** 32));
      pages[cpu]?.mmioRead(random(0x1000), 4);
      writeApicMsr(apic, random(4) === 0 ? R.IA32_APIC_BASE : 0x800 + random(0x40), random(2 ** 32), random(2));
      writeApicMsr(apic, R.IA32_TSC_DEADLINE, random(2 ** 32), random(2));
      readApicMsr(apic, 0x800 + random(0x40));
      bus.send(0xfee00000 + random(0x100000), random(0x10000));
      apic.lint0.set(random(2) === 0);
      expect(apic.acknowledge()).toBeLessThan(256);
      clock.jump(random(1e6));
      clock.runDue();
    }
    apics[0].load(apics[0].save());
  });
});
