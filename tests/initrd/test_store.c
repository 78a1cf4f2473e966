/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../../initrd/store.h"
#include "made.h"

static struct unrack_error err;

/* 100 pieces of 1000 bytes. */
static void fill(struct store *s, const char *what)
{
	uint8_t piece[1000];
	size_t wrong = 0;

	for (unsigned k = 0; k < 100; k++) {
		memset(piece, (int)k, sizeof piece);
		made(store_add(s, piece, sizeof piece, &err) == 0, err.text);
	}
	is_int(store_end(s, &err), 0, "%s: is complete", what);
	is_int(s->len, 100000, "%s: all is there", what);
	for (size_t k = 0; k < s->len; k++)
		wrong += s->data[k] != k / 1000;
	is_int(wrong, 0, "%s: in its order", what);
	store_forget(s, 0, s->len);
	store_forget(s, 5000, 5000);
	store_forget(s, 4097, 99999);
	ok(s->data[0] == 0 && s->data[99999] == 99, "%s: what was forgotten comes again", what);
}

static void keeps(void)
{
	struct store a = { .keep = 100000 }, b = { .keep = 99999 }, c = { 0 };

	fill(&a, "few bytes");
	ok(!a.in_file && store_resident(&a) == 100000, "stay in memory");
	fill(&b, "one more");
	ok(b.in_file && !b.mem.data && store_resident(&b) == 0, "all are in a file");
	fill(&c, "nothing kept");
	ok(c.in_file, "is in a file from the beginning");
	store_free(&a);
	store_free(&b);
	store_free(&c);
	store_free(&c);
	is_int(store_end(&a, &err), 0, "nothing at all can be read, too");
	ok(a.data && a.len == 0, "as nothing");
	store_forget(&a, 0, 0);
	store_free(&a);
}

static void takes(void)
{
	struct store s = { .keep = 10 };
	struct buf b = { 0 };
	uint8_t *p;

	buf_puts(&b, "0123456789");
	p = b.data;
	is_int(store_take(&s, &b, &err), 0, "takes what is in a buffer");
	ok(!b.data && store_end(&s, &err) == 0 && s.data == p && s.len == 10, "without a copy");
	store_free(&s);
	s.keep = 9;
	buf_puts(&b, "0123456789");
	is_int(store_take(&s, &b, &err), 0, "and what is too much");
	ok(!b.data && s.in_file && store_end(&s, &err) == 0 && !memcmp(s.data, "0123456789", 10), "into a file");
	store_free(&s);
	store_borrow(&s, "abc", 3);
	store_forget(&s, 0, 3);
	ok(s.len == 3 && !memcmp(s.data, "abc", 3), "what is borrowed is not copied, nor forgotten");
	store_free(&s);
}

static unsigned files_in(const char *dir)
{
	DIR *d = opendir(dir);
	unsigned n = 0;

	made(d, dir);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void places(void)
{
	char dir[] = "/tmp/unrack-test-XXXXXX", link[100], target[200];
	struct rlimit old, small;
	struct store s = { 0 };
	ssize_t n;

	made(mkdtemp(dir), dir);
	setenv("TMPDIR", dir, 1);
	is_int(store_add(&s, "x", 1, &err), 0, "a file in the folder that is asked for");
	snprintf(link, sizeof link, "/proc/self/fd/%d", s.fd);
	n = readlink(link, target, sizeof target - 1);
	made(n > 0, link);
	target[n] = '\0';
	ok(!strncmp(target, dir, strlen(dir)), "is there");
	is_int(files_in(dir), 0, "without a name");
	ok(fcntl(s.fd, F_GETFD) & FD_CLOEXEC, "and no other program gets it");

	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){ 4096, old.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	for (int k = 0; k < 5000 && store_add(&s, "y", 1, &err) == 0; k++)
		;
	setrlimit(RLIMIT_FSIZE, &old);
	is_int(err.code, UNRACK_NOSPACE, "no space");
	has_str(err.text, "can't write the temporary file for what an initrd unpacks to; name a folder with more space "
		"with TMPDIR: ", "is told");
	store_free(&s);

	rmdir(dir);
	ok(store_add(&s, "x", 1, &err) < 0, "a folder that is not there");
	has_str(err.text, dir, "is named");
	is_int(err.sys_errno, ENOENT, "with the reason");
	store_free(&s);
	unsetenv("TMPDIR");
}

int main(void)
{
	keeps();
	takes();
	places();
	return tap_done();
}
