/* The guest itself: file systems, host name, clock, entropy, power. Linux only; every path comes from the host. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAX_ENTROPY 512
/* Twice what Linux keeps of the hardware generator: a buffer in its core, and one in the driver. */
#define KEPT_RANDOMNESS 256

void complain(const char *format, ...) {
  char line[256];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line - 1, format, args);
  va_end(args);
  if (n < 0) return;
  if ((size_t)n > sizeof line - 2) n = sizeof line - 2;
  line[n++] = '\n';
  int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return;
  (void)!write(fd, line, (size_t)n);
  close(fd);
}

int make_folders(const char *path) {
  char *copy = strdup(path);
  if (copy == NULL) return -1;
  for (char *slash = copy + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
    *slash = 0;
    mkdir(copy, 0755);
    *slash = '/';
  }
  int result = mkdir(copy, 0755);
  if (result < 0 && errno == EEXIST) result = 0;
  free(copy);
  return result;
}

static void must_mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data) {
  mkdir(target, 0755);
  if (mount(source, target, type, flags, data) < 0) complain("agent: mount %s: %s", target, strerror(errno));
}

static void raise_loopback(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  if (ioctl(fd, SIOCSIFFLAGS, &request) < 0) complain("agent: loopback: %s", strerror(errno));
  close(fd);
}

/*
 * The initramfs lives in the kernel's first mount, which pivot_root (crun's way into a container) refuses as a root.
 * The same tree mounted once more on top of it is an ordinary root: no file is copied.
 */
static void take_real_root(void) {
  if (mount("/", "/root", NULL, MS_BIND, NULL) < 0 || chdir("/root") < 0 ||
      mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 || chdir("/") < 0) {
    complain("agent: real root: %s", strerror(errno));
  }
}

/* Only what finding the port needs: the host hears of us sooner. */
void system_mount_early(void) {
  take_real_root();
  must_mount("devtmpfs", "/dev", "devtmpfs", MS_NOSUID, "mode=0755");
  must_mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  int fd; /* standard streams exist, whatever console the kernel was given */
  while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO) continue;
  if (fd >= 0) close(fd);
}

static int copy_file(int from, int to) {
  struct stat info;
  if (fstat(from, &info) < 0) return -1;
  for (off_t left = info.st_size; left > 0;) {
    ssize_t n = sendfile(to, from, NULL, (size_t)left);
    if (n <= 0) return -1;
    left -= n;
  }
  return 0;
}

/*
 * A container may get at the file of the program that starts it, and overwrite it. crun therefore runs from a copy of itself, which it
 * makes each time, unless it finds itself in memory that nobody can write to any more: memfd_create(2), with all seals of fcntl(2).
 * So it is put there once, and its path leads there, by the file that we hold open. It stays as it is if that fails.
 */
