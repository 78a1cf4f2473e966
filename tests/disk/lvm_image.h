/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Physical volumes of LVM2, written from the layout in LVM2's lib/format_text/layout.h, not by the code
 * under test. */
#ifndef TESTS_DISK_LVM_IMAGE_H
#define TESTS_DISK_LVM_IMAGE_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

#define LVM_IMAGE_MDA 4096u     /* of the first metadata area; the second one follows it */
#define LVM_IMAGE_MDA_BYTES 28672u
#define LVM_IMAGE_START 128u    /* sectors: of the first extent */
#define LVM_IMAGE_EXTENT 128u   /* sectors */

static inline uint32_t lvm_image_sum(const void *p, size_t n)
{
	const uint8_t *b = p;
	uint32_t c = 0xf597a6cf;

	while (n--) {
		c ^= *b++;
		for (int i = 0; i < 8; i++)
			c = c & 1 ? c >> 1 ^ 0xedb88320u : c >> 1;
	}
	return c;
}

static inline void lvm_image_seal_label(uint8_t *pv)
{
	put_le32(pv + 512 + 16, lvm_image_sum(pv + 512 + 20, 512 - 20));
}

static inline void lvm_image_seal_area(uint8_t *pv, unsigned area)
{
	uint8_t *h = pv + LVM_IMAGE_MDA + area * LVM_IMAGE_MDA_BYTES;

	put_le32(h, lvm_image_sum(h + 4, 512 - 4));
}

/* A text into an area of a volume, from AT on; NULL: none. */
static inline void lvm_image_text(uint8_t *pv, unsigned area, uint64_t at, const char *text)
{
	uint64_t start = LVM_IMAGE_MDA + area * LVM_IMAGE_MDA_BYTES;
	uint8_t *h = pv + start;
	size_t n = text ? strlen(text) + 1 : 0; /* LVM counts the NUL */

	memset(h, 0, 512);
	memcpy(h + 4, " LVM2 x[5A%r0N*>", 16);
	put_le32(h + 20, 1);
	put_le64(h + 24, start);
	put_le64(h + 32, LVM_IMAGE_MDA_BYTES);
	if (text) {
		put_le64(h + 40, at);
		put_le64(h + 48, n);
		put_le32(h + 56, lvm_image_sum(text, n));
	}
	for (size_t i = 0; i < n; i++)
		h[at + i < LVM_IMAGE_MDA_BYTES ? at + i : at + i - LVM_IMAGE_MDA_BYTES + 512] = (uint8_t)text[i];
	lvm_image_seal_area(pv, area);
}

/* A volume of BYTES bytes with AREAS metadata areas. ID: 32 characters. */
static inline void lvm_image_label(uint8_t *pv, uint64_t bytes, const char *id, unsigned areas)
{
	uint8_t *l = pv + 512, *list = l + 32 + 40 + 32;

	memset(pv, 0, LVM_IMAGE_START * 512);
	memcpy(l, "LABELONE", 8);
	put_le64(l + 8, 1);
	put_le32(l + 20, 32);
	memcpy(l + 24, "LVM2 001", 8);
	memcpy(l + 32, id, 32);
	put_le64(l + 64, bytes);
	put_le64(l + 72, LVM_IMAGE_START * 512);
	for (unsigned i = 0; i < areas; i++, list += 16) {
		put_le64(list, LVM_IMAGE_MDA + i * LVM_IMAGE_MDA_BYTES);
		put_le64(list + 8, LVM_IMAGE_MDA_BYTES);
	}
	put_le32(list + 16, 2);
	put_le32(list + 20, 1);
	lvm_image_seal_label(pv);
}

/* --- Texts ----------------------------------------------------------------------------------- */

/* Appends to the text of a group. */
__attribute__((format(printf, 2, 3), unused)) static void lvm_image_add(char *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsprintf(text + strlen(text), fmt, ap);
	va_end(ap);
}

