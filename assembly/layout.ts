/**
 * Where machine state lives in the core's linear memory. The one place with offsets: the AssemblyScript core and
 * src/core import the same constants. All addresses are wasm addresses (bytes from the start of linear memory).
 * The CPU block is at a fixed address; a second vCPU gets its own instance of the core with its own block.
 */

// ---- CPU block (0..0x3fff): it comes first, so that instructions of the host reach general registers by a displacement of one byte ----
/** 16 general registers, 8 bytes each, in x86 number order. */
export const GPR = 0x0;
/** A slot that always holds zero: "no base" and "no index" in decoded memory operands. Register code 128. */
export const GPR_ZERO = 0x80;
/** Linear address of the page being executed; RIP-relative operands use it as base. Register code 136. */
export const LINEAR_PAGE = 0x88;
export const CODE_ZERO = 128;
export const CODE_LINEAR_PAGE = 136;

export const RIP = 0x90; // u64, exact between runs and after a fault; not kept up inside a run
/** EFLAGS without the six arithmetic flags, which are lazy: see FLAG_RESULT and FLAG_AUX. */
export const EFLAGS_REST = 0x98; // u32
/** Lazy arithmetic flags: the last result, sign-extended to 64 bits: ZF = (result == 0), SF = sign ^ aux bit 0, PF = parity of (low byte ^ aux bits 8..15). */
export const FLAG_RESULT = 0xa0; // i64
/** Lazy arithmetic flags: bit 31 = CF, bit 31 ^ bit 30 = OF, bit 3 = AF, bit 0 = SF delta, bits 8..15 = parity delta. */
export const FLAG_AUX = 0xa8; // u32

export const CR0 = 0xb0; // u64 each
export const CR2 = 0xb8;
export const CR3 = 0xc0;
export const CR4 = 0xc8;
export const CR8 = 0xd0;
export const EFER = 0xd8;
export const XCR0 = 0xe0;
export const DR = 0xe8; // dr0..dr7, u64 each, to 0x128

/** Segment registers ES CS SS DS FS GS, then LDTR and TR: 32 bytes each. */
export const SEG = 0x140;
export const SEG_SIZE = 32;
export const SEG_BASE = 0; // u64
export const SEG_LIMIT = 8; // u32, in bytes, granularity applied
export const SEG_FLAGS = 12; // u32: access byte in bits 8..15 and AVL L D/B G in 20..23, as in the descriptor's second dword; 0 when null
export const SEG_SELECTOR = 16; // u16
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
export const LDTR = 6;
export const TR = 7; // ends at 0x240

export const GDTR_BASE = 0x240; // u64
export const GDTR_LIMIT = 0x248; // u32
export const IDTR_BASE = 0x250; // u64
export const IDTR_LIMIT = 0x258; // u32
export const CPL = 0x25c; // u32

// Derived from the mode, kept by updateMode()
/** Code unit key: what decoding depends on. See MODE_* bits. */
export const MODE = 0x260; // u32
export const STACK_MASK = 0x268; // u64: 0xffff, 0xffffffff or all ones
/** 1 when SS is flat (base 0, no limit), so that stack accesses need no segment check. */
export const STACK_FLAT = 0x270; // u32
/** Mask of a linear address: all ones in 64-bit mode, 32 bits elsewhere. */
export const LINEAR_MASK = 0x278; // u64
/** Mask of the instruction pointer: 64 or 32 bits. */
export const IP_MASK = 0x280; // u64
/** CS base as added to the instruction pointer: 0 in 64-bit mode. */
export const CODE_BASE = 0x288; // u64
/** Effective-address masks by the low two bits of the decoded `ea` byte: 64, 32 and 16 bits. */
export const EA_MASK = 0x290; // 3 x u64, to 0x2a8

