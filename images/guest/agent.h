/*
 * The guest agent, in six parts: port.c (bytes and frames), process.c (channels: programs and their streams),
 * system.c (mounts, clock, power), disks.c (disks that come and go), files.c (small files of the guest) and agent.c
 * (start-up and the loop). One thread, nothing blocks but a mount and a look for a disk.
 */
#ifndef VIVARIUM_AGENT_H
#define VIVARIUM_AGENT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "protocol.h"

/* Starts containers (docs/agent-protocol.md, "Programs"). */
#define CRUN "/usr/bin/crun"

/* A payload being read; every take_ is bounded and clears ok when the payload is too short. */
struct reader {
  const uint8_t *at;
  size_t left;
  bool ok;
};
uint8_t take_u8(struct reader *r);
uint16_t take_u16(struct reader *r);
uint32_t take_u32(struct reader *r);
uint64_t take_u64(struct reader *r);
/* A u16 length and bytes, as a new NUL-terminated string (caller frees); a NUL inside clears ok. Never NULL. */
char *take_string(struct reader *r);

/* port.c */
typedef void frame_handler(uint8_t type, uint32_t channel, struct reader *payload);
/* Waits for the port of that name and opens it. */
void port_open(void);
/* Fills in what the port waits for. False when the host is not connected: look again after a while. */
bool port_wants(struct pollfd *entry);
/* Reads and writes what it can; on_sync runs when the host starts afresh. */
void port_service(short events, frame_handler *on_frame, void (*on_sync)(void));
/* Writes out everything, waiting for the host. */
void port_drain(void);
void port_send_sync(void);
/* Room for stream data now; 0 while the host is slow. Control messages have room kept for them beyond that. */
size_t port_room(void);
/* Room for a long answer now, without touching what is kept for the answers to one read. */
size_t port_file_room(void);
/* A frame is built in place: begin, put, end. */
void frame_begin(uint8_t type, uint32_t channel);
void put_u8(uint8_t v);
void put_u16(uint16_t v);
void put_u32(uint32_t v);
void put_u64(uint64_t v);
void put_bytes(const void *bytes, size_t length);
void put_string(const char *text);
void frame_end(void);
/* Reads from fd straight into a frame; gives read()'s result, and sends nothing unless that is positive. */
ssize_t frame_from_fd(uint8_t type, uint32_t channel, int fd, size_t limit);
void send_ok(uint32_t channel);
void send_error(uint32_t channel, int error, const char *text);
/* The host broke the protocol: says so, then hears nothing until it starts afresh. */
void protocol_error(const char *text);

/* process.c */
void process_message(uint8_t type, uint32_t channel, struct reader *payload);
/* Adds what the channels wait for; gives the number of entries written (at most PROCESS_POLLS). */
#define PROCESS_POLLS (MAX_CHANNELS * 4)
int process_wants(struct pollfd *entries);
void process_service(const struct pollfd *entries, int count);
void process_reap(void);
/* Whether to look again soon: a program is about to run, and nothing tells when it does. */
bool process_holds(void);
/* Describes all channels after a HELLO; their output stops until the host grants credit again. */
void process_resync(void);
unsigned process_count(void);
/* Kills everything and forgets all channels. */
void process_reset(void);

/* system.c */
void system_mount_early(void);
void system_mount_rest(void);
void system_message(uint8_t type, uint32_t channel, struct reader *payload);
/* Creates a folder with its parents; 0 or -1 with errno. */
int make_folders(const char *path);

/* disks.c */
/* Room for a device's path. */
#define DISK_PATH_SIZE 64
/*
 * Resolves `disk:SERIAL` or `disk:SERIAL:PARTITION` to the device's path, after a look for new devices if need be. False
 * with errno when there is none; other sources are copied nowhere and left alone (true, and path is empty).
 */
bool disk_source(const char *source, char path[DISK_PATH_SIZE]);
/* Has the kernel look for devices that were plugged in; 0 or -1 with errno. */
int disk_rescan(void);
/* The PCI bus is searched for it if need be; 0 or -1 with errno. */
int disk_find(const char *serial);
/* Takes it off the PCI bus; 0 or -1 with errno: EBUSY while it is mounted. */
int disk_remove(const char *serial);

/* files.c */
void file_message(uint8_t type, uint32_t channel, struct reader *payload);

/* A line on the kernel's console. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
