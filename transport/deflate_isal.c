/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "deflate_engine.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>
#include <string.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

struct deflate_isal {
	struct isal_zstream stream;
	uint8_t level_buf[ISAL_DEF_LVL2_LARGE];
};

bool deflate_isal_is_fast(void)
{
#if defined(__x86_64__)
	/* Its hashing and its checksums need both; without, it runs portable code that is
	 * slower than libdeflate's. Servers since about 2010 have them. */
	return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
	unsigned long caps = getauxval(AT_HWCAP);

	return (caps & HWCAP_CRC32) && (caps & HWCAP_PMULL);
#else
	return false;
#endif
}

struct deflate_isal *deflate_isal_open(void)
{
	return calloc(1, sizeof(struct deflate_isal));
}

size_t deflate_isal_bytes(struct deflate_isal *d, const uint8_t *data, size_t n, uint8_t *out, size_t size)
{
	isal_deflate_stateless_init(&d->stream);
	/* 1 % smaller than with level 1, in 4 % more time; level 3 takes 30 % more for the next 1 %. */
	d->stream.level = 2;
	d->stream.level_buf = d->level_buf;
	d->stream.level_buf_size = sizeof d->level_buf;
	d->stream.gzip_flag = IGZIP_ZLIB;
	d->stream.flush = NO_FLUSH;
	d->stream.end_of_stream = 1;
	d->stream.next_in = (uint8_t *)(uintptr_t)data;
	d->stream.avail_in = (uint32_t)n;
	d->stream.next_out = out;
	d->stream.avail_out = (uint32_t)size;
	return isal_deflate_stateless(&d->stream) == COMP_OK ? d->stream.total_out : 0;
}

void deflate_isal_close(struct deflate_isal *d)
{
	free(d);
}