// Run state
/** Instructions left in this run, as of START. The exact count at instruction i is COUNT - ((i - START) >> 4). */
export const COUNT = 0x2b0; // i64
/** Decoded record at which COUNT was exact. */
export const START = 0x2b8; // u32
/** Instructions retired up to the beginning of this run's budget: total = ICOUNT_BASE - COUNT (see instructionCount()). */
export const ICOUNT_BASE = 0x2c0; // i64
/** The record whose instruction faulted; 0 when RIP already is exact. */
export const CURRENT = 0x2c8; // u32
/** Why run() returned: EXIT_* */
export const EXIT_REASON = 0x2cc; // u32
/** Non-zero: an external interrupt waits (the host sets it from the local APIC or PIC). */
export const INTR = 0x2d0; // u32
export const NMI_PENDING = 0x2d4; // u32
export const NMI_BLOCKED = 0x2d8; // u32
/** What holds interrupts for one instruction: SHADOW_STI or SHADOW_STACK; in force while the instruction count is SHADOW_COUNT. */
export const SHADOW = 0x2dc; // u32
export const SHADOW_STI = 1;
/** MOV SS and POP SS; also holds the single-step trap. */
export const SHADOW_STACK = 2;
/** i64 */
export const SHADOW_COUNT = 0x2a8;
export const HALTED = 0x2e0; // u32
export const FAULT_VECTOR = 0x2e4; // u32
export const FAULT_ERROR = 0x2e8; // u32
/** 1 when FAULT_ERROR is pushed. */
export const FAULT_HAS_ERROR = 0x2ec; // u32
/** Vector being delivered, or 0xffffffff: for double-fault detection. */
export const DELIVERING = 0x2f0; // u32
/** Unit of decoded code being executed. */
export const UNIT = 0x2f4; // u32
/** What FAULT_VECTOR is: a fault (0), or a trap or software interrupt whose RIP is the next instruction. See system/interrupt.ts. */
export const FAULT_KIND = 0x2fc; // u32
export const SHUTDOWN = 0x2f8; // u32: triple fault

export const MXCSR = 0x300; // u32
export const FCW = 0x304; // u16
export const FSW = 0x306; // u16, TOP included
/** Abridged tag word: bit = 1 when the physical register is valid (FXSAVE form). */
export const FTW = 0x308; // u8
export const FOP = 0x30a; // u16
export const FIP = 0x310; // u64
export const FDP = 0x318; // u64
export const FCS = 0x320; // u16
export const FDS = 0x322; // u16
/** Physical x87 registers R0..R7, 16 bytes each: u64 significand, u16 sign and exponent. MMX aliases the significand. */
export const FPR = 0x340;
/** XMM/YMM registers, 32 bytes each, 16 of them. */
export const XMM = 0x400; // to 0x600

// MSRs
export const MSR_STAR = 0x600; // u64 each
export const MSR_LSTAR = 0x608;
export const MSR_CSTAR = 0x610;
export const MSR_FMASK = 0x618;
export const MSR_KERNEL_GS_BASE = 0x620;
export const MSR_SYSENTER_CS = 0x628;
export const MSR_SYSENTER_ESP = 0x630;
export const MSR_SYSENTER_EIP = 0x638;
export const MSR_PAT = 0x640;
export const MSR_TSC_AUX = 0x648;
export const MSR_APIC_BASE = 0x650;
export const MSR_MISC_ENABLE = 0x658;
export const MSR_MTRR_DEF_TYPE = 0x660;
/** IA32_MTRR_PHYSBASE0.. and PHYSMASK: 8 pairs, then 11 fixed-range registers. */
export const MSR_MTRR_VARIABLE = 0x668; // 16 x u64, to 0x6e8
export const MSR_MTRR_FIXED = 0x6e8; // 11 x u64, to 0x740
/** Added to the clock to give the guest's TSC. */
export const TSC_OFFSET = 0x740; // i64
export const MSR_TSC_ADJUST = 0x748;
export const MSR_KVM_SYSTEM_TIME = 0x750;
export const MSR_KVM_WALL_CLOCK = 0x758;
export const MSR_KVM_POLL_CONTROL = 0x760;
/** Four page-directory-pointer entries of PAE paging, loaded with CR3. */
export const PDPTE = 0x768; // 4 x u64, to 0x788
export const MSR_SYSCFG = 0x788;
export const MSR_HWCR = 0x790;
export const MSR_NB_CFG = 0x798;

