/*
 * What somebody does who works with a container's files one by one: reads and writes a file, looks into a folder, makes,
 * removes and renames. A file that is written to stays the same file, with its owner and links. Parents are resolved below
 * the root, and then only single names in them are acted upon, which are never followed.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536
#define PLAIN_FILE 0644
#define PLAIN_FOLDER 0755

/* As fail_at, for what may be in the way. */
static void refuse(const char *what, const char *path) __attribute__((noreturn));
static void refuse(const char *what, const char *path) {
  int error = errno;
  if (error == EEXIST || error == ENOTEMPTY || error == EISDIR) fail(CONFLICT, error, "can't %s %s", what, shown(path));
  errno = error;
  fail_at(what, path);
}

/* The folder that a path's last name is in, and that name, which is the caller's to free. */
static int open_parent(int root, const char *path, char **name) {
  char *copy = must_copy(path);
  size_t length = strlen(copy);
  while (length > 0 && copy[length - 1] == '/') copy[--length] = 0;
  char *slash = strrchr(copy, '/');
  *name = must_copy(slash != NULL ? slash + 1 : copy);
  if (slash != NULL) *slash = 0;
  else copy[0] = 0;
  if (**name == 0 || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0) fail(CONFLICT, 0, "%s is no name that can change", shown(path));
  int parent = open_in_root(root, copy, O_PATH | O_DIRECTORY);
  if (parent < 0) fail_at("open the folder", copy);
  free(copy);
  return parent;
}

/* A regular file for reading or writing; -1 with ENOENT, and everything else ends the program. */
static int open_file(int root, const char *path, int flags, struct stat *info) {
  int place = open_in_root(root, path, O_PATH);
  if (place < 0 && errno == ENOENT) return -1;
  if (place < 0 || fstat(place, info) < 0) fail_at("find", path);
  if (S_ISDIR(info->st_mode)) fail(CONFLICT, 0, "%s is a folder", shown(path));
  if (!S_ISREG(info->st_mode)) fail(FAILED, 0, "%s is no regular file", shown(path));
  int fd = reopen(place, flags | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) fail_at("open", path);
  close(place);
  return fd;
}

void read_file(int root, const char *path, size_t most) {
  static uint8_t chunk[CHUNK];
  struct stat info;
  size_t total = 0;
  int fd = open_file(root, path, O_RDONLY, &info);
  if (fd < 0) fail_at("find", path);
  for (ssize_t n; (n = read(fd, chunk, CHUNK)) != 0;) {
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_at("read", path);
    total += (size_t)n;
    if (total > most) fail(TOO_LONG, 0, "%s has more than %zu bytes", shown(path), most);
    write_output(chunk, (size_t)n);
  }
}

/* All of stdin. */
static uint8_t *take_input(size_t *length) {
  uint8_t *bytes = NULL;
  size_t room = 0;
  *length = 0;
  for (;;) {
    if (*length == room) bytes = must_grow(bytes, room = room * 2 + CHUNK);
    ssize_t n = read(STDIN_FILENO, bytes + *length, room - *length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail(FAILED, errno, "can't read the input");
    if (n == 0) return bytes;
    *length += (size_t)n;
  }
}

static int create_file(int root, const char *path) {
  char *name;
  int parent = open_parent(root, path, &name);
  int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) refuse("make", path);
  close(parent);
  free(name);
  return fd;
}

/* `mode` is negative to leave it as it is. */
void write_file(int root, const char *path, int mode) {
  struct stat info = {0};
  size_t length;
  uint8_t *bytes = take_input(&length);
  int fd = open_file(root, path, O_WRONLY, &info);
  bool is_new = fd < 0;
  if (is_new) fd = create_file(root, path);
  /* First the room, so that a full disk costs no content; not every file system can tell. */
  if (length > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)length) < 0 && (errno == ENOSPC || errno == EDQUOT)) {
    int error = errno;
    if (is_new) remove_path(root, path, false);
    errno = error;
    fail_at("write", path);
  }
  for (size_t done = 0; done < length;) {
    ssize_t n = write(fd, bytes + done, length - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_at("write", path);
    done += (size_t)n;
  }
  if (info.st_size > (off_t)length && ftruncate(fd, (off_t)length) < 0) fail_at("cut off", path);
  if ((is_new || mode >= 0) && fchmod(fd, mode >= 0 ? (mode_t)mode : PLAIN_FILE) < 0) fail_at("set the mode of", path);
  if (fsync(fd) < 0 && errno != EINVAL) fail_at("write", path);
  free(bytes);
}

