/*
 * Small files of the guest for the host: what /sys/fs/cgroup and /proc tell, and what is written there. Regular files
 * only, so that no open or read can wait for somebody. What is in containers is viv-files' business (files/).
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static uint8_t content[MAX_FILE + 1];

/* An open regular file, or -1 with errno. */
static int open_regular(const char *path, int flags) {
  struct stat info;
  int fd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return -1;
  if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) return fd;
  close(fd);
  errno = S_ISDIR(info.st_mode) ? EISDIR : EINVAL;
  return -1;
}

/* Reads the whole file into content; gives its length, or -1 with errno: EFBIG when it is too long. */
static ssize_t read_content(const char *path) {
  int fd = open_regular(path, O_RDONLY);
  if (fd < 0) return -1;
  size_t length = 0;
  ssize_t n = 1;
  while (n > 0 && length < sizeof content) {
    n = read(fd, content + length, sizeof content - length);
    if (n > 0) length += (size_t)n;
  }
  int error = n < 0 ? errno : length > MAX_FILE ? EFBIG : 0;
  close(fd);
  errno = error;
  return error == 0 ? (ssize_t)length : -1;
}

static void do_read(uint32_t channel, struct reader *r) {
  char *path = take_string(r);
  if (!r->ok || path[0] != '/') {
    protocol_error("malformed READ_FILE");
  } else {
    ssize_t length = read_content(path);
    if (length >= 0 && (size_t)length > port_file_room()) {
      length = -1;
      errno = EAGAIN; /* the host asks for more at once than it reads */
    }
    if (length < 0) {
      send_error(channel, errno, strerror(errno));
    } else {
      frame_begin(MSG_OK, channel);
      put_bytes(content, (size_t)length);
      frame_end();
    }
  }
  free(path);
}

static void do_write(uint32_t channel, struct reader *r) {
  char *path = take_string(r);
  if (!r->ok || path[0] != '/') {
    protocol_error("malformed WRITE_FILE");
  } else {
    int fd = open_regular(path, O_WRONLY);
    ssize_t n = fd < 0 ? -1 : write(fd, r->at, r->left); /* one write: that is how kernel files take a setting */
    int error = n < 0 ? errno : (size_t)n < r->left ? EIO : 0;
    if (fd >= 0) close(fd);
    if (error != 0) send_error(channel, error, strerror(error));
    else send_ok(channel);
  }
  free(path);
}

void file_message(uint8_t type, uint32_t channel, struct reader *r) {
  if (type == MSG_READ_FILE) do_read(channel, r);
  else do_write(channel, r);
}
