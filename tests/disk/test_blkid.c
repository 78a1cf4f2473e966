/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "../../p2v/disk/parts.h"
#include "../support/tap.h"

static char dir[] = "/tmp/unrack-parts-XXXXXX";

/* Runs in the folder, whose image is called i. */
static bool sh(const char *text)
{
	char cmd[2048];

	snprintf(cmd, sizeof cmd, "cd %s && %s", dir, text);
	return system(cmd) == 0;
}

static struct parts *look(uint64_t bytes)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct parts *p = NULL;
	char path[64];

	snprintf(path, sizeof path, "%s/i", dir);
	if (parts_read(path, bytes, &p, &e) < 0) {
		printf("# %s\n", e.text);
		exit(1);
	}
	return p;
}

static void dos(void)
{
	struct parts *p;

	if (!sh("truncate -s 64M i && printf 'label-id: 0x1a2b3c4d\\n,20M,83,*\\n,8M,82\\n,,5\\n,10M,8e\\n' | sfdisk -q --no-tell-kernel i && "
		"mke2fs -q -F -L root -E offset=1048576 i 20M && truncate -s 8M s && mkswap -q s && "
		"printf 'S1SUSPEND\\0' | dd of=s bs=1 seek=4086 conv=notrunc status=none && "
		"dd if=s of=i bs=1M seek=21 conv=notrunc status=none")) {
		ok(true, "# SKIP sfdisk, mke2fs or mkswap is not installed");
		return;
	}
	p = look(64 << 20);
	is_str(p->table, "dos", "a DOS table");
	is_str(p->id, "1a2b3c4d", "its id");
	is_int(p->n, 4, "all of its partitions");
	ok(p->at[0].number == 1 && p->at[0].first == 1048576 && p->at[0].bytes == 20 << 20, "their places");
	ok(p->at[0].bootable && !p->at[1].bootable, "which one is active");
	is_str(p->at[0].sig.type, "ext2", "a filesystem");
	is_str(p->at[0].sig.label, "root", "its label");
	is_int(strlen(p->at[0].sig.uuid), 36, "its UUID");
	is_str(p->at[1].sig.type, "swsuspend", "hibernated swap is not swap");
	ok(p->at[2].extended && !p->at[3].extended, "which one is extended");
	ok(p->at[3].number == 5 && !strcmp(p->at[3].type, "8e"), "the logical one");
	is_str(p->whole.type, "", "the whole is in no RAID");
	free(p);
	p = look(25 << 20);
	ok(!p->at[0].outside && p->at[1].outside && p->at[2].outside, "partitions that end behind the disk");
	is_str(p->at[1].sig.type, "", "whose signature is not read");
	free(p);
}

static void gpt(void)
{
	struct parts *p;

	if (!sh("rm -f i && truncate -s 64M i && printf 'label: gpt\\n,20M,U\\n,10M,V\\n,,L\\n' | sfdisk -q --no-tell-kernel i")) {
		ok(true, "# SKIP sfdisk is not installed");
		return;
	}
	p = look(64 << 20);
	is_str(p->table, "gpt", "a GPT");
	is_str(p->at[0].type, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "types are GUIDs");
	ok(p->at[0].bootable && !p->at[1].bootable, "the EFI system partition boots");
	free(p);
	sh("dd if=/dev/zero of=i bs=512 count=1 conv=notrunc status=none");
	p = look(64 << 20);
	is_str(p->table, "", "without a protective MBR it is none, as for Linux");
	free(p);
}

static void whole(void)
{
	struct parts *p;

	sh("rm -f i && truncate -s 8M i && mkswap -q -L two i");
	p = look(8 << 20);
	ok(!*p->table && p->n == 0, "no table");
	is_str(p->whole.type, "swap", "the signature of the whole");
	is_str(p->whole.label, "two", "and label");
	free(p);
	sh("mke2fs -q -F i && printf 'hsqs' | dd of=i conv=notrunc status=none && "
	   "printf '\\4' | dd of=i bs=1 seek=28 conv=notrunc status=none");
	p = look(8 << 20);
	is_str(p->whole.type, "", "two filesystems in one place are none");
	ok(p->whole.ambiguous, "and it says so");
	free(p);
}

int main(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct parts *p = NULL;

	if (!mkdtemp(dir))
		skip_all("no temporary folder");
	dos();
	gpt();
	whole();
	is_int(parts_read("/nonexistent/disk", 1, &p, &e), UNRACK_IO, "what is not there");
	has_str(e.text, "can't open /nonexistent/disk", "is named");
	sh("rm -r $PWD");
	return tap_done();
}
