/**
 * page: a process whose memory is there to be looked at. `page map N` starts it in the background with N pages at an address whose
 * four table indexes are 1, 2, 3 and 4; the other commands ask it, over a Unix socket, to read or write one page, to fork, or to
 * keep the processor busy so that a paused machine is found in it. `page facts I` tells what the kernel says of a page
 * (Documentation/admin-guide/mm/pagemap.rst) as shell variables; checks compare answers with that.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE_BYTES = 4096, PAGES_MAX = 16, LINE_BYTES = 256, SPIN_SECONDS = 60, SPIN_SECONDS_MAX = 600 };

/** PML4E 1, PDPTE 2, PDE 3, and PTE 4 of the first page. */
#define BASE ((unsigned char *)0x8080604000)

#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_EXCLUSIVE (1ull << 56)
#define PAGEMAP_FRAME ((1ull << 55) - 1)

static int page_count;
static pid_t child;
/** To the child, which answers commands as its parent does. */
static int child_socket = -1;
static _Atomic long spin_until_s;

static void die(const char *what) {
  fprintf(stderr, "page: %s: %s\n", what, strerror(errno));
  exit(1);
}

static long now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

/** Keeps the processor in this address space until its time is over; touches nothing of the pages. */
static void *spin(void *unused) {
  (void)unused;
  while (now_s() < spin_until_s)
    for (long turn = 0; turn < 2000000; turn++) __asm__ volatile("");
  return NULL;
}

static void start_spinning(long seconds) {
  static pthread_t thread;
  static pid_t owner;
  const int runs = owner == getpid() && now_s() < spin_until_s;
  if (owner == getpid() && !runs) pthread_join(thread, NULL), owner = 0; // its time is over
  spin_until_s = now_s() + seconds;
  if (runs || seconds == 0) return;
  owner = getpid();
  if (pthread_create(&thread, NULL, spin, NULL) != 0) owner = 0;
}

static unsigned char *address_of(int page) { return BASE + (size_t)page * PAGE_BYTES; }

/** What this process knows of a page, as shell variables. */
static void tell_facts(FILE *out, int page) {
  uint64_t entry = 0;
  const int file = open("/proc/self/pagemap", O_RDONLY);
  const off_t at = (off_t)((uintptr_t)address_of(page) / PAGE_BYTES * sizeof entry);
  const ssize_t got = file < 0 ? -1 : pread(file, &entry, sizeof entry, at);
  if (file >= 0) close(file);
  if (got != sizeof entry) {
    fprintf(out, "!the kernel does not tell where pages are: %s\n", strerror(errno));
    return;
  }
  const int present = (entry & PAGEMAP_PRESENT) != 0;
  fprintf(out, "process=%d linear=%p present=%d physical=%#llx shared=%d\n", (int)getpid(), (void *)address_of(page),
          present, present ? (unsigned long long)(entry & PAGEMAP_FRAME) * PAGE_BYTES : 0ull,
          present && (entry & PAGEMAP_EXCLUSIVE) == 0);
}

static void forget_accesses(FILE *out) {
  const int file = open("/proc/self/clear_refs", O_WRONLY);
  if (file < 0 || write(file, "1", 1) != 1) fprintf(out, "!the kernel does not clear the bits: %s\n", strerror(errno));
  else fprintf(out, "the accessed bits of all pages of process %d are clear\n", (int)getpid());
  if (file >= 0) close(file);
}

static void list_pages(FILE *out) {
  fprintf(out, "process %d has %d page%s:\n", (int)getpid(), page_count, page_count == 1 ? "" : "s");
  for (int page = 0; page < page_count; page++) fprintf(out, "  page %d at %p\n", page, (void *)address_of(page));
}

static void map_pages(FILE *out, const char *word) {
  const int count = word == NULL ? 0 : atoi(word);
  if (page_count > 0) {
    fprintf(out, "!there are pages already; \"page end\" ends the process, then map again\n");
  } else if (count < 1 || count > PAGES_MAX) {
    fprintf(out, "!say how many pages, from 1 to %d\n", PAGES_MAX);
  } else {
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    if (mmap(BASE, (size_t)count * PAGE_BYTES, PROT_READ | PROT_WRITE, flags, -1, 0) != BASE)
      fprintf(out, "!no memory: %s\n", strerror(errno));
    else page_count = count, list_pages(out);
  }
}

