/*
 * Trees to tar: parts of a container's root as `docker cp` gives them, all of it, or an overlay's upper directory as a layer
 * (image-spec v1.1, layer.md "Whiteouts"; Linux Documentation/filesystems/overlayfs.rst). Names in a directory come in the
 * order of their bytes; a file's other names come as hard links. Sockets, which tar has no type for, are left out.
 */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHITEOUT ".wh."
#define OPAQUE_WHITEOUT ".wh..wh..opq"
#define CHUNK 65536

struct walk {
  bool is_layer;
  const struct omitted *omitted;
  struct path place; /* below the root, for messages and `omitted`; starts with a slash */
  struct path name;  /* in the archive */
};

/* Files with several names: the first one that was met, by device and inode. */
static struct known {
  dev_t device;
  ino_t inode;
  char *path;
} *known;
static size_t known_room, known_count;

static struct known *known_slot(dev_t device, ino_t inode) {
  size_t at = ((size_t)inode * 0x9e3779b97f4a7c15u ^ (size_t)device) & (known_room - 1);
  while (known[at].path != NULL && (known[at].device != device || known[at].inode != inode)) at = (at + 1) & (known_room - 1);
  return &known[at];
}

/* The name that a file has in the archive already, or NULL, and then it is the one that it was given here. */
static const char *first_name(const struct stat *info, const char *path) {
  if (2 * (known_count + 1) > known_room) {
    struct known *old = known;
    size_t old_room = known_room;
    known_room = old_room > 0 ? 2 * old_room : 64;
    known = must_allocate(known_room * sizeof *known);
    for (size_t i = 0; i < old_room; i++) {
      if (old[i].path != NULL) *known_slot(old[i].device, old[i].inode) = old[i];
    }
    free(old);
  }
  struct known *slot = known_slot(info->st_dev, info->st_ino);
  if (slot->path != NULL) return slot->path;
  *slot = (struct known){.device = info->st_dev, .inode = info->st_ino, .path = must_copy(path)};
  known_count++;
  return NULL;
}

static struct tar_item item_of(const struct stat *info, int fd, const char *path, char type) {
  return (struct tar_item){
      .path = path,
      .type = type,
      .mode = info->st_mode,
      .uid = info->st_uid,
      .gid = info->st_gid,
      .modified = info->st_mtim,
      .device = info->st_rdev,
      .xattrs_of = fd,
  };
}

/* Data of exactly the size that the header states, although the file may be written to meanwhile. */
static void put_data(int fd, uint64_t size, const char *place) {
  static uint8_t chunk[CHUNK];
  uint64_t left = size;
  while (left > 0) {
    ssize_t n = read(fd, chunk, left < CHUNK ? (size_t)left : CHUNK);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_at("read", place);
    if (n == 0) break;
    write_output(chunk, (size_t)n);
    left -= (uint64_t)n;
  }
  if (left > 0) note("%s became shorter while it was read; its end is filled with zeros", shown(place));
  memset(chunk, 0, sizeof chunk);
  for (; left > 0; left -= left < CHUNK ? left : CHUNK) write_output(chunk, left < CHUNK ? (size_t)left : CHUNK);
  tar_padding(size);
}

static void put_file(struct walk *walk, int fd, const struct stat *info) {
  int data = reopen(fd, O_RDONLY | O_NONBLOCK);
  if (data < 0) fail_at("read", walk->place.text);
  struct tar_item item = item_of(info, fd, walk->name.text, '0');
  item.size = (uint64_t)info->st_size;
  tar_item(&item);
  put_data(data, item.size, walk->place.text);
  close(data);
}

/* Overlayfs was told not to make such: what they stand for would be missing. */
static void refuse_unreadable_marks(int fd, const char *place) {
  static const char *const MARKS[] = {"trusted.overlay.redirect", "trusted.overlay.metacopy"};
  for (size_t i = 0; i < sizeof MARKS / sizeof *MARKS; i++) {
    if (get_xattr(fd, MARKS[i], NULL, 0) >= 0) fail(FAILED, 0, "%s has the mark %s of overlayfs, which no layer can have", shown(place), MARKS[i]);
  }
}

static void put_whiteout(struct walk *walk, const char *name) {
  size_t before;
  if (!path_add(&walk->name, name, &before)) fail(FAILED, ENAMETOOLONG, "can't hide %s", shown(walk->place.text));
  tar_item(&(struct tar_item){.path = walk->name.text, .type = '0', .xattrs_of = -1});
  path_cut(&walk->name, before);
}

static void put_child(struct walk *walk, int directory, const char *name);

/* What is in a directory. */
static void put_children(struct walk *walk, int fd) {
  struct names names;
  int directory = reopen(fd, O_RDONLY | O_DIRECTORY);
  if (directory < 0 || read_names(directory, &names) < 0) fail_at("read the folder", walk->place.text);
  for (size_t i = 0; i < names.count; i++) put_child(walk, directory, names.items[i]);
  free_names(&names);
  close(directory);
}

static bool is_empty(int fd) {
  struct names names;
  int directory = reopen(fd, O_RDONLY | O_DIRECTORY);
  bool empty = directory >= 0 && read_names(directory, &names) == 0 && names.count == 0;
  if (directory >= 0) close(directory);
  if (!empty) free_names(&names);
  return empty;
}

