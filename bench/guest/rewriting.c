/** Code that is written, run some times, and written again: what a translator inside the guest does. */
#include <string.h>
#include <sys/mman.h>
#include "bench.h"

enum { REWRITES = 20000, CALLS = 64, CODE_BYTES = 4096, FUNCTIONS = 8, FUNCTION_BYTES = CODE_BYTES / FUNCTIONS };

typedef uint32_t (*generated)(void);

static uint8_t *put32(uint8_t *at, uint32_t value) {
  memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

/** eax = a; four times eax = rol(eax + b, 7) ^ c; return. The encodings are the same in 32-bit and 64-bit code. */
static void generate(uint8_t *at, uint32_t *state) {
  *at++ = 0xb8; // MOV EAX, imm32
  at = put32(at, next_random(state));
  for (int n = 0; n < 4; n++) {
    *at++ = 0x05; // ADD EAX, imm32
    at = put32(at, next_random(state));
    *at++ = 0xc1, *at++ = 0xc0, *at++ = 7; // ROL EAX, 7
    *at++ = 0x35; // XOR EAX, imm32
    at = put32(at, next_random(state));
  }
  *at = 0xc3; // RET
}

static uint32_t rewritten(void) {
  uint8_t *code = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) fail("no memory for code");
  uint32_t state = 11, hash = MIX_START;
  for (int n = 0; n < REWRITES; n++) {
    uint8_t *at = code + n % FUNCTIONS * FUNCTION_BYTES;
    generate(at, &state);
    const generated function = (generated)(uintptr_t)at;
    for (int call = 0; call < CALLS; call++) hash = mix(hash, function());
  }
  munmap(code, CODE_BYTES);
  return hash;
}

const struct program rewriting_programs[] = {{"rewritten", "rewritten", rewritten, NULL}, {0}};
