/*
 * Channels: each is one program with its streams. Containers are started by `crun run --detach`, so that the
 * container's first process becomes our child when crun ends, and its wait status is exact.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define RUN_FOLDER "/run/vivarium"
/* Like /dev/null, but only ours: crun gives the streams' files to the container's user. */
#define PRIVATE_NULL "/root/null"
#define MAX_NAME 64
#define MAX_ORPHANS 64
#define MAX_WORDS 4096
#define PF_FORKNOEXEC 0x40 /* Linux, include/linux/sched.h */

enum { IN, OUT, ERR, STREAMS };

struct channel {
  uint32_t id;
  uint8_t kind, flags, state;
  uint8_t how;
  bool reaped, exit_sent, stdin_eof, stdin_closed;
  bool execed; /* the program itself runs, and the host knows; before, output can only be crun's */
  int32_t code;
  char *text; /* why the start failed */
  uint8_t *spec;
  size_t spec_length;
  char name[MAX_NAME + 1];
  char folder[sizeof RUN_FOLDER + 16];
  pid_t launcher, pid;
  uint64_t pending_signals;
  uint16_t rows, columns;
  int fd[STREAMS];
  int console; /* listens for crun's message with the pseudo-terminal */
  uint32_t credit[STREAMS];
  uint64_t total[STREAMS];
  uint32_t ungranted;
  uint32_t ring_start, ring_fill;
  uint8_t ring[STDIN_WINDOW];
};

static struct channel *channels[MAX_CHANNELS];
/* Children that ended before we knew whose they are: a container's process may end before crun has. */
static struct {
  pid_t pid;
  int status;
  bool without_exec;
} orphans[MAX_ORPHANS];
static unsigned next_orphan;

static struct channel *find(uint32_t id) {
  for (int i = 0; i < MAX_CHANNELS; i++) {
    if (channels[i] != NULL && channels[i]->id == id) return channels[i];
  }
  return NULL;
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at) {
  (void)info, (void)type, (void)at;
  remove(path);
  return 0;
}
static void remove_tree(const char *path) { nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }

static void forget(struct channel *c) {
  for (int i = 0; i < MAX_CHANNELS; i++) {
    if (channels[i] == c) channels[i] = NULL;
  }
  for (int s = 0; s < STREAMS; s++) close_fd(&c->fd[s]);
  close_fd(&c->console);
  if (c->folder[0] != 0) remove_tree(c->folder);
  free(c->text);
  free(c->spec);
  free(c);
}

static struct channel *create(uint32_t id) {
  for (int i = 0; i < MAX_CHANNELS; i++) {
    if (channels[i] != NULL) continue;
    struct channel *c = calloc(1, sizeof *c);
    if (c == NULL) return NULL;
    c->id = id;
    c->state = STATE_STARTING;
    c->console = c->fd[IN] = c->fd[OUT] = c->fd[ERR] = -1;
    return channels[i] = c;
  }
  return NULL;
}

/* ---- streams ---- */

static void write_stdin(struct channel *c) {
  while (c->ring_fill > 0) {
    uint32_t n = STDIN_WINDOW - c->ring_start;
    if (n > c->ring_fill) n = c->ring_fill;
    ssize_t written = n;
    if (!c->stdin_closed) {
      if (c->fd[IN] < 0) return; /* not started yet */
      written = write(c->fd[IN], c->ring + c->ring_start, n);
      if (written < 0 && (errno == EAGAIN || errno == EINTR)) break;
      if (written < 0) {
        close_fd(&c->fd[IN]);
        c->stdin_closed = true; /* nobody reads any more: the rest goes nowhere */
        continue;
      }
    }
    c->ring_start = (c->ring_start + (uint32_t)written) % STDIN_WINDOW;
    c->ring_fill -= (uint32_t)written;
    c->ungranted += (uint32_t)written;
  }
  if (c->ungranted > 0 && (c->ring_fill == 0 || c->ungranted >= STDIN_WINDOW / 4)) {
    frame_begin(MSG_STDIN_CREDIT, c->id);
    put_u32(c->ungranted);
    frame_end();
    c->ungranted = 0;
  }
  if (c->ring_fill == 0 && c->stdin_eof && !c->stdin_closed && c->fd[IN] >= 0 && !(c->flags & SPAWN_TTY)) {
    close_fd(&c->fd[IN]);
    c->stdin_closed = true;
  }
}

