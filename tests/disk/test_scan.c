/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake_sys.h"

static struct json *scan(const char *const *paths, unsigned n)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct json *j = NULL;

	if (scan_disks_at(&fake_root, paths, n, NULL, &j, &e) < 0) {
		printf("Bail out! %s\n", e.text);
		exit(1);
	}
	return j;
}

static struct json *disk(const struct json *scan, const char *name)
{
	struct json *list = json_get(scan, "disks");

	for (size_t i = 0; i < json_len(list); i++) {
		const char *path = json_str(json_at(list, i), "path", "");

		if (strlen(path) > strlen(name) && !strcmp(path + strlen(path) - strlen(name), name))
			return json_at(list, i);
	}
	return NULL;
}

static void machine(void)
{
	struct json *j = scan(NULL, 0), *d;
	char *text = scan_text(j);

	is_int(json_len(json_get(j, "disks")), 0, "a machine without disks");
	ok(*json_str(j, "host", ""), "has a name");
	has_str(text, "no disks are seen here", "and is a sentence");
	free(text);
	json_free(j);

	/* Two paths of one disk, a clone, and two members of an array with a cloned table. */
	for (unsigned i = 0; i < 5; i++) {
		char name[] = "sda";

		name[2] = (char)(name[2] + i);
		fake_disk(name, "pci0/host0/block", 16);
	}
	fake_sh("truncate -s 16M dev/sda && printf 'label-id: 0x77\\n,,83\\n' | sfdisk -q --no-tell-kernel dev/sda && "
		"mke2fs -q -F -E offset=1048576 dev/sda 14M && cp dev/sda dev/sdb && cp dev/sda dev/sdc && "
		"truncate -s 16M dev/sdd && printf 'label-id: 0x88\\n,,fd\\n' | sfdisk -q --no-tell-kernel dev/sdd && cp dev/sdd dev/sde && "
		"echo naa.1 >sys/block/sda/device/wwid && echo naa.1 >sys/block/sdb/device/wwid && echo naa.2 >sys/block/sdc/device/wwid");
	j = scan(NULL, 0);
	is_int(json_len(json_get(j, "disks")), 5, "a machine with disks");
	ok(!json_has(disk(j, "/sda"), "same_as"), "the first one is like no other");
	d = disk(j, "/sdb");
	has_str(json_str(d, "same_as", ""), "/sda", "another path of a disk, by its WWID");
	has_str(json_at_str(json_get(d, "warnings"), 0, ""), "is the same disk as", "is told");
	d = disk(j, "/sdc");
	has_str(json_str(d, "same_as", ""), "/sda", "a clone, by what is on it");
	has_str(json_at_str(json_get(d, "warnings"), 0, ""), "but is another disk, such as the leg of a mirror or a clone", "is told too");
	ok(!json_has(disk(j, "/sde"), "same_as"), "a cloned table alone makes no clone");
	text = scan_text(j);
	ok(strstr(text, "/sda ") && strstr(text, "/dev/sdd ") && strstr(text, "/dev/sde FOLDER"), "what is to be copied");
	has_str(text, "(the same as another)", "and what not");
	free(text);
	json_free(j);
}

static void members(void)
{
	struct json *j;
	char path[128];
	const char *paths[] = { path };

	/* md 0.90, raid5 of 3, at the end of a disk: magic, version 0.90, UUID, level, disks, checksum. */
	fake_sh("truncate -s 2M dev/leg && printf '\\374\\116\\053\\251\\0\\0\\0\\0\\132' | dd of=dev/leg bs=1 seek=2031616 conv=notrunc status=none && "
		"printf 'abcd' | dd of=dev/leg bs=1 seek=2031636 conv=notrunc status=none && "
		"printf '\\5' | dd of=dev/leg bs=1 seek=2031644 conv=notrunc status=none && "
		"printf '\\3' | dd of=dev/leg bs=1 seek=2031656 conv=notrunc status=none && "
		"printf '\\300\\261\\216\\015' | dd of=dev/leg bs=1 seek=2031768 conv=notrunc status=none");
	snprintf(path, sizeof path, "%s/leg", fake_dev);
	j = scan(paths, 1);
	is_str(json_str(json_get(disk(j, "/leg"), "whole"), "signature", ""), "linux_raid_member", "a member of an array");
	is_str(json_str(json_get(disk(j, "/leg"), "whole"), "part_of", ""), "raid5 of 3", "and of which");
	has_str(json_at_str(json_get(j, "warnings"), 0, ""), "/leg (raid5 of 3) is not complete: 1 found", "with the others missing");
	json_free(j);
}

static void named(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	const char *paths[] = { "/nonexistent/a", fake_dev, "/dev/null" };
	atomic_bool stop = true;
	struct log log = { NULL, NULL, &stop };
	struct json *j = scan(paths, 1);

	is_int(json_len(json_get(j, "disks")), 1, "what is not there is listed");
	has_str(json_str(disk(j, "/a"), "error", ""), "can't open /nonexistent/a: No such file", "with its error");
	ok(!json_has(disk(j, "/a"), "bytes"), "and no size");
	json_free(j);
	j = scan(paths + 2, 1);
	has_str(json_str(disk(j, "/null"), "error", ""), "character device", "so is what is no disk");
	is_str(json_str(disk(j, "/null"), "error_kind", ""), "usage", "by kind");
	json_free(j);
	is_int(scan_disks_at(&fake_root, paths, 1, &log, &j, &e), UNRACK_INTERRUPTED, "a scan that is stopped");
	has_str(e.text, "interrupted", "says so");
}

int main(void)
{
	if (system("command -v sfdisk mke2fs >/dev/null") != 0)
		skip_all("sfdisk or mke2fs is not installed");
	fake_open();
	machine();
	members();
	named();
	fake_close();
	return tap_done();
}
