/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "vmdk_format.h"

#include <stdbool.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "unrack/deflate.h"
#include "unrack/vmdk.h"

#define MAGIC 0x564d444bu /* "KDMV" */
#define AT_VERSION 4
#define AT_FLAGS 8
#define AT_CAPACITY 12
#define AT_GRAIN 20
#define AT_DESCRIPTOR 28
#define AT_DESCRIPTOR_SIZE 36
#define AT_GTES 44
#define AT_RGD 48
#define AT_GD 56
#define AT_OVERHEAD 64
#define AT_NEWLINES 73
#define AT_COMPRESSION 77

/* Transfers as text would change them. */
static const uint8_t newlines[4] = { '\n', ' ', '\r', '\n' };

void vmdk_header_encode(const struct vmdk_header *h, uint8_t out[SECTOR_SIZE])
{
	memset(out, 0, SECTOR_SIZE);
	put_le32(out, MAGIC);
	put_le32(out + AT_VERSION, h->version);
	put_le32(out + AT_FLAGS, h->flags);
	put_le64(out + AT_CAPACITY, h->capacity);
	put_le64(out + AT_GRAIN, h->grain);
	put_le64(out + AT_DESCRIPTOR, h->descriptor);
	put_le64(out + AT_DESCRIPTOR_SIZE, h->descriptor_size);
	put_le32(out + AT_GTES, h->gtes);
	put_le64(out + AT_RGD, h->rgd);
	put_le64(out + AT_GD, h->gd);
	put_le64(out + AT_OVERHEAD, h->overhead);
	memcpy(out + AT_NEWLINES, newlines, sizeof newlines);
	put_le16(out + AT_COMPRESSION, h->compression);
}

static int not_read(const char *name, const char *what, uint64_t value, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSUPPORTED, "%s is a VMDK with %s %llu, which unrack does not read; convert "
			 "it with another tool first", name, what, (unsigned long long)value);
}

static int check_header(const struct vmdk_header *h, const char *name, struct unrack_error *err)
{
	bool compressed = h->flags & VMDK_COMPRESSED;

	if (h->version < 1 || h->version > 3)
		return not_read(name, "version", h->version, err);
	if (h->flags & ~(VMDK_NEWLINES | VMDK_REDUNDANT | VMDK_ZERO_GTES | VMDK_COMPRESSED | VMDK_MARKERS))
		return not_read(name, "flags", h->flags, err);
	if (h->gtes != VMDK_GTES)
		return not_read(name, "grain tables of", h->gtes, err);
	if (h->grain == 0 || h->grain > VMDK_GRAIN_SECTORS || (h->grain & (h->grain - 1)))
		return not_read(name, "grains of sectors:", h->grain, err);
	if (compressed ? h->compression != VMDK_DEFLATE : h->compression != 0)
		return not_read(name, "compression", h->compression, err);
	if (compressed != !!(h->flags & VMDK_MARKERS))
		return not_read(name, "flags", h->flags, err);
	if (h->capacity == 0 || h->capacity > INT64_MAX / SECTOR_SIZE)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: its disk can't have %llu sectors", name,
				 (unsigned long long)h->capacity);
	return 0;
}

int vmdk_header_decode(const uint8_t in[SECTOR_SIZE], const char *name, struct vmdk_header *h,
		       struct unrack_error *err)
{
	*h = (struct vmdk_header){
		.version = get_le32(in + AT_VERSION),
		.flags = get_le32(in + AT_FLAGS),
		.capacity = get_le64(in + AT_CAPACITY),
		.grain = get_le64(in + AT_GRAIN),
		.descriptor = get_le64(in + AT_DESCRIPTOR),
		.descriptor_size = get_le64(in + AT_DESCRIPTOR_SIZE),
		.gtes = get_le32(in + AT_GTES),
		.rgd = get_le64(in + AT_RGD),
		.gd = get_le64(in + AT_GD),
		.overhead = get_le64(in + AT_OVERHEAD),
		.compression = get_le16(in + AT_COMPRESSION),
	};
	if (get_le32(in) != MAGIC)
		return error_set(err, UNRACK_DAMAGED, "%s is not a sparse VMDK: it does not begin with KDMV",
				 name);
	if ((h->flags & VMDK_NEWLINES) && memcmp(in + AT_NEWLINES, newlines, sizeof newlines) != 0)
		return error_set(err, UNRACK_DAMAGED, "%s is damaged: it was transferred as text", name);
	return check_header(h, name, err);
}

int vmdk_check_size(enum disk_format format, uint64_t disk_bytes, uint64_t data_grains,
		    struct unrack_error *err)
{
	uint64_t sectors = div_round_up(disk_bytes, SECTOR_SIZE), tables = vmdk_tables(sectors, VMDK_GRAIN_SECTORS);
	uint64_t each = GRAIN_SIZE, head, bytes;
	struct vmdk_layout l;

	if (format == DISK_FLAT)
		return 0;
	if (format == DISK_SPARSE && sectors > UINT32_MAX)
		return error_set(err, UNRACK_UNSUPPORTED,
				 "a disk of %" PRIu64 " bytes can't be a monolithicSparse VMDK, whose disk ends below "
				 "2 TiB; use --format flat", disk_bytes);
	if (format == DISK_SPARSE) {
		vmdk_layout(sectors, &l);
		head = l.overhead * SECTOR_SIZE;
	} else {
		each = vmdk_grain_room(DEFLATE_GRAIN_MAX);
		head = (VMDK_STREAM_OVERHEAD + tables * (1 + VMDK_GT_SECTORS) + vmdk_directory_sectors(tables) + 4) *
		       SECTOR_SIZE;
	}
	if (!mul_overflows(data_grains, each, &bytes) && !add_overflows(bytes, head, &bytes) && bytes <= VMDK_FILE_MAX)
		return 0;
	return error_set(err, UNRACK_UNSUPPORTED,
			 "%" PRIu64 " MiB of data may need more than the 2 TiB that a %s VMDK has room for; use "
			 "--format flat%s", data_grains / 16,
			 format == DISK_SPARSE ? "monolithicSparse" : "streamOptimized",
			 data_grains == grain_count(disk_bytes)
				 ? ", and then unrack export, if less of it is in use" : "");
}

void vmdk_layout(uint64_t capacity, struct vmdk_layout *l)
{
	uint64_t directory;

	l->tables = vmdk_tables(capacity, VMDK_GRAIN_SECTORS);
	directory = vmdk_directory_sectors(l->tables);
	l->rgd = VMDK_DESCRIPTOR_AT + VMDK_DESCRIPTOR_SECTORS;
	l->rgts = l->rgd + directory;
	l->gd = l->rgts + l->tables * VMDK_GT_SECTORS;
	l->gts = l->gd + directory;
	l->overhead = round_up(l->gts + l->tables * VMDK_GT_SECTORS, VMDK_GRAIN_SECTORS);
}
