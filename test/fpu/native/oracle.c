/*
 * Native oracle for the soft-float library: runs one x87 or SSE operation of the host CPU
 * over a seeded operand stream that is heavy in edge cases, and writes 64-byte records to
 * stdout. Usage: oracle OP SEED COUNT. The operation numbers are those of
 * assembly/fpu/test-entry.ts. Leaves out anything that touches the x87 stack or memory
 * operands other than the value itself.
 *
 * Record: 0 u8 op, 1 u8 imm, 2 u16 control (FCW or MXCSR), 4 u16 faulted,
 *         8 a.lo, 16 a.hi (or c), 24 b.lo, 32 b.hi, 40 r.lo, 48 r.hi, 50 status,
 *         54 r2.hi, 56 r2.lo
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

typedef struct {
  uint8_t op, imm;
  uint16_t control;
  uint16_t faulted, pad;
  uint64_t aLo, aHi, bLo, bHi, rLo;
  uint16_t rHi, status, pad2, r2Hi;
  uint64_t r2Lo;
} Record;

typedef struct __attribute__((packed)) {
  uint64_t lo;
  uint16_t hi;
} F80;

typedef struct __attribute__((packed)) {
  uint32_t control, status, tags, ip, cs, dp, ds;
  F80 st[8];
} SaveArea;

static uint64_t rngState;
static uint64_t rng(void) {
  uint64_t z = (rngState += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}
static uint32_t below(uint32_t n) { return (uint32_t)((rng() >> 11) % n); }

/* A significand of `bits` bits with a pattern that rounding cares about. */
static uint64_t randomSignificand(int bits) {
  uint64_t all = bits == 64 ? ~0ull : (1ull << bits) - 1, v;
  switch (below(10)) {
    case 0: v = 0; break;
    case 1: v = all; break;
    case 2: v = 1ull << below(bits); break;
    case 3: v = all ^ (1ull << below(bits)); break;
    case 4: v = all << below(bits); break;
    case 5: v = rng() << below(bits); break;
    case 6: v = rng() >> below(bits); break;
    case 7: v = (rng() & ~0ull << 40) + (1ull << 39) + (below(3) - 1); break;
    default: v = rng();
  }
  return v & all;
}

static F80 randomF80(void) {
  F80 f;
  uint32_t exp;
  f.lo = randomSignificand(64) | 1ull << 63;
  switch (below(16)) {
    case 0: exp = 0; f.lo &= ~0ull >> 1; break;
    case 1: exp = 0; if (below(4)) f.lo = 0; break;
    case 2: exp = 1 + below(3); break;
    case 3: exp = 0x7ffe - below(3); break;
    case 4: exp = 0x7fff; if (below(2)) f.lo = 1ull << 63; break;
    case 5: exp = below(0x8000); break;
    case 6: exp = 0x3fff + below(32); break;
    case 7: exp = 0x3fff - below(32); break;
    case 8: exp = 0x3fff; break;
    case 9: exp = 0x3c01 - 60 + below(120); break;
    case 10: exp = 0x3fff - 127 - 30 + below(60); break;
    case 11: exp = below(2) ? 0x43fe - below(4) + 2 : 0x407e - below(4) + 2; break;
    default: exp = 0x3fff - 80 + below(160);
  }
  if (below(40) == 0) f.lo &= ~0ull >> 1; /* unsupported encodings */
  f.hi = exp | (below(2) << 15);
  return f;
}

static void pairF80(F80 *a, F80 *b) {
  *a = randomF80();
  *b = randomF80();
  switch (below(6)) {
    case 0: b->hi = (a->hi + below(5) - 2) ^ (below(2) << 15); break;
    case 1: b->hi = (a->hi + below(140) - 70) ^ (below(2) << 15); break;
    case 2: *b = *a; b->lo += below(5) - 2; b->hi ^= below(2) << 15; break;
    case 3: b->hi = (0x7ffe - (a->hi & 0x7fff) + below(7) - 3) | (below(2) << 15); break;
    default: break;
  }
}

