/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VMDK text descriptors of type "vmfs" (descriptor + raw -flat file), as ESX runs them.
 * Source: VMware Virtual Disk Format 5.0; geometry rules of KB 1026266. */
#ifndef UNRACK_VMDK_H
#define UNRACK_VMDK_H

#include <stdint.h>

#include "unrack/buf.h"
#include "unrack/error.h"

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
/* DISK_BYTES is rounded up to 512. CID must not be ffffffff or fffffffe. */
int vmdk_descriptor_write(const char *extent, uint64_t disk_bytes, const char *adapter_type,
			  uint32_t cid, struct buf *out, struct unrack_error *err);
/* NAME for messages. Unknown keys are accepted. */
int vmdk_descriptor_parse(const char *text, size_t n, const char *name,
			  struct vmdk_descriptor *out, struct unrack_error *err);
/* TEXT with its ddb.adapterType replaced (added when missing), everything else kept. */
int vmdk_descriptor_set_adapter(const char *text, size_t n, const char *adapter_type,
				struct buf *out, struct unrack_error *err);

#endif