static void put_directory(struct walk *walk, int fd, const struct stat *info) {
  char *slashed = must_grow(NULL, walk->name.length + 2);
  strcpy(slashed, walk->name.text);
  if (slashed[walk->name.length - 1] != '/') strcat(slashed, "/");
  struct tar_item item = item_of(info, fd, slashed, '5');
  tar_item(&item);
  free(slashed);
  if (walk->is_layer && is_opaque(fd)) put_whiteout(walk, OPAQUE_WHITEOUT);
  put_children(walk, fd);
}

static void put_special(struct walk *walk, int fd, const struct stat *info) {
  char type = S_ISCHR(info->st_mode) ? '3' : S_ISBLK(info->st_mode) ? '4' : S_ISFIFO(info->st_mode) ? '6' : '2';
  struct tar_item item = item_of(info, fd, walk->name.text, type);
  static char target[PATH_MAX + 1]; /* not on the stack, which deep trees need */
  if (type == '2') {
    ssize_t n = readlinkat(fd, "", target, PATH_MAX);
    if (n < 0) fail_at("read the link", walk->place.text);
    target[n] = 0;
    item.link = target;
  }
  tar_item(&item);
}

/* One file of any type, which is called walk->name. */
static void put(struct walk *walk, int fd, const struct stat *info) {
  if (walk->is_layer) refuse_unreadable_marks(fd, walk->place.text);
  if (S_ISDIR(info->st_mode)) {
    put_directory(walk, fd, info);
    return;
  }
  if (S_ISSOCK(info->st_mode)) {
    note("%s is a socket, which an archive can't have; it is left out", shown(walk->place.text));
    return;
  }
  const char *other = info->st_nlink > 1 ? first_name(info, walk->name.text) : NULL;
  if (other != NULL) {
    struct tar_item item = item_of(info, -1, walk->name.text, '1');
    item.link = other;
    tar_item(&item);
  } else if (S_ISREG(info->st_mode)) {
    put_file(walk, fd, info);
  } else {
    put_special(walk, fd, info);
  }
}

static bool leaves_out(struct walk *walk, int fd, const struct stat *info) {
  if (walk->omitted == NULL || !is_omitted(walk->omitted, walk->place.text)) return false;
  return S_ISDIR(info->st_mode) ? !is_opaque(fd) && is_empty(fd) : S_ISREG(info->st_mode) && info->st_size == 0;
}

static void put_child(struct walk *walk, int directory, const char *name) {
  size_t place, before;
  struct stat info;
  if (!path_add(&walk->place, name, &place)) {
    fail(FAILED, 0, "%s... is deeper than a path of %d bytes", shown(walk->place.text), LONGEST_PATH);
  }
  int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT) fail_at("open", walk->place.text);
  if (fd >= 0 && fstat(fd, &info) < 0) fail_at("look at", walk->place.text);
  if (fd < 0) {
    /* Removed meanwhile. */
  } else if (walk->is_layer && is_whiteout(&info)) {
    char hidden[NAME_MAX + sizeof WHITEOUT];
    strcpy(hidden, WHITEOUT);
    strcat(hidden, name);
    put_whiteout(walk, hidden);
  } else if (walk->is_layer && strncmp(name, WHITEOUT, strlen(WHITEOUT)) == 0) {
    note("%s is left out: in a layer, a name that begins with " WHITEOUT " hides another", shown(walk->place.text));
  } else if (!leaves_out(walk, fd, &info)) {
    if (!path_add(&walk->name, name, &before)) fail(FAILED, ENAMETOOLONG, "can't archive %s", shown(walk->place.text));
    put(walk, fd, &info);
    path_cut(&walk->name, before);
  }
  if (fd >= 0) close(fd);
  path_cut(&walk->place, place);
}

void archive_path(int root, const char *path, const char *name) {
  struct walk walk = {0};
  struct stat info;
  size_t before;
  int fd = open_in_root(root, path, O_PATH | O_NOFOLLOW);
  if (fd < 0 || fstat(fd, &info) < 0) fail_at("find", path);
  if (name[0] == 0 || !path_add(&walk.place, path, &before) || !path_add(&walk.name, name, &before)) {
    fail(FAILED, ENAMETOOLONG, "can't archive %s", shown(path));
  }
  put(&walk, fd, &info);
  tar_end();
}

void archive_root(int root) {
  struct walk walk = {0};
  size_t before;
  path_add(&walk.place, "/", &before);
  path_add(&walk.name, "", &before);
  put_children(&walk, root);
  tar_end();
}

void archive_layer(int upper, const struct omitted *omitted) {
  struct walk walk = {.is_layer = true, .omitted = omitted};
  struct stat info;
  size_t before;
  if (fstat(upper, &info) < 0) fail_at("look at", "the upper directory");
  path_add(&walk.place, "/", &before);
  path_add(&walk.name, "", &before);
  struct tar_item item = item_of(&info, upper, "./", '5');
  tar_item(&item);
  put_children(&walk, upper);
  tar_end();
}
