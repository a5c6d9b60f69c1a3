/** Packed SSE2: bytes and words as pictures and sound have them, singles, doubles. */
#include <emmintrin.h>
#include "bench.h"

enum { PIXELS = 1 << 16, BLEND_ROUNDS = 2500, DIFFERENCE_ROUNDS = 3000, FILTER_ROUNDS = 3000, SAMPLES = 1 << 13, TAPS = 16 };

static uint8_t first[PIXELS] __attribute__((aligned(16))), second[PIXELS] __attribute__((aligned(16)));
static uint8_t result[PIXELS] __attribute__((aligned(16)));

static void fill(void) {
  uint32_t state = 9;
  for (int n = 0; n < PIXELS; n++) first[n] = (uint8_t)next_random(&state), second[n] = (uint8_t)next_random(&state);
}

static uint32_t hash_of(const void *data, size_t bytes) {
  uint32_t hash = MIX_START;
  for (size_t n = 0; n < bytes / 4; n++) hash = mix(hash, ((const uint32_t *)data)[n]);
  return hash;
}

/** Two pictures over each other: unpack, multiply words, shift, pack with saturation. */
static uint32_t blend(void) {
  const __m128i zero = _mm_setzero_si128();
  for (int round = 0; round < BLEND_ROUNDS; round++) {
    const __m128i weight = _mm_set1_epi16((short)(round & 255)), rest = _mm_set1_epi16((short)(256 - (round & 255)));
    for (int n = 0; n < PIXELS; n += 16) {
      const __m128i a = _mm_load_si128((const __m128i *)(first + n)), b = _mm_load_si128((const __m128i *)(second + n));
      const __m128i low = _mm_add_epi16(_mm_mullo_epi16(_mm_unpacklo_epi8(a, zero), weight),
                                        _mm_mullo_epi16(_mm_unpacklo_epi8(b, zero), rest));
      const __m128i high = _mm_add_epi16(_mm_mullo_epi16(_mm_unpackhi_epi8(a, zero), weight),
                                         _mm_mullo_epi16(_mm_unpackhi_epi8(b, zero), rest));
      _mm_store_si128((__m128i *)(result + n), _mm_packus_epi16(_mm_srli_epi16(low, 8), _mm_srli_epi16(high, 8)));
    }
  }
  return hash_of(result, sizeof result);
}

/** Sums of absolute differences at places that are not aligned, the largest, and a mask of the equal bytes. */
static uint32_t difference(void) {
  uint32_t hash = MIX_START;
  for (int round = 0; round < DIFFERENCE_ROUNDS; round++) {
    __m128i sum = _mm_setzero_si128(), largest = _mm_setzero_si128();
    uint32_t equal = 0;
    for (int n = 0; n < PIXELS - 32; n += 16) {
      const __m128i a = _mm_load_si128((const __m128i *)(first + n));
      const __m128i b = _mm_loadu_si128((const __m128i *)(second + n + round % 16));
      sum = _mm_add_epi64(sum, _mm_sad_epu8(a, b));
      largest = _mm_max_epu8(largest, _mm_subs_epu8(a, b));
      equal += (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
    }
    uint32_t words[8] __attribute__((aligned(16)));
    _mm_store_si128((__m128i *)words, sum);
    _mm_store_si128((__m128i *)(words + 4), largest);
    hash = mix(mix(hash, hash_of(words, sizeof words)), equal);
  }
  return hash;
}

/** A filter over sound, in singles; its gain, in doubles, from the largest value. */
static uint32_t filter(void) {
  static float samples[SAMPLES + TAPS] __attribute__((aligned(16))), filtered[SAMPLES] __attribute__((aligned(16)));
  uint32_t state = 13;
  for (int n = 0; n < SAMPLES + TAPS; n++) samples[n] = (int)(next_random(&state) % 2048) / 1024.0f - 1.0f;
  __m128d gain = _mm_set1_pd(1.0);
  for (int round = 0; round < FILTER_ROUNDS; round++) {
    __m128 largest = _mm_setzero_ps();
    for (int n = 0; n < SAMPLES; n += 4) {
      __m128 sum = _mm_setzero_ps();
      for (int tap = 0; tap < TAPS; tap += 4) {
        const __m128 here = _mm_load_ps(samples + n + tap);
        const __m128 turned = _mm_shuffle_ps(here, here, _MM_SHUFFLE(0, 3, 2, 1));
        sum = _mm_add_ps(sum, _mm_mul_ps(here, _mm_set1_ps(0.25f)));
        sum = _mm_sub_ps(sum, _mm_mul_ps(turned, _mm_set1_ps(0.125f)));
      }
      _mm_store_ps(filtered + n, sum);
      largest = _mm_max_ps(largest, sum);
    }
    const __m128d wide = _mm_add_pd(_mm_cvtps_pd(largest), _mm_set1_pd(0.5));
    gain = _mm_div_pd(_mm_add_pd(gain, wide), _mm_sqrt_pd(_mm_mul_pd(gain, wide)));
    samples[round % SAMPLES] = filtered[round % SAMPLES];
  }
  double gains[2] __attribute__((aligned(16)));
  _mm_store_pd(gains, gain);
  return mix(hash_of(filtered, sizeof filtered), hash_of(gains, sizeof gains));
}

const struct program packed_programs[] = {
    {"sse2", "blend", blend, fill},
    {"sse2", "difference", difference, fill},
    {"sse2", "filter", filter, NULL},
    {0},
};
