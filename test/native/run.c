/*
 * Executes user-mode code on the host's CPU and tells the state after it: the peer of scripts/random-compare.ts. Cases come
 * on stdin and answers go to stdout, both as struct record. The memory map is that of the instruction vectors
 * (docs/vectors.md). A case enters its code by sigreturn and leaves it by the signal of a fault, so it ends with UD2.
 * Code in the test region cannot make system calls: a seccomp filter sees to it, and reports them as SIGSYS.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

enum { IMAGE_BYTES = 0x7000, SECONDS_PER_CASE = 1 };

struct record {
  uint32_t mode; /* 0: 64-bit, 1: 32-bit code */
  uint32_t signal, vector, error;
  uint64_t cr2, rip, eflags;
  uint32_t mxcsr;
  uint16_t fcw, fsw;
  uint8_t ftw, padding[7];
  uint64_t gpr[16];
  uint8_t st[8][16];
  uint8_t ymm[16][32];
  uint8_t image[IMAGE_BYTES];
};

static const struct {
  uintptr_t address;
  size_t bytes;
  int protection;
} REGIONS[] = {
    {0x10000000, 0x2000, PROT_READ | PROT_WRITE | PROT_EXEC},
    {0x20000000, 0x2000, PROT_READ | PROT_WRITE},
    {0x20002000, 0x1000, PROT_READ},
    {0x30000000, 0x1000, PROT_READ | PROT_WRITE},
    {0x600000000000, 0x1000, PROT_READ | PROT_WRITE},
};
enum { REGION_COUNT = 5, READ_ONLY = 2 };
static const uint32_t CODE_START = 0x10000000, CODE_END = 0x10002000;
static const uintptr_t GS_BASE = 0x20000400;

/* x86 number order: rax rcx rdx rbx rsp rbp rsi rdi r8... */
static const int GREGS[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
enum { CS_64 = 0x33, CS_32 = 0x23, DATA = 0x2b };

/* Areas of the XSAVE image in a signal frame, standard format. SDM Vol. 1, 13.4 */
enum { EXTENDED_SIZE = 468, XSTATE_BV = 512, YMM_HIGH = 576, FRAME_MAX = 16384 };
enum { HAS_X87 = 1, HAS_SSE = 2, HAS_AVX = 4 };

static struct record now;
static greg_t savedRegisters[NGREG];
static uint8_t savedFrame[FRAME_MAX];
static size_t savedBytes;
static volatile sig_atomic_t inside;

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static uint64_t *xstateBits(uint8_t *frame) { return (uint64_t *)(frame + XSTATE_BV); }

/* SIGUSR1: keeps the program's own state, and goes to the case's. */
static void enter(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ucontext_t *u = context;
  uint8_t *frame = (uint8_t *)u->uc_mcontext.fpregs;
  savedBytes = *(uint32_t *)(frame + EXTENDED_SIZE);
  if (savedBytes < YMM_HIGH + 256 || savedBytes > FRAME_MAX) _exit(3);
  memcpy(savedFrame, frame, savedBytes);
  memcpy(savedRegisters, u->uc_mcontext.gregs, sizeof savedRegisters);

  greg_t *g = u->uc_mcontext.gregs;
  for (int n = 0; n < 16; n++) g[GREGS[n]] = (greg_t)now.gpr[n];
  g[REG_RIP] = (greg_t)now.rip;
  g[REG_EFL] = (greg_t)now.eflags;
  uint64_t code = now.mode ? CS_32 : CS_64;
  g[REG_CSGSFS] = (greg_t)((uint64_t)DATA << 48 | code);
  struct _libc_fpstate *f = u->uc_mcontext.fpregs;
  f->cwd = now.fcw;
  f->swd = now.fsw;
  f->ftw = now.ftw;
  f->mxcsr = now.mxcsr;
  f->fop = 0;
  f->rip = f->rdp = 0;
  memcpy(f->_st, now.st, sizeof now.st);
  for (int n = 0; n < 16; n++) {
    memcpy(&f->_xmm[n], now.ymm[n], 16);
    memcpy(frame + YMM_HIGH + n * 16, now.ymm[n] + 16, 16);
  }
  *xstateBits(frame) |= HAS_X87 | HAS_SSE | HAS_AVX;
  inside = 1;
}

/* Any other signal: keeps the case's state, and goes back to the program. */
static void leave(int signal, siginfo_t *info, void *context) {
  (void)info;
  if (!inside) _exit(4);
  inside = 0;
  ucontext_t *u = context;
  const greg_t *g = u->uc_mcontext.gregs;
  uint8_t *frame = (uint8_t *)u->uc_mcontext.fpregs;
  struct _libc_fpstate *f = u->uc_mcontext.fpregs;
  const uint64_t has = *xstateBits(frame);
  now.signal = (uint32_t)signal;
  now.vector = (uint32_t)g[REG_TRAPNO];
  now.error = (uint32_t)g[REG_ERR];
  now.cr2 = (uint64_t)g[REG_CR2];
  now.rip = (uint64_t)g[REG_RIP];
  now.eflags = (uint64_t)g[REG_EFL];
  for (int n = 0; n < 16; n++) now.gpr[n] = (uint64_t)g[GREGS[n]];
  now.mxcsr = f->mxcsr;
  now.fcw = has & HAS_X87 ? f->cwd : 0x37f;
  now.fsw = has & HAS_X87 ? f->swd : 0;
  now.ftw = has & HAS_X87 ? (uint8_t)f->ftw : 0;
  memset(now.st, 0, sizeof now.st);
  memset(now.ymm, 0, sizeof now.ymm);
  if (has & HAS_X87) memcpy(now.st, f->_st, sizeof now.st);
  for (int n = 0; n < 16; n++) {
    if (has & HAS_SSE) memcpy(now.ymm[n], &f->_xmm[n], 16);
    if (has & HAS_AVX) memcpy(now.ymm[n] + 16, frame + YMM_HIGH + n * 16, 16);
  }
  memcpy(frame, savedFrame, savedBytes);
  memcpy(u->uc_mcontext.gregs, savedRegisters, sizeof savedRegisters);
}

static void forbidSystemCalls(void) {
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 6),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer)),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, CODE_START, 0, 1),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, CODE_END, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) fail("seccomp");
}

