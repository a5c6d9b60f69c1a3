/*
 * The agent's port: finds the virtio-console port by name (virtio 1.2 section 5.3.6.2, VIRTIO_CONSOLE_PORT_NAME),
 * cuts the bytes into frames, and collects what goes out. docs/agent-protocol.md describes the stream.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define END_OF_FRAME 0x0a
/*
 * Stream data stops at this fill, and so does reading. The rest is for the answers to one read: the driver gives at
 * most a page at once, so at most 91 HELLOs, each answered with all channels' states, about 8 KiB.
 */
#define OUT_SOFT_LIMIT (192 * 1024)
/* Of that, for contents of files that one read asks for. */
#define FILE_ROOM (256 * 1024)
#define OUT_SIZE (OUT_SOFT_LIMIT + FILE_ROOM + 1024 * 1024)
#define IN_CHUNK 4096
#define STREAM_CHUNK 32768

static const uint8_t SYNC[SYNC_SIZE + 1] = SYNC_BYTES;

static int port = -1;
static uint8_t out[OUT_SIZE];
static size_t out_start, out_end, frame_start;
static uint8_t frame[HEADER_SIZE + MAX_PAYLOAD + 1];
static size_t frame_fill;
static unsigned sync_matched;
static bool host_away;
static bool deaf = true; /* nothing is understood before the first SYNC */

