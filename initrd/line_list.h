/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lists as answers have them: one item a line, each once. */
#ifndef INITRD_LINE_LIST_H
#define INITRD_LINE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "unrack/buf.h"

/* So many are taken, and none once there are so many bytes: each new one is compared with all. */
#define LINE_LIST_MAX   500
#define LINE_LIST_BYTES (64u << 10)

bool line_list_has(const struct buf *list, const char *item, size_t n);

/* An empty item adds nothing, nor does one for which there is no room. -1: no memory. */
int line_list_add(struct buf *list, const char *item, size_t n);

#endif