/** Scratch place for read-modify-write accesses that cross a page or reach a device. */
export const SCRATCH = 0x800; // 64 bytes
/** Where the pending scratch write goes: linear address and its two physical halves. */
export const SCRATCH_LINEAR = 0x840; // u64
/** Scratch decoded records for single stepping. */
export const STEP_RECORDS = 0x880; // 4 records
/** The STOP record: run() returns when it gets here. */
export const STOP_RECORD = 0x8c0;
/** Instruction bytes being decoded, zero padded. */
export const CODE_BYTES = 0x900; // 32 bytes
/** What the host reads after it caught a fault, and other small exchange areas. */
export const EXCHANGE = 0x940; // 192 bytes
/** Saved copy of the memory-mapped bytes for FXSAVE-like block transfers. */
export const BLOCK = 0xa00; // 1024 bytes, to 0xe00
/** Statistics counters, u64 each; see STAT_*. */
export const STATS = 0xe00;
export const STAT_DECODED = 0;
export const STAT_TLB_MISSES = 8;
export const STAT_FLUSHES = 16;
export const STAT_INVALIDATIONS = 24;
export const STAT_FAULTS = 32;
export const CPU_BLOCK = 0x0;
export const CPU_BLOCK_SIZE = 0x1000;

// ---- static data of asc starts here (--memoryBase) -------------------------------------------------------------
export const DATA_BASE = 0x10000;

// ---- TLB --------------------------------------------------------------------------------------------------------
/** Data TLB: banks of 4096 entries of 32 bytes. Bank 0 user, 1 kernel, 2 kernel with EFLAGS.AC (SMAP lifted), 3 never filled (alignment checks on). */
export const TLB = 0x100000;
export const TLB_ENTRIES = 4096;
export const TLB_ENTRY_SIZE = 32;
export const TLB_BANK_SIZE = 0x20000;
export const TLB_BANKS = 4;
export const TLB_READ = 0; // u64: linear page when readable, else a tag that nothing matches
export const TLB_WRITE = 8; // u64: the same for writing
export const TLB_ADDEND = 16; // u32: wasm address = low 32 bits of linear + addend
export const TLB_PHYSICAL = 20; // u32: page frame number
export const TLB_GLOBAL = 24; // u32: 1 when the translation is global; bit 1: large page, then bits 8..13 the page size's logarithm
/** Fetch TLB: per CPL class 4096 entries of 16 bytes {u64 linear page | mode, u32 unit, u32 frame}; see FETCH_EDGE. */
export const FETCH = 0x180000;
export const FETCH_ENTRIES = 4096;
export const FETCH_BANK_SIZE = 0x10000;
/** In the tag: the page is where the code segment's limit lies. Outside 64-bit mode no address has this bit. */
export const FETCH_EDGE = 1 << 30; // of the upper half
/** In U_MODE only: such a unit has one instruction per run, and each is checked against the limit. */
export const MODE_CS_EDGE = 4096;
/** Bit n: entry n of the data TLB (all banks) was filled since it was last dropped, at all and with a page that is not global. */
export const TLB_FILLED = 0x1a0000; // u64 x 256
export const TLB_FILLED_LOCAL = 0x1a0800;
/** The same for the fetch TLB. */
export const FETCH_FILLED = 0x1a1000; // u64 x 128
export const FETCH_FILLED_LOCAL = 0x1a1400; // to 0x1a1800

// ---- per-page tables (3 GiB of RAM: 0xc0000 pages) ---------------------------------------------------------------
export const PAGE_COUNT_MAX = 0xc0000;
/** u8 per physical page: PAGE_HAS_CODE, PAGE_DIRTY. */
export const PAGE_FLAGS = 0x200000; // to 0x2c0000
export const PAGE_HAS_CODE = 1;
export const PAGE_DIRTY = 2;
/** Some TLB entry may allow stores to the page. */
export const PAGE_STORABLE = 4;
/** u32 per physical page: first code unit of that page, or 0. */
export const PAGE_UNITS = 0x400000; // to 0x700000

// ---- decoded code --------------------------------------------------------------------------------------------------
/** Units (one per physical page and mode) and runs of records, allocated from the bottom and flushed all at once. */
export const CODE_ARENA = 0x800000;
export const CODE_ARENA_END = 0x6000000; // 88 MiB

/** Guest RAM starts here. */
export const RAM_BASE = 0x8000000; // 128 MiB
export const RAM_SIZE_MAX = 0xc0000000; // 3 GiB: the guest-physical hole for devices starts there

