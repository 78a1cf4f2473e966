/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/convert/overlay.h"
#include "../support/tap.h"
#include "unrack/proc.h"

static struct unrack_error err;

static int parse(const char *text, uint64_t bytes, struct overlay_ranges *r)
{
	return overlay_map_parse(text, strlen(text), "web01's overlay", bytes, r, &err);
}

#define E(start, length, present)                                                       \
	"{ \"start\": " #start ", \"length\": " #length ", \"depth\": 0, \"present\": " #present  \
	", \"zero\": false, \"data\": true, \"offset\": 327680}"

static void test_map(void)
{
	static const struct {
		const char *text, *what;
		int code;
	} bad[] = {
		{ "", "an empty answer", UNRACK_DAMAGED },
		{ "[", "half an answer", UNRACK_DAMAGED },
		{ "[]", "a map that ends too early", UNRACK_DAMAGED },
		{ "[" E(0, 200, true) "]", "a map that goes too far", UNRACK_DAMAGED },
		{ "[" E(0, 50, true) "," E(40, 60, true) "]", "ranges that overlap", UNRACK_DAMAGED },
		{ "[" E(50, 50, true) "," E(0, 50, true) "]", "ranges out of order", UNRACK_DAMAGED },
		{ "[" E(0, 50, true) "," E(60, 40, true) "]", "a gap", UNRACK_DAMAGED },
		{ "[" E(0, 0, true) "," E(0, 100, true) "]", "an empty range", UNRACK_DAMAGED },
		{ "[" E(0, -1, true) "]", "a negative length", UNRACK_DAMAGED },
		{ "[" E(0, 9223372036854775807, true) "]", "a huge length", UNRACK_DAMAGED },
		{ "[{\"start\": 0, \"length\": 100, \"depth\": 0, \"zero\": true, \"data\": false}]",
		  "a map of a QEMU that does not tell", UNRACK_MISSING },
	};
	struct overlay_ranges r = { 0 };

	is_int(parse("[" E(0, 10, false) ",\n" E(10, 20, true) "," E(30, 5, true) "," E(35, 60, false) ","
		     E(95, 5, true) "]\n", 100, &r), 0, "a map is read");
	ok(r.len == 2 && r.at[0].start == 10 && r.at[0].length == 25 && r.at[1].start == 95 &&
		   r.at[1].length == 5,
	   "neighbours become one range, the base's own ranges are left out");
	is_int(parse("[" E(0, 100, false) "]", 100, &r), 0, "an empty overlay");
	is_int((long long)r.len, 0, "replaces nothing");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int code = parse(bad[i].text, 100, &r);

		/* What is no JSON is for the parser of JSON to name. */
		ok(code == bad[i].code || (i < 2 && code < 0), "%s is refused", bad[i].what);
	}
	has_str(err.text, "6.1", "and says which QEMU would");
	overlay_ranges_free(&r);
}

static void test_relative(void)
{
	static const struct {
		const char *folder, *file, *want;
	} cases[] = {
		{ "/srv/web01/unrack/fix", "/srv/web01/web01-flat.vmdk", "../../web01-flat.vmdk" },
		{ "/srv/web01.img.unrack/fix", "/srv/web01.img", "../../web01.img" },
		{ "/srv/web", "/srv/web01/x", "../web01/x" },
		{ "/srv/web01", "/srv/web/x", "../web/x" },
		{ "/srv", "/srv/x", "./x" },
		{ "/srv", "/srv/a:b/x", "./a:b/x" },
		{ "/a/b/c", "/x", "../../../x" },
		{ "/", "/x", "./x" },
		{ "/var/tmp/u", "/images/json:{}", "../../../images/json:{}" },
	};
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		overlay_relative(cases[i].folder, cases[i].file, &out);
		is_str(buf_str(&out), cases[i].want, "from %s to %s", cases[i].folder, cases[i].file);
	}
	buf_free(&out);
}

static void check_file(const char *path, const char *what, uint8_t want, off_t at)
{
	uint8_t got = 0;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || pread(fd, &got, 1, at) != 1)
		exit(99);
	close(fd);
	is_int(got, want, "%s", what);
}

/* With names that qemu would take for protocols and options. */
static void test_real(void)
{
	char top[] = "/tmp/unrack-overlay-XXXXXX", base[100], overlay[100], cmd[100], *qemu = NULL;
	struct overlay_ranges r = { 0 };
	int fd;

	if (proc_find("qemu-io", "", &qemu, &err) < 0) {
		ok(true, "overlays # SKIP qemu-io is not installed");
		return;
	}
	free(qemu);
	if (!mkdtemp(top))
		exit(99);
	snprintf(base, sizeof base, "%s/a:b", top);
	mkdir(base, 0755);
	snprintf(base, sizeof base, "%s/a:b/x,y=1 \"z\".img", top);
	fd = open(base, O_RDWR | O_CREAT, 0644);
	if (fd < 0 || ftruncate(fd, (1 << 20) + 512))
		exit(99);
	close(fd);
	snprintf(overlay, sizeof overlay, "%s/o:v,=\"l", top);
	is_int(overlay_create(overlay, base, NULL, &err), 0, "an overlay is made");
	const char *const write[] = { "qemu-io", "-f", "qcow2", "-c", "write -q -P 7 100k 1k", "-c",
				      "write -q -z 512k 64k", "-c", "write -q -P 8 1M 512", overlay, NULL };

	is_int(proc_check(write, NULL, 600, NULL, &err), 0, "and written");
	is_int(overlay_settle(io_posix(), overlay, NULL, &err), 0, "settled");
	is_int(overlay_map(overlay, (1 << 20) + 512, NULL, &r, &err), 0, "mapped");
	ok(r.len == 3 && r.at[0].start == 65536 && r.at[0].length == 65536 && r.at[1].start == 512 << 10 &&
		   r.at[2].start == 1 << 20 && r.at[2].length == 512,
	   "in whole clusters, up to the end of the disk");
	is_int(overlay_map(overlay, 1 << 20, NULL, &r, &err), UNRACK_DAMAGED, "a map of another size is refused");
	check_file(base, "its base is as it was", 0, 100 << 10);
	is_int(overlay_commit(overlay, NULL, &err), 0, "committed");
	check_file(base, "the base has what was written", 7, 100 << 10);
	check_file(base, "to its end", 8, (1 << 20) + 511);
	is_int(overlay_commit(overlay, NULL, &err), 0, "committed once more");
	is_int(overlay_create("/nonexistent/o", base, NULL, &err), UNRACK_IO, "no folder is an error");
	is_int(overlay_create(overlay, "/nonexistent", NULL, &err), UNRACK_IO, "no base is one");
	has_str(err.text, "/nonexistent", "by name");
	fd = open(overlay, O_WRONLY);
	if (fd < 0 || pwrite(fd, "damaged", 7, 0) != 7)
		exit(99);
	close(fd);
	ok(overlay_settle(io_posix(), overlay, NULL, &err) < 0, "a damaged overlay is not settled");
	overlay_ranges_free(&r);
	snprintf(cmd, sizeof cmd, "rm -rf %s", top);
	if (system(cmd))
		ok(false, "the folder is removed");
}

int main(void)
{
	test_map();
	test_relative();
	test_real();
	return tap_done();
}
