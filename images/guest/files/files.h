/*
 * viv-files: reads and writes the files of a container from outside of it, in the guest. Seven parts: root.c (paths that
 * never leave a root), tar-write.c and tar-read.c (the format), archive.c (trees to tar), extract.c (tar to trees),
 * changes.c (what an overlay's upper directory changes), edit.c (one file or folder at a time) and main.c. The trees are hostile: a container may change them
 * meanwhile, and every name, link, size and attribute in them may be anything that Linux allows.
 */
#ifndef VIVARIUM_FILES_H
#define VIVARIUM_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* How the program ends when something is wrong; src/container/guest-files.ts knows what they mean. */
#define FAILED 1
#define NOT_FOUND 2
#define BAD_ARCHIVE 3
#define CONFLICT 4
#define NO_SPACE 5
#define WRONG_WORDS 6
#define TOO_LONG 7

/* A path in an archive, or of an entry below a root. */
#define LONGEST_PATH 4095

/* main.c */
/* Says what is wrong, with what the error number means unless it is 0, and ends the program. */
void fail(int status, int error, const char *format, ...) __attribute__((noreturn, format(printf, 3, 4)));
/* As fail, with the status that fits the error number. */
void fail_at(const char *what, const char *path) __attribute__((noreturn));
/* Tells of something that is left out or not as it should be; the program goes on. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A name as it may be shown: control characters become question marks. Good until eight more were asked for. */
const char *shown(const char *name);
void *must_allocate(size_t bytes);
void *must_grow(void *old, size_t bytes);
char *must_copy(const char *text);
/* Output is collected; flush_output before the end. */
void write_output(const void *bytes, size_t length);
void flush_output(void);

/* root.c */
/* Opens a directory by an ordinary path, from outside of any root. */
int open_root(const char *path);
/* Opens a path as if `root` were /: no link and no .. leads out of it. -1 with errno. Without O_PATH only for directories. */
int open_in_root(int root, const char *path, int flags);
/* A new descriptor of what an O_PATH descriptor stands for. */
int reopen(int fd, int flags);
/* The path by which an O_PATH descriptor's own attributes can be had. */
const char *descriptor_path(int fd);
/* Where in the root a descriptor's file is; caller frees. */
char *path_in_root(int root, int fd);
/* Tells of a file: the program's command `stat`. */
void stat_file(int root, const char *path);
/* The fields that `stat` prints, of an O_PATH descriptor that was opened without following `path`'s last name. */
void put_stat(int root, int fd, const char *path, const struct stat *info);

/* A path that grows and shrinks at its end. */
struct path {
  char *text;
  size_t length, room;
};
/* Adds `/name`, or `name` to an empty path; false when it would be too long. Gives the old length to path_cut. */
bool path_add(struct path *path, const char *name, size_t *before);
void path_cut(struct path *path, size_t length);

/* The names in a directory but . and .., in the order of their bytes. */
struct names {
  char **items;
  size_t count;
};
/* -1 with errno. */
int read_names(int directory, struct names *names);
void free_names(struct names *names);

/* One extended attribute: the length of the value, or -1 with errno. */
ssize_t get_xattr(int fd, const char *name, void *value, size_t room);
bool is_opaque(int fd);
bool is_whiteout(const struct stat *info);

/* tar-write.c: POSIX.1-2017 pax, "ustar Interchange Format". */
struct tar_item {
  const char *path; /* as it is to stand there; a directory's with its slash */
  const char *link; /* target of a symbolic or hard link, or NULL */
  char type;        /* a type flag */
  mode_t mode;
  uid_t uid;
  gid_t gid;
  uint64_t size; /* of the data that follow */
  struct timespec modified;
  dev_t device;
  int xattrs_of; /* an O_PATH descriptor whose attributes belong to it, or -1 */
};
void tar_item(const struct tar_item *item);
void tar_padding(uint64_t size);
void tar_end(void);

/* tar-read.c */
struct tar_xattr {
  char *name;
  uint8_t *value;
  size_t length;
};
struct tar_entry {
  char *path, *link;
  char type;
  mode_t mode;
  uid_t uid;
  gid_t gid;
  uint64_t size;
  struct timespec modified;
  unsigned major, minor;
  struct tar_xattr *xattrs;
  size_t xattr_count;
};
/* The next entry, or false at the end; ends the program when the archive is not sound. Its data must be taken first. */
bool tar_next(struct tar_entry *entry);
/* Up to `length` bytes of the entry's data; 0 at their end. */
size_t tar_data(void *bytes, size_t length);

/* Paths that a container's runtime made for its mounts: left out while they are empty. */
struct omitted {
  char **paths;
  int count;
};
bool is_omitted(const struct omitted *omitted, const char *path);

/* archive.c */
void archive_path(int root, const char *path, const char *name);
void archive_root(int root);
void archive_layer(int upper, const struct omitted *omitted);

/* extract.c */
void extract(int root, const char *folder);

/* changes.c */
void list_changes(int upper, const int *lowers, int lower_count, const struct omitted *omitted);

/* edit.c */
void read_file(int root, const char *path, size_t most);
/* A negative mode is the one it has, or that of a plain file or folder. */
void write_file(int root, const char *path, int mode);
void create_folder(int root, const char *path, int mode);
void print_folder(int root, const char *path);
void remove_path(int root, const char *path, bool with_content);
void rename_path(int root, const char *from, const char *to);

#endif
