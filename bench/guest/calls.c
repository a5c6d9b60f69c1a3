/** Calls: recursion, a sort that compares through function pointers, functions that lie on a page each. */
#include "bench.h"

enum { TAK_X = 18, TAK_Y = 12, TAK_Z = 6, TAK_ROUNDS = 200, SORT_ITEMS = 1 << 15, SORT_ROUNDS = 9, PAGE_ROUNDS = 220000 };

/** Takeuchi's function: nothing but calls, depth up to some dozens. */
static int tak(int x, int y, int z) {
  return y >= x ? z : tak(tak(x - 1, y, z), tak(y - 1, z, x), tak(z - 1, x, y));
}

static uint32_t recursion(void) {
  uint32_t hash = MIX_START;
  for (int round = 0; round < TAK_ROUNDS; round++) hash = mix(hash, (uint32_t)tak(TAK_X, TAK_Y, TAK_Z));
  return hash;
}

typedef int (*comparison)(const uint32_t *a, const uint32_t *b);

static int rising(const uint32_t *a, const uint32_t *b) { return *a < *b ? -1 : *a > *b; }
static int falling(const uint32_t *a, const uint32_t *b) { return *a > *b ? -1 : *a < *b; }
static int by_low_half(const uint32_t *a, const uint32_t *b) {
  const int order = (int)(*a & 0xffff) - (int)(*b & 0xffff);
  return order != 0 ? order : rising(a, b);
}

/** Merges neighbouring runs of growing length, from one array to the other and back. Returns where the result is. */
static uint32_t *merge_sort(uint32_t *items, uint32_t *other, size_t count, comparison compare) {
  for (size_t width = 1; width < count; width *= 2) {
    for (size_t start = 0; start < count; start += 2 * width) {
      const size_t middle = start + width < count ? start + width : count;
      const size_t end = start + 2 * width < count ? start + 2 * width : count;
      size_t left = start, right = middle;
      for (size_t to = start; to < end; to++)
        other[to] = left < middle && (right >= end || compare(&items[left], &items[right]) <= 0) ? items[left++]
                                                                                                : items[right++];
    }
    uint32_t *swapped = items;
    items = other;
    other = swapped;
  }
  return items;
}

static uint32_t sort(void) {
  static uint32_t first[SORT_ITEMS], second[SORT_ITEMS];
  static const comparison COMPARISONS[] = {rising, falling, by_low_half};
  uint32_t state = 7, hash = MIX_START;
  for (int round = 0; round < SORT_ROUNDS; round++) {
    for (size_t n = 0; n < SORT_ITEMS; n++) first[n] = next_random(&state);
    const uint32_t *sorted = merge_sort(first, second, SORT_ITEMS, COMPARISONS[round % 3]);
    for (size_t n = 0; n < SORT_ITEMS; n += 997) hash = mix(hash, sorted[n]);
  }
  return hash;
}

#define ON_A_PAGE(n) \
  __attribute__((aligned(4096))) static uint32_t page_##n(uint32_t x) { return (x ^ x >> 15) * (2u * n + 0x2545f491u); }
#define TIMES_8(m, n) m(n##0) m(n##1) m(n##2) m(n##3) m(n##4) m(n##5) m(n##6) m(n##7)
#define ALL_PAGES(m) \
  TIMES_8(m, 1) TIMES_8(m, 2) TIMES_8(m, 3) TIMES_8(m, 4) TIMES_8(m, 5) TIMES_8(m, 6) TIMES_8(m, 7) TIMES_8(m, 8)
#define NAME(n) page_##n,
ALL_PAGES(ON_A_PAGE)

/** Each round calls 16 of 64 functions, half of them by name, half as the value so far tells. */
static uint32_t pages(void) {
  static uint32_t (*const FUNCTIONS[])(uint32_t) = {ALL_PAGES(NAME)};
  uint32_t x = 1;
  for (int round = 0; round < PAGE_ROUNDS; round++) {
    x = page_10(page_23(page_36(page_41(page_54(page_67(page_72(page_85(x))))))));
    for (int n = 0; n < 8; n++) x = FUNCTIONS[(round + 7 * n + (x & 3)) % 64](x);
  }
  return x;
}

const struct program call_programs[] = {
    {"calls", "recursion", recursion, NULL},
    {"calls", "sort", sort, NULL},
    {"calls", "pages", pages, NULL},
    {0},
};