// ---- mode bits (MODE) ---------------------------------------------------------------------------------------------
export const MODE_CODE_MASK = 3;
export const MODE_16 = 0;
export const MODE_32 = 1;
export const MODE_64 = 2;
/** DS, ES and SS are flat (base 0, limit 4 GiB), or we are in 64-bit mode. */
export const MODE_FLAT = 4;
/** x87 and MMX instructions raise #NM or #UD (CR0.EM, CR0.TS). */
export const MODE_NO_X87 = 8;
export const MODE_NO_MMX = 16; // CR0.EM: #UD
export const MODE_NO_SSE = 32; // CR4.OSFXSR clear or CR0.EM: #UD
export const MODE_TS = 64; // CR0.TS: #NM
export const MODE_NO_AVX = 128; // CR4.OSXSAVE clear or XCR0 lacks AVX: #UD
export const MODE_PROTECTED = 256; // CR0.PE and not virtual-8086
export const MODE_WAIT = 512; // CR0.MP and CR0.TS: FWAIT raises #NM
export const MODE_V86 = 1024;

// ---- exit reasons ------------------------------------------------------------------------------------------------
export const EXIT_BUDGET = 0;
export const EXIT_HALT = 1;
export const EXIT_SHUTDOWN = 2;
/** An interrupt may be deliverable now (IF, TPR or shadow changed). */
export const EXIT_EVENT = 3;

// ---- decoded record (16 bytes) --------------------------------------------------------------------------------------
export const RECORD_SIZE = 16;
export const R_OP = 0; // u16
export const R_WHERE = 2; // u16: offset in page (12 bits) | length << 12
export const R_R0 = 4; // u8: register code (number * 8, + 1 for AH CH DH BH)
export const R_R1 = 5; // u8: second register, or base of the memory operand
export const R_INDEX = 6; // u8: index register code >> 3 (5 bits; 16 = none) | scale << 5
export const R_EA = 7; // u8: low 2 bits address size (0 = 64, 1 = 32, 2 = 16), EA_SEGMENT when a segment must be applied, segment << 4
export const R_DISP = 8; // i32; relative branches: cached target record
export const R_IMM = 12; // i32; relative branches: target offset from the page's start
export const EA_SEGMENT = 4;
/** Immediate byte 1 holds a third register code (VEX.vvvv, CL of SHLD) when the row has one. */
export const R_R2 = 13; // u8

// ---- code unit ------------------------------------------------------------------------------------------------------
/** One physical page decoded in one mode. */
export const U_FRAME = 0; // u32
export const U_MODE = 4; // u32; MODE_STUB for a page that only holds the tail of an instruction
export const U_NEXT = 8; // u32: next unit of the same page
export const U_RUNS = 12; // u32: newest run header
export const U_LINES = 16; // u64: bit n = bytes n*64.. were decoded
export const U_DEPENDENT = 24; // u32: stub units: the unit that holds the instruction's head
export const U_DEAD = 28; // u32
export const U_REGIONS = 32; // u32: first page link of a translated region with code of this unit, or 0
export const U_MAP = 64; // u32 per byte of the page: its record, or 0
export const U_SIZE = 16448;
export const MODE_STUB = 0xffff;
/** The code segment has a limit below 4 GiB, so branches are checked one by one. */
export const MODE_CS_LIMIT = 2048;

// Pseudo operations: the first op numbers of the generated dispatch.
export const OP_STOP = 0; // leave run()
export const OP_RESYNC = 1; // the unit was dropped: look the address up again
export const OP_END = 2; // run goes on at page offset imm (4096 and more: the next page)
export const OP_STRADDLE = 3; // the next record crosses into the page whose frame is imm
export const OP_INVALID = 4; // not an instruction: #UD
export const OP_RAISE = 5; // raises vector r0 (no device: #NM, #UD; too long: #GP)
export const OP_ENTER = 6; // translated code begins here: imm has region and block, disp the page within the region
export const OP_FIRST = 7;