static uint64_t randomNarrow(int expBits, int fracBits) {
  uint64_t bias = (1u << (expBits - 1)) - 1, top = (1u << expBits) - 1, exp, frac = randomSignificand(fracBits);
  switch (below(12)) {
    case 0: exp = 0; break;
    case 1: exp = 0; if (below(3)) frac = 0; break;
    case 2: exp = top; if (below(3)) frac = 0; break;
    case 3: exp = top - 1 - below(3); break;
    case 4: exp = 1 + below(3); break;
    case 5: exp = bias; break;
    case 6: exp = bias + below(70 < bias ? 70 : bias); break;
    case 7: exp = bias - below(8); break;
    case 8: exp = below(top + 1); break;
    default: exp = bias - 30 + below(60);
  }
  return (uint64_t)below(2) << (expBits + fracBits) | exp << fracBits | frac;
}
static uint64_t randomSse(int wide) { return wide ? randomNarrow(11, 52) : randomNarrow(8, 23); }
static void pairSse(int wide, uint64_t *a, uint64_t *b) {
  int shift = wide ? 52 : 23;
  uint64_t all = wide ? ~0ull : 0xffffffffu;
  *a = randomSse(wide);
  *b = randomSse(wide);
  switch (below(6)) {
    case 0: *b = (*a + below(5) - 2) & all; break;
    case 1: *b = (*a + ((uint64_t)below(60) << shift) - (30ull << shift)) & all; break;
    case 2: *b = ((wide ? 0x7ff0000000000000u : 0x7f800000u) - *a + ((uint64_t)below(5) << shift) - (2ull << shift)) & all; break;
    default: break;
  }
}

static uint16_t randomFcw(void) {
  static const uint16_t precision[4] = {0x000, 0x200, 0x300, 0x300};
  uint16_t masks = below(3) ? 0x3f : below(64);
  return 0x40 | masks | precision[below(4)] | below(4) << 10;
}
static uint16_t randomMxcsr(void) {
  uint16_t masks = below(8) ? 0x3f : below(64);
  uint16_t r = masks << 7 | below(4) << 13;
  if (!below(3)) r |= 0x40;
  if (!below(3)) r |= 0x8000;
  return r;
}

static sigjmp_buf resume;
static volatile uint32_t faultMxcsr;
static void onSigfpe(int sig, siginfo_t *info, void *context) {
  ucontext_t *uc = context;
  (void)sig;
  (void)info;
  faultMxcsr = uc->uc_mcontext.fpregs->mxcsr;
  siglongjmp(resume, 1);
}

#define X87(pre, instr)                                                               \
  __asm__ volatile("fninit\n" pre "\nfldcw %[cw]\n" instr "\nfnsave %[save]"          \
                   : [save] "=m"(save), [mem] "+m"(memory)                            \
                   : [a] "m"(a), [b] "m"(b), [cw] "m"(r->control)                     \
                   : "memory")
#define LOAD2 "fldt %[b]\nfldt %[a]"
#define LOAD1 "fldt %[a]"

