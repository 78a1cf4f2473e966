/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd_twice FILE: unpacks an initrd, writes it, unpacks what was written, and writes that. Prints its container,
 * how many members it has, and the most memory in KiB that this took. Status 0: the members are identical, and so
 * are the bytes that were written; 1: they aren't; 2: it was not opened or written, for the reason that is printed. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "unrack/initrd.h"

static int differs(void *ctx, const struct initrd_difference *d)
{
	(void)ctx;
	fprintf(stderr, "%s differs\n", (d->old ? d->old : d->new)->name);
	return 1;
}

static bool same_order(const struct initrd *a, const struct initrd *b)
{
	if (initrd_len(a) != initrd_len(b) || strcmp(initrd_container(a), initrd_container(b)) != 0)
		return false;
	for (size_t k = 0; k < initrd_len(a); k++) {
		const struct initrd_member *x = initrd_at(a, k), *y = initrd_at(b, k);

		if (strcmp(x->name, y->name) != 0 || x->ino != y->ino || x->nlink != y->nlink || x->size != y->size)
			return false;
	}
	return true;
}

static int again(const struct initrd *i, const struct buf *first, struct unrack_error *err)
{
	CLEANUP_BUF struct buf second = { 0 };
	struct initrd *j;
	bool same;
	int r = initrd_open(first->data, first->len, "what was written", &j, err);

	if (r < 0)
		return r;
	same = same_order(i, j) && initrd_compare(i, j, differs, NULL) == 0;
	r = initrd_write(j, &second, err);
	initrd_close(j);
	if (r < 0)
		return r;
	return same && first->len == second.len && !memcmp(first->data, second.data, first->len) ? 0 : 1;
}

int main(int argc, char **argv)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	CLEANUP_BUF struct buf first = { 0 };
	struct initrd *i = NULL;
	struct rusage u;
	int fd = argc == 2 ? open(argv[1], O_RDONLY) : -1, r;

	if (fd < 0) {
		fprintf(stderr, "usage: initrd_twice FILE\n");
		return 2;
	}
	r = initrd_read(fd, argv[1], &i, &err);
	close(fd);
	if (r == 0)
		r = initrd_write(i, &first, &err);
	if (r == 0)
		r = again(i, &first, &err);
	if (r < 0) {
		fprintf(stderr, "%s\n", err.text);
		initrd_close(i);
		return 2;
	}
	getrusage(RUSAGE_SELF, &u);
	printf("%s; %zu; %ld\n", initrd_container(i), initrd_len(i), u.ru_maxrss);
	initrd_close(i);
	return r;
}
