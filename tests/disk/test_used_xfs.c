/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is unused of an XFS, of all kinds that mkfs.xfs makes. That the ranges are those that xfs_db lists
 * is seen in tests/cli/maps_xfs.sh. */
#include <errno.h>
#include <sys/stat.h>

#include "../support/twins.h"
#include "xfs_image.h"

static void made_with(const char *options)
{
	struct image i;

	if (!image_make(&i, 400 << 20, options)) {
		ok(true, "%s # SKIP this mkfs.xfs does not know it", options);
		return;
	}
	is_partly(&i, image_free_blocks(&i), options);
	image_free(&i);
}

static void kinds(void)
{
	static const char *options[] = {
		"-m crc=0 -b size=512 -l lazy-count=0,version=1",
		"-m crc=0 -b size=65536 -s size=4096 -l su=256k",
		"-b size=65536 -s size=32768",
		"-m finobt=0,reflink=0,inobtcount=0,bigtime=0 -i sparse=0 -l agnum=0",
		"-b size=1024 -m rmapbt=1 -i nrext64=1 -d agcount=5",
	};

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
		made_with(options[i]);
}

/* Bytes in use are in no unused range; what lies behind the filesystem is used. */
static void bounds(struct image i)
{
	struct looked l;
	const struct range *r;
	size_t n;
	bool right = true;

	look(&i, &l);
	r = ranges_list(l.unused, &n);
	for (size_t k = 0; k < n; k++) {
		uint64_t end = r[k].off + r[k].len;

		right &= end <= 40 << 20 &&
			 !(r[k].off < i.log + (uint64_t)i.log_blocks * 512 && i.log < end);
		for (uint32_t ag = 0; ag < 2; ag++) {
			uint64_t head = (uint64_t)ag * i.ag_blocks * i.block;

			right &= !(r[k].off < head + 4 * i.sector && head < end);
		}
	}
	ok(l.verdict == USED_PARTLY && n >= 2 && right, "headers, the log, and what lies behind are "
							"used");
	is_str(l.why, "", "nothing is said of a filesystem that is trusted");
	ranges_free(l.unused);
}

static void unreadable(struct image i)
{
	struct looked l;
	const struct {
		uint64_t off;
		const char *why;
	} bad[] = {
		{ 0, "its superblock can't be read" },
		{ 1, "its log can't be read" },
		{ 2, "the header of an allocation group can't be read" },
	};

	for (size_t k = 0; k < 3; k++) {
		struct twin_source *t = twin_source_memory(i.p, i.size);

		twin_source_bad(t,
				k == 0	 ? 100
				: k == 1 ? i.log + 600
					 : (uint64_t)i.ag_blocks * i.block + 700,
				1, EIO, 0);
		look_at(twin_source(t), &l);
		ok(l.r == 0 && l.verdict == USED_WHOLE && !strcmp(l.why, bad[k].why), "%s", bad[k].why);
		ranges_free(l.unused);
		twin_source_free(t);
	}
}

static void large(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct block_source_file_options opt = { 0 };
	char path[] = "/tmp/unrack-xfs-XXXXXX", sh[128];
	struct block_source *s;
	struct twin_source *t;
	struct looked l;
	int fd = mkstemp(path);

	snprintf(sh, sizeof sh, "PATH=$PATH:/sbin:/usr/sbin mkfs.xfs -q -f %s >/dev/null 2>&1", path);
	if (ftruncate(fd, 8ll << 40) < 0 || system(sh) != 0 ||
	    block_source_open_file(path, &opt, &s, &e) < 0) {
		ok(true, "8 TiB # SKIP no such files here");
		close(fd);
		unlink(path);
		return;
	}
	unlink(path);
	close(fd);
	t = twin_source_wrap(s);
	look_at(twin_source(t), &l);
	ok(l.verdict == USED_PARTLY && ranges_bytes(l.unused) > (8ull << 40) - (4ull << 30), "8 TiB, "
											     "nearly "
											     "empty");
	ok(twin_source_reads(t) < 80 && twin_source_bytes(t) < 8 << 20, "are known after few reads");
	printf("# %" PRIu64 " reads, %" PRIu64 " bytes\n", twin_source_reads(t), twin_source_bytes(t));
	ranges_free(l.unused);
	twin_source_free(t);
}

int main(void)
{
	struct image i;

	if (!image_make(&i, 48 << 20, "-d agcount=2,size=40m"))
		skip_all("mkfs.xfs is not installed");
	bounds(i);
	unreadable(i);
	image_free(&i);
	kinds();
	large();
	return tap_done();
}
