/** The kernel: a system call, a pipe between two processes, fork with exec, page faults, files. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

enum {
  CALLS = 150000,
  ROUND_TRIPS = 5000,
  CHILDREN = 50,
  MAPPINGS = 6,
  MAPPED_PAGES = 2048,
  PAGE_BYTES = 4096,
  FILES = 2000,
  FILE_BYTES = 6000,
};

static uint32_t get_pid(void) {
  const long own = syscall(SYS_getpid);
  uint32_t equal = 0;
  for (int n = 0; n < CALLS; n++) equal += syscall(SYS_getpid) == own;
  return equal;
}

static void answer(int in, int out) {
  uint32_t word;
  while (read(in, &word, sizeof word) == sizeof word) {
    word = mix(word, 1);
    if (write(out, &word, sizeof word) != sizeof word) break;
  }
  _exit(0);
}

static uint32_t round_trips(void) {
  int there[2], back[2];
  if (pipe(there) != 0 || pipe(back) != 0) fail("no pipe");
  const pid_t child = fork();
  if (child < 0) fail("no process");
  if (child == 0) {
    close(there[1]), close(back[0]);
    answer(there[0], back[1]);
  }
  close(there[0]), close(back[1]);
  uint32_t word = MIX_START;
  for (int n = 0; n < ROUND_TRIPS; n++) {
    if (write(there[1], &word, sizeof word) != sizeof word) fail("the pipe takes nothing");
    if (read(back[0], &word, sizeof word) != sizeof word) fail("the pipe gives nothing");
  }
  close(there[1]), close(back[0]);
  waitpid(child, NULL, 0);
  return word;
}

static uint32_t fork_exec(void) {
  uint32_t sum = 0;
  for (int n = 0; n < CHILDREN; n++) {
    const pid_t child = fork();
    if (child < 0) fail("no process");
    if (child == 0) {
      char code[8];
      snprintf(code, sizeof code, "%d", n);
      execl("/proc/self/exe", "bench", "--exit", code, (char *)NULL);
      _exit(255);
    }
    int status;
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) fail("a child is lost");
    sum += (uint32_t)WEXITSTATUS(status);
  }
  return sum;
}

static uint32_t page_faults(void) {
  uint32_t hash = MIX_START;
  for (int n = 0; n < MAPPINGS; n++) {
    const size_t bytes = (size_t)MAPPED_PAGES * PAGE_BYTES;
    char *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("no memory");
    madvise(memory, bytes, MADV_NOHUGEPAGE);
    for (int page = 0; page < MAPPED_PAGES; page++) memory[(size_t)page * PAGE_BYTES] = (char)page;
    hash = mix(hash, (uint32_t)memory[(size_t)(n * 37 % MAPPED_PAGES) * PAGE_BYTES]);
    munmap(memory, bytes);
  }
  return hash;
}

static uint32_t files(void) {
  static char content[FILE_BYTES];
  uint32_t hash = MIX_START;
  for (int n = 0; n < FILES; n++) {
    char name[32];
    snprintf(name, sizeof name, "file-%d", n % 50);
    memset(content, n, sizeof content);
    const int file = open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (file < 0 || write(file, content, sizeof content) != sizeof content) fail("a file can't be written");
    if (pread(file, content, 64, FILE_BYTES - 64) != 64) fail("a file can't be read");
    hash = mix(hash, (uint32_t)content[63]);
    close(file);
    if (unlink(name) != 0) fail("a file can't be removed");
  }
  return hash;
}

const struct program system_programs[] = {
    {"system", "getpid", get_pid, NULL},   {"system", "pipe", round_trips, NULL}, {"system", "fork-exec", fork_exec, NULL},
    {"system", "page-faults", page_faults, NULL}, {"system", "files", files, NULL},      {0},
};
