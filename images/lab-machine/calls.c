/**
 * calls PROGRAM [ARGUMENTS]: runs a program and tells each of its system calls in a line of shell variables, as ptrace(2) shows the
 * registers: its number, the first three arguments, what RCX and R11 are after the SYSCALL instruction, and the result. With -q the
 * program's own output is dropped. Checks compare answers with that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void die(const char *what) {
  fprintf(stderr, "calls: %s: %s\n", what, strerror(errno));
  exit(1);
}

static _Noreturn void become(char **words, int quiet) {
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) die("ptrace");
  if (quiet) {
    const int null = open("/dev/null", O_WRONLY);
    if (null < 0) die("/dev/null");
    dup2(null, 1), dup2(null, 2);
  }
  execvp(words[0], words);
  die(words[0]);
}

static void tell(const struct user_regs_struct *at, long result, int has_result) {
  printf("number=%ld rdi=%#lx rsi=%#lx rdx=%#lx rcx=%#lx r11=%#lx", (long)at->orig_rax, at->rdi, at->rsi,
         at->rdx, at->rcx, at->r11);
  if (has_result) printf(" result=%ld", result);
  putchar('\n');
}

/** Runs the program from one system call's beginning or end to the next. False when it has ended. */
static int go_on(pid_t process, int *status) {
  int signal = 0;
  for (;;) {
    if (ptrace(PTRACE_SYSCALL, process, NULL, signal) != 0) die("ptrace");
    if (waitpid(process, status, 0) != process) die("waitpid");
    if (!WIFSTOPPED(*status)) return 0;
    if (WSTOPSIG(*status) == (SIGTRAP | 0x80)) return 1; // PTRACE_O_TRACESYSGOOD
    signal = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
  }
}

int main(int count, char **words) {
  const int quiet = count > 1 && strcmp(words[1], "-q") == 0;
  if (count < 2 + quiet) {
    fprintf(stderr, "usage: calls [-q] PROGRAM [ARGUMENTS]\n");
    return 2;
  }
  setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
  const pid_t process = fork();
  if (process < 0) die("fork");
  if (process == 0) become(words + 1 + quiet, quiet);
  int status;
  if (waitpid(process, &status, 0) != process) die("waitpid");
  if (!WIFSTOPPED(status)) return WIFEXITED(status) ? WEXITSTATUS(status) : 1; // it could not be started
  ptrace(PTRACE_SETOPTIONS, process, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  while (go_on(process, &status)) {
    struct user_regs_struct entry, end;
    if (ptrace(PTRACE_GETREGS, process, NULL, &entry) != 0) die("ptrace");
    if (!go_on(process, &status)) {
      tell(&entry, 0, 0);
      break;
    }
    if (ptrace(PTRACE_GETREGS, process, NULL, &end) != 0) die("ptrace");
    tell(&entry, (long)end.rax, 1);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
