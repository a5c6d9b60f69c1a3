/*
 * Unpacks an archive into a folder below a root by the rules of `docker cp`: what is there is replaced, but a folder never by
 * something else nor the other way round; folders on the way are made; owners are those of the archive. Names that lead
 * out of the folder are refused, and links in the tree lead nowhere but below the root.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define CHUNK 65536

struct target {
  int root;
  const char *folder;
};

/* Folders get their times last, when nothing is put into them any more. */
static struct late {
  char *path;
  struct timespec modified;
} *late;
static size_t late_count, late_room;

/* The archive's name in plain form, below the folder: `a/b`, or empty for the folder itself. Ends the program for others. */
static char *plain_name(const char *name) {
  char *plain = must_allocate(strlen(name) + 1), *copy = must_copy(name), *rest = NULL;
  for (char *part = strtok_r(copy, "/", &rest); part != NULL; part = strtok_r(NULL, "/", &rest)) {
    if (strcmp(part, ".") == 0) continue;
    if (strcmp(part, "..") == 0) fail(BAD_ARCHIVE, 0, "the archive is not sound: %s leads out of it", shown(name));
    if (plain[0] != 0) strcat(plain, "/");
    strcat(plain, part);
  }
  free(copy);
  return plain;
}

/* A plain name's path below the root. */
static char *full_path(const struct target *target, const char *plain) {
  char *path = must_grow(NULL, strlen(target->folder) + strlen(plain) + 2);
  strcpy(path, target->folder);
  if (path[0] == 0 || path[strlen(path) - 1] != '/') strcat(path, "/");
  strcat(path, plain);
  if (strlen(path) > LONGEST_PATH) fail(FAILED, ENAMETOOLONG, "can't make %s", shown(path));
  return path;
}

/* Splits off the last name; gives an O_PATH descriptor of the folder it is in, which is made if need be. */
static int open_parent(const struct target *target, char *path, const char **name) {
  char *slash = strrchr(path, '/');
  *name = slash + 1;
  *slash = 0;
  int parent = open_in_root(target->root, path, O_PATH | O_DIRECTORY);
  if (parent < 0 && errno == ENOENT && strlen(path) > strlen(target->folder)) {
    const char *last;
    char *above = must_copy(path);
    int grandparent = open_parent(target, above, &last);
    if (mkdirat(grandparent, last, 0755) < 0 && errno != EEXIST) fail_at("make the folder", path);
    close(grandparent);
    free(above);
    parent = open_in_root(target->root, path, O_PATH | O_DIRECTORY);
  }
  if (parent < 0) fail_at("open the folder", path);
  *slash = '/';
  return parent;
}

/* Sees to what is in the way; true when there is a folder that stays. */
static bool make_room(int parent, const char *name, const char *path, bool wants_folder) {
  struct stat old;
  if (fstatat(parent, name, &old, AT_SYMLINK_NOFOLLOW) < 0) {
    if (errno == ENOENT) return false;
    fail_at("look at", path);
  }
  bool is_folder = S_ISDIR(old.st_mode);
  if (is_folder && !wants_folder) fail(CONFLICT, 0, "can't replace the folder %s by something else", shown(path));
  if (!is_folder && wants_folder) fail(CONFLICT, 0, "can't replace %s by a folder", shown(path));
  if (!is_folder && unlinkat(parent, name, 0) < 0) fail_at("replace", path);
  return is_folder;
}

static void set_xattrs(int fd, const struct tar_entry *entry, const char *path) {
  for (size_t i = 0; i < entry->xattr_count; i++) {
    const struct tar_xattr *xattr = &entry->xattrs[i];
    if (setxattr(descriptor_path(fd), xattr->name, xattr->value, xattr->length, 0) == 0) continue;
    if (errno != ENOTSUP && errno != EPERM) fail_at("set an attribute of", path);
    note("%s is without its attribute %s, which can't be had there", shown(path), shown(xattr->name));
  }
}

