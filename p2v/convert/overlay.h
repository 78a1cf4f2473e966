/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* qcow2 overlays, by qemu-img: what is written to one leaves its base alone until it is
 * committed. Overlay paths must be absolute: qemu takes "a:b" for a protocol.
 * Source of the map's format: qemu-img(1), map; "present" since QEMU 6.1. */
#ifndef CONVERT_OVERLAY_H
#define CONVERT_OVERLAY_H

#include <stdint.h>

#include "base/vec.h"
#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/io.h"
#include "unrack/log.h"

#define OVERLAY_CLUSTER 65536u /* as large as a grain: an overlay replaces whole grains */

struct overlay_range {
	uint64_t start, length;
};
DEFINE_VEC(overlay_ranges, struct overlay_range);

/* Replaces OVERLAY. It names its BASE (raw) relative to its own folder, so that a machine
 * folder can be moved or copied while a fix is unfinished, and never leads to another's. */
int overlay_create(const char *overlay, const char *base, const struct log *log,
		   struct unrack_error *err);
/* After its writer has ended: it is consistent, and on stable storage. */
int overlay_settle(const struct io *io, const char *overlay, const struct log *log,
		   struct unrack_error *err);
/* The ranges that it replaces, in order, none touching the next. OUT is replaced. */
int overlay_map(const char *overlay, uint64_t disk_bytes, const struct log *log,
		struct overlay_ranges *out, struct unrack_error *err);
/* The parsing of the above. NAME is for messages. */
int overlay_map_parse(const char *text, size_t n, const char *name, uint64_t disk_bytes,
		      struct overlay_ranges *out, struct unrack_error *err);
/* Writes what it replaces into its base. It is left as it is, so that this can be repeated;
 * interrupted and repeated, the base is the same (measured). The base is not synced. */
int overlay_commit(const char *overlay, const struct log *log, struct unrack_error *err);

/* The way from FOLDER to FILE, both absolute and without links or dots: "../../x". Never
 * something that qemu takes for a protocol. -1: no memory. */
int overlay_relative(const char *folder, const char *file, struct buf *out);

#endif
