/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/vmdk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"

/* int13 has 16 bits for cylinders in the largest of its structures. */
#define CYLINDERS_MAX 65535u
#define ADAPTER_KEY "ddb.adapterType"

static bool adapter_known(const char *type)
{
	static const char *const known[] = { "ide", "buslogic", "lsilogic", "legacyESX" };

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (!strcmp(type, known[i]))
			return true;
	return false;
}

void vmdk_geometry(uint64_t sectors, const char *adapter_type, uint64_t *cylinders,
		   uint64_t *heads, uint64_t *spt)
{
	if (!strcmp(adapter_type, "ide")) {
		*heads = 16;
		*spt = 63;
	} else if (sectors < 2097152) { /* 1 GiB */
		*heads = 64;
		*spt = 32;
	} else if (sectors < 4194304) {
		*heads = 128;
		*spt = 32;
	} else {
		*heads = 255;
		*spt = 63;
	}
	*cylinders = min_u64(max_u64(sectors / (*heads * *spt), 1), CYLINDERS_MAX);
}

static const struct {
	const char *create, *access, *extent;
} words[] = {
	[DISK_FLAT] = { "vmfs", "RW", "VMFS" },
	[DISK_STREAM] = { "streamOptimized", "RDONLY", "SPARSE" },
	[DISK_SPARSE] = { "monolithicSparse", "RW", "SPARSE" },
};

const char *vmdk_create_type(enum disk_format format)
{
	return words[format].create;
}

int vmdk_descriptor_write(enum disk_format format, const char *extent, uint64_t disk_bytes,
			  const char *adapter_type, uint32_t cid, struct buf *out,
			  struct unrack_error *err)
{
	uint64_t sectors = div_round_up(disk_bytes, SECTOR_SIZE), cylinders, heads, spt;

	if (!*extent || strpbrk(extent, "\"\n\r/"))
		return error_set(err, UNRACK_USAGE, "a VMDK's extent can't be named \"%s\"", extent);
	if (!adapter_known(adapter_type))
		return error_set(err, UNRACK_INTERNAL, "a VMDK has no adapter type \"%s\"", adapter_type);
	if (cid >= 0xfffffffe)
		return error_set(err, UNRACK_INTERNAL, "a VMDK's content ID can't be %08" PRIx32, cid);
	vmdk_geometry(sectors, adapter_type, &cylinders, &heads, &spt);
	buf_clear(out);
	if (buf_printf(out,
		       "# Disk DescriptorFile\n"
		       "version=1\n"
		       "CID=%08" PRIx32 "\n"
		       "parentCID=ffffffff\n"
		       "createType=\"%s\"\n"
		       "\n"
		       "# Extent description\n"
		       "%s %" PRIu64 " %s \"%s\"\n"
		       "\n"
		       "# The Disk Data Base\n"
		       "#DDB\n"
		       "\n"
		       "ddb.virtualHWVersion = \"4\"\n"
		       "ddb.geometry.cylinders = \"%" PRIu64 "\"\n"
		       "ddb.geometry.heads = \"%" PRIu64 "\"\n"
		       "ddb.geometry.sectors = \"%" PRIu64 "\"\n"
		       ADAPTER_KEY " = \"%s\"\n",
		       cid, words[format].create, words[format].access, sectors, words[format].extent,
		       extent, cylinders, heads, spt, adapter_type) < 0)
		return error_nomem(err);
	return 0;
}

/* --- Reading --- */

/* The next line of [*p, end) without its end, spaces around it removed. */
static bool next_line(const char **p, const char *end, const char **line, size_t *len)
{
	const char *stop, *a = *p, *b;

	if (a >= end)
		return false;
	stop = memchr(a, '\n', (size_t)(end - a));
	b = stop ? stop : end;
	*p = stop ? stop + 1 : end;
	while (a < b && (*a == ' ' || *a == '\t'))
		a++;
	while (b > a && (b[-1] == ' ' || b[-1] == '\t' || b[-1] == '\r'))
		b--;
	*line = a;
	*len = (size_t)(b - a);
	return true;
}