/*
 * Whether a process (also one that has ended and was not waited for) has never called exec: crun's child on its way
 * into the container. If its exec fails, crun's message is on the program's stderr, and its exit code is 1.
 */
static bool never_execed(pid_t pid) {
  char path[32], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
  if (fd >= 0) close(fd);
  if (n <= 0) return false;
  text[n] = 0;
  unsigned flags;
  const char *fields = strrchr(text, ')'); /* proc(5): state ppid pgrp session tty_nr tpgid flags */
  return fields != NULL && sscanf(fields, ") %*c %*d %*d %*d %*d %*d %u", &flags) == 1 && (flags & PF_FORKNOEXEC);
}

static void read_output(struct channel *c, int s) {
  int bytes_waiting = 0;
  do {
    if (c->fd[s] < 0 || !c->execed) return;
    if (c->credit[s] == 0 || port_room() == 0) {
      /* When the program is gone, what its descendants may write later is not waited for. */
      if (c->reaped && ioctl(c->fd[s], FIONREAD, &bytes_waiting) == 0 && bytes_waiting == 0) close_fd(&c->fd[s]);
      return;
    }
    ssize_t n = frame_from_fd(s == OUT ? MSG_STDOUT : MSG_STDERR, c->id, c->fd[s], c->credit[s]);
    if (n > 0) {
      c->credit[s] -= (uint32_t)n;
      c->total[s] += (uint64_t)n;
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR) || (errno == EAGAIN && c->reaped)) {
      close_fd(&c->fd[s]); /* a pseudo-terminal whose other side is closed gives EIO */
    }
  } while (c->reaped);
}

static void send_exit_when_drained(struct channel *c) {
  if (!c->reaped || c->exit_sent) return;
  read_output(c, OUT);
  read_output(c, ERR);
  if (c->fd[OUT] >= 0 || c->fd[ERR] >= 0 || port_room() == 0) return;
  frame_begin(MSG_EXIT, c->id);
  put_u8(c->how);
  put_u8(0);
  put_u16(0);
  put_u32((uint32_t)c->code);
  put_string(c->text != NULL ? c->text : "");
  frame_end();
  c->exit_sent = true;
  c->state = STATE_EXITED;
  close_fd(&c->fd[IN]);
  c->stdin_closed = true;
}

/* ---- start and end ---- */

static void start_failed(struct channel *c, int code, const char *text) {
  c->how = EXIT_START_FAILED;
  c->code = code;
  c->text = strdup(text);
  c->reaped = true;
  c->launcher = 0;
  close_fd(&c->console);
  close_fd(&c->fd[OUT]); /* what crun wrote there is in its log as well */
  close_fd(&c->fd[ERR]);
  send_exit_when_drained(c);
}

/* The end of crun's log, where it says what went wrong; NULL when it is empty. */
static char *read_log(struct channel *c) {
  char path[sizeof c->folder + 8];
  snprintf(path, sizeof path, "%s/log", c->folder);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  off_t size = lseek(fd, 0, SEEK_END);
  off_t from = size > MAX_FAILURE_TEXT ? size - MAX_FAILURE_TEXT : 0;
  char *text = calloc(1, MAX_FAILURE_TEXT + 1);
  ssize_t n = text != NULL ? pread(fd, text, MAX_FAILURE_TEXT, from) : 0;
  close(fd);
  if (n > 0) return text;
  free(text);
  return NULL;
}

