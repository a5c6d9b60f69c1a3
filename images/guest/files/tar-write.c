/*
 * Writes entries: ustar, with a PAX header where a name, number or attribute does not fit (POSIX.1-2017 pax, "pax Extended
 * Header"; extended attributes as `SCHILY.xattr.NAME`). The same input gives the same bytes.
 */
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#define BLOCK 512
#define NAME_SIZE 100
#define MOST_SHORT_ID 07777777
#define MOST_SHORT_SIZE 077777777777ull
#define XATTR_PREFIX "SCHILY.xattr."
#define OVERLAY_PREFIX "trusted.overlay."
#define LONGEST_VALUE 65536 /* Linux, XATTR_SIZE_MAX; of all names together too */

static const char zeros[BLOCK];

static struct {
  char *bytes;
  size_t length, room;
} pax;

static void pax_bytes(const void *bytes, size_t length) {
  if (pax.room - pax.length < length) pax.bytes = must_grow(pax.bytes, pax.room = 2 * (pax.length + length));
  memcpy(pax.bytes + pax.length, bytes, length);
  pax.length += length;
}

/* `LENGTH KEY=VALUE\n`, where LENGTH counts itself. */
static void pax_record(const char *key, const void *value, size_t length) {
  size_t fixed = strlen(key) + length + 3, total = fixed;
  char digits[24];
  for (int round = 0; round < 3; round++) total = fixed + (size_t)snprintf(digits, sizeof digits, "%zu", total);
  pax_bytes(digits, strlen(digits));
  pax_bytes(" ", 1);
  pax_bytes(key, strlen(key));
  pax_bytes("=", 1);
  pax_bytes(value, length);
  pax_bytes("\n", 1);
}

static void pax_number(const char *key, uint64_t value) {
  char text[24];
  pax_record(key, text, (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)value));
}

/* Seconds and what is beyond them, which counts upwards also before 1970. */
static void pax_time(struct timespec time) {
  char text[48];
  long long seconds = time.tv_sec;
  long fraction = time.tv_nsec;
  bool is_negative = seconds < 0;
  if (is_negative && fraction > 0) {
    seconds++;
    fraction = 1000000000 - fraction;
  }
  int n = snprintf(text, sizeof text, "%s%lld", is_negative ? "-" : "", is_negative ? -seconds : seconds);
  if (fraction > 0) n += snprintf(text + n, sizeof text - (size_t)n, ".%09ld", fraction);
  pax_record("mtime", text, (size_t)n);
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static void pax_xattrs(int fd, const char *path) {
  static char list[LONGEST_VALUE], value[LONGEST_VALUE];
  static char *names[LONGEST_VALUE / 2];
  char key[sizeof XATTR_PREFIX + 256];
  size_t count = 0;
  ssize_t length = listxattr(descriptor_path(fd), list, sizeof list);
  if (length < 0 && (errno == ENOTSUP || errno == EPERM)) return;
  if (length < 0) fail_at("list the attributes of", path);
  for (char *name = list; name < list + length; name += strlen(name) + 1) {
    if (strncmp(name, OVERLAY_PREFIX, strlen(OVERLAY_PREFIX)) != 0) names[count++] = name;
  }
  if (count > 0) qsort(names, count, sizeof *names, by_bytes);
  for (size_t i = 0; i < count; i++) {
    ssize_t n = get_xattr(fd, names[i], value, sizeof value);
    if (n < 0 && errno == ENODATA) continue; /* removed meanwhile */
    if (n < 0) fail_at("read an attribute of", path);
    snprintf(key, sizeof key, XATTR_PREFIX "%s", names[i]);
    pax_record(key, value, (size_t)n);
  }
}

static void octal(char *block, size_t at, size_t size, uint64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%0*llo", (int)size - 1, (unsigned long long)value);
  memcpy(block + at, digits, size - 1);
}

static void header(const struct tar_item *item, const char *path, char type, uint64_t size) {
  char block[BLOCK] = {0};
  const char *link = item->link != NULL ? item->link : "";
  long long seconds = item->modified.tv_sec;
  memcpy(block, path, strnlen(path, NAME_SIZE)); /* cut when a PAX record has the whole, as are numbers */
  octal(block, 100, 8, item->mode & 07777);
  octal(block, 108, 8, item->uid <= MOST_SHORT_ID ? item->uid : 0);
  octal(block, 116, 8, item->gid <= MOST_SHORT_ID ? item->gid : 0);
  octal(block, 124, 12, size <= MOST_SHORT_SIZE ? size : 0);
  octal(block, 136, 12, seconds >= 0 && (uint64_t)seconds <= MOST_SHORT_SIZE ? (uint64_t)seconds : 0);
  memset(block + 148, ' ', 8);
  block[156] = type;
  memcpy(block + 157, link, strnlen(link, NAME_SIZE));
  memcpy(block + 257, "ustar\00000", 8);
  octal(block, 329, 8, type == '3' || type == '4' ? major(item->device) : 0);
  octal(block, 337, 8, type == '3' || type == '4' ? minor(item->device) : 0);
  unsigned sum = 0;
  for (size_t i = 0; i < BLOCK; i++) sum += (unsigned char)block[i];
  octal(block, 148, 7, sum);
  block[154] = 0;
  write_output(block, BLOCK);
}

void tar_item(const struct tar_item *item) {
  long long seconds = item->modified.tv_sec;
  pax.length = 0;
  if (strlen(item->path) > NAME_SIZE) pax_record("path", item->path, strlen(item->path));
  if (item->link != NULL && strlen(item->link) > NAME_SIZE) pax_record("linkpath", item->link, strlen(item->link));
  if (item->size > MOST_SHORT_SIZE) pax_number("size", item->size);
  if (item->uid > MOST_SHORT_ID) pax_number("uid", item->uid);
  if (item->gid > MOST_SHORT_ID) pax_number("gid", item->gid);
  if (seconds < 0 || (uint64_t)seconds > MOST_SHORT_SIZE || item->modified.tv_nsec > 0) pax_time(item->modified);
  if (item->xattrs_of >= 0) pax_xattrs(item->xattrs_of, item->path);
  if (pax.length > 0) {
    static const struct tar_item PAX = {.mode = 0644};
    header(&PAX, "PaxHeader", 'x', pax.length);
    write_output(pax.bytes, pax.length);
    tar_padding(pax.length);
  }
  header(item, item->path, item->type, item->size);
}

void tar_padding(uint64_t size) { write_output(zeros, (BLOCK - size % BLOCK) % BLOCK); }

void tar_end(void) {
  write_output(zeros, BLOCK);
  write_output(zeros, BLOCK);
}
