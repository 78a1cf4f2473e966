/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMDK text descriptors: of type "vmfs" beside a raw -flat file, as ESX runs them, or within a
 * file of type "streamOptimized" or "monolithicSparse".
 * Source: VMware Virtual Disk Format 5.0; geometry rules of KB 1026266. */
#ifndef UNRACK_VMDK_H
#define UNRACK_VMDK_H

#include <stdint.h>

#include "unrack/block_source.h"
#include "unrack/buf.h"
#include "unrack/error.h"
#include "unrack/io.h"
#include "unrack/journal.h"

#define VMDK_DESCRIPTOR_MAX 65536u

struct vmdk_descriptor {
	char create_type[32];  /* "vmfs", "monolithicFlat", ... */
	char adapter_type[16]; /* "ide", "buslogic", "lsilogic", "legacyESX" */
	char extent[256];      /* file name as written, without folder */
	char extent_type[16];  /* "VMFS", "FLAT", "SPARSE", ... */
	unsigned extents;      /* how many extent lines there are */
	uint64_t sectors;      /* of the extent, 512 bytes each */
	uint32_t cid, parent_cid;
	uint64_t cylinders, heads, spt;
};

/* Geometry for CAPACITY sectors as ESX computes it for SCSI (ide: 16/63). */
void vmdk_geometry(uint64_t sectors, const char *adapter_type, uint64_t *cylinders,
		   uint64_t *heads, uint64_t *spt);
/* As a descriptor names the format: "vmfs", "streamOptimized", "monolithicSparse". */
const char *vmdk_create_type(enum disk_format format);
/* DISK_BYTES is rounded up to 512. CID must not be ffffffff or fffffffe. */
int vmdk_descriptor_write(enum disk_format format, const char *extent, uint64_t disk_bytes,
			  const char *adapter_type, uint32_t cid, struct buf *out,
			  struct unrack_error *err);
/* NAME for messages. Unknown keys are accepted. */
int vmdk_descriptor_parse(const char *text, size_t n, const char *name,
			  struct vmdk_descriptor *out, struct unrack_error *err);
/* TEXT with its ddb.adapterType replaced (added when missing), everything else kept. */
int vmdk_descriptor_set_adapter(const char *text, size_t n, const char *adapter_type,
				struct buf *out, struct unrack_error *err);

/* Whether a disk of DISK_BYTES can be an image of that format, if DATA_GRAINS of it are not zeros: a
 * stream ends below 2 TiB, compressed badly, and so does a sparse one, and its disk.
 * UNRACK_UNSUPPORTED says what to do. */
int vmdk_check_size(enum disk_format format, uint64_t disk_bytes, uint64_t data_grains,
		    struct unrack_error *err);

/* The descriptor of the VMDK PATH: the file itself, or a part of it. TEXT is replaced. */
int vmdk_read_descriptor(const struct io *io, const char *path, struct buf *text, struct unrack_error *err);
/* Puts TEXT in its place, durable. Within a file it may be as long as its room there (else
 * UNRACK_UNSUPPORTED), and a crash may leave part of it. */
int vmdk_replace_descriptor(const struct io *io, const char *path, const struct buf *text,
			    struct unrack_error *err);

/* --- Images as sources ------------------------------------------------------------------- */

/* The disk that the image PATH holds. FORMAT 0: found out by the file itself, which may be a
 * descriptor with one raw file beside it, a sparse or streamOptimized VMDK in one file (also one
 * that another program wrote), or else a raw image. With DISK_FLAT the file has the disk's bytes,
 * whatever they look like. Files may be hostile: what is in them is UNRACK_DAMAGED or
 * UNRACK_UNSUPPORTED at worst. next_data goes by the grain tables. */
int vmdk_open_source(const struct io *io, const char *path, enum disk_format format,
		     struct block_source **out, struct unrack_error *err);

enum vmdk_kind { VMDK_RAW, VMDK_TEXT, VMDK_SPARSE };
/* By the first bytes of FD. */
int vmdk_probe(const struct io *io, int fd, const char *path, enum vmdk_kind *kind, struct unrack_error *err);
/* Of the descriptor PATH: the one raw file that it names, malloc'd, and its size. */
int vmdk_find_extent(const struct io *io, const char *path, char **out, uint64_t *bytes,
		     struct unrack_error *err);

#endif
