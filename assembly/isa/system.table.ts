/** System instructions: segment registers, far transfers, interrupts, descriptor tables, control and model-specific registers. SDM Vol. 2, Vol. 3. */
import { row, table, type Row } from './form.ts';

const helper = { helper: true } as const;
const sizes = [16, 32, 64] as const;

/** One row per operand size, for helpers that are generic in it. */
function sized(name: string, opcode: string, operands: string, options: Row['options'], from: readonly (16 | 32 | 64)[] = sizes): Row[] {
  return from.map((osz) => row(name, opcode, operands, { ...options, helper: true, osz, fn: `${options.fn ?? name}<u${osz}>` }));
}

/** Far pointers in memory: AMD's processors ignore REX.W and take 16:32 (AMD64 Vol. 3, LSS, JMP (Far)); Intel's would take 16:64. */
function far(name: string, opcode: string, operands: string, options: Row['options']): Row[] {
  return [
    ...sized(name, opcode, operands, options, [16, 32]),
    row(name, opcode, operands.replace('Gv', 'Gd'), { ...options, helper: true, osz: 64, mem: 6, fn: `${options.fn ?? name}<u32>` }),
  ];
}

export const SYSTEM = table('system', 'X86', 'integer', [
  // Segment registers
  row('MOV', '8C /r', 'Ev Sw', { mem: 2, fn: 'MOV_FROM_SEGMENT<B, W, K0, K1>' }),
  row('MOV', '8E /r', 'Sw Ew', { helper: true, fn: 'MOV_TO_SEGMENT<K1>' }),
  ...(['06 ES', '0E CS', '16 SS', '1E DS'] as const).flatMap((t) =>
    sized('PUSH', t.slice(0, 2), '', { i64: true, fn: `PUSH_SEGMENT_${t.slice(3)}`, asm: `PUSH ${t.slice(3)}` }, [16, 32]),
  ),
  ...(['07 ES', '17 SS', '1F DS'] as const).flatMap((t) =>
    sized('POP', t.slice(0, 2), '', { i64: true, fn: `POP_SEGMENT_${t.slice(3)}`, asm: `POP ${t.slice(3)}` }, [16, 32]),
  ),
  ...(['A0 FS', 'A8 GS'] as const).flatMap((t) =>
    sized('PUSH', `0F ${t.slice(0, 2)}`, '', { d64: true, fn: `PUSH_SEGMENT_${t.slice(3)}`, asm: `PUSH ${t.slice(3)}` }),
  ),
  ...(['A1 FS', 'A9 GS'] as const).flatMap((t) =>
    sized('POP', `0F ${t.slice(0, 2)}`, '', { d64: true, fn: `POP_SEGMENT_${t.slice(3)}`, asm: `POP ${t.slice(3)}` }),
  ),
  ...sized('LES', 'C4 /r', 'Gv Mp', { i64: true, fn: 'LOAD_FAR_ES' }, [16, 32]),
  ...sized('LDS', 'C5 /r', 'Gv Mp', { i64: true, fn: 'LOAD_FAR_DS' }, [16, 32]),
  ...far('LSS', '0F B2 /r', 'Gv Mp', { fn: 'LOAD_FAR_SS' }),
  ...far('LFS', '0F B4 /r', 'Gv Mp', { fn: 'LOAD_FAR_FS' }),
  ...far('LGS', '0F B5 /r', 'Gv Mp', { fn: 'LOAD_FAR_GS' }),
  // Far transfers
  ...sized('JMPF', 'EA ptr', 'A', { asm: 'JMP', i64: true, end: true, fn: 'JMP_FAR' }, [16, 32]),
  ...sized('CALLF', '9A ptr', 'A', { asm: 'CALL', i64: true, end: true, fn: 'CALL_FAR' }, [16, 32]),
  ...far('JMPF', 'FF /5', 'Mp', { asm: 'JMP', end: true, fn: 'JMP_FAR_M' }),
  ...far('CALLF', 'FF /3', 'Mp', { asm: 'CALL', end: true, fn: 'CALL_FAR_M' }),
  ...sized('RETF', 'CB', '', { end: true, fn: 'RET_FAR' }),
  ...sized('RETF', 'CA iw', 'Iw', { end: true, fn: 'RET_FAR_I' }),
  ...sized('IRET', 'CF', '', { end: true }),
  // Interrupts
  row('INT3', 'CC', '', { ...helper, end: true }),
  row('INT', 'CD ib', 'Ib', { ...helper, end: true }),
  row('INTO', 'CE', '', { ...helper, i64: true }),
  row('INT1', 'F1', '', { ...helper, end: true }),
  row('CLI', 'FA', '', { branch: true }),
  row('STI', 'FB', '', { branch: true }),
  row('HLT', 'F4', '', { ...helper, end: true }),
  // System calls
  row('SYSCALL', '0F 05', '', { ...helper, end: true, feature: 'SYSCALL' }),
  ...sized('SYSRET', '0F 07', '', { end: true, feature: 'SYSCALL' }),
  row('SYSENTER', '0F 34', '', { ...helper, end: true, feature: 'SEP' }),
  ...sized('SYSEXIT', '0F 35', '', { end: true, feature: 'SEP' }),
  // Descriptor tables
  ...sized('SLDT', '0F 00 /0', 'Rv', { fn: 'SLDT_R' }),
  row('SLDT', '0F 00 /0', 'Mw', { helper: true, fn: 'SLDT_M', mem: 2 }),
  ...sized('STR', '0F 00 /1', 'Rv', { fn: 'STR_R' }),
  row('STR', '0F 00 /1', 'Mw', { helper: true, fn: 'STR_M', mem: 2 }),
  row('LLDT', '0F 00 /2', 'Ew', { helper: true, fn: 'LLDT<K0>' }),
  row('LTR', '0F 00 /3', 'Ew', { helper: true, fn: 'LTR<K0>' }),
  row('VERR', '0F 00 /4', 'Ew', { helper: true, fn: 'VERR<K0>' }),
  row('VERW', '0F 00 /5', 'Ew', { helper: true, fn: 'VERW<K0>' }),
  row('SGDT', '0F 01 /0', 'Ms', helper),
  row('SIDT', '0F 01 /1', 'Ms', helper),
  row('LGDT', '0F 01 /2', 'Ms', helper),
  row('LIDT', '0F 01 /3', 'Ms', helper),
  ...sized('SMSW', '0F 01 /4', 'Rv', { fn: 'SMSW_R' }),
  row('SMSW', '0F 01 /4', 'Mw', { helper: true, fn: 'SMSW_M', mem: 2 }),
  row('LMSW', '0F 01 /6', 'Ew', { helper: true, fn: 'LMSW<K0>' }),
  row('INVLPG', '0F 01 /7', 'Mb', helper),
  row('SWAPGS', '0F 01 F8', '', { ...helper, o64: true }),
  row('RDTSCP', '0F 01 F9', '', { ...helper, feature: 'RDTSCP' }),
  row('XGETBV', 'NP 0F 01 D0', '', { ...helper, feature: 'XSAVE' }),
  row('XSETBV', 'NP 0F 01 D1', '', { ...helper, feature: 'XSAVE' }),
  row('CLAC', 'NP 0F 01 CA', '', { ...helper, feature: 'SMAP' }),
  row('STAC', 'NP 0F 01 CB', '', { ...helper, feature: 'SMAP' }),
  ...sized('LAR', '0F 02 /r', 'Gv Ew', { fn: 'LAR' }).map((r) => ({ ...r, options: { ...r.options, fn: r.options.fn!.replace('>', ', K1>') } })),
  ...sized('LSL', '0F 03 /r', 'Gv Ew', { fn: 'LSL' }).map((r) => ({ ...r, options: { ...r.options, fn: r.options.fn!.replace('>', ', K1>') } })),
  row('CLTS', '0F 06', '', helper),
  row('INVD', '0F 08', '', helper),
  row('WBINVD', '0F 09', '', helper),
  row('INVPCID', '66 0F 38 82 /r', 'Gy M', { mem: 16, helper: true, feature: 'INVPCID', fn: 'INVPCID' }),
  // Control and debug registers: the operand size is fixed by the mode, and a memory form does not exist (mod is ignored).
  row('MOV', '0F 20 /r', 'Ry Cy', { helper: true, ignoreMod: true, fn: 'MOV_FROM_CR' }),
  row('MOV', '0F 22 /r', 'Cy Ry', { helper: true, ignoreMod: true, fn: 'MOV_TO_CR', end: true }),
  row('MOV', '0F 21 /r', 'Ry Dy', { helper: true, ignoreMod: true, fn: 'MOV_FROM_DR' }),
  row('MOV', '0F 23 /r', 'Dy Ry', { helper: true, ignoreMod: true, fn: 'MOV_TO_DR' }),
  // Model-specific registers and counters
  row('WRMSR', '0F 30', '', helper),
  row('RDTSC', '0F 31', '', helper),
  row('RDMSR', '0F 32', '', helper),
  row('RDPMC', '0F 33', '', helper),
  row('CPUID', '0F A2', '', helper),
  ...(['RDFSBASE', 'RDGSBASE', 'WRFSBASE', 'WRGSBASE'] as const).flatMap((name, n) =>
    // 66 does not make them 16-bit.
    sizes.map((osz) => row(name, `F3 0F AE /${n}`, 'Ry', { ...helper, o64: true, osz, feature: 'FSGSBASE', fn: `${name}<${osz === 64 ? 'u64' : 'u32'}>` })),
  ),
]);