static void seal_program(const char *path) {
  char link[32];
  int file = open(path, O_RDONLY | O_CLOEXEC);
  int memory = memfd_create(path, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  snprintf(link, sizeof link, "/proc/1/fd/%d", memory);
  if (file < 0 || memory < 0 || copy_file(file, memory) < 0 || fchmod(memory, 0555) < 0 ||
      fcntl(memory, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0 || unlink(path) < 0 ||
      symlink(link, path) < 0) {
    complain("agent: seal %s: %s", path, strerror(errno));
  }
  if (file >= 0) close(file);
}

void system_mount_rest(void) {
  must_mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  must_mount("devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=0620,ptmxmode=0666");
  must_mount("shm", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  must_mount("cgroup2", "/sys/fs/cgroup", "cgroup2", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
  must_mount("run", "/run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  must_mount("tmp", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  raise_loopback();
  seal_program(CRUN);
}

static void do_mount(uint32_t channel, struct reader *r) {
  static const unsigned long FLAGS[][2] = {
      {MOUNT_READ_ONLY, MS_RDONLY}, {MOUNT_NO_SUID, MS_NOSUID}, {MOUNT_NO_DEV, MS_NODEV},
      {MOUNT_NO_EXEC, MS_NOEXEC},   {MOUNT_BIND, MS_BIND},
  };
  uint32_t asked = take_u32(r);
  unsigned long flags = 0;
  for (size_t i = 0; i < sizeof FLAGS / sizeof *FLAGS; i++) {
    if (asked & FLAGS[i][0]) flags |= FLAGS[i][1];
  }
  char *source = take_string(r), *target = take_string(r), *type = take_string(r), *options = take_string(r);
  char device[DISK_PATH_SIZE];
  if (!r->ok || target[0] != '/') {
    protocol_error("malformed MOUNT");
  } else if (!disk_source(source, device) || make_folders(target) < 0 ||
             mount(device[0] != 0 ? device : source, target, type, flags, options) < 0) {
    send_error(channel, errno, strerror(errno));
  } else if ((flags & MS_BIND) && (flags & ~MS_BIND) && mount(NULL, target, NULL, flags | MS_REMOUNT, NULL) < 0) {
    /* A bind mount takes its flags only in a second step. */
    send_error(channel, errno, strerror(errno));
    umount2(target, MNT_DETACH);
  } else {
    send_ok(channel);
  }
  free(source);
  free(target);
  free(type);
  free(options);
}

static void do_unmount(uint32_t channel, struct reader *r) {
  char *target = take_string(r);
  if (!r->ok) protocol_error("malformed UNMOUNT");
  else if (umount2(target, 0) < 0) send_error(channel, errno, strerror(errno));
  else send_ok(channel);
  free(target);
}

/*
 * What the hardware generator's driver has read in advance is in a snapshot too, and every guest that goes on from that
 * would be given it: read it and throw it away.
 */
static void drop_kept_randomness(void) {
  uint8_t kept[KEPT_RANDOMNESS];
  int fd = open("/dev/hwrng", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  for (size_t left = sizeof kept; left > 0;) {
    ssize_t n = read(fd, kept, left);
    if (n <= 0) break;
    left -= (size_t)n;
  }
  close(fd);
}

static void do_disk(uint8_t type, uint32_t channel, struct reader *r) {
  char *serial = take_string(r);
  if (!r->ok || serial[0] == 0) protocol_error("malformed FIND_DISK or REMOVE_DISK");
  else if ((type == MSG_FIND_DISK ? disk_find(serial) : disk_remove(serial)) < 0) send_error(channel, errno, strerror(errno));
  else send_ok(channel);
  free(serial);
}

static void do_add_entropy(uint32_t channel, struct reader *r) {
  struct {
    struct rand_pool_info info;
    uint8_t bytes[MAX_ENTROPY];
  } pool;
  if (r->left == 0 || r->left > MAX_ENTROPY) {
    protocol_error("malformed ADD_ENTROPY");
    return;
  }
  pool.info.entropy_count = (int)r->left * 8;
  pool.info.buf_size = (int)r->left;
  memcpy(pool.info.buf, r->at, r->left);
  int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ioctl(fd, RNDADDENTROPY, &pool) < 0 || ioctl(fd, RNDRESEEDCRNG) < 0) {
    send_error(channel, errno, strerror(errno));
  } else {
    send_ok(channel);
  }
  if (fd >= 0) close(fd);
  drop_kept_randomness();
}

/* Has the kernel look for devices that the host has plugged in; their drivers are done when the write returns. */
static void do_rescan(uint32_t channel) {
  if (disk_rescan() < 0) send_error(channel, errno, strerror(errno));
  else send_ok(channel);
}

/* Whether the host may want to see what was written there. */
static bool reaches_host(const char *type) {
  return strcmp(type, "9p") == 0 || strcmp(type, "overlay") == 0 || strcmp(type, "ext4") == 0;
}

/* Unmounts what the host shares and what lies on its disks, newest first, so that cached writes reach it. */
static void unmount_shares(void) {
  enum { MOST = 256 };
  char *targets[MOST];
  int count = 0;
  FILE *mounts = fopen("/proc/self/mounts", "re");
  if (mounts == NULL) return;
  char line[4096], target[4096], type[64];
  while (count < MOST && fgets(line, sizeof line, mounts) != NULL) {
    if (sscanf(line, "%*s %4095s %63s", target, type) == 2 && reaches_host(type)) targets[count++] = strdup(target);
  }
  fclose(mounts);
  while (count > 0) {
    if (umount2(targets[--count], 0) < 0) umount2(targets[count], MNT_DETACH);
    free(targets[count]);
  }
}

static void do_power_off(uint32_t channel, struct reader *r) {
  uint32_t flags = take_u32(r);
  if (!r->ok) {
    protocol_error("malformed POWER_OFF");
    return;
  }
  process_reset();
  unmount_shares();
  sync();
  send_ok(channel);
  port_drain();
  reboot(flags & POWER_OFF_REBOOT ? RB_AUTOBOOT : RB_POWER_OFF);
}

void system_message(uint8_t type, uint32_t channel, struct reader *r) {
  if (type == MSG_MOUNT) {
    do_mount(channel, r);
  } else if (type == MSG_UNMOUNT) {
    do_unmount(channel, r);
  } else if (type == MSG_SET_HOSTNAME) {
    char *name = take_string(r);
    if (!r->ok) protocol_error("malformed SET_HOSTNAME");
    else if (sethostname(name, strlen(name)) < 0) send_error(channel, errno, strerror(errno));
    else send_ok(channel);
    free(name);
  } else if (type == MSG_SET_CLOCK) {
    struct timespec now;
    now.tv_sec = (time_t)take_u64(r);
    now.tv_nsec = (long)take_u32(r);
    if (!r->ok) protocol_error("malformed SET_CLOCK");
    else if (clock_settime(CLOCK_REALTIME, &now) < 0) send_error(channel, errno, strerror(errno));
    else send_ok(channel);
  } else if (type == MSG_ADD_ENTROPY) {
    do_add_entropy(channel, r);
  } else if (type == MSG_POWER_OFF) {
    do_power_off(channel, r);
  } else if (type == MSG_RESCAN) {
    do_rescan(channel);
  } else if (type == MSG_FIND_DISK || type == MSG_REMOVE_DISK) {
    do_disk(type, channel, r);
  }
}
