/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What stands behind deflate.h: one file per library. */
#ifndef TRANSPORT_DEFLATE_ENGINE_H
#define TRANSPORT_DEFLATE_ENGINE_H

#include <stdbool.h>

#include "unrack/deflate.h"

struct deflate_isal;
bool deflate_isal_is_fast(void);
struct deflate_isal *deflate_isal_open(void);
/* N bytes, a grain or a part of one. 0: it does not fit in SIZE. */
size_t deflate_isal_bytes(struct deflate_isal *d, const uint8_t *data, size_t n, uint8_t *out, size_t size);
void deflate_isal_close(struct deflate_isal *d);

struct deflate_libdeflate;
struct deflate_libdeflate *deflate_libdeflate_open(void);
/* Before the first call with MORE; false: no memory. */
bool deflate_libdeflate_prepare(struct deflate_libdeflate *d);
size_t deflate_libdeflate_bytes(struct deflate_libdeflate *d, bool more, const uint8_t *data, size_t n,
				uint8_t *out, size_t size);
/* As it is, in stored blocks: always DEFLATE_GRAIN_MAX bytes. */
size_t deflate_libdeflate_store(struct deflate_libdeflate *d, const uint8_t grain[GRAIN_SIZE],
				uint8_t out[DEFLATE_GRAIN_MAX]);
void deflate_libdeflate_close(struct deflate_libdeflate *d);

#endif
