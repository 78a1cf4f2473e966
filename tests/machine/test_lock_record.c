/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../p2v/machine/lock_record.h"
#include "../support/tap.h"

static struct unrack_error err;

static bool parse(const char *text, size_t n, struct lock_record *r)
{
	char *copy = malloc(n + !n); /* of its own size, for ASan */
	bool good;

	memcpy(copy, text, n);
	good = lock_record_parse(copy, n, r);
	free(copy);
	return good;
}

static void test_text(void)
{
	struct lock_record self, other, r;
	char text[LOCK_RECORD_MAX];
	size_t at, n;
	bool cut = true, flipped = true;

	is_int(lock_record_self(&self, NULL, &err), 0, "about this process");
	lock_record_self(&other, "boot-b", &err);
	ok(strlen(self.token) == 32 && strcmp(self.token, other.token) != 0, "each record has a token");
	ok(self.pid == getpid() && self.start > 0 && self.pidns > 0 && strlen(self.boot) == 36,
	   "process, start, namespace, boot");
	is_str(other.boot, "boot-b", "another boot, for tests");
	self.counter = 12345;
	n = lock_record_write(&self, text, &at);
	ok(n < LOCK_RECORD_MAX && !memcmp(text + at, "00000000000000012345\n", 21) && at + 21 == n,
	   "the counter has a fixed width, at the end");
	ok(parse(text, n, &r), "what was written is read");
	ok(!strcmp(r.host, self.host) && !strcmp(r.boot, self.boot) && !strcmp(r.token, self.token) &&
		   r.pid == self.pid && r.start == self.start && r.pidns == self.pidns && r.counter == 12345,
	   "the same");
	text[at + 19] = '6';
	ok(parse(text, n, &r) && r.counter == 12346, "the counter moves without a new checksum");
	for (size_t i = 0; i < at; i++) {
		cut &= !parse(text, i, &r);
		text[i] ^= 1;
		flipped &= !parse(text, n, &r);
		text[i] ^= 1;
	}
	ok(cut, "cut anywhere before the counter it is no record");
	ok(flipped, "nor with a flipped bit there");
	ok(!parse("", 0, &r), "nor is nothing");
	memset(&self, 0, sizeof self);
	self.pid = 1;
	strcpy(self.token, other.token);
	n = lock_record_write(&self, text, &at);
	ok(parse(text, n, &r) && !*r.host && !*r.boot, "host and boot may be empty");
	self.pid = 0;
	n = lock_record_write(&self, text, &at);
	ok(!parse(text, n, &r), "the process may not");
	self.pid = 1;
	strcpy(self.token, "../../../../../../../etc/passwdx");
	n = lock_record_write(&self, text, &at);
	ok(!parse(text, n, &r), "a token is hex digits");
}

static void test_life(void)
{
	struct lock_record self, r;
	pid_t pid = fork();
	int p[2];

	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	lock_record_self(&self, NULL, &err);
	r = self;
	is_int(lock_record_life(&r, &self), LOCK_ALIVE, "we live");
	r.start++;
	is_int(lock_record_life(&r, &self), LOCK_DEAD, "another process had our number before");
	r = self;
	r.pid = pid;
	is_int(lock_record_life(&r, &self), LOCK_DEAD, "a process that ended");
	r = self;
	strcpy(r.boot, "x");
	is_int(lock_record_life(&r, &self), LOCK_FOREIGN, "one of another boot can't be looked up");
	r = self;
	r.pidns++;
	is_int(lock_record_life(&r, &self), LOCK_FOREIGN, "nor one of another container");
	r = self;
	self.boot[0] = r.boot[0] = '\0';
	is_int(lock_record_life(&r, &self), LOCK_FOREIGN, "an unknown boot is never the same");
	lock_record_self(&self, NULL, &err);
	if (pipe(p) < 0)
		exit(1);
	pid = fork();
	if (pid == 0) {
		lock_record_self(&r, NULL, &err);
		_exit(write(p[1], &r, sizeof r) != sizeof r);
	}
	ok(read(p[0], &r, sizeof r) == sizeof r, "a child tells its record, and ends");
	siginfo_t info;
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	is_int(lock_record_life(&r, &self), LOCK_DEAD, "a zombie is dead");
	waitpid(pid, NULL, 0);
	close(p[0]);
	close(p[1]);
}

int main(void)
{
	test_text();
	test_life();
	return tap_done();
}