static void serve_child(int socket);

static void make_child(FILE *out) {
  int ends[2];
  if (child > 0) {
    fprintf(out, "!process %d has a child already: %d\n", (int)getpid(), (int)child);
    return;
  }
  if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0 || (child = fork()) < 0) {
    fprintf(out, "!no child: %s\n", strerror(errno));
    child = 0;
  } else if (child == 0) {
    close(ends[0]);
    serve_child(ends[1]);
  } else {
    close(ends[1]);
    child_socket = ends[0];
    fprintf(out, "process %d has a child: process %d\n", (int)getpid(), (int)child);
  }
}

static void end_child(void) {
  if (child <= 0) return;
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  close(child_socket);
  child = 0;
}

static void ask_child(FILE *out, const char *rest) {
  char answer[LINE_BYTES * 4];
  ssize_t got = -1;
  if (child <= 0) {
    fprintf(out, "!there is no child; make one with \"page fork\"\n");
    return;
  }
  if (strcmp(rest, "end") == 0) {
    fprintf(out, "process %d has ended\n", (int)child);
    end_child();
    return;
  }
  if (send(child_socket, rest, strlen(rest), MSG_NOSIGNAL) >= 0) got = recv(child_socket, answer, sizeof answer, 0);
  if (got <= 0) {
    end_child();
    fprintf(out, "!the child has ended\n");
  } else fwrite(answer, 1, (size_t)got, out);
}

/** Does one command. An answer that begins with `!` is a complaint. */
static void obey(FILE *out, char *line, int is_child) {
  char *rest = line;
  const char *command = strsep(&rest, " ");
  if (!is_child && strcmp(command, "map") == 0) return map_pages(out, rest);
  if (!is_child && strcmp(command, "fork") == 0) return make_child(out);
  if (!is_child && strcmp(command, "child") == 0) return ask_child(out, rest == NULL ? "list" : rest);
  if (strcmp(command, "list") == 0) return list_pages(out);
  if (strcmp(command, "forget") == 0) return forget_accesses(out);
  if (strcmp(command, "spin") == 0) {
    const long seconds = rest == NULL ? SPIN_SECONDS : atol(rest);
    if (seconds < 0 || seconds > SPIN_SECONDS_MAX) {
      fprintf(out, "!say how many seconds, from 0 to %d\n", SPIN_SECONDS_MAX);
      return;
    }
    start_spinning(seconds);
    fprintf(out, "process %d keeps the processor busy for %ld seconds: pause the machine now\n", (int)getpid(), seconds);
    return;
  }
  const int reads = strcmp(command, "read") == 0, writes = strcmp(command, "write") == 0;
  const int texts = strcmp(command, "text") == 0; // for checks
  if (!reads && !writes && !texts && strcmp(command, "facts") != 0) {
    fprintf(out, "!there is no command \"%s\"; see \"page --help\"\n", command);
    return;
  }
  const char *number = rest == NULL ? "" : strsep(&rest, " ");
  char *end;
  const long page = strtol(number, &end, 10);
  if (*number == 0 || *end != 0 || page < 0 || page >= page_count) {
    fprintf(out, "!say which page, from 0 to %d\n", page_count - 1);
  } else if (reads) {
    fprintf(out, "process %d has read page %ld: its first byte is 0x%02x\n", (int)getpid(), page,
            *(volatile unsigned char *)address_of((int)page));
  } else if (writes) {
    const char *text = rest == NULL ? "hello" : rest;
    memcpy(address_of((int)page), text, strlen(text) + 1);
    fprintf(out, "process %d has written to page %ld: \"%s\"\n", (int)getpid(), page, text);
  } else if (texts) fprintf(out, "%.*s\n", LINE_BYTES, (const char *)address_of((int)page));
  else tell_facts(out, (int)page);
}