static void runX87(Record *r) {
  SaveArea save;
  F80 a = {r->aLo, (uint16_t)r->aHi}, b = {r->bLo, (uint16_t)r->bHi};
  struct __attribute__((packed)) { uint64_t lo; uint16_t hi; } memory = {r->aLo, (uint16_t)r->aHi};
  int memoryResult = 0;
  switch (r->op) {
    case 0: X87(LOAD2, "fadd %%st(1),%%st"); break;
    case 1: X87(LOAD2, "fsub %%st(1),%%st"); break;
    case 2: X87(LOAD2, "fmul %%st(1),%%st"); break;
    case 3: X87(LOAD2, "fdiv %%st(1),%%st"); break;
    case 4: X87(LOAD1, "fsqrt"); break;
    case 5: X87(LOAD2, "fprem"); break;
    case 6: X87(LOAD2, "fprem1"); break;
    case 7: X87(LOAD2, "fscale"); break;
    case 8: X87(LOAD1, "fxtract"); break;
    case 9: X87(LOAD1, "frndint"); break;
    case 10: X87(LOAD2, "fcom %%st(1)"); break;
    case 11: X87(LOAD2, "fucom %%st(1)"); break;
    case 12: memory.lo = 0x5555; X87(LOAD1, "fistps %[mem]"); memoryResult = 1; break;
    case 13: memory.lo = 0x5555; X87(LOAD1, "fistpl %[mem]"); memoryResult = 1; break;
    case 14: memory.lo = 0x5555; X87(LOAD1, "fistpll %[mem]"); memoryResult = 1; break;
    case 15: memory.lo = 0x5555; X87(LOAD1, "fisttps %[mem]"); memoryResult = 1; break;
    case 16: memory.lo = 0x5555; X87(LOAD1, "fisttpl %[mem]"); memoryResult = 1; break;
    case 17: memory.lo = 0x5555; X87(LOAD1, "fisttpll %[mem]"); memoryResult = 1; break;
    case 18: X87("", "fildll %[mem]"); break;
    case 19: X87("", "flds %[mem]"); break;
    case 20: X87("", "fldl %[mem]"); break;
    case 21: memory.lo = 0x5555; X87(LOAD1, "fstps %[mem]"); memoryResult = 1; break;
    case 22: memory.lo = 0x5555; X87(LOAD1, "fstpl %[mem]"); memoryResult = 1; break;
    case 23: X87("", "fbld %[mem]"); break;
    case 24: memory.lo = 0x5555; memory.hi = 0; X87(LOAD1, "fbstp %[mem]"); memoryResult = 1; break;
    case 25: X87(LOAD1, "fxam"); break;
    case 26: X87(LOAD1, "f2xm1"); break;
    case 27: X87(LOAD2, "fyl2x"); break;
    case 28: X87(LOAD2, "fyl2xp1"); break;
    case 29: X87(LOAD1, "fsin"); break;
    case 30: X87(LOAD1, "fcos"); break;
    case 31: X87(LOAD1, "fsincos"); break;
    case 32: X87(LOAD1, "fptan"); break;
    case 33: X87(LOAD2, "fpatan"); break;
    case 34:
      switch (r->imm) {
        case 0: X87("", "fld1"); break;
        case 1: X87("", "fldl2t"); break;
        case 2: X87("", "fldl2e"); break;
        case 3: X87("", "fldpi"); break;
        case 4: X87("", "fldlg2"); break;
        case 5: X87("", "fldln2"); break;
        default: X87("", "fldz"); break;
      }
      break;
    default: exit(2);
  }
  r->status = save.status & 0x473f;
  if (memoryResult) {
    r->rLo = memory.lo;
    r->rHi = r->op == 24 ? memory.hi : 0;
    if (r->op == 12 || r->op == 15) r->rLo = (uint16_t)memory.lo;
    if (r->op == 13 || r->op == 16 || r->op == 21) r->rLo = (uint32_t)memory.lo;
    return;
  }
  r->rLo = save.st[0].lo;
  r->rHi = save.st[0].hi;
  if (r->op == 8 || r->op == 31 || r->op == 32) {
    r->r2Lo = save.st[1].lo;
    r->r2Hi = save.st[1].hi;
  }
}

#define SSE(instr)                                                                     \
  __asm__ volatile("ldmxcsr %[cw]\nmovq %[a],%%xmm0\nmovq %[b],%%xmm1\nmovq %[c],%%xmm2\n" instr \
                   "\nstmxcsr %[out]\nmovq %%xmm0,%[r]\nldmxcsr %[safe]"                \
                   : [out] "=m"(out), [r] "=m"(result), [g] "+r"(general)               \
                   : [a] "m"(r->aLo), [b] "m"(r->bLo), [c] "m"(r->aHi), [cw] "m"(cw), [safe] "m"(safe) \
                   : "xmm0", "xmm1", "xmm2", "memory", "cc")

#define IMM8(instr, suffix)                                                            \
  switch (r->imm & 15) {                                                               \
    case 0: SSE(instr " $0," suffix); break; case 1: SSE(instr " $1," suffix); break;  \
    case 2: SSE(instr " $2," suffix); break; case 3: SSE(instr " $3," suffix); break;  \
    case 4: SSE(instr " $4," suffix); break; case 5: SSE(instr " $5," suffix); break;  \
    case 6: SSE(instr " $6," suffix); break; case 7: SSE(instr " $7," suffix); break;  \
    case 8: SSE(instr " $8," suffix); break; case 9: SSE(instr " $9," suffix); break;  \
    case 10: SSE(instr " $10," suffix); break; case 11: SSE(instr " $11," suffix); break; \
    case 12: SSE(instr " $12," suffix); break; case 13: SSE(instr " $13," suffix); break; \
    case 14: SSE(instr " $14," suffix); break; default: SSE(instr " $15," suffix); break; \
  }

