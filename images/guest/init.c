/*
 * What `--init` puts in a container as process 1: starts the program as its child, passes signals on to it, reaps whatever
 * else ends, and ends as the program does: with its exit code, or 128 and the number of the signal that ended it.
 *
 *   docker-init [--] PROGRAM [ARGUMENT...]
 *   docker-init --wait
 *
 * With --wait it starts nothing: it keeps its container alive for programs that come from outside, and reaps until it is
 * killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* As shells have it. */
enum { USAGE_FAILED = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127, SIGNALLED = 128 };

/* What a fault of our own raises, and what the kernel stops us by for using the terminal: not for others. */
static const int OURS[] = {SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU};

static void complain(const char *what, const char *name) {
  fprintf(stderr, "docker-init: %s %s: %s\n", what, name, strerror(errno));
}

static sigset_t signals_for_others(void) {
  sigset_t set;
  sigfillset(&set);
  for (size_t i = 0; i < sizeof OURS / sizeof *OURS; i++) sigdelset(&set, OURS[i]);
  return set;
}

/* In the child: never returns. A group of its own has the terminal, so that Ctrl-C means the program alone. */
static void become_program(char **words, const sigset_t *mask) {
  setpgid(0, 0);
  signal(SIGTTOU, SIG_IGN);
  tcsetpgrp(STDIN_FILENO, getpgrp()); /* fails where there is no terminal */
  signal(SIGTTOU, SIG_DFL);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execvp(words[0], words);
  int error = errno;
  complain("can't execute", words[0]);
  _exit(error == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}

/* Reaps what has ended; true with its status when that was the program. */
static bool reap(pid_t program, int *status) {
  for (;;) {
    int one;
    pid_t pid = waitpid(-1, &one, WNOHANG);
    if (pid <= 0) return false;
    if (pid != program) continue;
    *status = one;
    return true;
  }
}

/* Never returns. What others of the container send us is taken and dropped. */
static void keep_waiting(void) {
  sigset_t set = signals_for_others();
  int status;
  sigprocmask(SIG_BLOCK, &set, NULL);
  for (;;) {
    if (sigwaitinfo(&set, NULL) == SIGCHLD) reap(0, &status);
  }
}

int main(int count, char **words) {
  (void)count;
  words++;
  if (*words != NULL && strcmp(*words, "--wait") == 0) keep_waiting();
  if (*words != NULL && strcmp(*words, "--") == 0) words++;
  if (*words == NULL) {
    fputs("docker-init: no program\n", stderr);
    return USAGE_FAILED;
  }
  sigset_t set = signals_for_others(), before;
  sigprocmask(SIG_BLOCK, &set, &before);
  pid_t program = fork();
  if (program == 0) become_program(words, &before);
  if (program < 0) {
    complain("can't start", words[0]);
    return USAGE_FAILED;
  }
  for (;;) {
    int status, number = sigwaitinfo(&set, NULL);
    if (number != SIGCHLD) {
      if (number > 0) kill(program, number);
    } else if (reap(program, &status)) {
      return WIFSIGNALED(status) ? SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
}
