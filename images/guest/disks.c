/*
 * Virtio disks by their serial numbers (virtio 1.2 section 5.2.6, VIRTIO_BLK_T_GET_ID, which the kernel shows in sysfs).
 * The host may plug one in while we run: nothing tells us, so we look when it is asked for.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "disk:"
#define NAME_SIZE 32
#define SERIAL_SIZE 20
#define MOST_PARTITIONS 255

static bool write_one(const char *path) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = write(fd, "1", 1) == 1;
  int error = errno;
  close(fd);
  errno = error;
  return done;
}

static bool has_serial(const char *device, const char *serial) {
  char path[300], text[SERIAL_SIZE + 2] = {0};
  snprintf(path, sizeof path, "/sys/block/%s/serial", device);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n > 0 && text[n - 1] == '\n') text[n - 1] = 0;
  return n > 0 && strcmp(text, serial) == 0;
}

/* The kernel's name for a disk that it knows. */
static bool known(const char *serial, char name[NAME_SIZE]) {
  DIR *folder = opendir("/sys/block");
  if (folder == NULL) return false;
  bool found = false;
  for (struct dirent *e; !found && (e = readdir(folder)) != NULL;) {
    if (strncmp(e->d_name, "vd", 2) != 0 || strlen(e->d_name) >= NAME_SIZE) continue;
    found = has_serial(e->d_name, serial);
    if (found) strcpy(name, e->d_name);
  }
  closedir(folder);
  if (!found) errno = ENODEV;
  return found;
}

/* Probes new devices and reads their partitions before it returns. */
int disk_rescan(void) {
  return write_one("/sys/bus/pci/rescan") ? 0 : -1;
}

static bool find(const char *serial, char name[NAME_SIZE]) {
  if (known(serial, name)) return true;
  return disk_rescan() == 0 && known(serial, name);
}

int disk_find(const char *serial) {
  char name[NAME_SIZE];
  return find(serial, name) ? 0 : -1;
}

int disk_remove(const char *serial) {
  char name[NAME_SIZE], path[DISK_PATH_SIZE];
  if (!known(serial, name)) return -1;
  snprintf(path, sizeof path, "/dev/%s", name);
  int fd = open(path, O_RDONLY | O_EXCL | O_CLOEXEC); /* refused while it or a part of it is mounted */
  if (fd < 0) return -1;
  close(fd);
  snprintf(path, sizeof path, "/sys/block/%s/device/../remove", name);
  return write_one(path) ? 0 : -1;
}

bool disk_source(const char *source, char path[DISK_PATH_SIZE]) {
  path[0] = 0;
  if (strncmp(source, PREFIX, strlen(PREFIX)) != 0) return true;
  char serial[SERIAL_SIZE + 1], name[NAME_SIZE];
  const char *start = source + strlen(PREFIX), *colon = strchr(start, ':');
  size_t length = colon != NULL ? (size_t)(colon - start) : strlen(start);
  unsigned long partition = colon != NULL ? strtoul(colon + 1, NULL, 10) : 0;
  if (length > SERIAL_SIZE || (colon != NULL && (partition == 0 || partition > MOST_PARTITIONS))) {
    errno = ENODEV;
    return false;
  }
  memcpy(serial, start, length);
  serial[length] = 0;
  if (!find(serial, name)) return false;
  if (partition == 0) snprintf(path, DISK_PATH_SIZE, "/dev/%s", name);
  else snprintf(path, DISK_PATH_SIZE, "/dev/%s%lu", name, partition);
  return true;
}