/* pv0 has the id AAAA..., pv1 BBBB... */
__attribute__((unused)) static const char *lvm_image_id(unsigned pv)
{
	static char ids[8][33];

	memset(ids[pv % 8], 'A' + (int)pv, 32);
	return ids[pv % 8];
}

static inline void lvm_image_add_id(char *text, char c)
{
	lvm_image_add(text, "id = \"%c%c%c%c%c%c-%c%c%c%c-%c%c%c%c-%c%c%c%c-%c%c%c%c-%c%c%c%c-%c%c%c%c%c%c\"\n", c, c, c, c, c, c, c, c, c,
		      c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c, c);
}

/* A group up to its logical volumes. EXTRA: more lines of it, such as its status; "": an ordinary one. */
__attribute__((unused)) static void lvm_image_group(char *text, unsigned seqno, const char *extra, unsigned pvs,
						     uint64_t pv_bytes)
{
	uint64_t sectors = pv_bytes / 512;

	*text = '\0';
	lvm_image_add(text, "vg0 {\n");
	lvm_image_add_id(text, 'g');
	lvm_image_add(text, "seqno = %u\nformat = \"lvm2\"\t\t\t# informational\n%s", seqno,
		      *extra ? extra : "status = [\"RESIZEABLE\", \"READ\", \"WRITE\"]\nflags = []\n");
	lvm_image_add(text, "extent_size = %u\nmax_lv = 0\nmax_pv = 0\nmetadata_copies = 0\n\nphysical_volumes {\n",
		      LVM_IMAGE_EXTENT);
	for (unsigned i = 0; i < pvs; i++) {
		lvm_image_add(text, "\npv%u {\n", i);
		lvm_image_add_id(text, (char)('A' + i));
		lvm_image_add(text, "device = \"/dev/sd%c\"\t# Hint only\nstatus = [\"ALLOCATABLE\"]\nflags = []\n",
			      'a' + (int)i);
		lvm_image_add(text, "dev_size = %llu\npe_start = %u\npe_count = %llu\n}\n", (unsigned long long)sectors,
			      LVM_IMAGE_START,
			      (unsigned long long)((sectors - LVM_IMAGE_START) / LVM_IMAGE_EXTENT));
	}
	lvm_image_add(text, "}\n\nlogical_volumes {\n");
}

/* A logical volume with one segment; BODY: from its type on. */
__attribute__((unused)) static void lvm_image_lv(char *text, const char *name, const char *status, unsigned extents, const char *body)
{
	lvm_image_add(text, "\n%s {\n", name);
	lvm_image_add_id(text, *name);
	lvm_image_add(text, "status = [%s]\nflags = []\ncreation_time = 1795339286\ncreation_host = \"vm\"\nsegment_count = 1\n\n", status);
	lvm_image_add(text, "segment1 {\nstart_extent = 0\nextent_count = %u\n\n%s\n}\n}\n", extents, body);
}

__attribute__((unused)) static void lvm_image_linear(char *text, const char *name, const char *status, unsigned extents, unsigned pv, unsigned at)
{
	char body[128];

	sprintf(body, "type = \"striped\"\nstripe_count = 1\t# linear\n\nstripes = [\n\"pv%u\", %u\n]", pv, at);
	lvm_image_lv(text, name, status, extents, body);
}

__attribute__((unused)) static void lvm_image_end(char *text)
{
	lvm_image_add(text, "}\n}\n# Generated by LVM2 version 2.03.16(2) (2022-05-18)\n\ncontents = \"Text Format Volume Group\"\n"
			    "version = 1\n\ndescription = \"\"\n\ncreation_host = \"vm\"\t# Linux vm\ncreation_time = 1795339286\n");
}

#define LVM_VISIBLE "\"READ\", \"WRITE\", \"VISIBLE\""
#define LVM_HIDDEN "\"READ\", \"WRITE\""

#endif