#define FLAGS_TO_G "\npushfq\npop %[g]"

static void runSse(Record *r) {
  uint32_t cw = r->control, out = 0;
  static const uint32_t safe = 0x1f80;
  uint64_t result = 0, general = r->aLo;
  int integer = 0, narrow = 0;
  if (sigsetjmp(resume, 0)) {
    uint32_t clean = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(clean));
    r->status = faultMxcsr & 0x3f;
    r->faulted = 1;
    return;
  }
  switch (r->op) {
    case 40: SSE("addss %%xmm1,%%xmm0"); narrow = 1; break;
    case 41: SSE("subss %%xmm1,%%xmm0"); narrow = 1; break;
    case 42: SSE("mulss %%xmm1,%%xmm0"); narrow = 1; break;
    case 43: SSE("divss %%xmm1,%%xmm0"); narrow = 1; break;
    case 44: SSE("sqrtss %%xmm0,%%xmm0"); narrow = 1; break;
    case 45: SSE("minss %%xmm1,%%xmm0"); narrow = 1; break;
    case 46: SSE("maxss %%xmm1,%%xmm0"); narrow = 1; break;
    case 47: IMM8("cmpss", "%%xmm1,%%xmm0"); narrow = 1; break;
    case 48: SSE("comiss %%xmm1,%%xmm0" FLAGS_TO_G); integer = 3; break;
    case 49: SSE("ucomiss %%xmm1,%%xmm0" FLAGS_TO_G); integer = 3; break;
    case 50: IMM8("roundss", "%%xmm0,%%xmm0"); narrow = 1; break;
    case 51: SSE("vfmadd213ss %%xmm2,%%xmm1,%%xmm0"); narrow = 1; break;
    case 52: SSE("addsd %%xmm1,%%xmm0"); break;
    case 53: SSE("subsd %%xmm1,%%xmm0"); break;
    case 54: SSE("mulsd %%xmm1,%%xmm0"); break;
    case 55: SSE("divsd %%xmm1,%%xmm0"); break;
    case 56: SSE("sqrtsd %%xmm0,%%xmm0"); break;
    case 57: SSE("minsd %%xmm1,%%xmm0"); break;
    case 58: SSE("maxsd %%xmm1,%%xmm0"); break;
    case 59: IMM8("cmpsd", "%%xmm1,%%xmm0"); break;
    case 60: SSE("comisd %%xmm1,%%xmm0" FLAGS_TO_G); integer = 3; break;
    case 61: SSE("ucomisd %%xmm1,%%xmm0" FLAGS_TO_G); integer = 3; break;
    case 62: IMM8("roundsd", "%%xmm0,%%xmm0"); break;
    case 63: SSE("vfmadd213sd %%xmm2,%%xmm1,%%xmm0"); break;
    case 64: SSE("cvtss2sd %%xmm0,%%xmm0"); break;
    case 65: SSE("cvtsd2ss %%xmm0,%%xmm0"); narrow = 1; break;
    case 66: SSE("cvtsi2ssl %k[g],%%xmm0"); narrow = 1; break;
    case 67: SSE("cvtsi2ssq %[g],%%xmm0"); narrow = 1; break;
    case 68: SSE("cvtsi2sdl %k[g],%%xmm0"); break;
    case 69: SSE("cvtsi2sdq %[g],%%xmm0"); break;
    case 70: SSE("cvtss2si %%xmm0,%k[g]"); integer = 1; break;
    case 71: SSE("cvtss2si %%xmm0,%[g]"); integer = 2; break;
    case 72: SSE("cvttss2si %%xmm0,%k[g]"); integer = 1; break;
    case 73: SSE("cvttss2si %%xmm0,%[g]"); integer = 2; break;
    case 74: SSE("cvtsd2si %%xmm0,%k[g]"); integer = 1; break;
    case 75: SSE("cvtsd2si %%xmm0,%[g]"); integer = 2; break;
    case 76: SSE("cvttsd2si %%xmm0,%k[g]"); integer = 1; break;
    case 77: SSE("cvttsd2si %%xmm0,%[g]"); integer = 2; break;
    default: exit(2);
  }
  r->status = out & 0x3f;
  if (narrow) result = (uint32_t)result;
  if (integer == 1) result = (uint32_t)general;
  if (integer == 2) result = general;
  if (integer == 3) result = general & 0x45;
  r->rLo = result;
}

