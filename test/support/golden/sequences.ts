/** Instructions whose translation depends on each other, on the address or on the mode. Each ends by UD2. */
import type { CodeMode } from '../../../src/core/disasm/decode.ts';

export interface Sequence {
  readonly name: string;
  readonly bits: CodeMode;
  readonly code: readonly number[];
}

const UD2 = [0x0f, 0x0b];
const sequence = (bits: CodeMode, name: string, ...code: number[]): Sequence => ({
  name,
  bits,
  code: [...code, ...UD2],
});

export const SEQUENCES: readonly Sequence[] = [
  sequence(64, 'a comparison and its jump', 0x39, 0xd1, 0x74, 2, 0xff, 0xc0), // cmp ecx, edx; je +2; inc eax
  sequence(64, 'a test and a jump on the sign', 0x48, 0x85, 0xc9, 0x78, 2, 0xff, 0xc0), // test rcx, rcx; js +2; inc eax
  sequence(64, 'a flag for SETcc and CMOVcc', 0x39, 0xd1, 0x0f, 0x92, 0xc0, 0x0f, 0x4f, 0xf2), // cmp; setb al; cmovg esi, edx
  sequence(64, 'flags that nobody reads', 0x01, 0xc8, 0x01, 0xd0), // add eax, ecx; add eax, edx
  sequence(64, 'the carry of an addition through INC', 0x01, 0xc8, 0xff, 0xc1, 0x11, 0xd0), // add; inc ecx; adc eax, edx
  // mov ecx, 3; again: add eax, ecx; dec ecx; jnz again
  sequence(64, 'a counted loop', 0xb9, 3, 0, 0, 0, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xfa),
  // call over; ud2; over: ret
  sequence(64, 'a call and its return', 0xe8, 2, 0, 0, 0, ...UD2, 0xc3),
  // mov eax, [rbx]; mov ecx, [rbx + 8]; mov [rbx + 16], eax
  sequence(64, 'accesses from one register', 0x8b, 0x03, 0x8b, 0x4b, 8, 0x89, 0x43, 16),
  sequence(64, 'an access after its base changed', 0x8b, 0x03, 0x48, 0xff, 0xc3, 0x8b, 0x03), // mov; inc rbx; mov
  sequence(64, 'pushes and pops', 0x50, 0x51, 0x59, 0x58),
  sequence(64, 'base, index and scale', 0x8b, 0x44, 0x9d, 8), // mov eax, [rbp + rbx * 4 + 8]
  sequence(64, 'an address relative to RIP', 0x8b, 0x05, 0x20, 0, 0, 0),
  sequence(64, 'an absolute address', 0x8b, 0x04, 0x25, 0, 0x10, 0, 0x20),
  sequence(64, 'an address of 32 bits', 0x67, 0x8b, 0x43, 8),
  sequence(64, 'a segment with a base', 0x65, 0x8b, 0x04, 0x25, 0x10, 0, 0, 0), // mov eax, gs:[0x10]
  sequence(64, 'high bytes of registers', 0x00, 0xe0, 0x88, 0xc7), // add al, ah; mov bh, al
  // movsd xmm0, [rbx]; mulsd xmm0, [rbx + 8]; addsd xmm0, xmm1; movsd [rbx], xmm0
  sequence(
    64,
    'scalar doubles',
    ...[0xf2, 0x0f, 0x10, 0x03, 0xf2, 0x0f, 0x59, 0x43, 8],
    ...[0xf2, 0x0f, 0x58, 0xc1, 0xf2, 0x0f, 0x11, 0x03],
  ),
  sequence(64, 'packed integers', 0x66, 0x0f, 0x6f, 0x03, 0x66, 0x0f, 0xfe, 0xc1, 0x66, 0x0f, 0x7f, 0x03), // movdqa; paddd; movdqa
  sequence(64, 'x87', 0xdd, 0x03, 0xdc, 0x4b, 8, 0xdd, 0x1b), // fld [rbx]; fmul [rbx + 8]; fstp [rbx]
  sequence(32, 'a frame', 0x55, 0x89, 0xe5, 0x8b, 0x45, 8, 0xc9), // push ebp; mov ebp, esp; mov eax, [ebp + 8]; leave
  sequence(32, 'a store', 0x01, 0x4b, 0x10),
  sequence(32, 'an address that wraps', 0x8b, 0x84, 0x8b, 0xfc, 0xff, 0xff, 0xff), // mov eax, [ebx + ecx * 4 - 4]
  sequence(32, 'INC in one byte', 0x41),
  sequence(32, 'a call and its return', 0xe8, 2, 0, 0, 0, ...UD2, 0xc3),
  sequence(16, 'two registers as address', 0x8b, 0x40, 2), // mov ax, [bx + si + 2]
  sequence(16, 'a store through ES', 0x26, 0x89, 0x07), // mov es:[bx], ax
  sequence(16, 'operands of 32 bits', 0x66, 0x01, 0x0f), // add [bx], ecx
  sequence(16, 'pushes and pops', 0x50, 0x51, 0x59, 0x58),
  sequence(16, 'a counted loop', 0xb9, 3, 0, 0x01, 0xc8, 0x49, 0x75, 0xfb), // mov cx, 3; again: add ax, cx; dec cx; jnz again
];
