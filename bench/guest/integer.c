/** Integer arithmetic in loops: a table-driven CRC-32, a sieve, SHA-256 (FIPS 180-4), an interpreter of bytecode. */
#include "bench.h"

enum {
  CRC_BYTES = 1 << 16,
  CRC_ROUNDS = 200,
  SIEVE_LIMIT = 1 << 20,
  SIEVE_ROUNDS = 8,
  SHA_BLOCKS = 1 << 10,
  SHA_ROUNDS = 80,
  NUMBERS = 9000,
};

static uint8_t buffer[CRC_BYTES];

static void fill_buffer(void) {
  uint32_t state = 1;
  for (size_t n = 0; n < sizeof buffer; n++) buffer[n] = (uint8_t)next_random(&state);
}

static uint32_t crc32(void) {
  static uint32_t table[256];
  for (uint32_t n = 0; n < 256; n++) {
    uint32_t c = n;
    for (int bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320u ^ c >> 1 : c >> 1;
    table[n] = c;
  }
  uint32_t crc = ~0u;
  for (int round = 0; round < CRC_ROUNDS; round++)
    for (size_t n = 0; n < sizeof buffer; n++) crc = table[(crc ^ buffer[n]) & 255] ^ crc >> 8;
  return ~crc;
}

static uint32_t sieve(void) {
  static uint8_t composite[SIEVE_LIMIT];
  uint32_t hash = MIX_START;
  for (int round = 0; round < SIEVE_ROUNDS; round++) {
    for (uint32_t n = 0; n < SIEVE_LIMIT; n++) composite[n] = 0;
    uint32_t count = 0;
    for (uint32_t n = 2; n < SIEVE_LIMIT; n++) {
      if (composite[n]) continue;
      count++;
      for (uint32_t multiple = 2 * n; multiple < SIEVE_LIMIT; multiple += n) composite[multiple] = 1;
    }
    hash = mix(hash, count);
  }
  return hash;
}

static const uint32_t SHA_K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static inline uint32_t rotate_right(uint32_t x, int count) { return x >> count | x << (32 - count); }

static void sha256_block(uint32_t state[8], const uint8_t *block) {
  uint32_t w[64];
  for (int n = 0; n < 16; n++)
    w[n] = (uint32_t)block[4 * n] << 24 | block[4 * n + 1] << 16 | block[4 * n + 2] << 8 | block[4 * n + 3];
  for (int n = 16; n < 64; n++) {
    const uint32_t s0 = rotate_right(w[n - 15], 7) ^ rotate_right(w[n - 15], 18) ^ w[n - 15] >> 3;
    const uint32_t s1 = rotate_right(w[n - 2], 17) ^ rotate_right(w[n - 2], 19) ^ w[n - 2] >> 10;
    w[n] = w[n - 16] + s0 + w[n - 7] + s1;
  }
  uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
  uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
  for (int n = 0; n < 64; n++) {
    const uint32_t sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
    const uint32_t t1 = h + sum1 + ((e & f) ^ (~e & g)) + SHA_K[n] + w[n];
    const uint32_t sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
    const uint32_t t2 = sum0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g, g = f, f = e, e = d + t1, d = c, c = b, b = a, a = t1 + t2;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
}

static uint32_t sha256(void) {
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (int round = 0; round < SHA_ROUNDS; round++)
    for (int block = 0; block < SHA_BLOCKS; block++) sha256_block(state, buffer + (64 * block) % CRC_BYTES);
  uint32_t hash = MIX_START;
  for (int n = 0; n < 8; n++) hash = mix(hash, state[n]);
  return hash;
}

enum opcode { NOTHING, PUSH, LOAD, STORE, ADD, AND, SHIFT_RIGHT, TRIPLE, LESS, JUMP, JUMP_IF_ZERO, HALT };
enum variable { NUMBER, VALUE, STEPS, VARIABLES };
enum label { OUTER = 2, INNER = 8, EVEN = 24, NEXT = 28, DONE = 33 };

/** Sums the lengths of the Collatz sequences of the numbers below NUMBERS. */
static const struct instruction {
  enum opcode opcode;
  uint32_t operand;
} INSTRUCTIONS[] = {
    {PUSH, 1},          {STORE, NUMBER},
    [OUTER] = {LOAD, NUMBER}, {PUSH, NUMBERS}, {LESS, 0}, {JUMP_IF_ZERO, DONE}, {LOAD, NUMBER}, {STORE, VALUE},
    [INNER] = {PUSH, 1}, {LOAD, VALUE}, {LESS, 0}, {JUMP_IF_ZERO, NEXT},
    {LOAD, STEPS}, {PUSH, 1}, {ADD, 0}, {STORE, STEPS},
    {LOAD, VALUE}, {PUSH, 1}, {AND, 0}, {JUMP_IF_ZERO, EVEN},
    {LOAD, VALUE}, {TRIPLE, 0}, {STORE, VALUE}, {JUMP, INNER},
    [EVEN] = {LOAD, VALUE}, {SHIFT_RIGHT, 0}, {STORE, VALUE}, {JUMP, INNER},
    [NEXT] = {LOAD, NUMBER}, {PUSH, 1}, {ADD, 0}, {STORE, NUMBER}, {JUMP, OUTER},
    [DONE] = {HALT, 0},
};

static uint32_t bytecode(void) {
  uint32_t stack[8];
  uint32_t *top = stack;
  uint32_t variables[VARIABLES] = {0};
  for (const struct instruction *at = INSTRUCTIONS;; at++) {
    switch (at->opcode) {
      case PUSH: *top++ = at->operand; break;
      case LOAD: *top++ = variables[at->operand]; break;
      case STORE: variables[at->operand] = *--top; break;
      case ADD: top--, top[-1] += top[0]; break;
      case AND: top--, top[-1] &= top[0]; break;
      case LESS: top--, top[-1] = top[-1] < top[0]; break;
      case SHIFT_RIGHT: top[-1] >>= 1; break;
      case TRIPLE: top[-1] = 3 * top[-1] + 1; break;
      case JUMP: at = INSTRUCTIONS + at->operand - 1; break;
      case JUMP_IF_ZERO:
        if (*--top == 0) at = INSTRUCTIONS + at->operand - 1;
        break;
      case HALT: return variables[STEPS];
      case NOTHING: fail("the bytecode has a hole");
    }
  }
}

const struct program integer_programs[] = {
    {"integer", "crc32", crc32, fill_buffer},
    {"integer", "sieve", sieve, NULL},
    {"integer", "sha256", sha256, fill_buffer},
    {"integer", "bytecode", bytecode, NULL},
    {0},
};
