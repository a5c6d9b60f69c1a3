/**
 * What a compiler's or a translator's output is to the machine below: code that was never there before. Writes functions of random
 * arithmetic into fresh pages and calls each until it is hot, page after page; then gives all pages back and begins again. No C
 * library: it is static, and _start is its only function that anybody calls. Never ends by itself.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

enum { AREA_BYTES = 96 << 20, FUNCTION_BYTES = 2048, OPERATIONS_MIN = 20, OPERATIONS_MAX = 300 };
/** Operations of a call, and calls: together what it takes to get hot, and then some. */
enum { WORK = 25000, CALLS = 6 };
enum { SYS_MMAP = 9, SYS_MUNMAP = 11, SYS_EXIT = 60, READ_WRITE_EXECUTE = 7, PRIVATE_ANONYMOUS = 0x22 };

static long system_call(long number, long a, long b, long c, long d, long e, long f) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
}

static u32 next_random(u32 *state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}
static u8 *put32(u8 *at, u32 value) {
  for (int n = 0; n < 4; n++) *at++ = (u8)(value >> 8 * n);
  return at;
}

/**
 * One of: op eax, imm32; op eax, edx; rol eax, imm8; imul eax, eax, imm32; and seldom a comparison and a jump over an addition, for
 * each target of a jump gets hot by itself.
 */
static u8 *put_operation(u8 *at, u32 *state) {
  static const u8 WITH_IMMEDIATE[] = {0x05, 0x0d, 0x15, 0x1d, 0x25, 0x2d, 0x35};
  static const u8 WITH_EDX[] = {0x01, 0x09, 0x11, 0x19, 0x29, 0x31};
  const u32 kind = next_random(state) % 64;
  if (kind < 30) {
    *at++ = WITH_IMMEDIATE[next_random(state) % sizeof WITH_IMMEDIATE];
    return put32(at, next_random(state));
  }
  if (kind < 45) {
    *at++ = WITH_EDX[next_random(state) % sizeof WITH_EDX], *at++ = 0xd0;
    return at;
  }
  if (kind < 55) {
    *at++ = 0xc1, *at++ = 0xc0, *at++ = (u8)(next_random(state) % 31 + 1);
    return at;
  }
  if (kind < 63) {
    *at++ = 0x69, *at++ = 0xc0;
    return put32(at, next_random(state) | 1);
  }
  *at++ = 0x3d, at = put32(at, next_random(state)); // CMP EAX, imm32
  *at++ = 0x72, *at++ = 5;                          // JB over
  *at++ = 0x05;                                     // ADD EAX, imm32
  return put32(at, next_random(state));
}
/** mov ecx, rounds; again: operations on eax and edx; add edx, eax; dec ecx; jnz again; ret */
static void put_function(u8 *at, u32 *state) {
  const u32 operations = OPERATIONS_MIN + next_random(state) % (OPERATIONS_MAX - OPERATIONS_MIN);
  *at++ = 0xb9, at = put32(at, WORK / operations);
  const u8 *again = at;
  for (u32 n = 0; n < operations; n++) at = put_operation(at, state);
  *at++ = 0x01, *at++ = 0xc2;
  *at++ = 0xff, *at++ = 0xc9;
  *at++ = 0x0f, *at++ = 0x85, at = put32(at, (u32)(again - (at + 4)));
  *at = 0xc3;
}

__attribute__((force_align_arg_pointer)) void _start(void) {
  u32 state = 0x9e3779b9;
  for (;;) {
    const long mapped = system_call(SYS_MMAP, 0, AREA_BYTES, READ_WRITE_EXECUTE, PRIVATE_ANONYMOUS, -1, 0);
    if (mapped < 0) system_call(SYS_EXIT, 1, 0, 0, 0, 0, 0);
    u8 *area = (u8 *)mapped;
    for (u8 *at = area; at < area + AREA_BYTES; at += FUNCTION_BYTES) {
      put_function(at, &state);
      for (int n = 0; n < CALLS; n++) __asm__ volatile("call *%0" : : "r"(at) : "rax", "rcx", "rdx", "cc", "memory");
    }
    system_call(SYS_MUNMAP, mapped, AREA_BYTES, 0, 0, 0, 0);
  }
}