static void setProtection(int index, int protection) {
  if (mprotect((void *)REGIONS[index].address, REGIONS[index].bytes, protection)) fail("mprotect");
}

int main(void) {
  for (int n = 0; n < REGION_COUNT; n++) {
    void *at = mmap((void *)REGIONS[n].address, REGIONS[n].bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (at != (void *)REGIONS[n].address) fail("mmap");
    setProtection(n, REGIONS[n].protection);
  }
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE)) fail("arch_prctl");
  /* 64-bit programs have null DS and ES, which 32-bit code cannot use. */
  __asm__ volatile("mov %0, %%ds\n mov %0, %%es" ::"r"(DATA));

  stack_t stack = {.ss_size = 1 << 16};
  stack.ss_sp = malloc(stack.ss_size);
  if (!stack.ss_sp || sigaltstack(&stack, 0)) fail("sigaltstack");
  struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigfillset(&action.sa_mask);
  action.sa_sigaction = enter;
  sigaction(SIGUSR1, &action, 0);
  action.sa_sigaction = leave;
  const int ends[] = {SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP, SIGSYS, SIGALRM};
  for (size_t n = 0; n < sizeof ends / sizeof *ends; n++) sigaction(ends[n], &action, 0);
  forbidSystemCalls();

  while (fread(&now, sizeof now, 1, stdin) == 1) {
    setProtection(READ_ONLY, PROT_READ | PROT_WRITE);
    size_t offset = 0;
    for (int n = 0; n < REGION_COUNT; n++) {
      memcpy((void *)REGIONS[n].address, now.image + offset, REGIONS[n].bytes);
      offset += REGIONS[n].bytes;
    }
    setProtection(READ_ONLY, PROT_READ);
    alarm(SECONDS_PER_CASE);
    raise(SIGUSR1);
    alarm(0);
    offset = 0;
    for (int n = 0; n < REGION_COUNT; n++) {
      memcpy(now.image + offset, (void *)REGIONS[n].address, REGIONS[n].bytes);
      offset += REGIONS[n].bytes;
    }
    if (fwrite(&now, sizeof now, 1, stdout) != 1) fail("write");
  }
  return 0;
}