// ---- decoder rows (generated by scripts/generate-isa.ts, read by engine/decode.ts) ----------------------------------
/** Row: 6 u32 words. */
export const ROW_SIZE = 24;
// word 0, what must match
export const ROW_PREFIX_NP = 1;
export const ROW_PREFIX_66 = 2;
export const ROW_PREFIX_F3 = 4;
export const ROW_PREFIX_F2 = 8;
export const ROW_REG_SHIFT = 4; // 0..7, 8 = any
export const ROW_MEM = 1 << 8;
export const ROW_REG = 1 << 9;
export const ROW_MODE_SHIFT = 10; // bit 10: 16-bit, 11: 32-bit, 12: 64-bit code
export const ROW_W_SHIFT = 13; // bit 13: W0, 14: W1
export const ROW_L_SHIFT = 15; // bit 15: L0, 16: L1
export const ROW_FIXED_MODRM = 1 << 17;
export const ROW_MODRM_SHIFT = 18; // the byte
export const ROW_OSZ_SHIFT = 26; // bit 26: 16, 27: 32, 28: 64
// word 1, attributes
export const ROW_HAS_MODRM = 1;
export const ROW_LOCK = 2;
export const ROW_D64 = 4;
export const ROW_ENDS = 8;
export const ROW_IGNORE66 = 16;
export const ROW_VVVV = 32; // an operand uses VEX.vvvv
export const ROW_IMM_SHIFT = 8; // 4 bits: IMM_*
export const ROW_UNIT_SHIFT = 12; // 3 bits: UNIT_*
export const ROW_WIDTH_SHIFT = 16; // 2 bits: WIDTH_*
export const ROW_IGNORE_MOD = 1 << 19; // ModRM.mod is ignored: always a register form (MOV CR, MOV DR)
export const ROW_MMX = 1 << 18; // an SSE row that touches MMX registers
export const ROW_NO_REX_B = 1 << 21; // matches only without REX.B (90 is NOP, 41 90 is XCHG)
export const ROW_IMPLICIT_MEMORY = 1 << 20; // memory at rSI or rDI: a segment applies although ModRM names none
export const IMM_NONE = 0;
export const IMM_IB = 1; // 8 bits, sign-extended
export const IMM_IW = 2; // 16 bits
export const IMM_IZ = 3; // 16 or 32 bits by operand size, sign-extended
export const IMM_IV = 4; // 16, 32 or 64 bits
export const IMM_REL8 = 5;
export const IMM_RELZ = 6;
export const IMM_MOFFS = 7;
export const IMM_IWIB = 8;
export const IMM_PTR = 9;
export const IMM_IS4 = 10; // register in the high nibble
export const IMM_ONE = 11; // the constant 1
export const UNIT_INTEGER = 0;
export const UNIT_X87 = 1;
export const UNIT_MMX = 2;
export const UNIT_SSE = 3;
export const UNIT_AVX = 4;
export const UNIT_WAIT = 5; // FWAIT: #NM when CR0.TS and CR0.MP
export const WIDTH_ONE = 0;
export const WIDTH_V = 1; // forms for 16, 32, 64
export const WIDTH_Y = 2; // forms for 32, 64
// word 2: index of the first form. word 3: operand sources, 4 x 8 bits
export const SOURCE_NONE = 0;
export const SOURCE_REG = 1;
export const SOURCE_RM = 2;
export const SOURCE_OPCODE = 3;
export const SOURCE_VVVV = 4;
export const SOURCE_FIXED = 5;
export const SOURCE_IS4 = 6;
export const SOURCE_BYTE = 16; // 8-bit general register: AH..BH mapping applies
// word 4: fixed register codes, 4 x 8 bits. word 5: slots, 4 x 4 bits for register forms, then 4 x 4 bits for memory forms
export const SLOT_R0 = 0;
export const SLOT_R1 = 1;
export const SLOT_R2 = 2;
export const SLOT_NONE = 15;
/** Maps: 0 one-byte, 1 0F, 2 0F 38, 3 0F 3A, 4..6 the same of VEX; 256 entries of {u16 first row, u16 count} each. */
export const OPCODE_MAPS = 7;
/** Decoded address is 64-bit absolute (disp and imm), or page-relative beyond 32 bits. Comes with EA_SEGMENT. */
export const EA_LONG = 8;

