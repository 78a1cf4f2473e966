/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The channel over ssh, against a real OpenSSH server: bytes both ways, how the far command
 * ends, lines that break, and ends that do not wait. Host keys, authentication and old algorithms are
 * in tests/cli. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "sshd.h"
#include "unrack/channel.h"
#include "unrack/remote.h"

#define BIG (8u << 20)
#define SOON 120.0 /* s: on whatever machine; who waits for what is not to be waited for waits for ever */
/* A command that reads nothing and ends with its server only. */
#define STAYS "while kill -0 $PPID; do sleep 0.1; done 2>/dev/null"

static struct sshd sshd;
static struct unrack_error err;
static uint8_t sent[BIG], got[BIG];
static char warnings[4096];
static atomic_bool stop;

static void message(void *ctx, enum log_level level, const char *text)
{
	(void)ctx;
	if (level != LOG_WARN)
		return;
	strncat(warnings, text, sizeof warnings - strlen(warnings) - 2);
	strcat(warnings, "\n");
}

static const struct log_ops log_ops = { .message = message };
static const struct log logger = { .ops = &log_ops, .stop = &stop };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void set(struct remote_url *url, struct remote_options *opt, const char *command)
{
	char text[64];

	snprintf(text, sizeof text, "ssh://127.0.0.1:%u/", sshd.port);
	if (remote_parse_url(text, url, &err) < 0)
		abort();
	*opt = (struct remote_options){ .command = command, .config = "none",
					.known_hosts = sshd.known_hosts, .identity = sshd.key,
					.log = &logger };
}

static struct remote *start(const char *command)
{
	struct remote_options opt;
	struct remote_url url;
	struct remote *r;

	set(&url, &opt, command);
	warnings[0] = '\0';
	if (remote_open(&url, &opt, &r, &err) == 0)
		return r;
	printf("Bail out! %s\n", err.text);
	sshd_stop(&sshd);
	exit(1);
}

static void *write_big(void *arg)
{
	return channel_write(arg, sent, BIG, &(struct unrack_error){ 0 }) == 0 ? arg : NULL;
}

static void test_both_ways(void)
{
	struct remote *r = start("cat");
	struct channel *c = remote_channel(r);
	pthread_t thread;
	void *done;

	for (size_t i = 0; i < BIG; i++)
		sent[i] = (uint8_t)(i * 2654435761u >> 13);
	pthread_create(&thread, NULL, write_big, c);
	is_int(channel_read(c, got, BIG, &err), 0, "what cat returns is read while it is written");
	pthread_join(thread, &done);
	ok(done && memcmp(sent, got, BIG) == 0, "and is the same");
	channel_write(c, "last", 4, &err);
	remote_close(r);
	/* It has a second for it, which on a busy machine may be too short. */
	for (int i = 0; i < 20 && !(i && warnings[0]); i++) {
		r = start("cat >&2");
		channel_write(remote_channel(r), "the last bytes\n", 15, &err);
		remote_close(r);
	}
	has_str(warnings, "127.0.0.1: the last bytes", "what was written before the end still arrives");
}

static void test_ends(void)
{
	struct remote *r = start("printf 'one\\r\\n\\n\\033[2Jt\\tw\\303\\266\\nlast' >&2; printf abc; exit 3");
	char three[4] = "";

	is_int(channel_read(remote_channel(r), three, 3, &err), 0, "what it wrote is read");
	is_str(three, "abc", "to its last byte");
	is_int(channel_read(remote_channel(r), got, 1, &err), UNRACK_LOST, "then comes the end");
	is_int(err.sys_errno, EPIPE, "an orderly one");
	remote_explain(r, &err);
	is_int(err.code, UNRACK_LOST, "explained, it is the same");
	has_str(err.text, "the command on 127.0.0.1 ended with status 3", "with the exit status");
	ok(!strstr(err.text, "last"), "without what is shown");
	is_str(warnings, "127.0.0.1: one\n127.0.0.1: ?[2Jt w??\n127.0.0.1: last\n",
	       "its lines were shown, made harmless");
	error_set(&err, UNRACK_DAMAGED, "other");
	remote_explain(r, &err);
	is_str(err.text, "other", "other errors are left alone");
	remote_close(r);

	r = start("kill -TERM $$");
	channel_read(remote_channel(r), got, 1, &err);
	remote_explain(r, &err);
	has_str(err.text, "was ended by signal TERM", "a command that was killed");
	remote_close(r);
}

