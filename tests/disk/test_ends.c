/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of this process that is not mapped can't be read through /proc/self/mem, as bad sectors of a disk. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/disk/parts.h"
#include "../support/tap.h"

#define MIB (1u << 20)
#define BYTES (16 * MIB)
#define PAGE 4096u

static uint8_t *volume;
static int mem;

static uint8_t byte_at(int fd, uint64_t at)
{
	uint8_t b = 0;

	if (pread(fd, &b, 1, (off_t)at) != 1)
		ok(false, "byte %llu of a copy can be read", (unsigned long long)at);
	return b;
}

static int copy(uint64_t len)
{
	return ends_open(mem, (uintptr_t)volume, len);
}

int main(void)
{
	struct stat st;
	int fd;

	volume = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (volume == MAP_FAILED || mem < 0) {
		ok(true, "# SKIP this process can't read its own memory");
		return tap_done();
	}
	memset(volume, 7, BYTES);
	volume[BYTES - 1] = 9;
	fd = copy(BYTES);
	ok(fd >= 0 && fstat(fd, &st) == 0 && st.st_size == BYTES, "a file as large as the volume");
	ok(byte_at(fd, 0) == 7 && byte_at(fd, 4 * MIB - 1) == 7, "with its beginning");
	ok(byte_at(fd, BYTES - 2 * MIB) == 7 && byte_at(fd, BYTES - 1) == 9, "and its end");
	is_int(byte_at(fd, BYTES / 2), 0, "between them are zeros");
	close(fd);
	fd = copy(5 * MIB + 100);
	ok(byte_at(fd, 4 * MIB) == 7 && byte_at(fd, 5 * MIB + 99) == 7, "of a small one all is there");
	close(fd);
	fd = copy(700);
	ok(fstat(fd, &st) == 0 && st.st_size == 700 && byte_at(fd, 699) == 7, "and of one that ends in a sector");
	close(fd);

	munmap(volume + 5 * PAGE, PAGE);
	munmap(volume + BYTES - PAGE, PAGE);
	fd = copy(BYTES);
	ok(byte_at(fd, 5 * PAGE - 1) == 7 && byte_at(fd, 5 * PAGE) == 0 && byte_at(fd, 6 * PAGE - 1) == 0 &&
	   byte_at(fd, 6 * PAGE) == 7, "what can't be read is zeros, and nothing else");
	ok(byte_at(fd, BYTES - PAGE - 1) == 7 && byte_at(fd, BYTES - 1) == 0, "at the end, too");
	close(fd);
	munmap(volume + 20 * PAGE, 2 * PAGE);
	fd = copy(BYTES);
	is_int(byte_at(fd, 22 * PAGE), 0, "behind too many of them no more is asked for");
	is_int(byte_at(fd, BYTES - PAGE - 1), 7, "but at the other end");
	close(fd);
	close(mem);
	munmap(volume, BYTES);
	return tap_done();
}
