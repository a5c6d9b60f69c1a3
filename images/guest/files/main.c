/*
 * The program's words, its errors and its output. Usage (all paths absolute; ROOT, UPPER and LOWER are the guest's, the
 * others are below ROOT):
 *
 *   viv-files stat ROOT PATH           mode, uid, gid, size, time, link's target, where it leads: each with a NUL after it
 *   viv-files tar ROOT PATH NAME       a tar archive of PATH, which is called NAME in it
 *   viv-files untar ROOT FOLDER        unpacks the tar archive from stdin there
 *   viv-files export ROOT              a tar archive of everything
 *   viv-files layer UPPER [-o PATH]…   an overlay's upper directory as an image layer (image-spec v1.1, layer.md)
 *   viv-files changes UPPER [-o PATH]… LOWER…   A, C or D and a path for each change, each with a NUL after it; the lower
 *                                      directories from the top down
 *
 *   viv-files read ROOT PATH MOST      a regular file, unless it has more than so many bytes
 *   viv-files write ROOT PATH MODE     what is on stdin becomes the file's content; MODE is octal, or - for as it is
 *   viv-files list ROOT PATH           a folder: for each name the name and then what `stat` has
 *   viv-files mkdir ROOT PATH MODE     a folder, with those above it; nothing if it is there
 *   viv-files remove ROOT PATH [all]   a file or an empty folder; with `all` one that is not empty
 *   viv-files rename ROOT PATH PATH    as rename(2)
 *
 * -o PATH leaves an empty file or directory out. Errors are one line on stderr, `error: …`; notes are `note: …`.
 */
#include "files.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_SIZE 1024
#define SHOWN_SIZE 400
#define OUTPUT_SIZE 65536

static uint8_t output[OUTPUT_SIZE];
static size_t output_fill;

static int status_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return NOT_FOUND;
  if (error == ENOSPC || error == EDQUOT) return NO_SPACE;
  return FAILED;
}

static void say(const char *kind, int error, const char *format, va_list args) {
  char text[MESSAGE_SIZE];
  vsnprintf(text, sizeof text, format, args);
  const char *reason = error != 0 ? strerror(error) : "";
  if (error != 0) fprintf(stderr, "%s: %s: %c%s\n", kind, text, tolower(reason[0]), reason + 1);
  else fprintf(stderr, "%s: %s\n", kind, text);
}

void fail(int status, int error, const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("error", error, format, args);
  va_end(args);
  exit(status);
}

void fail_at(const char *what, const char *path) {
  int error = errno;
  fail(status_of(error), error, "can't %s %s", what, shown(path));
}

void note(const char *format, ...) {
  va_list args;
  va_start(args, format);
  say("note", 0, format, args);
  va_end(args);
}

const char *shown(const char *name) {
  static char texts[8][SHOWN_SIZE];
  static unsigned next;
  char *text = texts[next++ % 8];
  size_t n = 0;
  for (; name[n] != 0 && n < SHOWN_SIZE - 4; n++) text[n] = (unsigned char)name[n] < ' ' || name[n] == 0x7f ? '?' : name[n];
  strcpy(text + n, name[n] == 0 ? "" : "...");
  return text;
}

void *must_grow(void *old, size_t bytes) {
  void *grown = realloc(old, bytes > 0 ? bytes : 1);
  if (grown == NULL) fail(FAILED, 0, "the guest has not enough memory for so many files");
  return grown;
}
void *must_allocate(size_t bytes) { return memset(must_grow(NULL, bytes), 0, bytes); }
char *must_copy(const char *text) { return strcpy(must_grow(NULL, strlen(text) + 1), text); }