/* Owner, attributes and mode in that order: a new owner takes set-id bits and capabilities away. fd may be O_PATH. */
static void set_attributes(int fd, const struct tar_entry *entry, const char *path) {
  if (fchownat(fd, "", entry->uid, entry->gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) fail_at("set the owner of", path);
  set_xattrs(fd, entry, path);
  if (entry->type != '2' && chmod(descriptor_path(fd), entry->mode) < 0) fail_at("set the mode of", path);
}

static void set_time(int parent, const char *name, struct timespec modified, const char *path) {
  const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, modified};
  if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0) fail_at("set the time of", path);
}

static void write_data(int fd, const char *path) {
  static uint8_t chunk[CHUNK];
  for (size_t n; (n = tar_data(chunk, CHUNK)) > 0;) {
    for (size_t done = 0; done < n;) {
      ssize_t written = write(fd, chunk + done, n - done);
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail_at("write", path);
      done += (size_t)written;
    }
  }
}

static void make_link(const struct target *target, int parent, const char *name, const struct tar_entry *entry, const char *path) {
  char *plain = plain_name(entry->link), *other = full_path(target, plain), *slash = strrchr(other, '/');
  *slash = 0;
  int there = open_in_root(target->root, other, O_PATH | O_DIRECTORY);
  if (there < 0 || linkat(there, slash + 1, parent, name, 0) < 0) fail_at("make the link", path);
  close(there);
  free(other);
  free(plain);
}

/* Opens what was just made; nobody but the container itself can have put something else there. */
static int open_made(int parent, const char *name, const char *path) {
  int fd = openat(parent, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) fail_at("open", path);
  return fd;
}

/* Everything but folders and hard links. */
static void make_file(int parent, const char *name, const struct tar_entry *entry, const char *path) {
  static const mode_t TYPES[] = {['3'] = S_IFCHR, ['4'] = S_IFBLK, ['6'] = S_IFIFO};
  int fd = -1;
  if (entry->type == '0') {
    fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) fail_at("make", path);
    write_data(fd, path);
  } else {
    int made = entry->type == '2'
                   ? symlinkat(entry->link, parent, name)
                   : mknodat(parent, name, TYPES[(int)entry->type] | 0600, makedev(entry->major, entry->minor));
    if (made < 0) fail_at("make", path);
    fd = open_made(parent, name, path);
  }
  set_attributes(fd, entry, path);
  close(fd);
  set_time(parent, name, entry->modified, path);
}

static void make_folder(int parent, const char *name, bool is_there, const struct tar_entry *entry, const char *path) {
  if (!is_there && mkdirat(parent, name, 0700) < 0) fail_at("make the folder", path);
  int fd = open_made(parent, name, path);
  set_attributes(fd, entry, path);
  close(fd);
  if (late_count == late_room) late = must_grow(late, (late_room = late_room * 2 + 16) * sizeof *late);
  late[late_count++] = (struct late){.path = must_copy(path), .modified = entry->modified};
}

static void place(const struct target *target, const struct tar_entry *entry) {
  char *plain = plain_name(entry->path);
  if (plain[0] == 0) {
    if (entry->type != '5') fail(CONFLICT, 0, "can't replace the folder %s by something else", shown(target->folder));
  } else {
    const char *name;
    char *path = full_path(target, plain);
    int parent = open_parent(target, path, &name);
    bool is_there = make_room(parent, name, path, entry->type == '5');
    if (entry->type == '5') make_folder(parent, name, is_there, entry, path);
    else if (entry->type == '1') make_link(target, parent, name, entry, path);
    else make_file(parent, name, entry, path);
    close(parent);
    free(path);
  }
  free(plain);
}

static void set_late_times(const struct target *target) {
  while (late_count > 0) {
    struct late *last = &late[--late_count];
    const char *name;
    int parent = open_parent(target, last->path, &name);
    set_time(parent, name, last->modified, last->path);
    close(parent);
    free(last->path);
  }
}

void extract(int root, const char *folder) {
  struct target target = {.root = root, .folder = folder};
  struct tar_entry entry = {0};
  int there = open_in_root(root, folder, O_PATH);
  struct stat info;
  if (there < 0 || fstat(there, &info) < 0) fail_at("find", folder);
  if (!S_ISDIR(info.st_mode)) fail(NOT_FOUND, 0, "%s is not a folder", shown(folder));
  close(there);
  while (tar_next(&entry)) place(&target, &entry);
  set_late_times(&target);
}
