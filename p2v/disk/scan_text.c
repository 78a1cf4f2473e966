/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The result of a scan as lines for a person. It may come from a far machine, and what is on the disks
 * was written by others: no string of it reaches the terminal as it is. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "unrack/buf.h"
#include "unrack/scan.h"

#define TEXT_MAX 160u      /* of a name, a label */
#define SENTENCE_MAX 1024u /* of an error, a warning */

/* One line of at most MAX bytes. The control characters of Latin-1 are two bytes of UTF-8. */
static void put(struct buf *b, const char *text, size_t max)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0; p[i]; i++) {
		if (i >= max && (p[i] & 0xc0) != 0x80) {
			buf_puts(b, "...");
			return;
		}
		if (p[i] == 0xc2 && p[i + 1] >= 0x80 && p[i + 1] < 0xa0) {
			buf_puts(b, "?");
			i++;
		} else {
			buf_append(b, p[i] < ' ' || p[i] == 0x7f ? "?" : text + i, 1);
		}
	}
}

/* BEFORE and the string, if there is one. */
static void put_member(struct buf *b, const struct json *j, const char *key, const char *before)
{
	const char *text = json_str(j, key, "");

	if (!*text)
		return;
	buf_puts(b, before);
	put(b, text, TEXT_MAX);
}

static void put_bytes(struct buf *b, int64_t bytes)
{
	static const char *const units[] = { "bytes", "KiB", "MiB", "GiB", "TiB", "PiB" };
	double v = (double)bytes;
	unsigned u = 0;

	while (v >= 1024 && u < ARRAY_LEN(units) - 1) {
		v /= 1024;
		u++;
	}
	buf_printf(b, u ? "%.1f %s" : "%.0f %s", v, units[u]);
}

/* Names that can't be shown can't be typed either. */
static bool is_typable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || (unsigned char)*text >= 0x7f)
			return false;
	return true;
}

