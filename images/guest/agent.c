/*
 * PID 1 of the guest and the host's hand in it: starts up, says hello on its virtio-console port, then obeys.
 * The protocol is docs/agent-protocol.md. Left out: networking and metrics, which later versions add.
 */
#include "agent.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define HOST_AWAY_MS 50
#define PROGRAM_STARTS_MS 1
#define OPEN_FILES 1048576

static void welcome(uint64_t epoch) {
  struct timespec up;
  struct utsname kernel;
  clock_gettime(CLOCK_MONOTONIC, &up);
  uname(&kernel);
  port_send_sync();
  frame_begin(MSG_WELCOME, 0);
  put_u16(PROTOCOL_VERSION);
  put_u16((uint16_t)process_count());
  put_u32(MAX_PAYLOAD);
  put_u64(epoch);
  put_u64((uint64_t)up.tv_sec * 1000000000u + (uint64_t)up.tv_nsec);
  put_string(kernel.release);
  put_string(kernel.machine);
  frame_end();
}

static bool greeted; /* a HELLO came after the last SYNC */

static void on_sync(void) { greeted = false; }

static void hello(struct reader *r) {
  uint16_t oldest = take_u16(r), newest = take_u16(r);
  uint32_t flags = take_u32(r);
  uint64_t epoch = take_u64(r);
  if (!r->ok) {
    protocol_error("malformed HELLO");
    return;
  }
  greeted = oldest <= PROTOCOL_VERSION && newest >= PROTOCOL_VERSION;
  if (greeted && (flags & HELLO_RESET)) process_reset();
  welcome(epoch); /* also when the versions do not fit: the host reads ours and says so */
  if (greeted) process_resync();
}

static void on_frame(uint8_t type, uint32_t channel, struct reader *payload) {
  if (type == MSG_HELLO) {
    hello(payload);
  } else if (!greeted) {
    protocol_error("HELLO comes first");
  } else if (type == MSG_PING) {
    size_t length = payload->left < MAX_ECHO ? payload->left : MAX_ECHO;
    frame_begin(MSG_PONG, channel);
    put_bytes(payload->at, length);
    frame_end();
  } else if (type >= MSG_MOUNT && type <= MSG_REMOVE_DISK) {
    system_message(type, channel, payload);
  } else if (type >= MSG_SPEC && type <= MSG_RELEASE) {
    process_message(type, channel, payload);
  } else if (type == MSG_READ_FILE || type == MSG_WRITE_FILE) {
    file_message(type, channel, payload);
  } else {
    send_error(channel, ENOSYS, "unknown message");
  }
}

static int watch_children(void) {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &children, SFD_NONBLOCK | SFD_CLOEXEC);
}

int main(void) {
  if (getpid() != 1) return 1; /* it kills every process on reset */
  system_mount_early();
  port_open();
  welcome(0);
  port_service(0, on_frame, on_sync);
  system_mount_rest();
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){OPEN_FILES, OPEN_FILES});
  int children = watch_children();
  for (;;) {
    struct pollfd entries[2 + PROCESS_POLLS];
    int count = process_wants(entries + 2);
    int timeout = port_wants(&entries[0]) ? -1 : HOST_AWAY_MS;
    if (process_holds()) timeout = PROGRAM_STARTS_MS;
    entries[1] = (struct pollfd){.fd = children, .events = POLLIN};
    if (poll(entries, 2 + (nfds_t)count, timeout) < 0) continue;
    /* Streams first: a message may forget a channel that an entry still names. */
    process_service(entries + 2, count);
    if (entries[1].revents & POLLIN) {
      struct signalfd_siginfo info;
      while (read(children, &info, sizeof info) > 0) continue;
      process_reap();
    }
    port_service(entries[0].revents, on_frame, on_sync);
  }
}
