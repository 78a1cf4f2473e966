/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/lvm.h"
#include "../support/tap.h"
#include "lvm_image.h"

#define OFF 512u
#define BYTES (1u << 20)

static uint8_t disk[OFF + BYTES], *const pv = disk + OFF, *const label = disk + OFF + 512;
static struct lvm_label l;
static struct lvm_area area;
static struct unrack_error e;
static bool none;

static int read_label(uint64_t bytes)
{
	struct block_source *s;
	int r;

	block_source_open_memory(disk, sizeof disk, "disk", &s, &e);
	r = lvm_label_read(s, OFF, bytes, &l, &none, &e);
	block_source_close(s);
	return r;
}

static int read_area(void)
{
	struct block_source *s;
	int r = read_label(BYTES);

	if (r < 0)
		return r;
	block_source_open_memory(disk, sizeof disk, "disk", &s, &e);
	r = lvm_label_area(s, OFF, BYTES, &l.areas.at[0], &area, &e);
	block_source_close(s);
	return r;
}

static char *read_text(void)
{
	struct block_source *s;
	char *text = NULL;

	if (read_area() < 0)
		return NULL;
	block_source_open_memory(disk, sizeof disk, "disk", &s, &e);
	if (lvm_label_text(s, OFF, &area, &text, &e) < 0)
		text = NULL;
	block_source_close(s);
	return text;
}

static void make(void)
{
	memset(disk, 0, sizeof disk);
	lvm_image_label(pv, BYTES, "0123456789abcdefghijklmnopqrstuv", 2);
	lvm_image_text(pv, 0, 512, "vg0 {}");
}

static void refused(const char *why, const char *name)
{
	is_int(read_label(BYTES), UNRACK_DAMAGED, "%s", name);
	has_str(e.text, why, "says: %s", why);
}

static void labels(void)
{
	make();
	is_int(read_label(BYTES), 0, "a label");
	is_str(l.id, "0123456789abcdefghijklmnopqrstuv", "its id");
	is_int(l.bytes, BYTES, "the device's size");
	ok(l.data.n == 1 && l.data.at[0].off == LVM_IMAGE_START * 512 && l.data.at[0].bytes == 0, "where extents begin");
	ok(l.areas.n == 2 && l.areas.at[1].off == LVM_IMAGE_MDA + LVM_IMAGE_MDA_BYTES, "two metadata areas");
	is_int(l.boot.n, 0, "no boot loader");
	ok(!none, "it is there");
	for (unsigned sector = 0; sector < 5; sector++) {
		make();
		memmove(pv + 512 * sector, label, 512);
		if (sector != 1)
			memset(label, 0, 512);
		put_le64(pv + 512 * sector + 8, sector);
		put_le32(pv + 512 * sector + 16, lvm_image_sum(pv + 512 * sector + 20, 492));
		is_int(read_label(BYTES), sector < 4 ? 0 : UNRACK_DAMAGED, "in sector %u", sector);
		ok(none == (sector == 4), "it is %s", sector < 4 ? "one" : "none");
	}
	make();
	memcpy(pv + 1024, label, 512);
	refused("two labels", "a label that was left behind");
	make();
	put_le64(label + 8, 2);
	lvm_image_seal_label(pv);
	refused("made for another place", "one of another sector");
	make();
	label[100] ^= 1;
	refused("the checksum of its label is wrong", "a byte that is another one");
	make();
	label[31] = '2';
	lvm_image_seal_label(pv);
	refused("of a kind that is not known", "another kind");
	for (uint32_t at = 460; at < 520; at++) {
		make();
		put_le32(label + 20, at);
		lvm_image_seal_label(pv);
		read_label(BYTES);
	}
	make();
	put_le32(label + 20, UINT32_MAX);
	lvm_image_seal_label(pv);
	refused("contradicts itself", "a header behind the sector");
	make();
	for (unsigned at = 72; at < 512; at += 8)
		put_le64(label + at, 1);
	lvm_image_seal_label(pv);
	refused("more areas than it has room for", "lists without end");
	make();
	is_int(read_label(1024), UNRACK_DAMAGED, "a volume smaller than its label");
}