static void operands(Record *r) {
  F80 a, b;
  int op = r->op;
  r->imm = below(16);
  if (op < 40) {
    r->control = randomFcw();
    pairF80(&a, &b);
    if (op == 18 || op == 23) { /* integers; packed decimal, now and then with a bad digit */
      a.lo = randomSignificand(64);
      if (op == 23) {
        uint64_t bcd = 0;
        for (int i = 0; i < 16; i++) bcd = bcd << 4 | below(10);
        a.lo = bcd & (randomSignificand(64) | rng());
        a.hi = (below(10) << 4 | below(10)) | (below(2) << 15);
      }
    }
    if (op == 19) a.lo = randomSse(0);
    if (op == 20) a.lo = randomSse(1);
    if (op >= 12 && op <= 17 && below(2)) { /* around the integer limits */
      a.hi = (a.hi & 0x8000) | (0x3fff - 2 + below(68));
      a.lo |= 1ull << 63;
    }
    if (op == 24 && below(2)) {
      a.hi = (a.hi & 0x8000) | (0x3fff - 2 + below(64));
      a.lo |= 1ull << 63;
    }
    if (op == 7 && below(2)) b.hi = (b.hi & 0x8000) | (0x3fff - 2 + below(20));
    if (op == 9 && below(2)) a.hi = (a.hi & 0x8000) | (0x3fff - 2 + below(68));
    if (op == 26 && below(4)) a.hi = (a.hi & 0x8000) | (0x3fff - below(below(2) ? 10 : 80));
    if (op == 28 && below(4)) {
      a.hi = (a.hi & 0x8000) | (0x3ffd - below(below(2) ? 4 : 80));
      a.lo |= 1ull << 63;
    }
    if ((op == 27 || op == 33) && below(2)) {
      a.hi &= 0x7fff;
      if (below(2)) a.hi = 0x3fff - 3 + below(6);
    }
    r->imm %= 7;
    r->aLo = a.lo, r->aHi = a.hi, r->bLo = b.lo, r->bHi = b.hi;
    return;
  }
  r->control = randomMxcsr();
  int wide = (op >= 52 && op <= 63) || op == 65 || op >= 74;
  pairSse(wide, &r->aLo, &r->bLo);
  if (op == 65 && below(2)) /* near the f32 limits */
    r->aLo = (r->aLo & ~(0x7ffull << 52)) | (uint64_t)(below(2) ? 1023 - 127 - 26 + below(30) : 1023 + 120 + below(10)) << 52;
  if (op == 51 || op == 63) {
    r->aHi = randomSse(wide);
    if (below(2)) { /* cancel against the product */
      if (wide) {
        double x, y, z;
        memcpy(&x, &r->aLo, 8), memcpy(&y, &r->bLo, 8);
        z = -x * y;
        memcpy(&r->aHi, &z, 8);
        r->aHi += below(5) - 2;
      } else {
        float x, y, z;
        memcpy(&x, &r->aLo, 4), memcpy(&y, &r->bLo, 4);
        z = -x * y;
        uint32_t bits;
        memcpy(&bits, &z, 4);
        r->aHi = (uint32_t)(bits + below(5) - 2);
      }
    }
  }
  if (op == 66 || op == 68) r->aLo = (uint32_t)randomSignificand(32);
  if (op == 67 || op == 69) r->aLo = randomSignificand(64);
  if (op >= 66 && op <= 69 && below(2)) r->aLo = ~r->aLo;
  if (op == 47 || op == 59) r->imm &= 7;
}

int main(int argc, char **argv) {
  if (argc < 4) return 1;
  static Record batch[1024];
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = onSigfpe;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGFPE, &action, 0);
  int op = atoi(argv[1]);
  rngState = strtoull(argv[2], 0, 0) * 1000003u + op;
  long left = atol(argv[3]);
  while (left > 0) {
    int n = left < 1024 ? (int)left : 1024;
    memset(batch, 0, sizeof batch);
    for (int i = 0; i < n; i++) {
      batch[i].op = op;
      operands(&batch[i]);
      if (op < 40) runX87(&batch[i]);
      else runSse(&batch[i]);
    }
    if (fwrite(batch, sizeof(Record), n, stdout) != (size_t)n) return 3;
    left -= n;
  }
  return 0;
}
