/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_sys.h"

static struct json *all;

/* The scan of the images a and, if so many, b. Their disk as JSON. */
static struct json *scan(unsigned n)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char names[2][128];
	const char *paths[] = { names[0], names[1] };

	json_free(all);
	all = NULL;
	for (unsigned i = 0; i < n; i++)
		snprintf(names[i], sizeof names[i], "%s/%c", fake_dev, 'a' + i);
	is_int(scan_disks_at(&fake_root, paths, n, NULL, &all, &e), 0, "a scan");
	return json_at(json_get(all, "disks"), 0);
}

static struct json *volume(const struct json *disk, unsigned i)
{
	return json_at(json_get(disk, "volumes"), i);
}

static void volumes(void)
{
	struct json *j, *v;

	/* An ext2 whose free blocks are no holes, swap, and a partition that is a hole but for its beginning. */
	fake_sh("printf 'label-id: 0x1a2b3c4d\\n1M,12M,83,*\\n,4M,82\\n,6M,83\\n' >table && tr '\\0' Z </dev/zero | head -c 17M >dev/a && "
		"truncate -s 24M dev/a && sfdisk -q --no-tell-kernel dev/a <table && mke2fs -q -F -E offset=1048576,nodiscard dev/a 12M && "
		"truncate -s 4M s && mkswap -q s && dd if=s of=dev/a bs=1M seek=13 conv=notrunc status=none");
	j = scan(1);
	is_int(json_len(json_get(j, "volumes")), 3, "its volumes");
	v = volume(j, 0);
	is_str(json_str(v, "name", ""), "partition 1", "a name");
	is_str(json_str(v, "kind", ""), "ext2", "a kind");
	ok(json_int(v, "bytes", 0) == 12 << 20 && json_int(v, "used_bytes", 0) > 0 && json_int(v, "used_bytes", 0) < 2 << 20, "how much is used");
	ok(!json_bool(v, "whole", true) && !json_str(v, "why", NULL) && json_has(v, "why") && !json_bool(v, "trouble", true), "nothing to say");
	is_int(json_int(volume(j, 1), "used_bytes", 0), 4096, "swap's header");
	ok(!json_str(volume(j, 2), "kind", NULL) && json_int(volume(j, 2), "used_bytes", 0) == 6 << 20, "what is not known");
	ok(json_int(j, "data_bytes", 0) > 1 << 20 && json_int(j, "data_bytes", 0) < 4 << 20, "neither what is unused is sent, nor holes");
	is_int(json_int(all, "data_bytes", 0), json_int(j, "data_bytes", -1), "of all disks");
	is_int(json_int(all, "seconds", 0), 1, "how long that takes");
}

static void same(void)
{
	int64_t once;
	struct json *j;

	fake_sh("cp --sparse=always dev/a dev/b");
	once = json_int(scan(1), "data_bytes", 0);
	j = scan(2);
	is_int(json_int(j, "data_bytes", 0), once, "a twin changes nothing");
	is_int(json_int(all, "data_bytes", 0), once, "and is not counted");
	j = json_at(json_get(all, "disks"), 1);
	ok(json_has(j, "same_as") && !json_has(j, "volumes"), "nor are its volumes told");
	ok(json_int(j, "data_bytes", 0) > 12 << 20, "for it nothing but holes is left out");
}

static void trouble(void)
{
	struct json *j;

	fake_sh("printf 'S1SUSPEND\\0' | dd of=dev/a bs=1 seek=$((13 * 1048576 + 4086)) conv=notrunc status=none");
	j = scan(1);
	ok(json_bool(j, "trouble", false) && json_bool(volume(j, 1), "trouble", false), "a system that hibernates is trouble");
	is_int(json_len(json_get(j, "warnings")), 1, "which is told once");
	has_str(json_str(volume(j, 0), "why", ""), "the system hibernates", "and in the other volumes");
	ok(json_int(j, "data_bytes", 0) > 16 << 20, "everything but holes is sent");
}

int main(void)
{
	if (system("command -v sfdisk mke2fs mkswap >/dev/null") != 0)
		skip_all("sfdisk, mke2fs or mkswap is not installed");
	fake_open();
	volumes();
	same();
	trouble();
	json_free(all);
	fake_close();
	return tap_done();
}