static void test_broken(void)
{
	struct remote *r = start("head -c 100000 /dev/zero; read line; kill -9 $PPID");
	double from = now();

	/* Something has come, and more of it, before it is killed. */
	ok(channel_read(remote_channel(r), got, 1, &err) == 0 && channel_write(remote_channel(r), "\n", 1, &err) == 0,
	   "a server that sends");
	is_int(channel_read(remote_channel(r), got, BIG, &err), UNRACK_LOST, "a server that is killed");
	is_int(err.sys_errno, ECONNRESET, "is an end in the middle");
	remote_explain(r, &err);
	has_str(err.text, "the connection to 127.0.0.1 broke", "and explained");
	is_int(channel_write(remote_channel(r), sent, BIG, &err), UNRACK_LOST, "nothing can be written");
	remote_close(r);
	ok(now() - from < SOON, "all of it without waiting");
}

static void *write_for_ever(void *arg)
{
	struct unrack_error e;

	while (channel_write(arg, sent, BIG, &e) == 0)
		;
	return (void *)(uintptr_t)(unsigned)e.sys_errno;
}

static void test_blocked(void)
{
	struct remote *r = start(STAYS);
	pthread_t thread;
	double from;
	void *e;

	pthread_create(&thread, NULL, write_for_ever, remote_channel(r));
	usleep(50000);
	from = now();
	channel_shutdown(remote_channel(r));
	pthread_join(thread, &e);
	is_int((uintptr_t)e, ECANCELED, "shutdown wakes a writer whose reader does not read");
	ok(now() - from < SOON, "at once");
	remote_close(r);
	ok(now() - from < SOON, "and closing waits for what can't be sent for a while only");
}

/* Under AddressSanitizer what was freed stays resident for a while. */
#ifdef __SANITIZE_ADDRESS__
#define HOARD_KIB (300 << 10)
#else
#define HOARD_KIB (16 << 10)
#endif

/* Resident memory in KiB. */
static long memory(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		abort();
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Lines on standard error are taken all the time, and each could let the far side send more. */
static void test_slow_reader(void)
{
	struct remote *r = start("while head -c 200000 /dev/zero && echo x >&2; do :; done");
	long before = memory(), most = before;
	double from;

	for (int i = 0; i < 30; i++) {
		channel_read(remote_channel(r), got, 65536, &err);
		usleep(4000);
		most = memory() > most ? memory() : most;
	}
	ok(most - before < HOARD_KIB, "a slow reader does not make the pump hoard");
	from = now();
	remote_close(r);
	ok(now() - from < SOON, "closing does not wait for a command that goes on writing");
}

static void test_not_opened(void)
{
	struct remote_options opt;
	struct remote_url url;
	struct remote *r;
	double from;
	int code, fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof a;

	set(&url, &opt, "true");
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		abort();
	url.port = ntohs(a.sin_port);
	is_int(remote_open(&url, &opt, &r, &err), UNRACK_LOST, "a port on which nobody listens");
	has_str(err.text, "can't connect to 127.0.0.1 port", "is named");
	has_str(err.text, "refused", "with the reason");
	listen(fd, 5);
	/* On a machine that is too busy to connect in time, once more with more of it. */
	for (opt.connect_ms = 150;; opt.connect_ms *= 10) {
		from = now();
		code = remote_open(&url, &opt, &r, &err);
		if (strstr(err.text, "handshake") || opt.connect_ms > 10000)
			break;
	}
	is_int(code, UNRACK_LOST, "a server that says nothing");
	has_str(err.text, "is silent during the ssh handshake", "is noticed");
	ok(now() - from < opt.connect_ms / 1000.0 + 15, "in time, and not after the usual 20 s: %.3f s", now() - from);
	atomic_store(&stop, true);
	opt.connect_ms = 0;
	is_int(remote_open(&url, &opt, &r, &err), UNRACK_INTERRUPTED, "the stop flag ends connecting");
	atomic_store(&stop, false);
	close(fd);
	strcpy(url.host, "no-such-host.invalid");
	is_int(remote_open(&url, &opt, &r, &err), UNRACK_LOST, "a name that is none");
	has_str(err.text, "no-such-host.invalid", "is named");
}

/* A server that is not root's may take this user's account for one that is locked. */
static void test_let_in(void)
{
	struct remote_options opt;
	struct remote_url url;
	struct remote *r;

	set(&url, &opt, "true");
	if (remote_open(&url, &opt, &r, &err) == 0) {
		remote_close(r);
		return;
	}
	if (geteuid() != 0 && strstr(err.text, "permission denied")) {
		sshd_stop(&sshd);
		skip_all("sshd does not let this user in");
	}
	printf("Bail out! %s\n", err.text);
	sshd_stop(&sshd);
	exit(1);
}

int main(void)
{
	sshd_start(&sshd, "LogLevel QUIET");
	test_let_in();
	test_both_ways();
	test_ends();
	test_broken();
	test_blocked();
	test_slow_reader();
	test_not_opened();
	sshd_stop(&sshd);
	return tap_done();
}
