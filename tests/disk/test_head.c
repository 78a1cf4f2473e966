/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the head of a stream tells, and that the whole disk is recognised by it. */
#include <fcntl.h>
#include <unistd.h>

#include "../support/tap.h"
#include "base/bytes.h"
#include "unrack/disk.h"

#define SIZE ((64 << 20) + 1000)
#define UUID "11111111-2222-3333-4444-555555555555"

enum table { NONE, DOS, DOS_WITHOUT_ID };

static struct unrack_error e;
static char image[] = "/tmp/unrack-head-XXXXXX";
static char head[DISK_HEAD_BYTES];

/* A DOS table of the partitions 1 (ext) and 2 (swap). ID 0: none. */
static void put_table(int fd, uint32_t id)
{
	uint8_t mbr[512] = { [446 + 4] = 0x83, [462 + 4] = 0x82, [510] = 0x55, [511] = 0xaa };

	put_le32(mbr + 440, id);
	put_le32(mbr + 446 + 8, 63);
	put_le32(mbr + 446 + 12, 40000);
	put_le32(mbr + 462 + 8, 40063);
	put_le32(mbr + 462 + 12, 20000);
	if (pwrite(fd, mbr, sizeof mbr, 0) != sizeof mbr)
		abort();
}

/* Makes a new image by COMMAND, in which $I is its name, and reads its head. */
static bool make(const char *command, enum table table)
{
	char sh[1024];
	int fd;

	snprintf(sh, sizeof sh, "I=%s; : >$I; truncate -s %d $I; %s", image, SIZE, command);
	if (system(sh) != 0)
		return false;
	fd = open(image, O_RDWR);
	if (fd >= 0 && table != NONE)
		put_table(fd, table == DOS ? 0x1a2b3c4d : 0);
	if (fd < 0 || pread(fd, head, sizeof head, 0) != sizeof head)
		abort();
	close(fd);
	return true;
}

/* The head of the image that COMMAND makes tells WANT, by which the image itself, which has ALSO, is
 * MATCH. */
static void tells(const char *what, enum table table, const char *command, const char *want,
		  const char *also, enum identity_match match)
{
	struct identity id, whole;

	if (!make(command, table)) {
		ok(true, "%s # SKIP sfdisk, mke2fs or mkswap is not installed", what);
		return;
	}
	is_int(disk_identify_head(head, sizeof head, "it", SIZE, &id, &e), 0, "%s", what);
	is_str(id.strict, want, "%s: what its head tells", what);
	is_int(id.bytes, SIZE, "%s: and its size", what);
	is_int(disk_identify(image, SIZE, &whole, &e), 0, "%s: the whole disk", what);
	has_str(whole.strict, also, "%s: has more", what);
	is_int(identity_compare(&id, &whole, NULL, 0), match, "%s: is recognised or not", what);
	is_int(identity_compare(&whole, &id, NULL, 0), match, "%s: and the other way round", what);
	identity_free(&id);
	identity_free(&whole);
}

#define EXT2 "mke2fs -q -F -U " UUID " -E offset=32256 $I 16M"
#define SWAP "truncate -s 9M $I.s && mkswap -q $I.s && dd if=$I.s of=$I bs=512 seek=40063 conv=notrunc " \
	     "status=none; rm -f $I.s"
/* The superblock of md 0.90 (magic, version, UUID), in the last whole 64 KiB but one of what it is in. */
#define MD(seek) "printf '\\374\\116\\053\\251\\000\\000\\000\\000\\132\\000\\000\\000aaaaaaaaaaaa' | " \
		 "dd of=$I seek=" seek " conv=notrunc status=none"

int main(void)
{
	struct identity id;

	close(mkstemp(image));
	tells("a DOS table", DOS, EXT2, "mbr=1a2b3c4d\nstream=head\n", "1.ext2=", IDENTITY_SAME);
	tells("a mirror's member", DOS, EXT2 " && " MD("39871"), "mbr=1a2b3c4d\nstream=head\n",
	      "1.linux_raid_member=", IDENTITY_SAME);
	tells("a GPT", NONE,
	      "printf 'label: gpt\\nlabel-id: AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE\\n,20M\\n,10M' | sfdisk -q $I",
	      "gpt=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\nstream=head\n", "gpt=", IDENTITY_SAME);
	tells("a DOS table without an id", DOS_WITHOUT_ID, EXT2 " && " SWAP, "1.ext2=" UUID "\nstream=head\n", "2.swap",
	      IDENTITY_SAME);
	tells("a filesystem on the whole disk", NONE, "mke2fs -q -F -U " UUID " $I", "0.ext2=" UUID "\nstream=head\n",
	      "0.ext2=", IDENTITY_SAME);
	tells("raw data", NONE, "printf 'raw database' | dd of=$I conv=notrunc status=none",
	      "head=8d2fd2fd201eb6c9\nstream=head\n", "head=", IDENTITY_SAME);
	tells("a blank disk", NONE, ":", "stream=head\n", "", IDENTITY_SAME);
	tells("a blank head before something", NONE,
	      MD("1023 bs=65536"), "stream=head\n", "0.linux_raid_member=", IDENTITY_DIFFERENT);

	memcpy(head, "QFI\xfb", 4);
	is_int(disk_identify_head(head, sizeof head, "it", SIZE, &id, &e), UNRACK_UNSUPPORTED, "a qcow2 is refused");
	has_str(e.text, "it is a qcow image", "by its name");
	is_int(disk_identify_head("abc", 3, "it", 3, &id, &e), 0, "a disk of three bytes is a disk");
	ok(!strncmp(id.strict, "head=", 5) && id.bytes == 3, "told by them");
	identity_free(&id);
	unlink(image);
	return tap_done();
}
