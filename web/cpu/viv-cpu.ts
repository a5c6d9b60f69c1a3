/**
 * <viv-cpu>: a machine's CPU, memory and devices to look at, stop and step. It is given a {@link MachineInspection} by its
 * property `inspection` and knows nothing else of a machine. What its open tab shows comes in one call, at each stop, and
 * twice a second while the machine runs and somebody can see it.
 *
 * Keys while the focus is inside: F8 pauses or goes on, F9 steps, F10 steps over.
 */
import type { Breakpoint, Look, MachineInspection, RunEvent, Stop } from '../../src/worker/protocol.ts';
import { el } from './dom.ts';
import { hex, nameIn, parseAddress, stopText, symbolText } from './format.ts';
import { STYLE } from './style.ts';
import type { Pane, Tab } from './tab.ts';
import { codeTab } from './tabs/code.ts';
import { devicesTab } from './tabs/devices.ts';
import { memoryTab } from './tabs/memory.ts';
import { pageTablesTab } from './tabs/page-tables.ts';
import { registersTab } from './tabs/registers.ts';
import { tlbTab } from './tabs/tlb.ts';

const FOLLOW_MS = 500;
const EVENTS: readonly (readonly [RunEvent, string])[] = [
  ['system-call', 'next system call'],
  ['user-mode', 'return to user mode'],
  ['kernel-mode', 'entry into the kernel'],
  ['interrupt', 'next interrupt'],
  ['exception', 'next exception'],
  ['mode-change', 'change of mode'],
];

