/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/scan_look.h"
#include "fake_sys.h"

static struct scan s;

/* The result for a disk of the tree, to be freed by forget. */
static struct json *look(struct look *d, const char *name)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	char path[128], dir[128];

	memset(d, 0, sizeof *d);
	s = (struct scan){ .root = &fake_root };
	snprintf(path, sizeof path, "%s/%s", fake_dev, name);
	snprintf(dir, sizeof dir, "%s/block/%s", fake_sys, name);
	d->path = strdup(path);
	d->dir = strdup(dir);
	if (stat(path, &d->st) < 0)
		d->st.st_mode = 0;
	is_int(scan_look(&s, d, &e), 0, "%s is looked at", name);
	return d->json;
}

static void forget(struct look *d)
{
	for (size_t i = 0; i < s.groups.len; i++)
		scan_group_free(&s.groups.at[i]);
	group_vec_free(&s.groups);
	free(d->path);
	free(d->dir);
	free(d->parts);
	free(d->identity);
	json_free(d->json);
	json_free(d->notes.list);
	block_source_close(d->source);
}

static void errors(void)
{
	struct look d;
	struct json *j;

	fake_disk("sda", "pci/block", 7);
	j = look(&d, "sda");
	has_str(json_str(j, "error", ""), "No such file or directory; the kernel has this disk, but there is no node", "a disk without a node");
	is_str(json_str(j, "error_kind", ""), "io", "its kind");
	is_int(json_int(j, "bytes", 0), 7 << 20, "with the size that the kernel knows");
	ok(!json_has(j, "table") && !json_has(j, "data_bytes") && !d.identity, "and nothing that was not read");
	forget(&d);

	fake_disk("sdb", "pci/block", 0);
	j = look(&d, "sdb");
	has_str(json_str(j, "error", ""), "/sdb reports a size of nothing: it is not ready, or broken", "a disk without a size");
	forget(&d);
	fake_sh("echo 1 >sys/block/sdb/removable");
	j = look(&d, "sdb");
	has_str(json_str(j, "error", ""), "/sdb has no medium in it", "a card reader");
	ok(json_bool(j, "removable", false), "is removable");
	forget(&d);

	fake_disk("sdc", "pci/block", 1);
	fake_sh("printf 'KDMV' >dev/sdc");
	j = look(&d, "sdc");
	has_str(json_str(j, "error", ""), "is a sparse VMDK", "a container");
	is_str(json_str(j, "error_kind", ""), "unsupported", "is not supported");
	forget(&d);
	if (geteuid() == 0) {
		ok(true, "# SKIP root may read every file");
	} else {
		fake_sh("chmod 0 dev/sdc");
		j = look(&d, "sdc");
		has_str(json_str(j, "error", ""), "Permission denied; run unrack as root", "a disk that may not be read");
		is_str(json_str(j, "error_kind", ""), "missing", "is a missing right");
		forget(&d);
	}
}

static void content(void)
{
	struct look d;
	struct json *j, *p;

	fake_disk("sde", "pci0/usb1/host1/block", 64);
	fake_sh("truncate -s 64M dev/sde && printf 'label-id: 0x1a2b3c4d\\n,20M,83,*\\n,8M,82\\n' | sfdisk -q --no-tell-kernel dev/sde && "
		"mke2fs -q -F -E offset=1048576 dev/sde 20M && mkdir -p sys/block/sde/sde2 && echo 1 >sys/block/sde/sde2/start && "
		"echo STICK >sys/block/sde/device/model && touch sys/block/sde/holders/md5");
	j = look(&d, "sde");
	is_str(json_str(j, "model", ""), "STICK", "its model");
	is_str(json_str(j, "bus", ""), "usb", "its bus");
	is_str(json_str(j, "table", ""), "dos", "its table");
	is_str(json_str(j, "identity", ""), d.identity, "its identity");
	has_str(d.identity, "mbr=1a2b3c4d", "as copy would have it");
	is_int(json_int(j, "data_bytes", -1), 64 << 20, "all of it is read as long as nothing else is known");
	ok(d.source && d.source->size == 64 << 20, "it stays open for that");
	p = json_at(json_get(j, "partitions"), 0);
	ok(json_int(p, "number", 0) == 1 && json_int(p, "first_byte", 0) == 1 << 20 && json_int(p, "bytes", 0) == 20 << 20,
	   "a partition's place");
	is_str(json_str(p, "signature", ""), "ext2", "its signature");
	ok(json_bool(p, "bootable", false), "whether it boots");
	ok(!json_has(p, "path"), "no node where the kernel has none");
	p = json_at(json_get(j, "partitions"), 1);
	has_str(json_str(p, "path", ""), "/dev/sde2", "a node where it has");
	ok(!json_str(p, "signature", NULL) && json_has(p, "signature"), "nothing in it");
	ok(!json_get(j, "whole"), "nothing of the whole");
	has_str(json_at_str(json_get(j, "holders"), 0, ""), "/dev/md5", "what is built on it");
	has_str(json_at_str(d.notes.list, 0, ""), "md5 is running", "and what follows");
	ok(!json_str(j, "used_by", NULL) && json_has(j, "used_by"), "nobody uses it");
	forget(&d);

	fake_sh("echo 4096 >sys/block/sde/queue/logical_block_size");
	j = look(&d, "sde");
	is_int(json_int(j, "sector_bytes", 0), 4096, "4 KiB sectors");
	ok(d.notes.trouble, "are trouble");
	is_str(json_str(j, "table", ""), "dos", "but the table is shown");
	ok(!json_has(j, "error"), "and it is no error");
	forget(&d);

	fake_sh("mkdir -p sys/block/sdepart && ln -s ../sde/sde2 sys/block/sdepart/link && echo 512 >sys/block/sde/queue/logical_block_size && "
		"echo 2 >sys/block/sde/sde2/partition && echo 16384 >sys/block/sde/sde2/size && truncate -s 8M dev/part && mkswap -q dev/part");
	memset(&d, 0, sizeof d);
	d.path = NULL;
	if (asprintf(&d.path, "%s/part", fake_dev) < 0 || asprintf(&d.dir, "%s/block/sde/sde2", fake_sys) < 0)
		exit(1);
	{
		struct unrack_error e = UNRACK_ERROR_INIT;

		is_int(scan_look(&s, &d, &e), 0, "a partition by itself");
	}
	is_str(json_str(d.json, "model", ""), "STICK", "is of its disk's model");
	is_int(json_int(d.json, "bytes", 0), 8 << 20, "and has a size of its own");
	is_str(json_str(json_get(d.json, "whole"), "signature", ""), "swap", "its signature");
	ok(d.partition && d.notes.trouble, "is no disk to be copied");
	forget(&d);
}

int main(void)
{
	if (system("command -v sfdisk mke2fs mkswap >/dev/null") != 0)
		skip_all("sfdisk, mke2fs or mkswap is not installed");
	fake_open();
	errors();
	content();
	fake_close();
	return tap_done();
}
