/** Real programs: busybox's, on a text of random words that is the same everywhere. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum { TEXT_LINES = 60000, OUTPUT_BYTES = 1 << 16 };

/** Lines of three words of a small vocabulary and a number. */
static void write_text(void) {
  struct stat known;
  if (stat("text", &known) == 0) return;
  FILE *text = fopen("text", "w");
  if (text == NULL) fail("the text can't be written");
  uint32_t state = 19;
  for (int line = 0; line < TEXT_LINES; line++) {
    for (int word = 0; word < 3; word++) {
      uint32_t letters = next_random(&state) % 512 * 2654435761u;
      for (uint32_t length = 2 + letters % 7; length > 0; length--, letters /= 3) fputc('a' + (int)(letters % 26), text);
      fputc(' ', text);
    }
    fprintf(text, "%u\n", (unsigned)(next_random(&state) % 5000));
  }
  if (fclose(text) != 0) fail("the text can't be written");
}

/** Runs a script of busybox's shell; the checksum is of its output. */
static uint32_t shell(const char *script) {
  static uint32_t output[OUTPUT_BYTES / 4];
  int ends[2];
  if (pipe(ends) != 0) fail("no pipe");
  const pid_t child = fork();
  if (child < 0) fail("no process");
  if (child == 0) {
    dup2(open("/dev/null", O_RDONLY), 0);
    dup2(ends[1], 1);
    close(ends[0]), close(ends[1]);
    execl(busybox_path, "busybox", "sh", "-c", script, (char *)NULL);
    _exit(127);
  }
  close(ends[1]);
  uint32_t hash = MIX_START;
  size_t filled = 0;
  for (ssize_t got; (got = read(ends[0], (char *)output + filled, OUTPUT_BYTES - filled)) > 0;) {
    filled += (size_t)got;
    if (filled < OUTPUT_BYTES) continue;
    for (size_t n = 0; n < OUTPUT_BYTES / 4; n++) hash = mix(hash, output[n]);
    filled = 0;
  }
  close(ends[0]);
  for (size_t n = 0; n < filled; n++) hash = mix(hash, ((const uint8_t *)output)[n]);
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) fail("a script failed");
  return hash;
}

static void compress_text(void) {
  write_text();
  shell("$BUSYBOX gzip -c <text >text.gz");
}

#define SCRIPT(name, script) \
  static uint32_t name(void) { return shell(script); }

SCRIPT(sha256sum, "for n in 1 2 3 4; do $BUSYBOX sha256sum <text; done")
SCRIPT(gzip, "$BUSYBOX head -c 400000 text | $BUSYBOX gzip -c")
SCRIPT(gunzip, "for n in 1 2; do $BUSYBOX gunzip -c <text.gz; done")
SCRIPT(sort_uniq, "$BUSYBOX head -n 12000 text | $BUSYBOX cut -d ' ' -f 1,2 | $BUSYBOX sort | $BUSYBOX uniq -c")
SCRIPT(awk, "$BUSYBOX head -n 12000 text | $BUSYBOX awk '{ s += $4; n[$1]++; l += length($2) } END { for (w in n) if "
            "(n[w] > m) m = n[w]; print s, l, m }'")
SCRIPT(shell_loop, "i=0; s=0; while [ $i -lt 7000 ]; do i=$((i + 1)); s=$(((s * 31 + i) % 65521)); done; echo $s")
SCRIPT(shell_fork, "i=0; while [ $i -lt 40 ]; do i=$((i + 1)); x=$(echo $i); $BUSYBOX expr $x + 1; done")

const struct program work_programs[] = {
    {"work", "sha256sum", sha256sum, write_text},
    {"work", "gzip", gzip, write_text},
    {"work", "gunzip", gunzip, compress_text},
    {"work", "sort-uniq", sort_uniq, write_text},
    {"work", "awk", awk, write_text},
    {"work", "shell-loop", shell_loop, NULL},
    {"work", "shell-fork", shell_fork, NULL},
    {0},
};
