/**
 * Memory: the C library's memcpy and memset, a loop of words, and a walk along pointers. The blocks are of a size whose pages
 * fit every translator's TLB: with 1 MiB, QEMU 7.2 takes ten times as long for each word, and that would be all one sees.
 */
#include <string.h>
#include "bench.h"

enum { BLOCK = 1 << 17, PADDING = 37 << 12, COPY_ROUNDS = 1200, SET_ROUNDS = 4800, LOOP_ROUNDS = 800, NODES = 1 << 18, STEPS = 3 << 20 };

/** A distance between the blocks that is no power of two, or a translator's TLB might have one place for both. */
static uint32_t from[BLOCK / 4 + PADDING / 4], to[BLOCK / 4];

static void fill(void) {
  uint32_t state = 15;
  for (size_t n = 0; n < BLOCK / 4; n++) from[n] = next_random(&state);
}

/** Keeps the compiler from knowing what is in memory. */
static inline void forget(void *memory) { __asm__ volatile("" : : "r"(memory) : "memory"); }

static uint32_t copy(void) {
  uint32_t hash = MIX_START;
  for (int round = 0; round < COPY_ROUNDS; round++) {
    memcpy((char *)to + round % 4 * 16, from, BLOCK - 64);
    forget(to);
    hash = mix(hash, to[(uint32_t)round * 331 % (BLOCK / 4)]);
  }
  return hash;
}

static uint32_t set(void) {
  uint32_t hash = MIX_START;
  for (int round = 0; round < SET_ROUNDS; round++) {
    memset(to, round, BLOCK);
    forget(to);
    hash = mix(hash, to[(uint32_t)round * 331 % (BLOCK / 4)]);
  }
  return hash;
}

static uint32_t copy_loop(void) {
  uint32_t hash = MIX_START;
  for (int round = 0; round < LOOP_ROUNDS; round++) {
    for (size_t n = 0; n < BLOCK / 4; n++) to[n] = from[n] + (uint32_t)round;
    forget(to);
    hash = mix(hash, to[(uint32_t)round * 331 % (BLOCK / 4)]);
  }
  return hash;
}

static uint32_t next_node[NODES];

/** One cycle through all nodes in random order (Sattolo's shuffle). */
static void link_nodes(void) {
  uint32_t state = 17;
  for (uint32_t n = 0; n < NODES; n++) next_node[n] = n;
  for (uint32_t n = NODES - 1; n > 0; n--) {
    const uint32_t other = next_random(&state) % n, moved = next_node[n];
    next_node[n] = next_node[other], next_node[other] = moved;
  }
}

static uint32_t chase(void) {
  uint32_t node = 0;
  for (int step = 0; step < STEPS + 1; step++) node = next_node[node];
  return node;
}

const struct program memory_programs[] = {
    {"memory", "memcpy", copy, fill},
    {"memory", "memset", set, NULL},
    {"memory", "copy-loop", copy_loop, fill},
    {"memory", "chase", chase, link_nodes},
    {0},
};
