/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Ramdisks for scripts that compare with e2fsprogs:
 *
 *	ramdisk list IMAGE                   a line for each member: mode, owner, device, time, size, name
 *	ramdisk data IMAGE NAME              what is in it
 *	ramdisk edit IN OUT KIB SCRIPT [NAME FILE]...
 *	                                     new contents of /linuxrc ("-": it stays) and of files, in at
 *	                                     most KIB of ramdisk
 *	ramdisk write IN OUT                 the same again
 *	ramdisk make IN OUT KIB MAX          a new filesystem with the members of any initrd
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../initrd/ext2.h"

static struct unrack_error err = UNRACK_ERROR_INIT;

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "%s\n", err.text[0] ? err.text : what);
	exit(err.code ? error_exit_status(err.code) : 1);
}

static void read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char block[65536];
	size_t n;

	need(f, path);
	while ((n = fread(block, 1, sizeof block, f)) > 0)
		need(buf_append(out, block, n) == 0, path);
	fclose(f);
}

static void write_file(const char *path, const struct buf *b)
{
	FILE *f = fopen(path, "wb");

	need(f && fwrite(b->data, 1, b->len, f) == b->len && fclose(f) == 0, path);
}

static struct initrd *open_image(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct initrd *i;

	need(fd >= 0 && initrd_read(fd, path, &i, &err) == 0, path);
	close(fd);
	return i;
}

static void list(const struct initrd *i)
{
	for (size_t k = 0; k < initrd_len(i); k++) {
		const struct initrd_member *m = initrd_at(i, k);

		printf("%o %u:%u %u,%u %lld %zu %u /%s", m->mode, m->uid, m->gid, m->rdev_major, m->rdev_minor,
		       (long long)m->mtime, m->size, m->nlink, m->name);
		if (S_ISLNK(m->mode))
			printf(" -> %.*s", (int)m->size, (const char *)m->data);
		putchar('\n');
	}
}

static void edit(const struct initrd *i, char **arg, int n, struct buf *out)
{
	struct image_edit e = { .n_add = (size_t)(n - 2) / 2,
				.ramdisk_max = strtoul(arg[0], NULL, 10) << 10, .mtime = 1000000000 };
	struct image_new *new = calloc(e.n_add + 1, sizeof *new);
	struct image_replace replace;
	struct buf script = { 0 };

	if (strcmp(arg[1], "-") != 0) {
		read_file(arg[1], &script);
		replace = (struct image_replace){ image_index(i, initrd_script(i)), script.data, script.len };
		need(replace.item != SIZE_MAX, "there is no script");
		e.replace = &replace;
		e.n_replace = 1;
	}
	for (size_t k = 0; k < e.n_add; k++) {
		new[k].name = arg[2 + 2 * k];
		read_file(arg[3 + 2 * k], &new[k].data);
	}
	e.add = new;
	need(image_write_edited(i, &e, out, &err) == 0, "edit");
	for (size_t k = 0; k < e.n_add; k++)
		buf_free(&new[k].data);
	free(new);
	buf_free(&script);
}

static void make(const struct initrd *i, char **arg, struct buf *out)
{
	struct initrd_member *m = calloc(initrd_len(i) + 1, sizeof *m);

	for (size_t k = 0; k < initrd_len(i); k++)
		m[k] = *initrd_at(i, k);
	need(ext2_make(m, initrd_len(i), strtoul(arg[0], NULL, 10), strtoul(arg[1], NULL, 10), "new", out, &err) == 0,
	     "make");
	free(m);
}

int main(int argc, char **argv)
{
	CLEANUP_BUF struct buf out = { 0 };
	const char *what = argc > 2 ? argv[1] : "";
	struct initrd *i;

	need(argc > 2, "usage: ramdisk list|data|edit|write|make IMAGE ...");
	i = open_image(argv[2]);
	if (!strcmp(what, "list")) {
		list(i);
	} else if (!strcmp(what, "data") && argc == 4) {
		const struct initrd_member *m = initrd_find(i, argv[3]);

		need(m && fwrite(m->data, 1, m->size, stdout) == m->size, argv[3]);
	} else {
		if (!strcmp(what, "edit") && argc > 5)
			edit(i, argv + 4, argc - 4, &out);
		else if (!strcmp(what, "write") && argc == 4)
			need(initrd_write(i, &out, &err) == 0, "write");
		else if (!strcmp(what, "make") && argc == 6)
			make(i, argv + 4, &out);
		else
			need(false, "wrong arguments");
		write_file(argv[3], &out);
	}
	initrd_close(i);
	return 0;
}