static const char *type_name(const char *type)
{
	static const struct {
		const char *type, *name;
	} names[] = {
		{ "5", "extended" }, { "f", "extended" }, { "85", "extended" }, { "82", "Linux swap" },
		{ "83", "Linux" }, { "8e", "Linux LVM" }, { "fd", "Linux RAID" }, { "ef", "EFI system" },
		{ "7", "NTFS" }, { "b", "FAT32" }, { "c", "FAT32" }, { "6", "FAT16" }, { "e", "FAT16" },
		{ "12", "diagnostics" }, { "de", "Dell utility" }, { "a5", "FreeBSD" },
		{ "c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system" },
		{ "21686148-6449-6e6f-744e-656564454649", "BIOS boot" },
		{ "0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux" },
		{ "0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "Linux swap" },
		{ "e6d6d379-f507-44c2-a23c-238f2a3df928", "Linux LVM" },
		{ "a19d880f-05fc-4d3b-a006-743f0f84911e", "Linux RAID" },
		{ "bc13c2ff-59e6-4262-a352-b275fd6f7172", "Linux /boot" },
		{ "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "Linux root" },
		{ "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "basic data" },
		{ "e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(type, names[i].type))
			return names[i].name;
	return type;
}

static const char *signature_name(const char *signature)
{
	static const struct {
		const char *signature, *name;
	} names[] = {
		{ "LVM2_member", "LVM physical volume" }, { "LVM1_member", "LVM 1 physical volume" },
		{ "linux_raid_member", "md RAID member" }, { "crypto_LUKS", "LUKS" },
		{ "swsuspend", "swap, hibernated" },
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (!strcmp(signature, names[i].signature))
			return names[i].name;
	return signature;
}

static void put_signature(struct buf *b, const struct json *j)
{
	const char *signature = json_str(j, "signature", "");

	if (*signature) {
		buf_puts(b, "  ");
		put(b, signature_name(signature), TEXT_MAX);
	}
	put_member(b, j, "part_of", ", ");
	if (*json_str(j, "label", "")) {
		put_member(b, j, "label", "  \"");
		buf_puts(b, "\"");
	}
	put_member(b, j, "uuid", "  ");
}

static void put_partition(struct buf *b, const struct json *j)
{
	int64_t number = json_int(j, "number", -1), bytes = json_int(j, "bytes", -1);
	const char *type = json_str(j, "type", "");

	if (number < 0)
		buf_puts(b, "     ?");
	else
		buf_printf(b, "  %4lld", (long long)number);
	if (bytes >= 0) {
		buf_puts(b, "  ");
		put_bytes(b, bytes);
	}
	if (*type) {
		buf_puts(b, "  ");
		put(b, type_name(type), TEXT_MAX);
	}
	if (json_bool(j, "bootable", false))
		buf_puts(b, ", boot");
	put_signature(b, j);
	put_member(b, j, "used_by", "  ");
	buf_puts(b, "\n");
}

static void put_strings(struct buf *b, const struct json *list, const char *before)
{
	for (size_t i = 0; i < json_len(list); i++) {
		const char *text = json_at_str(list, i, "");

		if (!*text)
			continue;
		buf_puts(b, before);
		put(b, text, SENTENCE_MAX);
		buf_puts(b, "\n");
	}
}

static void put_sentence(struct buf *b, const struct json *j, const char *key, const char *before)
{
	const char *text = json_str(j, key, "");

	if (!*text)
		return;
	buf_puts(b, before);
	put(b, text, SENTENCE_MAX);
	buf_puts(b, "\n");
}

static void put_holders(struct buf *b, const struct json *list)
{
	for (size_t i = 0; i < json_len(list); i++) {
		buf_puts(b, i ? ", " : "  holds up: ");
		put(b, json_at_str(list, i, "?"), TEXT_MAX);
	}
	if (json_len(list))
		buf_puts(b, "\n");
}

static void put_volume(struct buf *b, const struct json *j)
{
	int64_t bytes = json_int(j, "bytes", -1), used = json_int(j, "used_bytes", -1);

	if (bytes < 0 || used < 0 || used > bytes)
		return;
	buf_puts(b, "  of ");
	put(b, json_str(j, "name", "?"), TEXT_MAX);
	put_member(b, j, "kind", ", ");
	buf_puts(b, ": ");
	if (used < bytes) {
		put_bytes(b, used);
		buf_puts(b, " of ");
	} else {
		buf_puts(b, "all of ");
	}
	put_bytes(b, bytes);
	if (*json_str(j, "why", "")) {
		buf_puts(b, ", since ");
		put(b, json_str(j, "why", ""), SENTENCE_MAX);
	}
	buf_puts(b, "\n");
}

/* What a copy would have of it. */
static void put_data(struct buf *b, const struct json *j)
{
	const struct json *volumes = json_get(j, "volumes");
	int64_t bytes = json_int(j, "bytes", -1), data = json_int(j, "data_bytes", -1);

	for (size_t i = 0; i < json_len(volumes); i++)
		put_volume(b, json_at(volumes, i));
	if (data < 0 || data >= bytes)
		return;
	buf_puts(b, "  at most ");
	put_bytes(b, data);
	buf_puts(b, " of it are read and sent, the rest is unused, or holes\n");
}

static void put_disk(struct buf *b, const struct json *j)
{
	const struct json *parts = json_get(j, "partitions");
	int64_t bytes = json_int(j, "bytes", -1);

	put(b, json_str(j, "path", "(a disk without a name)"), SENTENCE_MAX);
	if (bytes >= 0) {
		buf_puts(b, "  ");
		put_bytes(b, bytes);
	}
	put_member(b, j, "model", "  ");
	put_member(b, j, "bus", "  ");
	put_member(b, j, "serial", "  serial ");
	if (json_bool(j, "removable", false))
		buf_puts(b, "  removable");
	if (json_bool(j, "read_only", false))
		buf_puts(b, "  read-only");
	put_member(b, j, "table", "  ");
	put_signature(b, json_get(j, "whole"));
	buf_puts(b, "\n");
	for (size_t i = 0; i < json_len(parts); i++)
		put_partition(b, json_at(parts, i));
	put_holders(b, json_get(j, "holders"));
	put_data(b, j);
	put_sentence(b, j, "error", "  error: ");
	put_sentence(b, j, "used_by", "  in use: ");
	put_strings(b, json_get(j, "warnings"), "  warning: ");
	buf_puts(b, "\n");
}

/* Why a copy of all would not have this one; NULL: it would. */
static const char *left_out(const struct json *j)
{

	if (*json_str(j, "error", ""))
		return "not readable";
	if (*json_str(j, "used_by", ""))
		return "in use";
	if (json_bool(j, "removable", false))
		return "removable";
	if (*json_str(j, "same_as", ""))
		return "the same as another";
	if (json_bool(j, "trouble", false))
		return "see its warnings";
	if (json_int(j, "bytes", 0) <= 0 || (!*json_str(j, "identity", "") && json_has(j, "identity")))
		return "empty";
	return is_typable(json_str(j, "path", "\n")) ? NULL : "without a name that can be typed";
}

/* Of what the command below copies. */
static void put_estimate(struct buf *b, const struct json *disks)
{
	uint64_t sum = 0, seconds;

	for (size_t i = 0; i < json_len(disks); i++) {
		int64_t data = json_int(json_at(disks, i), "data_bytes", -1);

		if (data >= 0 && !left_out(json_at(disks, i)))
			sum += (uint64_t)data;
	}
	if (sum == 0 || sum > INT64_MAX)
		return;
	seconds = div_round_up(sum, SCAN_BYTES_PER_SECOND);
	buf_puts(b, "to send: ");
	put_bytes(b, (int64_t)sum);
	if (seconds < 120)
		buf_printf(b, ", %llu s", (unsigned long long)seconds);
	else if (seconds < 7200)
		buf_printf(b, ", %llu min", (unsigned long long)div_round_up(seconds, 60));
	else
		buf_printf(b, ", %llu h", (unsigned long long)div_round_up(seconds, 3600));
	buf_puts(b, " over 1 Gbit/s if nothing can be compressed (117 MB/s)\n");
}

static void put_left_out(struct buf *b, const struct json *disks)
{
	unsigned n = 0;

	for (size_t i = 0; i < json_len(disks); i++) {
		const struct json *j = json_at(disks, i);
		const char *why = left_out(j);

		if (!why)
			continue;
		buf_puts(b, n++ ? ", " : "left out: ");
		put(b, json_str(j, "path", "?"), SENTENCE_MAX);
		buf_printf(b, " (%s)", why);
	}
	if (n)
		buf_puts(b, "\n");
}

/* A path as that of a URL: one that is relative is so to the home folder there. */
static void put_url(struct buf *b, const char *at, const char *path)
{
	buf_printf(b, "%s%s", at, *path == '/' ? "" : "/~/");
	for (; *path; path++)
		if (*path == '%')
			buf_puts(b, "%25");
		else
			buf_append(b, path, 1);
}

/* AT: "ssh://host" of a far machine, or "". OPTIONS: how it is reached. */
static void put_command(struct buf *b, const struct json *disks, const char *at, const char *options)
{
	unsigned n = 0;

	for (size_t i = 0; i < json_len(disks); i++) {
		const struct json *j = json_at(disks, i);
		struct buf operand CLEANUP_BUF = { 0 };

		if (left_out(j) || !is_typable(at))
			continue;
		buf_puts(b, n++ ? " " : "to copy: unrack copy ");
		if (*at)
			put_url(&operand, at, json_str(j, "path", ""));
		else
			buf_puts(&operand, json_str(j, "path", ""));
		buf_quote(b, buf_str(&operand));
	}
	if (n)
		buf_printf(b, " FOLDER%s\n", options);
	else
		buf_puts(b, "there is nothing to copy as it is now\n");
	put_left_out(b, disks);
}

char *scan_text(const struct json *scan)
{
	struct buf b CLEANUP_BUF = { 0 };
	const struct json *disks = json_get(scan, "disks"), *warnings = json_get(scan, "warnings");
	const char *host = json_str(scan, "host", "");
	size_t n = json_len(disks);

	put(&b, *host ? host : "this machine", TEXT_MAX);
	if (n == 0)
		buf_puts(&b, ": no disks are seen here; name a disk or an image, or look from a system that has the driver of "
			 "their controller\n");
	else
		buf_printf(&b, ": %zu disk%s\n\n", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < n; i++)
		put_disk(&b, json_at(disks, i));
	put_strings(&b, warnings, "warning: ");
	if (json_len(warnings) && n)
		buf_puts(&b, "\n");
	if (n)
		put_estimate(&b, disks);
	if (n)
		put_command(&b, disks, json_str(scan, "at", ""), json_str(scan, "options", ""));
	return buf_steal(&b);
}
