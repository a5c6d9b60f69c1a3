/**
 * Scalar floating point. Compiled twice: with -mfpmath=387 -DX87, and with -mfpmath=sse. Only
 * operations that IEEE 754 defines to the bit, and -fexcess-precision=standard, so that each result has one value.
 */
#include <string.h>
#include "bench.h"

#ifdef X87
#define KIND "x87"
#define PROGRAMS x87_programs
enum { SCALE = 1 };
#else
#define KIND "sse2"
#define PROGRAMS sse2_programs
enum { SCALE = 4 };
#endif

enum {
  BODIES = 5,
  BODY_STEPS = SCALE * 40000,
  MATRIX = 96,
  MATRIX_ROUNDS = SCALE * 25,
  PICTURE = 128,
  PICTURE_STEPS = SCALE * 300,
};

static uint32_t mix_double(uint32_t hash, double value) {
  uint64_t bits;
  memcpy(&bits, &value, sizeof bits);
  return mix(mix(hash, (uint32_t)bits), (uint32_t)(bits >> 32));
}

/** By hand, since the compiler calls a function of the C library where FSQRT gives more bits than a double has. */
static inline double square_root(double value) {
  double root;
#ifdef X87
  __asm__("fsqrt" : "=t"(root) : "0"(value));
#else
  __asm__("sqrtsd %1, %0" : "=x"(root) : "x"(value));
#endif
  return root;
}

/** Points that attract each other, in steps of fixed length. */
static uint32_t bodies(void) {
  static double place[BODIES][3], speed[BODIES][3], mass[BODIES];
  uint32_t state = 3;
  for (int n = 0; n < BODIES; n++) {
    mass[n] = 1.0 + next_random(&state) % 8;
    for (int k = 0; k < 3; k++) place[n][k] = next_random(&state) % 1000 / 50.0, speed[n][k] = 0;
  }
  for (int step = 0; step < BODY_STEPS; step++) {
    for (int a = 0; a < BODIES; a++)
      for (int b = a + 1; b < BODIES; b++) {
        const double x = place[a][0] - place[b][0], y = place[a][1] - place[b][1], z = place[a][2] - place[b][2];
        const double square = x * x + y * y + z * z + 1.0;
        const double force = 0.001 / (square * square_root(square));
        const double of_a = force * mass[b], of_b = force * mass[a];
        speed[a][0] -= x * of_a, speed[a][1] -= y * of_a, speed[a][2] -= z * of_a;
        speed[b][0] += x * of_b, speed[b][1] += y * of_b, speed[b][2] += z * of_b;
      }
    for (int n = 0; n < BODIES; n++)
      for (int k = 0; k < 3; k++) place[n][k] += 0.001 * speed[n][k];
  }
  uint32_t hash = MIX_START;
  for (int n = 0; n < BODIES; n++)
    for (int k = 0; k < 3; k++) hash = mix_double(hash, place[n][k]);
  return hash;
}

/** Gauss's elimination with pivots, then the product of the diagonal. */
static uint32_t elimination(void) {
  static double m[MATRIX][MATRIX];
  uint32_t state = 5, hash = MIX_START;
  for (int round = 0; round < MATRIX_ROUNDS; round++) {
    for (int row = 0; row < MATRIX; row++)
      for (int column = 0; column < MATRIX; column++) m[row][column] = (int)(next_random(&state) % 2001) / 1000.0 - 1.0;
    double determinant = 1.0;
    for (int pivot = 0; pivot < MATRIX; pivot++) {
      int best = pivot;
      for (int row = pivot + 1; row < MATRIX; row++)
        if (__builtin_fabs(m[row][pivot]) > __builtin_fabs(m[best][pivot])) best = row;
      for (int column = 0; best != pivot && column < MATRIX; column++) {
        const double moved = m[pivot][column];
        m[pivot][column] = m[best][column], m[best][column] = moved;
      }
      determinant *= m[pivot][pivot];
      for (int row = pivot + 1; row < MATRIX; row++) {
        const double factor = m[row][pivot] / m[pivot][pivot];
        for (int column = pivot; column < MATRIX; column++) m[row][column] -= factor * m[pivot][column];
      }
    }
    hash = mix_double(hash, determinant);
  }
  return hash;
}

/** How long points of the plane stay near the origin under z → z² + c, in single precision. */
static uint32_t escape(void) {
  uint32_t hash = MIX_START;
  for (int row = 0; row < PICTURE; row++)
    for (int column = 0; column < PICTURE; column++) {
      const float c_real = column * (3.0f / PICTURE) - 2.0f, c_imaginary = row * (2.0f / PICTURE) - 1.0f;
      float real = 0, imaginary = 0;
      uint32_t step = 0;
      for (; step < PICTURE_STEPS; step++) {
        const float real_square = real * real, imaginary_square = imaginary * imaginary;
        if (real_square + imaginary_square > 4.0f) break;
        imaginary = 2.0f * real * imaginary + c_imaginary;
        real = real_square - imaginary_square + c_real;
      }
      hash = mix(hash, step);
    }
  return hash;
}

const struct program PROGRAMS[] = {
    {KIND, "bodies-" KIND, bodies, NULL},
    {KIND, "elimination-" KIND, elimination, NULL},
    {KIND, "escape-" KIND, escape, NULL},
    {0},
};