static void resize(struct channel *c) {
  struct winsize size = {.ws_row = c->rows, .ws_col = c->columns};
  if ((c->flags & SPAWN_TTY) && c->fd[OUT] >= 0 && c->rows > 0) ioctl(c->fd[OUT], TIOCSWINSZ, &size);
}

/* The program itself runs: from here on output is its own, and signals reach it and not crun's child. */
static void announce(struct channel *c) {
  c->execed = true;
  c->state = STATE_RUNNING;
  frame_begin(MSG_STARTED, c->id);
  put_u32((uint32_t)c->pid);
  frame_end();
  for (int number = 1; number < 64; number++) {
    if (c->pending_signals >> number & 1) kill(c->pid, number);
  }
}

static void ended(struct channel *c, int status, bool without_exec) {
  if (without_exec && WIFEXITED(status)) {
    char text[MAX_FAILURE_TEXT + 1] = {0};
    int from = c->flags & SPAWN_TTY ? c->fd[OUT] : c->fd[ERR];
    (void)!read(from, text, MAX_FAILURE_TEXT);
    start_failed(c, WEXITSTATUS(status), text);
    return;
  }
  if (!c->execed && !without_exec) {
    c->pending_signals = 0;
    announce(c);
  }
  c->how = WIFSIGNALED(status) ? EXIT_SIGNAL : EXIT_CODE;
  c->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
  c->execed = true;
  c->reaped = true;
  send_exit_when_drained(c);
}

/* crun has done its part: pid is on its way to exec. */
static void started(struct channel *c, pid_t pid) {
  c->pid = pid;
  for (int i = 0; i < MAX_ORPHANS; i++) {
    if (orphans[i].pid != pid) continue;
    orphans[i].pid = 0;
    ended(c, orphans[i].status, orphans[i].without_exec);
    return;
  }
  if (!never_execed(pid)) announce(c);
}

/* Runs in the child: streams in place, signals as a program expects them. */
static void become_program(const int streams[STREAMS], bool own_terminal) {
  setsid();
  for (int s = 0; s < STREAMS; s++) {
    if (dup2(streams[s], s) < 0) _exit(125);
  }
  if (own_terminal) ioctl(0, TIOCSCTTY, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
}

/* Makes the program's ends of its streams, and ours in the channel. */
static int make_streams(struct channel *c, int theirs[STREAMS]) {
  for (int s = 0; s < STREAMS; s++) {
    int ends[2];
    if (s == IN && !(c->flags & SPAWN_STDIN)) {
      theirs[IN] = open(PRIVATE_NULL, O_RDONLY | O_CLOEXEC);
      c->stdin_closed = true;
    } else if (pipe2(ends, O_CLOEXEC) == 0) {
      theirs[s] = ends[s == IN ? 0 : 1];
      c->fd[s] = ends[s == IN ? 1 : 0];
      fcntl(c->fd[s], F_SETFL, O_NONBLOCK);
    }
    if (theirs[s] < 0) return -1;
  }
  return 0;
}

static void own_terminal_master(struct channel *c, int master) {
  fcntl(master, F_SETFL, O_NONBLOCK);
  c->fd[OUT] = master;
  c->fd[IN] = fcntl(master, F_DUPFD_CLOEXEC, 0);
  resize(c);
  write_stdin(c);
}

static int make_terminal(struct channel *c, int theirs[STREAMS]) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
    if (master >= 0) close(master);
    return -1;
  }
  for (int s = 0; s < STREAMS; s++) theirs[s] = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
  own_terminal_master(c, master);
  return theirs[ERR] < 0 ? -1 : 0;
}

/* Words of a spec (u16 count, strings) as a NULL-terminated array; the process that calls this execs or ends. */
static char **take_words(struct reader *r) {
  size_t count = take_u16(r);
  if (count > MAX_WORDS) r->ok = false;
  char **words = calloc(count + 1, sizeof *words);
  if (words == NULL) _exit(125);
  for (size_t i = 0; r->ok && i < count; i++) words[i] = take_string(r);
  return words;
}