static uint32_t load32(const uint8_t *p) {
  return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static void store32(uint8_t *p, uint32_t v) {
  p[0] = (uint8_t)v;
  p[1] = (uint8_t)(v >> 8);
  p[2] = (uint8_t)(v >> 16);
  p[3] = (uint8_t)(v >> 24);
}

static const uint8_t *take(struct reader *r, size_t length) {
  static const uint8_t zeros[8];
  if (!r->ok || r->left < length) {
    r->ok = false;
    return zeros;
  }
  const uint8_t *at = r->at;
  r->at += length;
  r->left -= length;
  return at;
}
uint8_t take_u8(struct reader *r) { return *take(r, 1); }
uint16_t take_u16(struct reader *r) {
  const uint8_t *p = take(r, 2);
  return (uint16_t)(p[0] | p[1] << 8);
}
uint32_t take_u32(struct reader *r) { return load32(take(r, 4)); }
uint64_t take_u64(struct reader *r) {
  const uint8_t *p = take(r, 8);
  return load32(p) | (uint64_t)load32(p + 4) << 32;
}
char *take_string(struct reader *r) {
  size_t length = take_u16(r);
  const uint8_t *bytes = take(r, length);
  if (!r->ok) length = 0;
  char *text = malloc(length + 1);
  if (text == NULL) abort();
  memcpy(text, bytes, length);
  text[length] = 0;
  if (strlen(text) != length) r->ok = false;
  return text;
}

static bool name_matches(const char *device) {
  char path[300], name[sizeof PORT_NAME + 1] = {0};
  snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", device);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, name, sizeof name - 1);
  close(fd);
  if (n > 0 && name[n - 1] == '\n') name[n - 1] = 0;
  return n > 0 && strcmp(name, PORT_NAME) == 0;
}

static int try_open(void) {
  DIR *folder = opendir("/sys/class/virtio-ports");
  if (folder == NULL) return -1;
  int fd = -1;
  for (struct dirent *e; fd < 0 && (e = readdir(folder)) != NULL;) {
    if (e->d_name[0] == '.' || !name_matches(e->d_name)) continue;
    char path[300];
    snprintf(path, sizeof path, "/dev/%s", e->d_name);
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
  }
  closedir(folder);
  return fd;
}

void port_open(void) {
  /* The driver learns of its ports from the host by messages, so the port may come after us. */
  for (unsigned tries = 0; (port = try_open()) < 0; tries++) {
    if (tries == 1000) complain("no virtio-console port named " PORT_NAME " yet, still waiting");
    nanosleep(&(struct timespec){.tv_nsec = tries < 1000 ? 1000000 : 100000000}, NULL);
  }
}

size_t port_room(void) {
  size_t used = out_end - out_start;
  return used < OUT_SOFT_LIMIT ? OUT_SOFT_LIMIT - used : 0;
}

size_t port_file_room(void) {
  size_t used = out_end - out_start;
  return used + HEADER_SIZE + 1 < OUT_SOFT_LIMIT + FILE_ROOM ? OUT_SOFT_LIMIT + FILE_ROOM - HEADER_SIZE - 1 - used : 0;
}

bool port_wants(struct pollfd *entry) {
  *entry = (struct pollfd){.fd = port, .events = 0};
  if (port_room() > 0) entry->events |= POLLIN;
  if (out_end > out_start) entry->events |= POLLOUT;
  if (host_away) {
    struct pollfd now = *entry;
    host_away = poll(&now, 1, 0) > 0 && (now.revents & POLLHUP);
  }
  if (host_away) entry->fd = -1; /* poll() would return at once, for ever */
  return !host_away;
}

static void flush_out(void) {
  while (out_start < out_end) {
    ssize_t n = write(port, out + out_start, out_end - out_start);
    if (n <= 0) break;
    out_start += (size_t)n;
  }
  if (out_start == out_end) out_start = out_end = 0;
}

void port_drain(void) {
  for (unsigned tries = 0; out_start < out_end && tries < 2000; tries++) {
    flush_out();
    if (out_start < out_end) nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
  }
}

static uint8_t *reserve(size_t length) {
  if (OUT_SIZE - out_end < length) {
    memmove(out, out + out_start, out_end - out_start);
    frame_start -= out_start;
    out_end -= out_start;
    out_start = 0;
  }
  if (OUT_SIZE - out_end < length) {
    /* Cannot happen: requests are not read while the buffer is over its soft limit. */
    complain("agent: out of buffer");
    abort();
  }
  return out + out_end;
}

void put_bytes(const void *bytes, size_t length) {
  memcpy(reserve(length), bytes, length);
  out_end += length;
}
void put_u8(uint8_t v) { put_bytes(&v, 1); }
void put_u16(uint16_t v) {
  put_u8((uint8_t)v);
  put_u8((uint8_t)(v >> 8));
}
void put_u32(uint32_t v) {
  store32(reserve(4), v);
  out_end += 4;
}
void put_u64(uint64_t v) {
  put_u32((uint32_t)v);
  put_u32((uint32_t)(v >> 32));
}
void put_string(const char *text) {
  size_t length = strlen(text);
  if (length > UINT16_MAX) length = UINT16_MAX;
  put_u16((uint16_t)length);
  put_bytes(text, length);
}

void frame_begin(uint8_t type, uint32_t channel) {
  reserve(HEADER_SIZE);
  frame_start = out_end;
  put_u32(0); /* length, known at the end */
  put_u32(type);
  put_u32(channel);
}
void frame_end(void) {
  store32(out + frame_start, (uint32_t)(out_end - frame_start - HEADER_SIZE));
  put_u8(END_OF_FRAME);
}

ssize_t frame_from_fd(uint8_t type, uint32_t channel, int fd, size_t limit) {
  size_t room = port_room();
  if (limit > room) limit = room;
  if (limit > STREAM_CHUNK) limit = STREAM_CHUNK;
  uint8_t *body = reserve(HEADER_SIZE + limit + 1) + HEADER_SIZE;
  ssize_t n = read(fd, body, limit);
  if (n <= 0) return n;
  frame_begin(type, channel);
  out_end += (size_t)n;
  frame_end();
  return n;
}

void port_send_sync(void) { put_bytes(SYNC, SYNC_SIZE); }

void send_ok(uint32_t channel) {
  frame_begin(MSG_OK, channel);
  frame_end();
}
void send_error(uint32_t channel, int error, const char *text) {
  frame_begin(MSG_ERROR, channel);
  put_u32((uint32_t)error);
  put_string(text);
  frame_end();
}
void protocol_error(const char *text) {
  deaf = true;
  send_error(0, EPROTO, text);
}

/* Takes bytes known not to be part of a SYNC, and hands over every frame they complete. */
static void feed(const uint8_t *bytes, size_t length, frame_handler *on_frame) {
  while (length > 0 && !deaf) {
    size_t want = HEADER_SIZE;
    if (frame_fill >= HEADER_SIZE) want = HEADER_SIZE + load32(frame) + 1;
    size_t n = want - frame_fill < length ? want - frame_fill : length;
    memcpy(frame + frame_fill, bytes, n);
    frame_fill += n;
    bytes += n;
    length -= n;
    if (frame_fill < want) return;
    if (want == HEADER_SIZE) {
      if (load32(frame) > MAX_PAYLOAD || frame[5] != 0 || frame[6] != 0 || frame[7] != 0) {
        protocol_error("bad frame header");
      }
      continue;
    }
    frame_fill = 0;
    if (frame[want - 1] != END_OF_FRAME) {
      protocol_error("frame does not end where it should");
      continue;
    }
    struct reader payload = {.at = frame + HEADER_SIZE, .left = want - 1 - HEADER_SIZE, .ok = true};
    on_frame(frame[4], load32(frame + 8), &payload);
  }
}

static void receive(const uint8_t *bytes, size_t length, frame_handler *on_frame, void (*on_sync)(void)) {
  const uint8_t *end = bytes + length;
  while (bytes < end) {
    if (sync_matched == 0) {
      const uint8_t *start = memchr(bytes, SYNC[0], (size_t)(end - bytes));
      size_t plain = (size_t)((start != NULL ? start : end) - bytes);
      feed(bytes, plain, on_frame);
      bytes += plain;
      if (start == NULL) return;
    }
    /* Bytes that may be the start of a SYNC are held back until it is clear whether they are. */
    uint8_t b = *bytes++;
    while (sync_matched > 0 && b != SYNC[sync_matched]) {
      unsigned shorter = sync_matched == SYNC_SIZE - 1 ? 1 : 0; /* its only border: byte 14 is byte 0 */
      feed(SYNC, sync_matched - shorter, on_frame);
      sync_matched = shorter;
    }
    if (b != SYNC[sync_matched]) {
      feed(&b, 1, on_frame);
    } else if (++sync_matched == SYNC_SIZE) {
      sync_matched = 0;
      frame_fill = 0;
      deaf = false;
      on_sync();
    }
  }
}

void port_service(short events, frame_handler *on_frame, void (*on_sync)(void)) {
  if (events & POLLIN) {
    uint8_t chunk[IN_CHUNK];
    ssize_t n;
    while (port_room() > 0 && (n = read(port, chunk, sizeof chunk)) > 0) receive(chunk, (size_t)n, on_frame, on_sync);
  }
  if (events & POLLHUP) host_away = true;
  flush_out();
}