void print_folder(int root, const char *path) {
  struct names names;
  int directory = open_in_root(root, path, O_RDONLY | O_DIRECTORY);
  if (directory < 0 && errno == ENOTDIR) fail(CONFLICT, 0, "%s is no folder", shown(path));
  if (directory < 0 || read_names(directory, &names) < 0) fail_at("read the folder", path);
  struct path place = {0};
  size_t start, before;
  if (!path_add(&place, path, &start)) fail(FAILED, ENAMETOOLONG, "can't read the folder %s", shown(path));
  for (size_t i = 0; i < names.count; i++) {
    struct stat info;
    int fd = openat(directory, names.items[i], O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) continue; /* removed meanwhile */
    if (fstat(fd, &info) == 0 && path_add(&place, names.items[i], &before)) {
      write_output(names.items[i], strlen(names.items[i]) + 1);
      put_stat(root, fd, place.text, &info);
      path_cut(&place, before);
    }
    close(fd);
  }
  free_names(&names);
  close(directory);
}

static void make_with_parents(int root, char *path, mode_t mode) {
  size_t length = strlen(path);
  while (length > 0 && path[length - 1] == '/') path[--length] = 0;
  if (length == 0) return;
  int there = open_in_root(root, path, O_PATH);
  if (there >= 0) {
    struct stat info;
    if (fstat(there, &info) < 0) fail_at("look at", path);
    if (!S_ISDIR(info.st_mode)) fail(CONFLICT, 0, "%s is there and is no folder", shown(path));
    close(there);
    return;
  }
  if (errno != ENOENT) fail_at("make the folder", path);
  char *above = must_copy(path), *slash = strrchr(above, '/'), *name;
  if (slash != NULL) *slash = 0;
  if (slash != NULL) make_with_parents(root, above, PLAIN_FOLDER);
  free(above);
  int parent = open_parent(root, path, &name);
  if (mkdirat(parent, name, mode) < 0) refuse("make the folder", path);
  free(name);
  close(parent);
}

void create_folder(int root, const char *path, int mode) {
  char *copy = must_copy(path);
  make_with_parents(root, copy, mode >= 0 ? (mode_t)mode : PLAIN_FOLDER);
  free(copy);
}

static void remove_name(int parent, const char *name, const char *path, bool with_content) {
  if (unlinkat(parent, name, 0) == 0) return;
  if (errno != EISDIR) refuse("remove", path);
  if (unlinkat(parent, name, AT_REMOVEDIR) == 0) return;
  if (!with_content || errno != ENOTEMPTY) refuse("remove", path);
  struct names names;
  int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0 || read_names(directory, &names) < 0) fail_at("read the folder", path);
  for (size_t i = 0; i < names.count; i++) remove_name(directory, names.items[i], path, true);
  free_names(&names);
  close(directory);
  if (unlinkat(parent, name, AT_REMOVEDIR) < 0) refuse("remove", path);
}

void remove_path(int root, const char *path, bool with_content) {
  char *name;
  int parent = open_parent(root, path, &name);
  remove_name(parent, name, path, with_content);
  free(name);
  close(parent);
}

void rename_path(int root, const char *from, const char *to) {
  char *old_name, *new_name;
  int old_parent = open_parent(root, from, &old_name), new_parent = open_parent(root, to, &new_name);
  if (renameat(old_parent, old_name, new_parent, new_name) < 0) refuse(errno == ENOENT ? "find" : "replace", errno == ENOENT ? from : to);
  free(old_name);
  free(new_name);
}
