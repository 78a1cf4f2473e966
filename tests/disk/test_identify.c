/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "../support/tap.h"
#include "unrack/disk.h"

static char dir[] = "/tmp/unrack-disk-XXXXXX";
static char image[64];

static int sh(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static int sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof cmd, fmt, ap);
	va_end(ap);
	return system(cmd);
}

static void partitioned(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	struct identity a, b;
	char why[256];

	if (sh("truncate -s 64M %s && printf 'label-id: 0x1a2b3c4d\\n,20M,83\\n,8M,82\\n,,5\\n,10M,83\\n' | "
	       "sfdisk -q --no-tell-kernel %s && mke2fs -q -F -U 11111111-2222-3333-4444-555555555555 -E offset=1048576 %s 20M && "
	       "truncate -s 8M %s/swap && mkswap -q -U 66666666-2222-3333-4444-555555555555 %s/swap && "
	       "dd if=%s/swap of=%s bs=1M seek=21 conv=notrunc status=none",
	       image, image, image, dir, dir, dir, image) != 0) {
		ok(true, "# SKIP sfdisk, mke2fs or mkswap is not installed");
		return;
	}
	is_int(disk_identify(image, 64 << 20, &a, &e), 0, "a disk with a DOS label");
	is_str(a.strict, "1.ext2=11111111-2222-3333-4444-555555555555\n"
	       "2.swap=66666666-2222-3333-4444-555555555555\nmbr=1a2b3c4d\n",
	       "its signature and those of its partitions, without the extended and the empty one");
	is_str(a.advisory, "", "an image has no serial number");
	sh("mkswap -q -U 77777777-2222-3333-4444-555555555555 %s/swap && "
	   "dd if=%s/swap of=%s bs=1M seek=21 conv=notrunc status=none", dir, dir, image);
	disk_identify(image, 64 << 20, &b, &e);
	is_int(identity_compare(&a, &b, why, sizeof why), IDENTITY_DIFFERENT, "a new swap is another identity");
	has_str(why, "2.swap", "that is named");
	identity_free(&a);
	identity_free(&b);

	sh("truncate -s 0 %s && truncate -s 64M %s && printf 'label: gpt\\nlabel-id: "
	   "AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE\\n,20M\\n' | sfdisk -q --no-tell-kernel %s", image, image, image);
	disk_identify(image, 64 << 20, &a, &e);
	is_str(a.strict, "gpt=aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\n", "a GPT by its GUID");
	identity_free(&a);

	sh("truncate -s 0 %s && truncate -s 64M %s && mke2fs -q -F -U 11111111-2222-3333-4444-555555555555 %s",
	   image, image, image);
	disk_identify(image, 64 << 20, &a, &e);
	is_str(a.strict, "0.ext2=11111111-2222-3333-4444-555555555555\n", "a filesystem on the whole disk");
	identity_free(&a);
}

static void odd(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;
	uint8_t sector[512];
	struct identity a;
	int fd;

	sh("truncate -s 0 %s && truncate -s 1000000 %s", image, image);
	is_int(disk_identify(image, 1000000, &a, &e), 0, "a disk without any signature");
	is_str(a.strict, "", "and of zeros has only its size");
	is_int(a.bytes, 1000000, "which is kept to the byte");
	identity_free(&a);
	sh("printf 'raw database' | dd of=%s conv=notrunc status=none", image);
	is_int(disk_identify(image, 1000000, &a, &e), 0, "one with something in it");
	ok(!strncmp(a.strict, "head=", 5) && strlen(a.strict) == 22, "is told by its first bytes");
	identity_free(&a);

	/* A table whose partitions lie far outside the disk. */
	memset(sector, 0xff, sizeof sector);
	sector[510] = 0x55;
	sector[511] = 0xaa;
	for (int i = 0; i < 4; i++)
		sector[446 + 16 * i] = 0x80;
	fd = open(image, O_WRONLY);
	ok(write(fd, sector, sizeof sector) == 512, "(a table of garbage)");
	close(fd);
	is_int(disk_identify(image, 1000000, &a, &e), 0, "does no harm");
	identity_free(&a);
	is_int(disk_identify("/nonexistent/disk", 5, &a, &e), UNRACK_IO, "a missing disk");
	has_str(e.text, "can't open /nonexistent/disk", "is named");
}

int main(void)
{
	if (!mkdtemp(dir))
		skip_all("no temporary folder");
	snprintf(image, sizeof image, "%s/image", dir);
	partitioned();
	odd();
	sh("rm -r %s", dir);
	return tap_done();
}