static void serve_child(int socket) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int other = 3; other < 64; other++) // who waits for its parent's answer waits until all have closed the connection
    if (other != socket) close(other);
  child = 0;
  spin_until_s = 0;
  for (;;) {
    char line[LINE_BYTES], answer[LINE_BYTES * 4] = "";
    const ssize_t got = recv(socket, line, sizeof line - 1, 0);
    if (got <= 0) _exit(0);
    line[got] = 0;
    FILE *out = fmemopen(answer, sizeof answer, "w");
    obey(out, line, 1);
    fclose(out);
    send(socket, answer, strlen(answer), MSG_NOSIGNAL);
  }
}

static struct sockaddr_un address(socklen_t *length) {
  static const char name[] = "vivarium-page"; // an abstract address: no file (unix(7))
  struct sockaddr_un result = {.sun_family = AF_UNIX};
  memcpy(result.sun_path + 1, name, sizeof name - 1);
  *length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + sizeof name);
  return result;
}

static _Noreturn void serve(int listener) {
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (int stream = 0; stream < 3; stream++) dup2(null, stream);
  signal(SIGPIPE, SIG_IGN);
  for (;;) {
    char line[LINE_BYTES];
    const int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) continue;
    const ssize_t got = recv(client, line, sizeof line - 1, 0);
    FILE *out = got > 0 ? fdopen(client, "w") : NULL;
    if (out == NULL) {
      close(client);
      continue;
    }
    line[got] = 0;
    const int ends = strcmp(line, "end") == 0;
    if (ends) end_child(), fprintf(out, "process %d has ended\n", (int)getpid());
    else obey(out, line, 0);
    fclose(out);
    if (ends) exit(0);
  }
}

/** A socket to the process, which is started if it may be. -1 when it does not run. */
static int connect_to_process(int may_start) {
  socklen_t length;
  const struct sockaddr_un at = address(&length);
  if (may_start) {
    const int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (listener < 0) die("socket");
    if (bind(listener, (const struct sockaddr *)&at, length) == 0) {
      if (listen(listener, 4) != 0) die("listen");
      const pid_t process = fork();
      if (process < 0) die("fork");
      if (process == 0) serve(listener);
    } else if (errno != EADDRINUSE) die("bind");
    close(listener);
  }
  const int client = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (client < 0) die("socket");
  return connect(client, (const struct sockaddr *)&at, length) == 0 ? client : -1;
}

static int usage(FILE *out) {
  fputs("page map N            start a process in the background that has N pages of memory\n"
        "page list             its pages and their addresses\n"
        "page read I           have it read the first byte of page I\n"
        "page write I [TEXT]   have it write to page I\n"
        "page forget           have the kernel clear the accessed bits of its pages\n"
        "page fork             have it make a child, which has the same memory\n"
        "page child ...        have the child list, read, write, forget, spin or end\n"
        "page spin [SECONDS]   have it keep the processor busy, so that Pause finds it there\n"
        "page facts I          what the kernel says of page I\n"
        "page end              end it\n",
        out);
  return out == stdout ? 0 : 2;
}

int main(int count, char **words) {
  char line[LINE_BYTES] = "", answer[LINE_BYTES * 8];
  if (count == 2 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "help") == 0)) return usage(stdout);
  if (count < 2) return usage(stderr);
  size_t length = 0;
  for (int word = 1; word < count; word++) {
    length += (size_t)snprintf(line + length, sizeof line - length, "%s%s", word == 1 ? "" : " ", words[word]);
    if (length >= sizeof line) {
      fprintf(stderr, "page: that is too long\n");
      return 2;
    }
  }
  const int socket = connect_to_process(strcmp(words[1], "map") == 0);
  if (socket < 0) {
    fprintf(stderr, "page: it does not run; start it with \"page map 4\"\n");
    return 1;
  }
  if (send(socket, line, length, 0) < 0) die("send");
  int complains = 0;
  ssize_t got;
  for (int first = 1; (got = recv(socket, answer, sizeof answer, 0)) > 0; first = 0) {
    if (first && answer[0] == '!') complains = 1;
    FILE *out = complains ? stderr : stdout;
    if (first && complains) fputs("page: ", out);
    fwrite(answer + (first && complains), 1, (size_t)got - (first && complains), out);
  }
  return complains;
}
