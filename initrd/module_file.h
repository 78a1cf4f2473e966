/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The file of a module as an initrd by mkinitrd holds it. */
#ifndef INITRD_MODULE_FILE_H
#define INITRD_MODULE_FILE_H

#include "unrack/initrd.h"

#define MODULE_FILE_NAME 80

/* "mptspi.ko" of "kernel/drivers/message/fusion/mptspi.ko.xz". */
void module_file_name(const char *path, char out[MODULE_FILE_NAME]);

/* The module at PATH of T's kernel by READ, in the empty OUT. What is packed is unpacked: insmod.static
 * cannot do that. An empty file: UNRACK_DAMAGED. */
int module_file_read(const struct module_tree *t,
		     int (*read)(void *ctx, const char *path, struct buf *out, struct unrack_error *err),
		     void *ctx, const char *path, struct buf *out, struct unrack_error *err);

#endif