// ---- translated code -----------------------------------------------------------------------------------------------
/** Body of the function that the translator wrote last. */
export const EMIT_CODE = 0x7800000;
export const EMIT_CODE_SIZE = 0x100000;
/** Regions: one translated function each. See engine/regions.ts. */
export const REGIONS = 0x7900000;
export const REGION_SIZE = 80;
export const REGIONS_MAX = 13107; // to 0x7a00000
/** Pages that one region has code of, at most. */
export const REGION_PAGES_MAX = 16;
/** Exits of regions, and copies of records that translated code hands to helpers; allocated from both ends, flushed at once. */
export const EXITS = 0x6000000;
export const EXITS_END = 0x7800000; // 24 MiB
/** Where translated code for a linear address is: a direct-mapped cache in front of the fetch TLB and units. */
export const ENTRIES = 0x7f00000;
export const ENTRY_SIZE = 32;
export const ENTRIES_MAX = 16384; // to 0x7f80000
/** Heat of addresses that are not translated: u16 by hash. */
export const HEAT = 0x7f80000;
export const HEAT_ENTRIES = 0x10000; // to 0x7fa0000
/** How often regions of a physical page died because it was written: u8 by the frame's low bits. */
export const PAGE_DROPS = 0x7fa0000;
export const PAGE_DROPS_SIZE = 0x10000; // to 0x7fb0000
/** Pieces of 256 bytes of code whose windows failed too often: u8 by hash. See engine/emit-memory.ts. */
export const NARROW = 0x7fb0000;
export const NARROW_SIZE = 0x8000; // to 0x7fb8000
/** Where indirect jumps went that left their region. See engine/targets.ts. */
export const TARGETS = 0x7fb8000;
export const TARGET_SETS = 2048;
export const TARGET_SET_SIZE = 128; // to 0x7ff8000, below RAM_BASE

// State that tiers share, outside of what a snapshot saves.
/**
 * What translated code depends on beyond the unit: MODE, stack, privilege, and a user's TLB bank (the kernel's, which STAC and
 * CLAC change, is looked up in T_BANK). Kept by updateMode().
 */
export const T_KEY = 0x2000; // u32
/** Counts what may make a translated address wrong: changes of the fetch TLB, dropped units. */
export const T_GENERATION = 0x2004; // u32
/** Both again, for code of global pages alone, which a load of CR3 leaves as it is. No generation is in both words. */
export const T_KEY_GLOBAL = 0x2018; // u32
export const T_GENERATION_GLOBAL = 0x201c; // u32
export const T_KEY_STACK_FLAT = 1 << 16;
export const T_KEY_STACK_16 = 1 << 17;
export const T_KEY_BANK_SHIFT = 18; // 2 bits
export const T_KEY_USER = 1 << 20;
/** Linear address of the page that the running region's offsets count from. */
export const T_BASE = 0x2008; // u64
/** Lazy flags as translated code left them: operands and what made them (engine/emit-flags.ts). */
export const T_FLAG_A = 0x2040; // u64
export const T_FLAG_B = 0x2048; // u64
export const T_FLAG_KIND = 0x2020; // u32
/** What is left of the caller's budget behind the part that COUNT counts. */
export const T_LEFT = 0x2028; // i64
/** TIER_*: how eagerly to translate. */
export const T_TIER = 0x2030; // u32
export const TIER_INTERPRET = 0;
/** Everything at first sight, a module each. For tests. */
export const TIER_TRANSLATE = 1;
/** What is hot. */
export const TIER_MIXED = 2;
/** Instructions that a region takes in, at most. */
export const T_INSNS_MAX = 0x2038; // u32
/** Heat at which an address is translated. */
export const T_THRESHOLD = 0x2034; // u32
/** Exits of a region to other code, and in the middle, after which it is made in another way. See engine/translated.ts. */
export const T_PASSED_MANY = 0x203c; // u32
export const T_LEAVES_MANY = 0x2050; // u32
/** Address of the TLB bank in use. */
export const T_BANK = 0x2054; // u32
/** Counters of the translator, u64 each: TS_*. */
export const T_STATS = 0x2100;
export const TS_REGIONS = 0;
export const TS_BLOCKS = 8;
export const TS_INSTRUCTIONS = 16; // translated, statically
export const TS_BYTES = 24;
export const TS_DROPPED = 32; // regions
export const TS_FLUSHES = 40;
export const TS_RETIRED = 48; // instructions executed by translated code
export const TS_ENTERED = 56; // from tier 0
export const TS_EXIT_LEAVE = 64; // tier 0 does an instruction: TLB miss, device, fault, exact arithmetic
export const TS_EXIT_JUMP = 72; // to an address known at translation
export const TS_EXIT_INDIRECT = 80;
export const TS_EXIT_HELPER = 88;
export const TS_EXIT_BUDGET = 96;
export const TS_LOOKUP_MISS = 104; // of ENTRIES
export const TS_UNTRANSLATED = 112; // exits to where no translated code is
export const TS_DECLINED = 120; // entries refused: other mode or mapping
export const TS_SIZE = 128;