void flush_output(void) {
  for (size_t done = 0; done < output_fill;) {
    ssize_t n = write(STDOUT_FILENO, output + done, output_fill - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(FAILED, errno, "can't write");
    done += (size_t)n;
  }
  output_fill = 0;
}

void write_output(const void *bytes, size_t length) {
  while (length > 0) {
    size_t n = OUTPUT_SIZE - output_fill < length ? OUTPUT_SIZE - output_fill : length;
    memcpy(output + output_fill, bytes, n);
    output_fill += n;
    bytes = (const uint8_t *)bytes + n;
    length -= n;
    if (output_fill == OUTPUT_SIZE) flush_output();
  }
}

bool is_omitted(const struct omitted *omitted, const char *path) {
  for (int i = 0; i < omitted->count; i++) {
    if (strcmp(omitted->paths[i], path) == 0) return true;
  }
  return false;
}

/* Takes the words `-o PATH` out of the list, which then has `count` others. */
static struct omitted take_omitted(int *count, char **words) {
  struct omitted omitted = {.paths = must_allocate((size_t)*count * sizeof(char *) + 1), .count = 0};
  int left = 0;
  for (int i = 0; i < *count; i++) {
    if (strcmp(words[i], "-o") == 0 && i + 1 < *count) omitted.paths[omitted.count++] = words[++i];
    else words[left++] = words[i];
  }
  *count = left;
  return omitted;
}

/* Octal, or -1 for `-`. */
static int take_mode(const char *text) {
  char *end;
  long mode = strtol(text, &end, 8);
  if (strcmp(text, "-") == 0) return -1;
  if (*text == 0 || *end != 0 || mode < 0 || mode > 07777) fail(WRONG_WORDS, 0, "%s is no mode", shown(text));
  return (int)mode;
}

/* Commands on one file or folder; false when it is none of them. */
static bool edit(const char *command, int count, char **words) {
  if (strcmp(command, "read") == 0 && count == 3) {
    read_file(open_root(words[0]), words[1], strtoull(words[2], NULL, 10));
  } else if (strcmp(command, "write") == 0 && count == 3) {
    write_file(open_root(words[0]), words[1], take_mode(words[2]));
  } else if (strcmp(command, "list") == 0 && count == 2) {
    print_folder(open_root(words[0]), words[1]);
  } else if (strcmp(command, "mkdir") == 0 && count == 3) {
    create_folder(open_root(words[0]), words[1], take_mode(words[2]));
  } else if (strcmp(command, "remove") == 0 && (count == 2 || (count == 3 && strcmp(words[2], "all") == 0))) {
    remove_path(open_root(words[0]), words[1], count == 3);
  } else if (strcmp(command, "rename") == 0 && count == 3) {
    rename_path(open_root(words[0]), words[1], words[2]);
  } else {
    return false;
  }
  return true;
}

static void run(const char *command, int count, char **words) {
  if (edit(command, count, words)) return;
  struct omitted omitted = take_omitted(&count, words);
  if (strcmp(command, "stat") == 0 && count == 2) {
    stat_file(open_root(words[0]), words[1]);
  } else if (strcmp(command, "tar") == 0 && count == 3) {
    archive_path(open_root(words[0]), words[1], words[2]);
  } else if (strcmp(command, "untar") == 0 && count == 2) {
    extract(open_root(words[0]), words[1]);
  } else if (strcmp(command, "export") == 0 && count == 1) {
    archive_root(open_root(words[0]));
  } else if (strcmp(command, "layer") == 0 && count == 1) {
    archive_layer(open_root(words[0]), &omitted);
  } else if (strcmp(command, "changes") == 0 && count >= 1) {
    int *lowers = must_allocate((size_t)count * sizeof(int));
    for (int i = 1; i < count; i++) lowers[i - 1] = open_root(words[i]);
    list_changes(open_root(words[0]), lowers, count - 1, &omitted);
  } else {
    fail(WRONG_WORDS, 0, "stat, tar, untar, export, layer, changes, read, write, list, mkdir, remove or rename, with what belongs to it");
  }
}

int main(int count, char **words) {
  umask(0);
  if (count < 2) fail(WRONG_WORDS, 0, "no command");
  run(words[1], count - 2, words + 2);
  flush_output();
  return 0;
}