static void extensions(void)
{
	uint8_t *at = label + 32 + 40 + 32 + 32 + 16; /* behind both lists */

	make();
	put_le32(at, 2);
	put_le64(at + 8, 65536);
	put_le64(at + 16, 4096);
	lvm_image_seal_label(pv);
	ok(read_label(BYTES) == 0 && l.boot.n == 1 && l.boot.at[0].off == 65536 && l.boot.at[0].bytes == 4096, "a boot loader's area");
	put_le32(at, 0);
	lvm_image_seal_label(pv);
	ok(read_label(BYTES) == 0 && l.boot.n == 0, "version 0 of the extension: there is none");
}

static void bad_area(unsigned field, uint64_t value, const char *why)
{
	make();
	put_le64(pv + LVM_IMAGE_MDA + field, value);
	lvm_image_seal_area(pv, 0);
	is_int(read_area(), UNRACK_DAMAGED, "field %u of an area is %llu", field, (unsigned long long)value);
	has_str(e.text, why, "says: %s", why);
}

static void area_headers(void)
{
	make();
	is_int(read_area(), 0, "a metadata area");
	ok(area.at == 512 && area.bytes == 7 && !area.ignored && !area.pending, "where its text is");
	bad_area(4, 1, "not what its label says");
	bad_area(20, 2, "not what its label says");
	bad_area(24, 512, "not what its label says");
	bad_area(32, 65536, "not what its label says");
	bad_area(40, 511, "lies outside of it");
	bad_area(40, LVM_IMAGE_MDA_BYTES, "lies outside of it");
	bad_area(48, LVM_IMAGE_MDA_BYTES, "lies outside of it");
	bad_area(48, UINT64_MAX, "lies outside of it");
	make();
	pv[LVM_IMAGE_MDA + 300] = 1;
	is_int(read_area(), UNRACK_DAMAGED, "a header whose checksum is wrong");
	has_str(e.text, "checksum of a metadata area's header", "says so");
	make();
	put_le64(label + 104, BYTES);
	lvm_image_seal_label(pv);
	is_int(read_area(), UNRACK_DAMAGED, "an area behind the volume");
	has_str(e.text, "outside of the volume", "says so");
	make();
	put_le64(label + 112, UINT64_MAX);
	lvm_image_seal_label(pv);
	is_int(read_area(), UNRACK_DAMAGED, "one without end");
	make();
	lvm_image_text(pv, 0, 512, NULL);
	ok(read_area() == 0 && area.bytes == 0, "one without text");
	make();
	put_le32(pv + LVM_IMAGE_MDA + 60, 1);
	lvm_image_seal_area(pv, 0);
	ok(read_area() == 0 && area.ignored, "one that LVM ignores");
	put_le64(pv + LVM_IMAGE_MDA + 64, 4096);
	put_le64(pv + LVM_IMAGE_MDA + 72, 10);
	lvm_image_seal_area(pv, 0);
	ok(read_area() == 0 && area.pending, "one with a text to be");
	put_le64(pv + LVM_IMAGE_MDA + 64, 512);
	lvm_image_seal_area(pv, 0);
	ok(read_area() == 0 && !area.pending, "one that is done with");
}

static void texts(void)
{
	char big[2000], *text;

	for (uint64_t at = LVM_IMAGE_MDA_BYTES - 1999; at < LVM_IMAGE_MDA_BYTES; at += 333) {
		make();
		for (unsigned i = 0; i < sizeof big - 1; i++)
			big[i] = (char)('a' + i % 26);
		big[sizeof big - 1] = '\0';
		lvm_image_text(pv, 0, at, big);
		text = read_text();
		ok(text && !memcmp(text, big, sizeof big), "a circular text buffer that wraps, from byte %llu", (unsigned long long)at);
		free(text);
	}
	pv[LVM_IMAGE_MDA + 512] ^= 1;
	ok(!read_text(), "its second part is another one");
	has_str(e.text, "checksum of its metadata", "says so");
}

int main(void)
{
	labels();
	extensions();
	area_headers();
	texts();
	return tap_done();
}
