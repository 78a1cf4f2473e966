/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"

static void banners(void)
{
	char b[32] = "";

	ok(ssh_banner("SSH-2.0-OpenSSH_4.3\r\n", 21, b, sizeof b), "a banner");
	is_str(b, "SSH-2.0-OpenSSH_4.3", "without the line's end");
	ok(!ssh_banner("SSH-2.0-OpenSSH_4.3", 19, b, sizeof b), "a banner that is not whole yet");
	ok(ssh_banner("keep out\r\nSSH-1.99-x\n", 21, b, sizeof b), "behind a line of greeting");
	is_str(b, "SSH-1.99-x", "it is that line");
	ok(!ssh_banner("220 web01 ESMTP\r\n", 17, b, sizeof b), "something else");
	ok(!ssh_banner("SSH\n", 4, b, sizeof b) && !ssh_banner("", 0, b, sizeof b), "too little");
	ok(ssh_banner("SSH-2.0-\033[2Jbad\x80name\r\n", 22, b, sizeof b), "one with control characters");
	is_str(b, "SSH-2.0-[2Jbadname", "is made printable");
	ok(ssh_banner("SSH-2.0-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", 53, b, sizeof b),
	   "one longer than there is room for");
	is_int(strlen(b), sizeof b - 1, "is cut");
}

static int listen_here(int *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		exit(1);
	*port = ntohs(a.sin_port);
	return fd;
}

static bool steps(struct ssh_probe *p, int64_t now, char *b, size_t room)
{
	for (int i = 0; i < 20; i++) {
		if (ssh_step(p, now, b, room))
			return true;
		usleep(1000);
	}
	return false;
}

/* What was sent may take its time. */
static bool comes(struct ssh_probe *p, int64_t now, char *b, size_t room)
{
	for (int i = 0; i < 1000; i++)
		if (steps(p, now, b, room))
			return true;
	return false;
}

/* The next connection that P makes; it may have to see the end of the last one first. */
static int next_peer(struct ssh_probe *p, int server, int64_t now)
{
	struct pollfd at = { .fd = server, .events = POLLIN };
	char b[64];

	for (int i = 0; i < 6000 && poll(&at, 1, 10) == 0; i++)
		ssh_step(p, now, b, sizeof b);
	return at.revents ? accept(server, NULL, NULL) : -1;
}

static void probes(void)
{
	struct ssh_probe p = { .fd = -1 };
	int server = listen_here(&p.port), peer;
	char b[64] = "";

	ok(!steps(&p, 0, b, sizeof b), "a server that says nothing: no banner, and no waiting");
	peer = accept(server, NULL, NULL);
	ok(write(peer, "SSH-2.0-", 8) == 8 && !steps(&p, 100, b, sizeof b), "half of a banner");
	ok(write(peer, "slow\r\n", 6) == 6 && comes(&p, 200, b, sizeof b), "the other half");
	is_str(b, "SSH-2.0-slow", "make it whole");
	is_int(p.fd, -1, "the connection is closed");
	close(peer);

	ssh_step(&p, 300, b, sizeof b);
	peer = accept(server, NULL, NULL);
	close(peer);
	ok(!steps(&p, 300, b, sizeof b), "a server that closes the connection");
	peer = next_peer(&p, server, 300);
	ok(peer >= 0, "is tried again");
	ssh_close(&p);
	close(peer);

	p.patient = false;
	ssh_step(&p, 1000, b, sizeof b);
	ok(!ssh_step(&p, 2900, b, sizeof b) && p.fd >= 0, "a silent one is waited for");
	ok(!ssh_step(&p, 3000, b, sizeof b) && p.fd < 0, "not for long: it may not have seen the first packet");
	ssh_step(&p, 4000, b, sizeof b);
	ok(!ssh_step(&p, 18900, b, sizeof b) && p.fd >= 0, "the next time longer: it may be slow");
	ok(!ssh_step(&p, 19000, b, sizeof b) && p.fd < 0, "but not for ever");
	close(server);
	ok(!steps(&p, 0, b, sizeof b), "nobody there");
	ssh_close(&p);
	ssh_close(&p);
	is_int(p.fd, -1, "closed twice");
}

int main(void)
{
	banners();
	probes();
	return tap_done();
}