export class VivCpu extends HTMLElement {
  #inspection: MachineInspection | undefined;
  readonly #tabs: readonly Tab[];
  #open: Tab;
  /** What was seen last, and at the stop before that: to tell what has changed. */
  #now: Look | undefined;
  #before: Look | undefined;
  #isLooking = false;
  #looksAgain = false;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** Counts what is waited for: an answer to something earlier comes too late. */
  #wait = 0;
  readonly #status = el('p', { class: 'status', role: 'status' });
  readonly #error = el('p', { class: 'status error', role: 'alert', hidden: true });
  readonly #tabList = el('div', { role: 'tablist', 'aria-label': 'What to look at' });
  readonly #panel = el('div', { role: 'tabpanel', id: 'panel', tabindex: 0 });
  readonly #pause = el('button', { type: 'button', onclick: () => void this.#toggle() }, 'Pause');
  readonly #step = el('button', { type: 'button', onclick: () => void this.#stepInto() }, 'Step');
  readonly #over = el('button', { type: 'button', onclick: () => void this.#stepOver() }, 'Step over');
  readonly #holds = el('input', { type: 'checkbox', checked: true });
  readonly #until = el('button', { type: 'button', onclick: () => void this.#runUntil() }, 'Continue until');
  readonly #event = el(
    'select',
    { 'aria-label': 'Event to stop at' },
    EVENTS.map(([value, text]) => el('option', { value }, text)),
  );

  constructor() {
    super();
    const pane: Pane = {
      refresh: () => void this.#look(),
      open: (id, address) => this.#goTo(id, address),
      resolve: (text) => this.#resolve(text),
      setBreakpoints: (breakpoints) => void this.#setBreakpoints(breakpoints),
    };
    this.#tabs = [registersTab, codeTab, memoryTab, pageTablesTab, tlbTab, devicesTab].map((make) => make(pane));
    this.#open = this.#tabs[0]!;
    this.#tabList.append(...this.#tabs.map((tab) => this.#tabButton(tab)));
    this.#tabList.addEventListener('keydown', (event) => this.#onTabKey(event));
    const until = el('span', { class: 'row' }, this.#until, this.#event);
    const root = this.attachShadow({ mode: 'open' });
    root.append(
      el('style', {}, STYLE),
      el(
        'div',
        { role: 'toolbar', 'aria-label': 'Run' },
        this.#pause,
        this.#step,
        this.#over,
        until,
        el('label', {}, this.#holds, ' interrupts wait while I step'),
      ),
      this.#status,
      this.#error,
      this.#tabList,
      this.#panel,
    );
    root.addEventListener('keydown', (event) => this.#onKey(event as KeyboardEvent));
    this.#select(this.#open);
    this.#showState();
  }

  /** The machine to look into; undefined for none. */
  get inspection(): MachineInspection | undefined {
    return this.#inspection;
  }
  set inspection(inspection: MachineInspection | undefined) {
    this.#inspection = inspection;
    this.#now = undefined;
    this.#before = undefined;
    this.#panel.replaceChildren();
    this.#tell(undefined);
    this.#showState();
    this.#awaitStop();
    void this.#look();
  }

  connectedCallback(): void {
    this.#timer = setInterval(() => this.#follow(), FOLLOW_MS);
  }
  disconnectedCallback(): void {
    clearInterval(this.#timer);
  }

  // ---- orders ---------------------------------------------------------------------------------------------------------

  #toggle(): Promise<void> {
    return this.#order(async (machine) => {
      if (this.#now?.state === 'paused') await this.#goOn(machine.resume());
      else await machine.pause();
    });
  }
  #stepInto(): Promise<void> {
    return this.#order(async (machine) => this.#stopped(await machine.step({ holdInterrupts: this.#holds.checked })));
  }
  #stepOver(): Promise<void> {
    return this.#order((machine) => this.#goOn(machine.step({ over: true })));
  }
  #runUntil(): Promise<void> {
    const event = this.#event.value as RunEvent;
    return this.#order((machine) => this.#goOn(machine.resume({ events: [event] })));
  }
  #setBreakpoints(breakpoints: readonly Breakpoint[]): Promise<void> {
    return this.#order(async (machine) => {
      await machine.setBreakpoints(breakpoints);
      await this.#look();
    });
  }

  async #order(action: (machine: MachineInspection) => Promise<void>): Promise<void> {
    if (this.#inspection === undefined) return;
    this.#tell(undefined);
    try {
      await action(this.#inspection);
    } catch (error) {
      this.#tell(error);
    }
  }

  /** Shows that it runs, and the next stop when it comes. */
  async #goOn(going: Promise<unknown>): Promise<void> {
    if (this.#now !== undefined) {
      const { stop: _, ...running } = { ...this.#now, state: 'running' as const };
      this.#showState(running);
    }
    try {
      await going;
    } finally {
      this.#awaitStop();
      void this.#look();
    }
  }

  #awaitStop(): void {
    const machine = this.#inspection;
    const wait = ++this.#wait;
    if (machine === undefined) return;
    machine.stopped().then(
      (stop) => {
        if (wait === this.#wait) this.#stopped(stop);
      },
      (error: unknown) => {
        if (wait === this.#wait) this.#tell(error);
      },
    );
  }

  #stopped(stop: Stop): void {
    const seen = this.#now?.stop;
    if (seen?.instructions !== stop.instructions || seen.rip !== stop.rip) this.#before = this.#now;
    void this.#look();
  }

  // ---- looking ----------------------------------------------------------------------------------------------------------

  #follow(): void {
    if (document.hidden || this.offsetParent === null) return;
    if (this.#now?.state === 'running') {
      this.#before = this.#now;
      void this.#look();
    } else if (this.#now?.state === 'paused') void this.#watch();
  }

  /** Somebody else may have it go on, or end it. */
  async #watch(): Promise<void> {
    const machine = this.#inspection;
    const seen = this.#now;
    if (machine === undefined || this.#isLooking) return;
    try {
      const { state, stop } = await machine.look({});
      if (machine !== this.#inspection || seen !== this.#now) return;
      if (state === 'paused' && stop?.instructions === seen?.stop?.instructions) return;
      this.#awaitStop();
      await this.#look();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** One call for all that is shown, and one at a time: a machine is not asked faster than it answers. */
  async #look(): Promise<void> {
    if (this.#isLooking) {
      this.#looksAgain = true;
      return;
    }
    this.#isLooking = true;
    try {
      do {
        this.#looksAgain = false;
        await this.#lookOnce();
      } while (this.#looksAgain);
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isLooking = false;
    }
  }
  async #lookOnce(): Promise<void> {
    const machine = this.#inspection;
    const tab = this.#open;
    if (machine === undefined) return;
    const look = await machine.look({ registers: true, ...tab.request() });
    if (machine !== this.#inspection) return;
    this.#now = look;
    this.#showState(look);
    // Nobody's typing is thrown away, nor a menu closed, by a view that only follows.
    if (tab === this.#open) this.#show(tab, look);
  }

  /** A machine that has ended can't be looked into any more; what was seen last stays. */
  #failed(error: unknown): void {
    const isOver = error instanceof Error && 'code' in error && error.code === 'GUEST_STOPPED';
    if (!isOver) return this.#tell(error);
    this.#now = { state: 'ended', breakpoints: [] };
    this.#showState();
  }

  async #resolve(text: string): Promise<bigint | undefined> {
    const name = nameIn(text);
    try {
      const look = await this.#inspection?.look({
        registers: true,
        ...(name === undefined ? {} : { symbols: { named: [name] } }),
      });
      const address = parseAddress(text, look?.registers, (wanted) =>
        wanted === name ? look?.symbols?.named[0] : undefined,
      );
      if (address !== undefined) {
        this.#tell(undefined);
        return address;
      }
      this.#tell(`"${text}" is no address: write a hexadecimal number, a register, or a function of the kernel.`);
    } catch (error) {
      this.#tell(error);
    }
    return undefined;
  }

  // ---- what is shown ----------------------------------------------------------------------------------------------------

  #show(tab: Tab, look: Look): void {
    const opened = new Set(
      [...this.#panel.querySelectorAll('details')].map((details) => `${details.open} ${summaryOf(details)}`),
    );
    const key = this.shadowRoot?.activeElement?.getAttribute('data-key');
    const fields = [...this.#panel.querySelectorAll('input[type=text]')];
    if (look.state === 'running' && fields.some((field) => field === this.shadowRoot?.activeElement)) return;
    this.#panel.replaceChildren();
    const content = el('div', {}, tab.show(look, this.#before));
    for (const details of content.querySelectorAll('details')) {
      if (opened.has(`true ${summaryOf(details)}`)) details.open = true;
      else if (opened.has(`false ${summaryOf(details)}`)) details.open = false;
    }
    this.#panel.append(content);
    if (key !== null && key !== undefined)
      [...this.#panel.querySelectorAll<HTMLElement>('[data-key]')]
        .find((element) => element.getAttribute('data-key') === key)
        ?.focus();
  }

  #showState(look: Look | undefined = this.#now): void {
    const state = this.#inspection === undefined ? 'none' : (look?.state ?? 'running');
    const isPaused = state === 'paused';
    this.#pause.textContent = isPaused ? 'Continue' : 'Pause';
    this.#pause.disabled = state === 'none' || state === 'ended';
    for (const button of [this.#step, this.#over, this.#until]) button.disabled = !isPaused;
    this.#event.disabled = !isPaused;
    const text = statusText(state, look);
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }

  #tell(error: unknown): void {
    const text = error === undefined ? '' : error instanceof Error ? error.message : String(error);
    this.#error.hidden = text === '';
    this.#error.textContent = text;
  }

  // ---- tabs and keys ----------------------------------------------------------------------------------------------------

  #tabButton(tab: Tab): HTMLElement {
    return el(
      'button',
      {
        type: 'button',
        role: 'tab',
        id: tab.id,
        'aria-controls': 'panel',
        onclick: () => {
          this.#select(tab);
          void this.#look();
        },
      },
      tab.label,
    );
  }
  #select(tab: Tab): void {
    if (tab !== this.#open) this.#panel.replaceChildren();
    this.#open = tab;
    for (const button of this.#tabList.children) {
      const isOpen = button.id === tab.id;
      button.setAttribute('aria-selected', String(isOpen));
      button.setAttribute('tabindex', isOpen ? '0' : '-1');
    }
    this.#panel.setAttribute('aria-labelledby', tab.id);
  }
  #goTo(id: string, address: bigint): void {
    const tab = this.#tabs.find((other) => other.id === id);
    if (tab === undefined) return;
    tab.goTo?.(address);
    this.#select(tab);
    void this.#look();
  }

  /** Arrows, Home and End go through the tabs (ARIA Authoring Practices, "Tabs"). */
  #onTabKey(event: KeyboardEvent): void {
    const at = this.#tabs.indexOf(this.#open);
    const last = this.#tabs.length - 1;
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[
      event.key
    ];
    if (to === undefined) return;
    event.preventDefault();
    this.#select(this.#tabs[to]!);
    (this.#tabList.children[to] as HTMLElement).focus();
    void this.#look();
  }
  #onKey(event: KeyboardEvent): void {
    const button = { F8: this.#pause, F9: this.#step, F10: this.#over }[event.key];
    if (button === undefined) return;
    event.preventDefault();
    if (!button.disabled) button.click();
  }
}

function summaryOf(details: HTMLDetailsElement): string {
  // Numbers in it may have changed.
  return (details.querySelector('summary')?.textContent ?? '').replace(/[:\d].*/, '');
}

function statusText(state: string, look: Look | undefined): string {
  if (state === 'none') return 'No machine.';
  if (state === 'ended') return 'The machine has ended.';
  if (state === 'running') return 'Running.';
  const { stop, registers } = look ?? {};
  const place = symbolText(registers?.symbol);
  const where =
    registers === undefined
      ? ''
      : ` Next: 0x${hex(registers.codeLinear)}${place === '' ? '' : `, ${place}`}, ring ${registers.cpl}.`;
  return `${stop === undefined ? 'Paused.' : stopText(stop)}${where}`;
}

/** Makes `<viv-cpu>` known to the page; once. */
export function defineCpu(): void {
  if (customElements.get('viv-cpu') === undefined) customElements.define('viv-cpu', VivCpu);
}

declare global {
  interface HTMLElementTagNameMap {
    'viv-cpu': VivCpu;
  }
}
