/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Options of modules in modules.conf (modutils) and modprobe.conf (module-init-tools), as
 * mkinitrd puts them behind insmod. */
#ifndef INITRD_MODULE_OPTIONS_H
#define INITRD_MODULE_OPTIONS_H

#include "unrack/buf.h"

/* Appends what the lines "options NAME ..." of the text CONF (NULL: there is none) give, each with
 * a blank in front. A line that ends with '\' goes on in the next one. -1: no memory. */
int module_options(const char *conf, const char *name, struct buf *out);

#endif
