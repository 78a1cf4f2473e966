/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "initrd_text.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"

#define TEXT_MAX (4u << 20)

int initrd_text_name(struct buf *out, const char *p, size_t n)
{
	for (const char *end = p + n; p < end; p++) {
		unsigned char c = (unsigned char)*p;
		int bad = c < ' ' || c == 127 || c == '\\' ? buf_printf(out, "\\%03o", c) : buf_append(out, p, 1);

		if (bad)
			return -1;
	}
	return 0;
}

/* --- Members ---------------------------------------------------------------------------- */

void initrd_text_mode(uint32_t mode, char out[11])
{
	static const char letters[] = "rwxrwxrwx";

	switch (mode & S_IFMT) {
	case S_IFREG: out[0] = '-'; break;
	case S_IFDIR: out[0] = 'd'; break;
	case S_IFLNK: out[0] = 'l'; break;
	case S_IFCHR: out[0] = 'c'; break;
	case S_IFBLK: out[0] = 'b'; break;
	case S_IFIFO: out[0] = 'p'; break;
	case S_IFSOCK: out[0] = 's'; break;
	default: out[0] = '?';
	}
	for (int k = 0; k < 9; k++)
		out[1 + k] = mode & (0400u >> k) ? letters[k] : '-';
	if (mode & S_ISUID)
		out[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		out[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		out[9] = mode & S_IXOTH ? 't' : 'T';
	out[10] = '\0';
}

static bool is_device(const struct initrd_member *m)
{
	return S_ISCHR(m->mode) || S_ISBLK(m->mode);
}

size_t initrd_text_segment(const struct initrd *i, size_t k)
{
	for (size_t s = 0; s < initrd_segments(i); s++) {
		struct initrd_segment seg;

		initrd_segment_at(i, s, &seg);
		if (k >= seg.first && k - seg.first < seg.n)
			return s + 1;
	}
	return 0;
}

static void time_text(int64_t when, char out[32])
{
	time_t t = (time_t)when;
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, 32, "%lld", (long long)when);
}

int initrd_text_member(struct buf *out, const struct initrd *i, size_t k, size_t segment)
{
	const struct initrd_member *m = initrd_at(i, k);
	char mode[11], when[32], size[32], in[24] = "-";

	initrd_text_mode(m->mode, mode);
	time_text(m->mtime, when);
	if (segment)
		snprintf(in, sizeof in, "%zu", segment);
	if (is_device(m))
		snprintf(size, sizeof size, "%u, %3u", m->rdev_major, m->rdev_minor);
	else
		snprintf(size, sizeof size, "%zu", m->size);
	if (buf_printf(out, "%2s %s %3u %5u %5u %10s %s ", in, mode, m->nlink, m->uid, m->gid, size, when) < 0 ||
	    initrd_text_name(out, m->name, strlen(m->name)) < 0)
		return -1;
	if (S_ISLNK(m->mode) &&
	    (buf_puts(out, " -> ") < 0 || initrd_text_name(out, (const char *)m->data, m->size) < 0))
		return -1;
	return buf_puts(out, "\n");
}

static int set_text(struct json *o, const char *key, const void *p, size_t n)
{
	CLEANUP_BUF struct buf b = { 0 };

	return buf_append(&b, p, n) < 0 ? -1 : json_set_str(o, key, buf_str(&b));
}

struct json *initrd_text_member_json(const struct initrd *i, size_t k, size_t segment)
{
	const struct initrd_member *m = initrd_at(i, k);
	struct json *o = json_new_object();
	char mode[11];
	int bad;

	if (!o)
		return NULL;
	initrd_text_mode(m->mode, mode);
	bad = json_set_str(o, "name", m->name);
	bad |= segment ? json_set_int(o, "segment", (int64_t)segment) : json_set_str(o, "segment", NULL);
	bad |= json_set_str(o, "mode", mode) | json_set_int(o, "mode_bits", m->mode) | json_set_int(o, "links", m->nlink) |
	       json_set_int(o, "inode", m->ino) | json_set_int(o, "uid", m->uid) | json_set_int(o, "gid", m->gid) |
	       json_set_int(o, "bytes", (int64_t)m->size) | json_set_int(o, "mtime", m->mtime);
	if (S_ISLNK(m->mode))
		bad |= set_text(o, "target", m->data, m->size);
	if (is_device(m))
		bad |= json_set_int(o, "major", m->rdev_major) | json_set_int(o, "minor", m->rdev_minor);
	if (bad) {
		json_free(o);
		return NULL;
	}
	return o;
}

static const char *or_null(const char *s)
{
	return s[0] ? s : NULL;
}

/* --- The image -------------------------------------------------------------------------- */

static const char *kind_name(enum initrd_kind k)
{
	return k == INITRD_NASH ? "nash" : k == INITRD_DRACUT ? "dracut" : "other";
}

static const char *kind_text(enum initrd_kind k)
{
	return k == INITRD_NASH ? " by mkinitrd (nash)" : k == INITRD_DRACUT ? " by dracut" : "";
}

static const char *special_name(enum initrd_special s)
{
	switch (s) {
	case INITRD_RESCUE: return "rescue";
	case INITRD_KDUMP: return "kdump";
	case INITRD_SQUASH: return "squash";
	case INITRD_ORDINARY: break;
	}
	return "ordinary";
}

/* Lines, as a list in one. */
static int put_list(struct buf *out, const char *lines)
{
	for (const char *p = lines; *p;) {
		size_t n = strcspn(p, "\n");

		if ((p > lines && buf_puts(out, ", ") < 0) || initrd_text_name(out, p, n) < 0)
			return -1;
		p += n + (p[n] == '\n');
	}
	return 0;
}

int initrd_text_image(struct buf *out, const struct initrd *i, const char *name)
{
	const char *reason = initrd_reason(i);
	CLEANUP_BUF struct buf kernels = { 0 };

	if (initrd_kernels(i, &kernels) < 0 || initrd_text_name(out, name, strlen(name)) < 0 ||
	    buf_printf(out, ": %s%s", initrd_container(i), kind_text(initrd_get_kind(i))) < 0 ||
	    (kernels.len && (buf_puts(out, ", kernel ") < 0 || put_list(out, buf_str(&kernels)) < 0)) ||
	    buf_printf(out, ", %zu member%s\n", initrd_len(i), initrd_len(i) == 1 ? "" : "s") < 0)
		return -1;
	return *reason ? buf_printf(out, "note        %s\n", reason) : 0;
}

int initrd_text_segments(struct buf *out, const struct initrd *i)
{
	for (size_t k = 0; k < initrd_segments(i); k++) {
		struct initrd_segment s;

		initrd_segment_at(i, k, &s);
		if (buf_printf(out, "segment %zu: %s%s%s%s, %zu member%s, %zu bytes at %zu", k + 1, s.packing,
			       s.packing[0] ? " " : "", s.format, s.early ? " (early)" : "", s.n, s.n == 1 ? "" : "s",
			       s.packed, s.offset) < 0 ||
		    (s.packing[0] && buf_printf(out, ", unpacked %zu", s.unpacked) < 0) || buf_puts(out, "\n") < 0)
			return -1;
	}
	return 0;
}

static struct json *lines_json(const struct buf *lines)
{
	struct json *a = json_new_array();

	for (const char *p = buf_str(lines); a && *p;) {
		size_t n = strcspn(p, "\n");
		CLEANUP_BUF struct buf b = { 0 };

		if (buf_append(&b, p, n) < 0 || json_add_str(a, buf_str(&b)) < 0) {
			json_free(a);
			return NULL;
		}
		p += n + (p[n] == '\n');
	}
	return a;
}

static struct json *segments_json(const struct initrd *i)
{
	struct json *a = json_new_array();

	for (size_t k = 0; a && k < initrd_segments(i); k++) {
		struct json *o = json_new_object();
		struct initrd_segment s;

		initrd_segment_at(i, k, &s);
		if (json_set_str(o, "packing", s.packing[0] ? s.packing : NULL) | json_set_str(o, "format", s.format) |
		    json_set_bool(o, "early", s.early) | json_set_int(o, "member_count", (int64_t)s.n) |
		    json_set_int(o, "offset", (int64_t)s.offset) | json_set_int(o, "packed_bytes", (int64_t)s.packed) |
		    json_set_int(o, "unpacked_bytes", (int64_t)s.unpacked)) {
			json_free(o);
			o = NULL;
		}
		if (!o || json_add(a, o) < 0) {
			json_free(a);
			return NULL;
		}
	}
	return a;
}

struct json *initrd_text_image_json(const struct initrd *i, const char *name, uint64_t bytes)
{
	CLEANUP_BUF struct buf kernels = { 0 };
	struct json *o = json_new_object();

	if (!o || initrd_kernels(i, &kernels) < 0 ||
	    json_set_str(o, "file", name) | json_set_int(o, "bytes", (int64_t)bytes) |
	    json_set_str(o, "kind", kind_name(initrd_get_kind(i))) |
	    json_set_str(o, "special", special_name(initrd_get_special(i))) |
	    json_set_str(o, "note", or_null(initrd_reason(i))) |
	    json_set_str(o, "container", initrd_container(i)) | json_set(o, "kernels", lines_json(&kernels)) |
	    json_set_int(o, "member_count", (int64_t)initrd_len(i)) | json_set(o, "segments", segments_json(i))) {
		json_free(o);
		return NULL;
	}
	return o;
}

/* --- Answers ---------------------------------------------------------------------------- */

bool initrd_text_boots(const struct initrd_answer *a)
{
	return a->loads && a->missing_link == INITRD_LINK_NONE;
}

void initrd_text_unasked(struct initrd_answer *a)
{
	if (initrd_text_boots(a))
		snprintf(a->text, sizeof a->text, "no driver was asked for, and nothing else is missing");
}

static int put_fact(struct buf *out, const char *what, const char *lines)
{
	if (!*lines)
		return 0;
	return buf_printf(out, "%-12s", what) < 0 || put_list(out, lines) < 0 ? -1 : buf_puts(out, "\n");
}

/* The modules in order, each with the member it comes from, of which there may be fewer. */
static int put_modules(struct buf *out, const struct initrd_answer *a)
{
	const char *p = buf_str(&a->order), *f = buf_str(&a->files);
	size_t number = 0;

	while (*p) {
		size_t n = strcspn(p, "\n"), m = strcspn(f, "\n");

		if (buf_printf(out, "%-8s%3zu ", number ? "" : "loads", number + 1) < 0 || initrd_text_name(out, p, n) < 0 ||
		    (m && (buf_puts(out, " from ") < 0 || initrd_text_name(out, f, m) < 0)) || buf_puts(out, "\n") < 0)
			return -1;
		number++;
		p += n + (p[n] == '\n');
		f += m + (f[m] == '\n');
	}
	if (number)
		return 0;
	return buf_puts(out, a->kind == INITRD_DRACUT ? "loads       by udev what the devices that are there ask for\n" :
			"loads       no modules\n");
}

int initrd_text_answer(struct buf *out, const struct initrd_answer *a)
{
	return put_modules(out, a) < 0 || put_fact(out, "root", a->root) < 0 ||
	       put_fact(out, "root is", a->root_fs) < 0 || put_fact(out, "resume", a->resume) < 0 ||
	       put_fact(out, "volumes", buf_str(&a->volumes)) < 0 || put_fact(out, "arrays", buf_str(&a->arrays)) < 0 ||
	       put_fact(out, "filesystems", buf_str(&a->filesystems)) < 0 ||
	       put_fact(out, "arguments", buf_str(&a->arguments)) < 0 ||
	       put_fact(out, "mentions", buf_str(&a->mentions)) < 0 ||
	       (a->ramdisk_kib && buf_printf(out, "ramdisk     %zu KiB\n", a->ramdisk_kib) < 0) ? -1 : 0;
}

struct json *initrd_text_answer_json(const struct initrd_answer *a)
{
	struct json *o = json_new_object();

	if (!o || json_set_bool(o, "boots", initrd_text_boots(a)) | json_set_str(o, "missing_link", initrd_link_name(a->missing_link)) |
	    json_set_str(o, "text", a->text) | json_set(o, "missing", lines_json(&a->missing)) |
	    json_set(o, "order", lines_json(&a->order)) | json_set(o, "files", lines_json(&a->files)) |
	    json_set_str(o, "root", or_null(a->root)) | json_set_str(o, "root_fs", or_null(a->root_fs)) |
	    json_set_str(o, "resume", or_null(a->resume)) | json_set(o, "volumes", lines_json(&a->volumes)) |
	    json_set(o, "arrays", lines_json(&a->arrays)) | json_set(o, "filesystems", lines_json(&a->filesystems)) |
	    json_set(o, "arguments", lines_json(&a->arguments)) | json_set(o, "mentions", lines_json(&a->mentions)) |
	    (a->ramdisk_kib ? json_set_int(o, "ramdisk_kib", (int64_t)a->ramdisk_kib) : json_set_str(o, "ramdisk_kib", NULL))) {
		json_free(o);
		return NULL;
	}
	return o;
}

/* --- The script ------------------------------------------------------------------------- */

bool initrd_text_is_text(const struct initrd_member *m)
{
	return !m->size || (m->size <= TEXT_MAX && !memchr(m->data, '\0', m->size));
}

const struct initrd_member *initrd_text_script(const struct initrd *i)
{
	const struct initrd_member *m = initrd_follow(i, initrd_script(i));

	return m && S_ISREG(m->mode) && m->size > 2 && !memcmp(m->data, "#!", 2) && initrd_text_is_text(m) ? m : NULL;
}
