/*
 * Reads the archive on stdin: ustar and PAX headers for one entry (POSIX.1-2017 pax), as src/container writes them. Archives
 * of users come through the host's reader, which knows the other dialects; what is neither is refused.
 */
#include "files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK 512
#define LONGEST_PAX 1048576
#define LARGEST_NUMBER 9007199254740991ull /* what the host can count to */
#define XATTR_PREFIX "SCHILY.xattr."

static uint64_t data_left, padding_left;

static void bad(const char *what) { fail(BAD_ARCHIVE, 0, "the archive is not sound: %s", what); }

/* Reads all of it; false when the input ends before its first byte. */
static bool read_all(void *bytes, size_t length) {
  size_t done = 0;
  while (done < length) {
    ssize_t n = read(STDIN_FILENO, (uint8_t *)bytes + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(FAILED, errno, "can't read the archive");
    if (n == 0) break;
    done += (size_t)n;
  }
  if (done > 0 && done < length) bad("it ends in the middle");
  return done > 0;
}

size_t tar_data(void *bytes, size_t length) {
  if (length > data_left) length = (size_t)data_left;
  if (length > 0 && !read_all(bytes, length)) bad("it ends in the middle");
  data_left -= length;
  return length;
}

static void skip_rest(void) {
  uint8_t rest[BLOCK];
  while (tar_data(rest, sizeof rest) > 0) continue;
  if (padding_left > 0 && !read_all(rest, (size_t)padding_left)) bad("it ends in the middle");
  padding_left = 0;
}

static void expect_data(uint64_t size) {
  data_left = size;
  padding_left = (BLOCK - size % BLOCK) % BLOCK;
}

static uint64_t octal(const uint8_t *block, size_t at, size_t size) {
  uint64_t value = 0;
  size_t i = at, end = at + size;
  while (i < end && block[i] == ' ') i++;
  for (; i < end && block[i] >= '0' && block[i] <= '7'; i++) value = value * 8 + (block[i] - '0');
  if (i < end && block[i] != 0 && block[i] != ' ') bad("a number is not octal");
  return value;
}

static bool is_sound(const uint8_t *block) {
  unsigned sum = 0;
  for (size_t i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : block[i];
  return octal(block, 148, 8) == sum;
}

static char *text_of(const uint8_t *bytes, size_t length) {
  char *text = must_grow(NULL, length + 1);
  memcpy(text, bytes, length);
  text[length] = 0;
  return text;
}

static uint64_t whole(const char *text) {
  char *end;
  errno = 0;
  unsigned long long value = strtoull(text, &end, 10);
  if (text[0] < '0' || text[0] > '9' || *end != 0 || errno != 0 || value > LARGEST_NUMBER) bad("a PAX header has a wrong number");
  return value;
}

static struct timespec time_of(const char *text) {
  bool is_negative = text[0] == '-';
  char *dot = strchr(text, '.');
  long fraction = 0;
  if (dot != NULL) {
    *dot = 0;
    long digit = 100000000;
    for (const char *c = dot + 1; *c >= '0' && *c <= '9' && digit > 0; c++, digit /= 10) fraction += (*c - '0') * digit;
  }
  time_t seconds = (time_t)whole(text + (is_negative ? 1 : 0));
  if (!is_negative) return (struct timespec){.tv_sec = seconds, .tv_nsec = fraction};
  return (struct timespec){.tv_sec = -seconds - (fraction > 0), .tv_nsec = fraction > 0 ? 1000000000 - fraction : 0};
}

/* What a PAX header says of the next entry; what it does not mention has not been set. */
struct overrides {
  bool size, uid, gid, modified;
  struct tar_entry entry;
};

static void forget(struct tar_entry *entry) {
  for (size_t i = 0; i < entry->xattr_count; i++) {
    free(entry->xattrs[i].name);
    free(entry->xattrs[i].value);
  }
  free(entry->xattrs);
  free(entry->path);
  free(entry->link);
  *entry = (struct tar_entry){0};
}

static void apply_record(struct overrides *over, const char *key, const uint8_t *value, size_t length) {
  struct tar_entry *entry = &over->entry;
  char *text = text_of(value, length);
  if (strncmp(key, XATTR_PREFIX, strlen(XATTR_PREFIX)) == 0) {
    entry->xattrs = must_grow(entry->xattrs, (entry->xattr_count + 1) * sizeof *entry->xattrs);
    entry->xattrs[entry->xattr_count++] = (struct tar_xattr){
        .name = must_copy(key + strlen(XATTR_PREFIX)), .value = (uint8_t *)text, .length = length};
    return;
  }
  if (strlen(text) != length) bad("a name has a NUL in it");
  if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0) {
    char **name = key[0] == 'p' ? &entry->path : &entry->link;
    free(*name);
    *name = text;
    return;
  }
  if (strcmp(key, "size") == 0) over->size = true, entry->size = whole(text);
  else if (strcmp(key, "uid") == 0) over->uid = true, entry->uid = (uid_t)whole(text);
  else if (strcmp(key, "gid") == 0) over->gid = true, entry->gid = (gid_t)whole(text);
  else if (strcmp(key, "mtime") == 0) over->modified = true, entry->modified = time_of(text);
  else bad("a PAX header has a word that is not known");
  free(text);
}

/* Records are `LENGTH KEY=VALUE\n`. */
static void read_pax(struct overrides *over, uint64_t size) {
  if (size > LONGEST_PAX) bad("a PAX header is too long");
  uint8_t *bytes = must_grow(NULL, (size_t)size + 1);
  if (size > 0 && tar_data(bytes, (size_t)size) < size) bad("it ends in the middle");
  bytes[size] = 0;
  for (size_t at = 0; at < size;) {
    size_t length = 0, digits = at;
    while (digits < size && digits < at + 8 && bytes[digits] >= '0' && bytes[digits] <= '9') length = length * 10 + (bytes[digits++] - '0');
    uint8_t *equals = digits < size ? memchr(bytes + digits, '=', size - digits) : NULL;
    if (digits == at || digits >= size || bytes[digits] != ' ' || length > size - at || length < 2 || equals == NULL) {
      bad("a PAX header is broken");
    }
    uint8_t *newline = bytes + at + length - 1;
    if (*newline != '\n' || equals >= newline) bad("a PAX header is broken");
    *equals = 0;
    apply_record(over, (char *)bytes + digits + 1, equals + 1, (size_t)(newline - equals - 1));
    at += length;
  }
  free(bytes);
}

static void fill_in(struct tar_entry *entry, const struct overrides *over, const uint8_t *block) {
  *entry = over->entry;
  entry->type = (char)block[156];
  if (entry->path == NULL) entry->path = text_of(block, 100);
  if (entry->link == NULL) entry->link = text_of(block + 157, 100);
  entry->mode = (mode_t)octal(block, 100, 8) & 07777;
  if (!over->uid) entry->uid = (uid_t)octal(block, 108, 8);
  if (!over->gid) entry->gid = (gid_t)octal(block, 116, 8);
  if (!over->size) entry->size = octal(block, 124, 12);
  if (!over->modified) entry->modified = (struct timespec){.tv_sec = (time_t)octal(block, 136, 12)};
  entry->major = (unsigned)octal(block, 329, 8);
  entry->minor = (unsigned)octal(block, 337, 8);
  if (entry->type == 0 || entry->type == '0') entry->type = '0';
  else if (entry->type < '1' || entry->type > '6') bad("an entry has a type that is not known");
  else entry->size = 0;
}

bool tar_next(struct tar_entry *entry) {
  uint8_t block[BLOCK];
  struct overrides over = {0};
  forget(entry);
  for (;;) {
    skip_rest();
    if (!read_all(block, BLOCK)) bad("it ends without an end");
    bool is_end = true;
    for (size_t i = 0; i < BLOCK; i++) is_end = is_end && block[i] == 0;
    if (is_end) return false;
    if (!is_sound(block)) bad("a checksum is wrong");
    if (block[156] != 'x') break;
    uint64_t size = octal(block, 124, 12);
    expect_data(size);
    read_pax(&over, size);
  }
  fill_in(entry, &over, block);
  expect_data(entry->size);
  return true;
}
