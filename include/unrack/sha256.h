/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SHA-256 of whole files, for manifests that others check (FIPS 180-4; sha256sum(1)). Threads: any. */
#ifndef UNRACK_SHA256_H
#define UNRACK_SHA256_H

#include "unrack/error.h"
#include "unrack/io.h"
#include "unrack/log.h"

#define SHA256_HEX (2 * 32 + 1) /* with its NUL */

/* LOG: progress "sha256" of DISK, and the stop flag. */
int sha256_file(const struct io *io, const char *path, int disk, const struct log *log,
		char hex[SHA256_HEX], struct unrack_error *err);

#endif