/* In the child of a SPAWN_GUEST: never returns; a failure's errno goes to the pipe. */
static void exec_in_guest(struct channel *c, const int theirs[STREAMS], int report) {
  struct reader r = {.at = c->spec, .left = c->spec_length, .ok = true};
  char **words = take_words(&r), **environment = take_words(&r), *folder = take_string(&r);
  if (!r.ok || words[0] == NULL) {
    errno = EINVAL;
  } else {
    become_program(theirs, c->flags & SPAWN_TTY);
    if (chdir(folder) == 0) {
      clearenv();
      for (char **e = environment; *e != NULL; e++) putenv(*e);
      execvp(words[0], words);
    }
  }
  int error = errno;
  (void)!write(report, &error, sizeof error);
  _exit(127);
}

static void spawn_in_guest(struct channel *c) {
  int theirs[STREAMS] = {-1, -1, -1}, report[2], error = 0;
  pid_t pid = -1;
  bool ready = (c->flags & SPAWN_TTY ? make_terminal(c, theirs) : make_streams(c, theirs)) == 0;
  if (ready && pipe2(report, O_CLOEXEC) == 0) {
    pid = fork();
    if (pid == 0) exec_in_guest(c, theirs, report[1]);
    if (pid < 0) error = errno;
    close(report[1]);
    if (pid > 0 && read(report[0], &error, sizeof error) < (ssize_t)sizeof error) error = 0;
    close(report[0]);
  } else {
    error = errno;
  }
  for (int s = 0; s < STREAMS; s++) close_fd(&theirs[s]);
  if (error == 0) started(c, pid);
  else start_failed(c, error, strerror(error));
}

static int write_file(const char *path, const void *bytes, size_t length) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -1;
  ssize_t n = write(fd, bytes, length);
  close(fd);
  return n == (ssize_t)length ? 0 : -1;
}

static int listen_for_terminal(struct channel *c, const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  c->console = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (c->console < 0 || bind(c->console, (struct sockaddr *)&address, sizeof address) < 0) return -1;
  return listen(c->console, 1);
}

/* crun connects and sends one message whose ancillary data is the terminal's descriptor. */
static void accept_terminal(struct channel *c) {
  int connection = accept4(c->console, NULL, NULL, SOCK_CLOEXEC);
  if (connection < 0) return;
  char name[256];
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
  } control;
  struct iovec vector = {.iov_base = name, .iov_len = sizeof name};
  struct msghdr message = {
      .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
  ssize_t n = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
  close(connection);
  close_fd(&c->console);
  struct cmsghdr *item = n >= 0 ? CMSG_FIRSTHDR(&message) : NULL;
  if (item == NULL || item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) return;
  int master;
  memcpy(&master, CMSG_DATA(item), sizeof master);
  own_terminal_master(c, master);
}

