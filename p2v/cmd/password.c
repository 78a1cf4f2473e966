/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "password.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"

#define TEXT_MAX 1024
/* How often we look whether to stop. */
#define LOOK_MS 200

struct password {
	bool ask, known;
	const atomic_bool *stop;
	int fd;              /* -1: none */
	char prompt[256];    /* that TEXT answers; a descriptor's answers any */
	char text[TEXT_MAX];
};

int password_open(bool ask, const char *fd, const atomic_bool *stop, struct password **out,
		  struct unrack_error *err)
{
	struct password *p;
	char *end;
	long n = -1;

	if (ask && fd)
		return error_set(err, UNRACK_USAGE, "--ask-password and --password-fd exclude each other");
	if (fd) {
		errno = 0;
		n = strtol(fd, &end, 10);
		if (errno || end == fd || *end || n < 0 || n > INT_MAX ||
		    fcntl((int)n, F_SETFD, FD_CLOEXEC) < 0)
			return error_set(err, UNRACK_USAGE,
					 "--password-fd takes the number of an open descriptor, not \"%s\"", fd);
	}
	p = calloc(1, sizeof *p);
	if (!p)
		return error_nomem(err);
	/* A wish: without the right to lock memory it may be swapped out. */
	if (mlock(p, sizeof *p) < 0)
		errno = 0;
	p->ask = ask;
	p->stop = stop;
	p->fd = (int)n;
	*out = p;
	return 0;
}

bool password_there(const struct password *p)
{
	return p->ask || p->fd >= 0;
}

/* Until there is something to read. */
static int wait_for(const struct password *p, int fd, struct unrack_error *err)
{
	struct pollfd look = { .fd = fd, .events = POLLIN };

	while (poll(&look, 1, LOOK_MS) == 0 || !look.revents)
		if (p->stop && atomic_load(p->stop))
			return error_set(err, UNRACK_INTERRUPTED, "stopped while waiting for a password");
	return 0;
}

/* One line without its newline. */
static int read_line(const struct password *p, int fd, char *buf, size_t n, struct unrack_error *err)
{
	size_t len = 0;
	ssize_t got = 0;

	while (len < n - 1) {
		int r = wait_for(p, fd, err);

		if (r < 0)
			return r;
		got = read(fd, buf + len, 1);
		if (got == 0)
			break;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_errno(err, errno, "can't read the password");
		if (buf[len] == '\n')
			break;
		len++;
	}
	buf[len] = '\0';
	if (len == n - 1)
		return error_set(err, UNRACK_USAGE, "the password has more than %zu bytes", n - 2);
	return 0;
}

/* What stops or ends a program at once must not leave the terminal without echo. */
static void hold_signals(bool hold, sigset_t *before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGTSTP);
	if (hold)
		pthread_sigmask(SIG_BLOCK, &set, before);
	else
		pthread_sigmask(SIG_SETMASK, before, NULL);
}

static int ask(const struct password *p, const char *prompt, char *buf, size_t n,
	       struct unrack_error *err)
{
	bool spaced = *prompt && prompt[strlen(prompt) - 1] == ' ';
	sigset_t before;
	int tty CLEANUP_CLOSE = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	struct termios was, quiet;
	int r;

	if (tty < 0 || tcgetattr(tty, &was) < 0)
		return error_set(err, UNRACK_MISSING,
				 "there is no terminal to ask for a password on; use --password-fd");
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	hold_signals(true, &before);
	/* The question comes last: what answers it at once would else be dropped, or shown. */
	if (tcsetattr(tty, TCSAFLUSH, &quiet) < 0 || write(tty, prompt, strlen(prompt)) < 0 ||
	    (!spaced && write(tty, " ", 1) < 0)) {
		r = error_errno(err, errno, "can't ask for a password on the terminal");
		tcsetattr(tty, TCSAFLUSH, &was);
		hold_signals(false, &before);
		return r;
	}
	r = read_line(p, tty, buf, n, err);
	tcsetattr(tty, TCSAFLUSH, &was);
	hold_signals(false, &before);
	/* Our newline instead of the one that was not echoed; nothing depends on it. */
	if (write(tty, "\n", 1) < 0)
		errno = 0;
	return r;
}

/* The prompt has the far machine's words in it. */
static void copy_prompt(char *out, size_t n, const char *prompt)
{
	size_t i;

	for (i = 0; i < n - 1 && prompt[i]; i++)
		out[i] = iscntrl((unsigned char)prompt[i]) ? '?' : prompt[i];
	out[i] = '\0';
}

int password_get(void *ctx, const char *prompt, char *buf, size_t n, struct unrack_error *err)
{
	struct password *p = ctx;
	char shown[sizeof p->prompt];
	int r = 0;

	copy_prompt(shown, sizeof shown, prompt);
	if (p->fd >= 0 && !p->known)
		r = read_line(p, p->fd, p->text, sizeof p->text, err);
	else if (p->fd < 0 && (!p->known || strcmp(shown, p->prompt) != 0))
		r = ask(p, shown, p->text, sizeof p->text, err);
	if (r < 0)
		return r;
	p->known = true;
	memcpy(p->prompt, shown, sizeof shown);
	if (strlen(p->text) >= n)
		return error_set(err, UNRACK_USAGE, "the password has more than %zu bytes", n - 1);
	strcpy(buf, p->text);
	return 0;
}

void password_close(struct password *p)
{
	if (!p)
		return;
	explicit_bzero(p, sizeof *p);
	munlock(p, sizeof *p);
	free(p);
}
