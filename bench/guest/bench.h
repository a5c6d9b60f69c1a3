/**
 * What a program of the benchmark is. Each does a fixed amount of work, 8 to 60 ms on the host, and returns a checksum
 * that is the same on every machine and for every word size.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

struct program {
  const char *kind;
  const char *name;
  uint32_t (*run)(void);
  /** Makes what run() needs and no later run has to make again; may be absent. */
  void (*prepare)(void);
};

/** Ends with an entry without a name. */
extern const struct program integer_programs[], call_programs[], rewriting_programs[], x87_programs[], sse2_programs[],
    packed_programs[], memory_programs[], system_programs[], work_programs[];

/** Path of busybox; the working folder is on a tmpfs. */
extern const char *busybox_path;

/** Ends the process with a message: our bug, or a machine that does not work. */
_Noreturn void fail(const char *what);

/** One step of a 32-bit hash (FNV-1a over words instead of bytes). */
static inline uint32_t mix(uint32_t hash, uint32_t word) { return (hash ^ word) * 16777619u; }
#define MIX_START 2166136261u

/** Marsaglia's xorshift with 32 bits of state, which must not be 0. */
static inline uint32_t next_random(uint32_t *state) {
  uint32_t x = *state;
  x ^= x << 13;
  x ^= x >> 17;
  x ^= x << 5;
  return *state = x;
}

#endif