static void spawn_by_crun(struct channel *c) {
  bool tty = c->flags & SPAWN_TTY, run = c->kind == SPAWN_CONTAINER;
  int theirs[STREAMS] = {-1, -1, -1};
  char spec[sizeof c->folder + 16], log[sizeof spec], pid_file[sizeof spec], console[sizeof spec];
  snprintf(spec, sizeof spec, "%s/config.json", c->folder);
  snprintf(log, sizeof log, "%s/log", c->folder);
  snprintf(pid_file, sizeof pid_file, "%s/pid", c->folder);
  snprintf(console, sizeof console, "%s/console", c->folder);
  if (make_folders(c->folder) < 0 || write_file(spec, c->spec, c->spec_length) < 0 ||
      (tty && listen_for_terminal(c, console) < 0) || (!tty && make_streams(c, theirs) < 0)) {
    start_failed(c, errno, strerror(errno));
    for (int s = 0; s < STREAMS; s++) close_fd(&theirs[s]);
    return;
  }
  if (tty) {
    for (int s = 0; s < STREAMS; s++) theirs[s] = open(PRIVATE_NULL, O_RDWR | O_CLOEXEC);
  }
  const char *words[20];
  int n = 0;
  words[n++] = CRUN;
  words[n++] = "--log";
  words[n++] = log;
  words[n++] = "--log-format=json";
  words[n++] = run ? "run" : "exec";
  words[n++] = "--detach";
  words[n++] = "--pid-file";
  words[n++] = pid_file;
  words[n++] = run ? "--bundle" : "--process";
  words[n++] = run ? c->folder : spec;
  if (tty) {
    words[n++] = "--console-socket";
    words[n++] = console;
  }
  words[n++] = c->name;
  words[n] = NULL;
  pid_t pid = fork();
  if (pid == 0) {
    become_program(theirs, false);
    execve(CRUN, (char **)words, (char *[]){"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL});
    _exit(125);
  }
  for (int s = 0; s < STREAMS; s++) close_fd(&theirs[s]);
  if (pid < 0) start_failed(c, errno, strerror(errno));
  else c->launcher = pid;
}

static void launcher_ended(struct channel *c, int status) {
  c->launcher = 0;
  if (c->console >= 0) accept_terminal(c); /* it may be waiting in the queue */
  close_fd(&c->console);
  int pid = 0;
  char path[sizeof c->folder + 8];
  snprintf(path, sizeof path, "%s/pid", c->folder);
  FILE *file = fopen(path, "re");
  if (file != NULL) {
    if (fscanf(file, "%d", &pid) != 1) pid = 0;
    fclose(file);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && pid > 1) {
    started(c, pid);
    return;
  }
  if (pid > 1) kill(pid, SIGKILL);
  char *text = read_log(c);
  start_failed(c, WIFEXITED(status) ? WEXITSTATUS(status) : 125, text != NULL ? text : "crun ended without a reason");
  free(text);
}

static bool launchers_run(void) {
  for (int i = 0; i < MAX_CHANNELS; i++) {
    if (channels[i] != NULL && channels[i]->launcher != 0) return true;
  }
  return false;
}

void process_reap(void) {
  siginfo_t info = {.si_pid = 0};
  for (; waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid > 0; info.si_pid = 0) {
    pid_t pid = info.si_pid;
    int status;
    bool without_exec = never_execed(pid);
    if (waitpid(pid, &status, 0) != pid) return;
    struct channel *launched = NULL, *owner = NULL;
    for (int i = 0; i < MAX_CHANNELS; i++) {
      if (channels[i] == NULL) continue;
      if (channels[i]->launcher == pid) launched = channels[i];
      if (channels[i]->pid == pid && !channels[i]->reaped) owner = channels[i];
    }
    if (launched != NULL) {
      launcher_ended(launched, status);
    } else if (owner != NULL) {
      ended(owner, status, without_exec);
    } else if (launchers_run()) {
      orphans[next_orphan].pid = pid;
      orphans[next_orphan].status = status;
      orphans[next_orphan].without_exec = without_exec;
      next_orphan = (next_orphan + 1) % MAX_ORPHANS;
    }
  }
  if (!launchers_run()) memset(orphans, 0, sizeof orphans); /* process ids are used again some day */
}

/* ---- messages ---- */

static bool valid_name(const char *name) {
  size_t length = strlen(name);
  static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
  return length > 0 && length <= MAX_NAME && name[0] != '.' && name[0] != '-' && strspn(name, LETTERS) == length;
}

static void do_spec(uint32_t id, struct reader *r) {
  struct channel *c = find(id);
  if (c == NULL) c = create(id);
  if (c == NULL) {
    send_error(id, EAGAIN, "too many channels");
    return;
  }
  uint8_t *grown = NULL;
  if (c->folder[0] == 0 && c->spec_length + r->left <= MAX_SPEC) grown = realloc(c->spec, c->spec_length + r->left + 1);
  if (grown == NULL) {
    protocol_error("SPEC too long or too late");
    return;
  }
  memcpy(grown + c->spec_length, r->at, r->left);
  c->spec = grown;
  c->spec_length += r->left;
}

static void do_spawn(uint32_t id, struct reader *r) {
  struct channel *c = find(id);
  if (c == NULL || c->folder[0] != 0) {
    if (c != NULL) protocol_error("SPAWN on a channel in use");
    return; /* too many channels: that was answered when its SPEC came */
  }
  c->kind = take_u8(r);
  c->flags = take_u8(r);
  c->rows = take_u16(r);
  c->columns = take_u16(r);
  take_u16(r);
  c->credit[OUT] = take_u32(r);
  c->credit[ERR] = take_u32(r);
  char *name = take_string(r);
  bool sound = r->ok && c->kind <= SPAWN_EXEC && (c->kind == SPAWN_GUEST || valid_name(name));
  if (sound) snprintf(c->name, sizeof c->name, "%s", name);
  free(name);
  if (!sound) {
    protocol_error("malformed SPAWN");
    return;
  }
  snprintf(c->folder, sizeof c->folder, RUN_FOLDER "/%u", id);
  if (c->kind == SPAWN_GUEST) spawn_in_guest(c);
  else spawn_by_crun(c);
}

static void do_stdin(struct channel *c, struct reader *r) {
  if (r->left > STDIN_WINDOW - c->ring_fill - c->ungranted) {
    protocol_error("STDIN beyond its credit");
    return;
  }
  c->total[IN] += r->left;
  for (size_t left = r->left; left > 0;) {
    uint32_t at = (c->ring_start + c->ring_fill) % STDIN_WINDOW;
    uint32_t n = STDIN_WINDOW - at;
    if (n > left) n = (uint32_t)left;
    memcpy(c->ring + at, r->at + (r->left - left), n);
    c->ring_fill += n;
    left -= n;
  }
  write_stdin(c);
}

static void do_signal(struct channel *c, struct reader *r) {
  uint32_t number = take_u32(r);
  if (!r->ok || number == 0 || number >= 64) protocol_error("malformed SIGNAL");
  else if (c->reaped) return;
  else if (c->pid == 0 || (!c->execed && number != SIGKILL)) c->pending_signals |= (uint64_t)1 << number;
  else kill(c->pid, (int)number);
}

static void do_credit(struct channel *c, struct reader *r) {
  uint8_t stream = take_u8(r);
  uint32_t bytes = take_u32(r);
  if (!r->ok || (stream != STREAM_STDOUT && stream != STREAM_STDERR) || bytes > UINT32_MAX - c->credit[stream]) {
    protocol_error("malformed CREDIT");
    return;
  }
  c->credit[stream] += bytes; /* STREAM_STDOUT and STREAM_STDERR are OUT and ERR */
}

static void do_release(struct channel *c, uint32_t id) {
  if (c == NULL) {
    send_error(id, ENOENT, "no such channel");
    return;
  }
  if (c->folder[0] != 0 && !c->exit_sent) {
    send_error(id, EBUSY, "the program still runs");
    return;
  }
  if (c->kind == SPAWN_CONTAINER && c->how != EXIT_START_FAILED) {
    pid_t pid = fork(); /* its end is seen as an orphan's, and nobody asks */
    if (pid == 0) {
      int nowhere = open("/dev/null", O_RDWR);
      become_program((int[STREAMS]){nowhere, nowhere, nowhere}, false);
      execl(CRUN, CRUN, "delete", "--force", c->name, (char *)NULL);
      _exit(125);
    }
  }
  forget(c);
  send_ok(id);
}

void process_message(uint8_t type, uint32_t id, struct reader *r) {
  if (type == MSG_SPEC) {
    do_spec(id, r);
    return;
  }
  if (type == MSG_SPAWN) {
    do_spawn(id, r);
    return;
  }
  struct channel *c = find(id);
  if (type == MSG_RELEASE) {
    do_release(c, id);
    return;
  }
  if (c == NULL) return; /* crossed with a RELEASE */
  if (type == MSG_STDIN) do_stdin(c, r);
  else if (type == MSG_SIGNAL) do_signal(c, r);
  else if (type == MSG_CREDIT) do_credit(c, r);
  if (type == MSG_STDIN_EOF) {
    c->stdin_eof = true;
    write_stdin(c);
  }
  if (type == MSG_RESIZE) {
    c->rows = take_u16(r);
    c->columns = take_u16(r);
    if (!r->ok) protocol_error("malformed RESIZE");
    else resize(c);
  }
}

/* ---- the loop's hooks ---- */

static struct {
  struct channel *channel;
  int what; /* a stream, or STREAMS for the console socket */
} wanted[PROCESS_POLLS];

int process_wants(struct pollfd *entries) {
  int count = 0;
  for (int i = 0; i < MAX_CHANNELS; i++) {
    struct channel *c = channels[i];
    if (c == NULL) continue;
    send_exit_when_drained(c);
    if (c->pid != 0 && !c->execed && !c->reaped && !never_execed(c->pid)) announce(c);
    for (int what = IN; what <= STREAMS; what++) {
      int fd = what == STREAMS ? c->console : c->fd[what];
      bool wants = what == STREAMS || (what == IN ? c->ring_fill > 0 : c->credit[what] > 0 && port_room() > 0 && c->execed);
      if (fd < 0 || !wants) continue;
      wanted[count].channel = c;
      wanted[count].what = what;
      entries[count++] = (struct pollfd){.fd = fd, .events = what == IN ? POLLOUT : POLLIN};
    }
  }
  return count;
}

void process_service(const struct pollfd *entries, int count) {
  for (int i = 0; i < count; i++) {
    if (entries[i].revents == 0) continue;
    struct channel *c = wanted[i].channel;
    if (wanted[i].what == STREAMS) accept_terminal(c);
    else if (wanted[i].what == IN) write_stdin(c);
    else read_output(c, wanted[i].what);
  }
}

bool process_holds(void) {
  for (int i = 0; i < MAX_CHANNELS; i++) {
    const struct channel *c = channels[i];
    if (c != NULL && c->pid != 0 && !c->execed && !c->reaped) return true;
  }
  return false;
}

unsigned process_count(void) {
  unsigned count = 0;
  for (int i = 0; i < MAX_CHANNELS; i++) count += channels[i] != NULL;
  return count;
}

void process_resync(void) {
  for (int i = 0; i < MAX_CHANNELS; i++) {
    struct channel *c = channels[i];
    if (c == NULL) continue;
    c->credit[OUT] = c->credit[ERR] = 0;
    c->ungranted = 0;
    frame_begin(MSG_CHANNEL_STATE, c->id);
    put_u8(c->state);
    put_u8(c->kind);
    put_u8(c->flags);
    put_u8(c->how);
    put_u32((uint32_t)c->code);
    put_u32((uint32_t)c->pid);
    put_u32(STDIN_WINDOW - c->ring_fill);
    for (int s = 0; s < STREAMS; s++) put_u64(c->total[s]);
    put_string(c->name);
    frame_end();
  }
}

void process_reset(void) {
  kill(-1, SIGKILL); /* everything but us, who are PID 1 */
  while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) continue;
  memset(orphans, 0, sizeof orphans);
  for (int i = 0; i < MAX_CHANNELS; i++) {
    if (channels[i] != NULL) forget(channels[i]);
  }
  remove_tree("/run/crun");
}
