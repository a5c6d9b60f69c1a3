/*
 * What a container's overlay changed, as `docker diff` tells it: each path once, with A for new, D for gone, and C for
 * what has another type, owner, mode, content or capability, and for a folder with changes below it. A folder comes before
 * what is in it. The content of a file is looked at through its size and time, as Docker does.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPABILITY "security.capability"
#define CAPABILITY_SIZE 64

/* The lower directories that a directory of the upper one lies over, from the top down. */
struct below {
  int *folders;
  int count;
};

static struct {
  char *bytes;
  size_t length, room;
} found;

static const struct omitted *omitted;
static struct path place;

/* Puts a change before what was found since `at`. */
static void tell(size_t at, char kind, const char *path) {
  size_t length = strlen(path) + 2;
  if (found.room - found.length < length) found.bytes = must_grow(found.bytes, found.room = 2 * (found.room + length));
  memmove(found.bytes + at + length, found.bytes + at, found.length - at);
  found.bytes[at] = kind;
  memcpy(found.bytes + at + 1, path, length - 1);
  found.length += length;
}

/* What a name shows of the lower directories: an O_PATH descriptor, or -1. */
static int lower_entry(const struct below *below, const char *name, struct stat *info) {
  for (int i = 0; i < below->count; i++) {
    int fd = openat(below->folders[i], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) continue;
    if (fd < 0 || fstat(fd, info) < 0) fail_at("look below", place.text);
    if (!is_whiteout(info)) return fd;
    close(fd);
    return -1;
  }
  return -1;
}

/* The lower directories of a name that is a directory in the top one of them. */
static struct below lower_folders(const struct below *below, const char *name) {
  struct below inner = {.folders = must_allocate((size_t)(below->count + 1) * sizeof(int)), .count = 0};
  for (int i = 0; i < below->count; i++) {
    int fd = openat(below->folders[i], name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) continue;
    if (fd < 0) break; /* a whiteout or another file hides what is further down */
    inner.folders[inner.count++] = fd;
    if (is_opaque(fd)) break;
  }
  return inner;
}

static void close_folders(struct below *below) {
  for (int i = 0; i < below->count; i++) close(below->folders[i]);
  free(below->folders);
}

static bool same_capability(int a, int b) {
  char values[2][CAPABILITY_SIZE];
  ssize_t lengths[2] = {get_xattr(a, CAPABILITY, values[0], CAPABILITY_SIZE), get_xattr(b, CAPABILITY, values[1], CAPABILITY_SIZE)};
  return lengths[0] == lengths[1] && (lengths[0] <= 0 || memcmp(values[0], values[1], (size_t)lengths[0]) == 0);
}

static bool differs(int fd, const struct stat *now, int old_fd, const struct stat *old) {
  if (now->st_mode != old->st_mode || now->st_uid != old->st_uid || now->st_gid != old->st_gid) return true;
  if (!same_capability(fd, old_fd)) return true;
  if (S_ISDIR(now->st_mode)) return false;
  if (now->st_rdev != old->st_rdev || now->st_size != old->st_size) return true;
  return now->st_mtim.tv_sec != old->st_mtim.tv_sec || now->st_mtim.tv_nsec != old->st_mtim.tv_nsec;
}

static void list_folder(int upper, const struct below *below, bool hides);

/* What of the lower directories an opaque directory hides and does not have itself. */
static void list_hidden(int upper, const struct below *below) {
  struct stat info;
  for (int i = 0; i < below->count; i++) {
    struct names names;
    if (read_names(below->folders[i], &names) < 0) fail_at("look below", place.text);
    for (size_t n = 0; n < names.count; n++) {
      const struct below above = {.folders = below->folders, .count = i};
      struct stat other;
      int hidden = -1;
      if (fstatat(upper, names.items[n], &info, AT_SYMLINK_NOFOLLOW) == 0) continue; /* listed as one of the upper's */
      for (int j = 0; j < above.count && hidden < 0; j++) {
        if (fstatat(above.folders[j], names.items[n], &other, AT_SYMLINK_NOFOLLOW) == 0) hidden = j;
      }
      if (hidden >= 0 || fstatat(below->folders[i], names.items[n], &info, AT_SYMLINK_NOFOLLOW) < 0 || is_whiteout(&info)) continue;
      size_t before;
      if (!path_add(&place, names.items[n], &before)) fail(FAILED, ENAMETOOLONG, "can't look below %s", shown(place.text));
      tell(found.length, 'D', place.text);
      path_cut(&place, before);
    }
    free_names(&names);
  }
}

static bool is_bare(int fd, const struct stat *info) {
  struct names names = {0};
  if (S_ISREG(info->st_mode)) return info->st_size == 0;
  int directory = S_ISDIR(info->st_mode) ? reopen(fd, O_RDONLY | O_DIRECTORY) : -1;
  bool bare = directory >= 0 && read_names(directory, &names) == 0 && names.count == 0;
  free_names(&names);
  if (directory >= 0) close(directory);
  return bare;
}

/* A name of the upper directory, which `place` is the path of. `hides`: the lower directories do not show through. */
static void list_entry(int upper, const struct below *below, bool hides, const char *name) {
  struct stat now, old;
  size_t at = found.length;
  int fd = openat(upper, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return; /* gone meanwhile */
  if (fd < 0 || fstat(fd, &now) < 0) fail_at("look at", place.text);
  int lower = lower_entry(below, name, &old);
  if (is_whiteout(&now)) {
    if (lower >= 0) tell(at, 'D', place.text);
  } else if (!is_omitted(omitted, place.text) || !is_bare(fd, &now)) {
    char kind = lower < 0 ? 'A' : differs(fd, &now, lower, &old) ? 'C' : 0;
    if (S_ISDIR(now.st_mode)) {
      struct below inner = lower >= 0 && S_ISDIR(old.st_mode) ? lower_folders(below, name) : (struct below){0};
      int directory = reopen(fd, O_RDONLY | O_DIRECTORY);
      if (directory < 0) fail_at("read the folder", place.text);
      list_folder(directory, &inner, hides || is_opaque(fd));
      close(directory);
      close_folders(&inner);
      /* A folder that was made for an omitted path alone is none of the container's doing. */
      if (kind == 'A' && found.length == at && is_omitted(omitted, place.text)) kind = 0;
      if (kind == 0 && found.length > at) kind = 'C';
    }
    if (kind != 0) tell(at, kind, place.text);
  }
  if (lower >= 0) close(lower);
  close(fd);
}

static void list_folder(int upper, const struct below *below, bool hides) {
  struct names names;
  if (read_names(upper, &names) < 0) fail_at("read the folder", place.text);
  for (size_t i = 0; i < names.count; i++) {
    size_t before;
    if (!path_add(&place, names.items[i], &before)) fail(FAILED, ENAMETOOLONG, "can't look below %s", shown(place.text));
    list_entry(upper, below, hides, names.items[i]);
    path_cut(&place, before);
  }
  free_names(&names);
  if (hides) list_hidden(upper, below);
}

void list_changes(int upper, const int *lowers, int lower_count, const struct omitted *left_out) {
  struct below below = {.folders = (int *)lowers, .count = lower_count};
  size_t before;
  omitted = left_out;
  path_add(&place, "/", &before);
  list_folder(upper, &below, false);
  write_output(found.bytes, found.length);
}