/* Text up to a NUL: descriptors are sometimes padded with them. */
static const char *text_end(const char *text, size_t n)
{
	const char *nul = n ? memchr(text, '\0', n) : NULL;

	return nul ? nul : text + n;
}

/* KEY of a line KEY=VALUE? Then its value without quotes. Case does not count. */
static bool value_of(const char *line, size_t len, const char *key, const char **value, size_t *n)
{
	size_t k = strlen(key);

	if (len < k || strncasecmp(line, key, k) != 0)
		return false;
	line += k;
	len -= k;
	while (len && (*line == ' ' || *line == '\t'))
		line++, len--;
	if (!len || *line != '=')
		return false;
	line++, len--;
	while (len && (*line == ' ' || *line == '\t'))
		line++, len--;
	if (len >= 2 && *line == '"' && line[len - 1] == '"')
		line++, len -= 2;
	*value = line;
	*n = len;
	return true;
}

static bool copy_value(char *to, size_t size, const char *value, size_t n)
{
	if (n >= size)
		return false;
	memcpy(to, value, n);
	to[n] = '\0';
	return true;
}

/* A whole number in BASE, all of [s, s + n). */
static bool number(const char *s, size_t n, int base, uint64_t *out)
{
	char b[24], *end;

	if (n == 0 || !copy_value(b, sizeof b, s, n) || strspn(b, "0123456789abcdefABCDEF") != n)
		return false;
	errno = 0;
	*out = strtoull(b, &end, base);
	return errno == 0 && *end == '\0';
}

