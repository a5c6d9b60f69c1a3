/**
 * The bus between interrupt sources and local APICs: resolves a message's destination (SDM 3A §11.6.2), picks the
 * processor of lowest priority (§11.6.2.4), carries message-signalled interrupts (§11.11) and tells IOAPICs of EOIs.
 */
import type { MsiSink } from '../irq.ts';
import * as R from './registers.ts';

/** An interrupt on its way to one or more local APICs. */
export interface InterruptMessage {
  readonly destination: number;
  readonly isLogical: boolean;
  /** The destination has 32 bits (from a local APIC in x2APIC mode) rather than 8. */
  readonly isWide: boolean;
  /** One of {@link R.Delivery}. */
  readonly delivery: number;
  readonly vector: number;
  readonly isLevel: boolean;
}

/** What the bus sees of a local APIC. */
export interface ApicTarget {
  /** Whether this APIC is a destination of the message. */
  matches(message: InterruptMessage): boolean;
  /** Whether it can take fixed interrupts now, and at which priority it runs. */
  readonly canArbitrate: boolean;
  readonly processorPriority: number;
  /** Takes the message; false when it can't (disabled by software, reserved vector or delivery mode). */
  deliver(message: InterruptMessage): boolean;
}

/** What the bus sees of an IOAPIC. */
export interface EoiListener {
  endOfInterrupt(vector: number): void;
}

export class ApicBus implements MsiSink {
  /** Messages that no local APIC took: a wrong destination, or an MSI address that is no interrupt window. */
  undelivered = 0;
  readonly #targets: ApicTarget[] = [];
  readonly #listeners: EoiListener[] = [];

  addTarget(target: ApicTarget): void {
    this.#targets.push(target);
  }

  addEoiListener(listener: EoiListener): void {
    this.#listeners.push(listener);
  }

  /** Delivers to every APIC that the destination names, or to one of them. Returns how many took it. */
  send(address: number, data: number): number;
  send(message: InterruptMessage): number;
  send(first: InterruptMessage | number, data = 0): number {
    const message = typeof first === 'number' ? decodeMsi(first, data) : first;
    if (message === undefined) {
      this.undelivered++;
      return 0;
    }
    const targets = this.#targets.filter((target) => target.matches(message));
    return this.#deliver(targets, message);
  }

  /** Delivers by destination shorthand (§11.6.1) from `sender`. */
  sendShorthand(message: InterruptMessage, shorthand: number, sender: ApicTarget): number {
    if (shorthand === R.SHORTHAND_SELF) return this.#deliver([sender], message);
    return this.#deliver(
      shorthand === R.SHORTHAND_OTHERS ? this.#targets.filter((target) => target !== sender) : this.#targets,
      message,
    );
  }

  /** A local APIC ended a level-triggered interrupt. */
  broadcastEoi(vector: number): void {
    for (const listener of this.#listeners) listener.endOfInterrupt(vector);
  }

  #deliver(targets: readonly ApicTarget[], message: InterruptMessage): number {
    let chosen = targets;
    if (message.delivery === R.Delivery.LOWEST_PRIORITY) {
      let lowest: ApicTarget | undefined;
      for (const target of targets) {
        // The first of equals, always: which one is left to the implementation, and this repeats in every run.
        if (target.canArbitrate && (lowest === undefined || target.processorPriority < lowest.processorPriority))
          lowest = target;
      }
      chosen = lowest === undefined ? [] : [lowest];
    }
    let takenCount = 0;
    for (const target of chosen) takenCount += target.deliver(message) ? 1 : 0;
    if (takenCount === 0) this.undelivered++;
    return takenCount;
  }
}

function decodeMsi(address: number, data: number): InterruptMessage | undefined {
  if (address < 0 || address > 0xffffffff || address >>> R.MSI_ADDRESS_WINDOW_SHIFT !== R.MSI_ADDRESS_WINDOW)
    return undefined;
  const isLogical = (address & R.MSI_LOGICAL) !== 0;
  const isRedirectable = isLogical && (address & R.MSI_REDIRECTION_HINT) !== 0;
  const delivery = (data >> R.MSI_DATA_DELIVERY_SHIFT) & R.LVT_DELIVERY_MASK;
  return {
    destination: (address >>> R.MSI_DESTINATION_SHIFT) & 0xff,
    isLogical,
    isWide: false,
    delivery: isRedirectable && delivery === R.Delivery.FIXED ? R.Delivery.LOWEST_PRIORITY : delivery,
    vector: data & R.VECTOR_MASK,
    isLevel: (data & R.MSI_DATA_LEVEL) !== 0,
  };
}
