/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* An OpenSSH server on loopback, as the current user, for the tests of the channel over ssh. Its host key is also
 * the key that it lets in. Included by one test program. */
#ifndef TESTS_SSHD_H
#define TESTS_SSHD_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/tap.h"

struct sshd {
	char dir[64], key[96], known_hosts[96];
	unsigned port;
	pid_t pid;
};

/* A socket that listens on a port of its own: nobody else can have it before the server does. */
static int sshd_listen(unsigned *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 16) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		abort();
	*port = ntohs(a.sin_port);
	return fd;
}

__attribute__((format(printf, 1, 2))) static int sshd_shell(const char *fmt, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof line, fmt, ap);
	va_end(ap);
	return system(line);
}

/* As inetd: a server for each connection. */
__attribute__((noreturn)) static void sshd_serve(int listener, const char *program, const char *config)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN); /* nobody waits for them */
	for (;;) {
		int line = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (line >= 0 && fork() == 0) {
			signal(SIGCHLD, SIG_DFL);
			dup2(line, 0);
			dup2(line, 1);
			dup2(null, 2);
			execl(program, program, "-i", "-e", "-f", config, (char *)NULL);
			_exit(127);
		}
		close(line);
	}
}

static void sshd_stop(struct sshd *s)
{
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	sshd_shell("rm -rf %s", s->dir);
}

/* LINES: of sshd_config(5). Skips the test program where no server can run. */
static void sshd_start(struct sshd *s, const char *lines)
{
	static const char *const places[] = { "/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd" };
	const char *program = NULL;
	char config[96];
	int listener;

	for (unsigned i = 0; i < 3 && !program; i++)
		program = access(places[i], X_OK) == 0 ? places[i] : NULL;
	if (!program)
		skip_all("sshd is not installed");
	if (geteuid() == 0 && mkdir("/run/sshd", 0755) < 0 && access("/run/sshd", X_OK) < 0)
		skip_all("/run/sshd can't be made, without which sshd does not run as root");
	strcpy(s->dir, "/tmp/unrack-sshd-XXXXXX");
	if (!mkdtemp(s->dir))
		abort();
	listener = sshd_listen(&s->port);
	snprintf(s->key, sizeof s->key, "%s/key", s->dir);
	snprintf(s->known_hosts, sizeof s->known_hosts, "%s/known_hosts", s->dir);
	snprintf(config, sizeof config, "%s/config", s->dir);
	if (sshd_shell("ssh-keygen -q -t ed25519 -N '' -f %s && "
		       "(printf '[127.0.0.1]:%u '; cat %s.pub) >%s && "
		       "printf '%%s\\n' '%s' 'HostKey %s' 'PidFile none' "
		       "'AuthorizedKeysFile %s.pub' 'StrictModes no' 'UsePAM no' 'PermitRootLogin yes' "
		       "'PasswordAuthentication no' 'KbdInteractiveAuthentication no' >%s",
		       s->key, s->port, s->key, s->known_hosts, lines, s->key, s->key, config))
		skip_all("ssh-keygen does not work");
	if (sshd_shell("%s -t -f %s 2>/dev/null", program, config)) {
		sshd_shell("rm -rf %s", s->dir);
		skip_all("sshd does not start here");
	}
	s->pid = fork();
	if (s->pid == 0)
		sshd_serve(listener, program, config);
	close(listener);
}

#endif
