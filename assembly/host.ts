/** Every import of the core: with core.ts, this is the ABI. Values are unsigned; physical addresses fit 52 bits and travel as f64. */

/** Throws a preallocated object: unwinds to the host, which calls deliver(). Never returns. */
export declare function raise(): void;
/** Port input and output. size is 1, 2 or 4. */
export declare function portRead(port: u32, size: u32): u32;
export declare function portWrite(port: u32, size: u32, value: u32): void;
/** Memory-mapped device access (physical address outside RAM). size is 1, 2 or 4. */
export declare function mmioRead(physical: f64, size: u32): u32;
export declare function mmioWrite(physical: f64, size: u32, value: u32): void;
/** Machine time in TSC ticks since power-on. */
export declare function tsc(): f64;
/** 32 random bits (RDRAND, RDSEED). */
export declare function random32(): u32;
/** Accepts the waiting external interrupt: its vector, or -1 when it went away. */
export declare function acknowledge(): i32;
/** Local APIC registers as MSRs (x2APIC, 0x800..0x8ff) and IA32_APIC_BASE, IA32_TSC_DEADLINE. Answers 0 when the access must raise #GP. */
export declare function apicRead(msr: u32): u32; // value in EXCHANGE (u64)
export declare function apicWrite(msr: u32, low: u32, high: u32): u32;
/** Task priority (CR8). */
export declare function readTpr(): u32;
export declare function writeTpr(value: u32): void;
/** A paravirt MSR was written: 0 refuses it. */
export declare function paravirtWrite(msr: u32, low: u32, high: u32): u32;
/**
 * The body of region number `region` is at wasm address `start`, and at `hints` a list of `hintCount` offsets (u32) in it at
 * which branches are hardly ever taken: make a function of it, and call linkRegion() with its slot.
 */
export declare function translated(region: u32, start: u32, byteCount: u32, hints: u32, hintCount: u32): void;
/** All regions are gone: their functions will not be called again, and those that wait for their module are forgotten. */
export declare function translationsDropped(): void;
/** The guest asked for something worth a log line: code and detail (see src/core). */
export declare function note(code: u32, detail: f64): void;
