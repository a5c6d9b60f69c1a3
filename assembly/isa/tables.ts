/** All instruction tables, in one list. */
import type { Table } from './form.ts';
import { ALU } from './alu.table.ts';
import { BIT } from './bit.table.ts';
import { BRANCH } from './branch.table.ts';
import { FLAG } from './flag.table.ts';
import { FLOAT, FLOAT_SSE3, FLOAT_SSE41 } from './float.table.ts';
import { IO } from './io.table.ts';
import { LEGACY } from './legacy.table.ts';
import { MISC } from './misc.table.ts';
import { MMX } from './mmx.table.ts';
import { MOV } from './mov.table.ts';
import { MULDIV } from './muldiv.table.ts';
import { SHIFT } from './shift.table.ts';
import { SIMD_AES, SIMD_CLMUL, SIMD_SHA, SIMD_SSE3, SIMD_SSE41, SIMD_SSE42, SIMD_SSSE3 } from './simd-later.table.ts';
import { MMX_SSE2, SIMD } from './simd.table.ts';
import { STACK } from './stack.table.ts';
import { STRING } from './string.table.ts';
import { SYSTEM } from './system.table.ts';
import { X87 } from './x87.table.ts';
import { XSAVE } from './xsave.table.ts';

export const TABLES: Table[] = [
  ALU,
  MOV,
  STACK,
  BRANCH,
  BIT,
  FLAG,
  IO,
  LEGACY,
  MISC,
  MULDIV,
  SHIFT,
  STRING,
  SYSTEM,
  MMX,
  MMX_SSE2,
  SIMD,
  SIMD_SSE3,
  SIMD_SSSE3,
  SIMD_SSE41,
  SIMD_SSE42,
  SIMD_AES,
  SIMD_CLMUL,
  SIMD_SHA,
  FLOAT,
  FLOAT_SSE3,
  FLOAT_SSE41,
  X87,
  XSAVE,
];
