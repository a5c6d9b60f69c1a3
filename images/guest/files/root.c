/*
 * Paths below a root. Every path of a container is resolved by openat2(2) with RESOLVE_IN_ROOT, as if the root were /,
 * so that neither links nor .. leave it, whatever the container does meanwhile. What is found is looked at before it
 * is opened for reading (O_PATH), so that no device and no pipe is ever opened.
 */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define OPAQUE "trusted.overlay.opaque"
#define ATTEMPTS 100

int open_root(const char *path) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail_at("open", path);
  return fd;
}

int open_in_root(int root, const char *path, int flags) {
  struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT};
  long fd = -1;
  for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
    fd = syscall(SYS_openat2, root, path[0] != 0 ? path : "/", &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) break; /* EAGAIN: something was renamed on the way */
  }
  return (int)fd;
}

const char *descriptor_path(int fd) {
  static char path[32];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return path;
}

int reopen(int fd, int flags) { return open(descriptor_path(fd), flags | O_CLOEXEC); }

static char *target_of(int directory, const char *name) {
  char *target = must_grow(NULL, PATH_MAX + 1);
  ssize_t n = readlinkat(directory, name, target, PATH_MAX);
  target[n > 0 ? n : 0] = 0;
  return target;
}

char *path_in_root(int root, int fd) {
  char *base = target_of(AT_FDCWD, descriptor_path(root)), *path = target_of(AT_FDCWD, descriptor_path(fd));
  size_t length = strlen(base);
  bool is_below = length > 1 && strncmp(path, base, length) == 0 && (path[length] == '/' || path[length] == 0);
  char *found = must_copy(is_below ? path + length : path);
  free(base);
  free(path);
  if (found[0] != 0) return found;
  free(found);
  return must_copy("/");
}

static void put_field(const char *text) { write_output(text, strlen(text) + 1); }

void put_stat(int root, int fd, const char *path, const struct stat *info) {
  char text[200];
  snprintf(text, sizeof text, "%o%c%u%c%u%c%llu%c%lld.%09ld", info->st_mode, 0, info->st_uid, 0, info->st_gid, 0,
           (unsigned long long)info->st_size, 0, (long long)info->st_mtim.tv_sec, info->st_mtim.tv_nsec);
  const char *at = text;
  for (int field = 0; field < 5; field++, at += strlen(at) + 1) put_field(at);
  bool is_link = S_ISLNK(info->st_mode);
  char *target = is_link ? target_of(fd, "") : must_copy("");
  int end = is_link ? open_in_root(root, path, O_PATH) : -1;
  char *place = end >= 0 ? path_in_root(root, end) : must_copy("");
  if (end >= 0) close(end);
  put_field(target);
  put_field(place);
  free(target);
  free(place);
}

void stat_file(int root, const char *path) {
  struct stat info;
  int fd = open_in_root(root, path, O_PATH | O_NOFOLLOW);
  if (fd < 0 || fstat(fd, &info) < 0) fail_at("find", path);
  put_stat(root, fd, path, &info);
}

bool path_add(struct path *path, const char *name, size_t *before) {
  size_t length = strlen(name), slash = path->length > 0 && path->text[path->length - 1] != '/' ? 1 : 0;
  *before = path->length;
  if (path->length + slash + length > LONGEST_PATH) return false;
  if (path->room < path->length + slash + length + 1) {
    path->room = 2 * (path->length + slash + length + 1);
    path->text = must_grow(path->text, path->room);
  }
  if (slash) path->text[path->length] = '/';
  memcpy(path->text + path->length + slash, name, length + 1);
  path->length += slash + length;
  return true;
}

void path_cut(struct path *path, size_t length) {
  path->length = length;
  path->text[length] = 0;
}

static int by_bytes(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

int read_names(int directory, struct names *names) {
  *names = (struct names){0};
  int copy = dup(directory);
  DIR *stream = copy >= 0 ? fdopendir(copy) : NULL;
  if (stream == NULL) {
    if (copy >= 0) close(copy);
    return -1;
  }
  rewinddir(stream);
  size_t room = 0;
  struct dirent *entry;
  while (errno = 0, (entry = readdir(stream)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    if (names->count == room) names->items = must_grow(names->items, (room = room * 2 + 16) * sizeof(char *));
    names->items[names->count++] = must_copy(entry->d_name);
  }
  int error = errno;
  closedir(stream);
  if (names->count > 0) qsort(names->items, names->count, sizeof(char *), by_bytes);
  errno = error;
  if (error == 0) return 0;
  free_names(names);
  errno = error;
  return -1;
}

void free_names(struct names *names) {
  for (size_t i = 0; i < names->count; i++) free(names->items[i]);
  free(names->items);
  *names = (struct names){0};
}

ssize_t get_xattr(int fd, const char *name, void *value, size_t room) {
  return getxattr(descriptor_path(fd), name, value, room);
}

bool is_opaque(int fd) {
  char value = 0;
  return get_xattr(fd, OPAQUE, &value, 1) == 1 && value == 'y';
}

bool is_whiteout(const struct stat *info) {
  return S_ISCHR(info->st_mode) && major(info->st_rdev) == 0 && minor(info->st_rdev) == 0;
}
