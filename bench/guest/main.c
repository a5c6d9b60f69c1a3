/**
 * Runs the programs as its input asks, one request a line, and answers in lines (bench/programs/protocol.ts):
 *
 *   l      →  @program KIND NAME (each), @listed
 *   p N    →  @prepared N
 *   r N    →  @end N CHECKSUM MICROSECONDS (processor time of this process and its children)
 *
 * Its first line is @ready. As PID 1 of a guest it talks over the first serial port; on the host over its standard
 * streams: bench BUSYBOX FOLDER, FOLDER being an empty one on a tmpfs.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>
#include "bench.h"

enum { PROGRAMS_MAX = 64, LINE_BYTES = 64 };

const char *busybox_path = "/bin/busybox";

static const struct program *programs[PROGRAMS_MAX];
static size_t program_count;

void fail(const char *what) {
  printf("@failed %s\n", what);
  exit(1);
}

static void add(const struct program *list) {
  for (; list->name != NULL; list++) {
    if (program_count == PROGRAMS_MAX) fail("too many programs");
    programs[program_count++] = list;
  }
}

static void open_serial_port(void) {
  const int port = open("/dev/ttyS0", O_RDWR | O_NOCTTY);
  struct termios settings;
  if (port < 0 || tcgetattr(port, &settings) != 0) fail("no serial port");
  cfmakeraw(&settings);
  tcsetattr(port, TCSANOW, &settings);
  for (int stream = 0; stream < 3; stream++) dup2(port, stream);
}

static void become_init(void) {
  mkdir("/proc", 0755), mkdir("/dev", 0755), mkdir("/tmp", 0777);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("dev", "/dev", "devtmpfs", 0, NULL);
  if (mount("tmp", "/tmp", "tmpfs", 0, NULL) != 0 || chdir("/tmp") != 0) fail("no tmpfs");
  open_serial_port();
}

/** One processor, as the guests have: two processes that talk do not run at the same time. */
static void use_one_processor(void) {
  const int processor = sched_getcpu();
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor < 0 ? 0 : processor, &set);
  sched_setaffinity(0, sizeof set, &set);
}

static long long processor_us(void) {
  long long sum = 0;
  for (int child = 0; child < 2; child++) {
    struct rusage usage;
    getrusage(child ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage);
    sum += 1000000ll * (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
  }
  return sum;
}

/** By read(2), which waits without a buffer that a child could inherit. False at the end of the input. */
static int read_line(char *line) {
  for (size_t length = 0; length < LINE_BYTES - 1;) {
    if (read(0, line + length, 1) != 1) return 0;
    if (line[length] == '\n') {
      line[length] = 0;
      return 1;
    }
    length++;
  }
  fail("a request is too long");
}

static void answer(const char *line) {
  if (line[0] == 'l') {
    for (size_t n = 0; n < program_count; n++) printf("@program %s %s\n", programs[n]->kind, programs[n]->name);
    printf("@listed\n");
    return;
  }
  const size_t number = line[0] != 0 ? strtoul(line + 1, NULL, 10) : PROGRAMS_MAX;
  if (number >= program_count) fail("no such program");
  const struct program *program = programs[number];
  if (line[0] == 'p') {
    if (program->prepare != NULL) program->prepare();
    printf("@prepared %zu\n", number);
  } else {
    const long long before = processor_us();
    const uint32_t checksum = program->run();
    printf("@end %zu %08x %lld\n", number, (unsigned)checksum, processor_us() - before);
  }
}

int main(int count, char **words) {
  if (count == 3 && strcmp(words[1], "--exit") == 0) return atoi(words[2]);
  if (getpid() == 1) become_init();
  else {
    if (count != 3 || chdir(words[2]) != 0) fail("usage: bench BUSYBOX FOLDER");
    busybox_path = words[1];
    use_one_processor();
  }
  setenv("BUSYBOX", busybox_path, 1);
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  add(integer_programs), add(call_programs), add(rewriting_programs), add(x87_programs), add(sse2_programs);
  add(packed_programs), add(memory_programs), add(system_programs), add(work_programs);
  printf("@ready\n");
  char line[LINE_BYTES];
  while (read_line(line)) answer(line);
  return 0;
}