static bool number32(const char *s, size_t n, uint32_t *out)
{
	uint64_t v;

	if (!number(s, n, 16, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* The next word of the line, without the spaces around it. */
static size_t word(const char **line, size_t *len, const char **w)
{
	size_t n = 0;

	while (*len && (**line == ' ' || **line == '\t'))
		++*line, --*len;
	*w = *line;
	while (n < *len && (*w)[n] != ' ' && (*w)[n] != '\t')
		n++;
	*line += n;
	*len -= n;
	return n;
}

static bool is_word(const char *w, size_t n, const char *what)
{
	return strlen(what) == n && !strncasecmp(w, what, n);
}

/* Is it an extent line: ACCESS SECTORS TYPE ["FILE" [OFFSET]]? */
static bool extent_line(const char *line, size_t len)
{
	const char *w;
	size_t n = word(&line, &len, &w);

	return is_word(w, n, "RW") || is_word(w, n, "RDONLY") || is_word(w, n, "NOACCESS");
}

/* Reads the first extent of a descriptor into *d; only counts the others. */
static bool parse_extent(const char *line, size_t len, struct vmdk_descriptor *d)
{
	const char *w, *quote;
	uint64_t sectors, bytes;
	char type[sizeof d->extent_type];
	size_t n;

	word(&line, &len, &w);
	n = word(&line, &len, &w);
	if (!number(w, n, 10, &sectors) || mul_overflows(sectors, SECTOR_SIZE, &bytes))
		return false;
	n = word(&line, &len, &w);
	if (n == 0 || !copy_value(type, sizeof type, w, n))
		return false;
	if (d->extents++ > 0)
		return true;
	d->sectors = sectors;
	memcpy(d->extent_type, type, sizeof type);
	if (is_word(w, n, "ZERO"))
		return true;
	word(&line, &len, &w);
	if (*w != '"' || w >= line)
		return false;
	len += (size_t)(line - w) - 1;
	line = w + 1;
	quote = memchr(line, '"', len);
	return quote && quote > line &&
	       copy_value(d->extent, sizeof d->extent, line, (size_t)(quote - line));
}

/* One line KEY=VALUE. False when the value makes no sense. */
static bool parse_key(const char *line, size_t len, struct vmdk_descriptor *d)
{
	const char *v;
	size_t n;

	if (value_of(line, len, "createType", &v, &n))
		return copy_value(d->create_type, sizeof d->create_type, v, n);
	if (value_of(line, len, ADAPTER_KEY, &v, &n))
		return copy_value(d->adapter_type, sizeof d->adapter_type, v, n);
	if (value_of(line, len, "CID", &v, &n))
		return number32(v, n, &d->cid);
	if (value_of(line, len, "parentCID", &v, &n))
		return number32(v, n, &d->parent_cid);
	if (value_of(line, len, "ddb.geometry.cylinders", &v, &n))
		return number(v, n, 10, &d->cylinders);
	if (value_of(line, len, "ddb.geometry.heads", &v, &n))
		return number(v, n, 10, &d->heads);
	if (value_of(line, len, "ddb.geometry.sectors", &v, &n))
		return number(v, n, 10, &d->spt);
	return true;
}

/* The first line that is no comment says version=1, 2 or 3. */
static bool version_line(const char *line, size_t len)
{
	const char *v;
	size_t n;
	uint64_t version;

	return value_of(line, len, "version", &v, &n) && number(v, n, 10, &version) && version >= 1 &&
	       version <= 3;
}

int vmdk_descriptor_parse(const char *text, size_t n, const char *name,
			  struct vmdk_descriptor *out, struct unrack_error *err)
{
	const char *p = text, *end, *line;
	bool version = false;
	unsigned number_of_line = 0;
	size_t len;

	*out = (struct vmdk_descriptor){ .parent_cid = UINT32_MAX };
	if (n > VMDK_DESCRIPTOR_MAX)
		return error_set(err, UNRACK_DAMAGED, "%s has more than the %u bytes of a VMDK descriptor",
				 name, VMDK_DESCRIPTOR_MAX);
	end = text_end(text, n);
	while (next_line(&p, end, &line, &len)) {
		number_of_line++;
		if (len == 0 || *line == '#')
			continue;
		if (!version && !version_line(line, len))
			return error_set(err, UNRACK_DAMAGED,
					 "%s is not a VMDK descriptor: line %u is not version=1, 2 or 3",
					 name, number_of_line);
		version = true;
		if (!(extent_line(line, len) ? parse_extent : parse_key)(line, len, out))
			return error_set(err, UNRACK_DAMAGED, "%s is damaged: line %u makes no sense: %.*s",
					 name, number_of_line, (int)min_u64(len, 80), line);
	}
	if (!version || !*out->create_type || out->extents == 0)
		return error_set(err, UNRACK_DAMAGED, "%s is not a whole VMDK descriptor: it has no %s",
				 name, !version ? "version" : !*out->create_type ? "createType" : "extent");
	return 0;
}

int vmdk_descriptor_set_adapter(const char *text, size_t n, const char *adapter_type,
				struct buf *out, struct unrack_error *err)
{
	const char *p = text, *end, *line, *v, *from;
	size_t len, vn;
	bool found = false;
	int r = 0;

	if (!adapter_known(adapter_type))
		return error_set(err, UNRACK_INTERNAL, "a VMDK has no adapter type \"%s\"", adapter_type);
	if (n > VMDK_DESCRIPTOR_MAX)
		return error_set(err, UNRACK_DAMAGED, "a VMDK descriptor has at most %u bytes",
				 VMDK_DESCRIPTOR_MAX);
	buf_clear(out);
	end = text_end(text, n);
	for (from = p; r == 0 && next_line(&p, end, &line, &len); from = p) {
		if (value_of(line, len, ADAPTER_KEY, &v, &vn)) {
			/* What is around the text of the line, its end too, stays. */
			r |= buf_append(out, from, (size_t)(line - from));
			r |= buf_printf(out, ADAPTER_KEY " = \"%s\"", adapter_type);
			r |= buf_append(out, line + len, (size_t)(p - line) - len);
			found = true;
		} else {
			r |= buf_append(out, from, (size_t)(p - from));
		}
	}
	if (r == 0 && !found) {
		if (out->len > 0 && out->data[out->len - 1] != '\n')
			r |= buf_puts(out, "\n");
		r |= buf_printf(out, ADAPTER_KEY " = \"%s\"\n", adapter_type);
	}
	return r < 0 ? error_nomem(err) : 0;
}
