/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "unrack/json.h"
#include "unrack/proc.h"

#define QUICK_SECONDS 120    /* a lock on NFS may never come */
#define COMMIT_SECONDS 7200

int overlay_relative(const char *folder, const char *file, struct buf *out)
{
	size_t same = 0, i;

	buf_clear(out);
	/* The components that both have, including the slash behind them. */
	for (i = 0; folder[i] && folder[i] == file[i]; i++)
		if (folder[i] == '/')
			same = i + 1;
	if (!folder[i] && file[i] == '/')
		same = i + 1;
	for (const char *p = folder + (same < strlen(folder) ? same : strlen(folder)); *p;) {
		p += strcspn(p, "/");
		p += strspn(p, "/");
		if (buf_puts(out, "../") < 0)
			return -1;
	}
	if (out->len == 0 && buf_puts(out, "./") < 0)
		return -1;
	return buf_puts(out, file + same);
}

/* The folder of an absolute PATH, resolved; malloc'd. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[4096];

	if (!slash || (size_t)(slash + 1 - path) >= sizeof folder)
		return NULL;
	memcpy(folder, path, (size_t)(slash + 1 - path));
	folder[slash + 1 - path] = '\0';
	return realpath(folder, NULL);
}

/* Another program's lock is told by qemu-img in words only. */
static int explain(const char *what, struct unrack_error *err)
{
	if (strstr(err->text, " lock") || strstr(err->text, "another process"))
		return error_set(err, UNRACK_UNSAFE, "%s is in use by another program, perhaps a running VM; "
				 "end that and run the same command again", what);
	if (strstr(err->text, "No space left") || strstr(err->text, "quota exceeded")) {
		error_prefix(err, "can't write %s", what);
		return err->code = UNRACK_NOSPACE;
	}
	return error_prefix(err, "can't work on %s", what);
}

int overlay_create(const char *overlay, const char *base, const struct log *log,
		   struct unrack_error *err)
{
	char *folder CLEANUP_FREE = folder_of(overlay);
	char *file CLEANUP_FREE = realpath(base, NULL);
	CLEANUP_BUF struct buf backing = { 0 };
	int r;

	if (!file)
		return error_errno(err, errno, "can't open %s", base);
	if (!folder)
		return error_set(err, UNRACK_IO, "there is no folder for %s", overlay);
	if (overlay_relative(folder, file, &backing) < 0)
		return error_nomem(err);
	const char *const argv[] = { "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-o",
				     "cluster_size=65536", "-b", buf_str(&backing), overlay, NULL };

	r = proc_check(argv, NULL, QUICK_SECONDS, log, err);
	return r < 0 ? explain(overlay, err) : 0;
}

int overlay_settle(const struct io *io, const char *overlay, const struct log *log,
		   struct unrack_error *err)
{
	const char *const argv[] = { "qemu-img", "check", "-q", "-f", "qcow2", overlay, NULL };
	struct unrack_error dropped;
	int fd = -1, r = proc_check(argv, NULL, QUICK_SECONDS, log, err);

	if (r < 0)
		return explain(overlay, err);
	r = io_open(io, overlay, O_RDONLY, 0, &fd, err);
	if (r < 0)
		return r;
	r = io_fdatasync(io, fd, overlay, err);
	if (r < 0) {
		io_close(io, &fd, overlay, &dropped);
		return r;
	}
	r = io_close(io, &fd, overlay, err);
	return r < 0 ? r : io_fsync_parent(io, overlay, err);
}

static int bad_map(const char *name, struct unrack_error *err)
{
	return error_set(err, UNRACK_DAMAGED, "qemu-img's map of %s makes no sense", name);
}

int overlay_map_parse(const char *text, size_t n, const char *name, uint64_t disk_bytes,
		      struct overlay_ranges *out, struct unrack_error *err)
{
	struct json *map = NULL;
	uint64_t at = 0;
	int r = json_parse(text, n, name, &map, err);

	out->len = 0;
	for (size_t i = 0; r == 0 && i < json_len(map); i++) {
		const struct json *e = json_at(map, i);
		int64_t start = json_int(e, "start", -1), length = json_int(e, "length", -1);

		if (!json_has(e, "present")) {
			r = error_set(err, UNRACK_MISSING, "qemu-img is too old: its maps don't tell what an "
				      "overlay holds; install QEMU 6.1 or later");
		} else if (start < 0 || (uint64_t)start != at || length <= 0 ||
			   (uint64_t)length > disk_bytes - at) {
			r = bad_map(name, err);
		} else {
			struct overlay_range *last = out->len ? &out->at[out->len - 1] : NULL;

			at += (uint64_t)length;
			if (!json_bool(e, "present", false))
				continue;
			if (last && last->start + last->length == (uint64_t)start)
				last->length += (uint64_t)length;
			else if (overlay_ranges_push(out, (struct overlay_range){ (uint64_t)start,
									    (uint64_t)length }) < 0)
				r = error_nomem(err);
		}
	}
	if (r == 0 && at != disk_bytes)
		r = bad_map(name, err);
	json_free(map);
	return r;
}

int overlay_map(const char *overlay, uint64_t disk_bytes, const struct log *log,
		struct overlay_ranges *out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf spec = { 0 }, text = { 0 };
	struct json *image = json_new_object(), *file = json_new_object();
	int r;

	/* Without its base, whose holes, perhaps millions, would be listed too. */
	if (!image || !file || json_set(image, "file", file) < 0 ||
	    json_set_str(file, "driver", "file") < 0 || json_set_str(file, "filename", overlay) < 0 ||
	    json_set_str(image, "driver", "qcow2") < 0 || json_set_str(image, "backing", NULL) < 0 ||
	    buf_puts(&spec, "json:") < 0 || json_write(image, false, &spec) < 0) {
		json_free(image);
		return error_nomem(err);
	}
	json_free(image);
	const char *const argv[] = { "qemu-img", "map", "--output=json", buf_str(&spec), NULL };

	r = proc_check(argv, &text, QUICK_SECONDS, log, err);
	if (r < 0)
		return explain(overlay, err);
	return overlay_map_parse(buf_str(&text), text.len, overlay, disk_bytes, out, err);
}

int overlay_commit(const char *overlay, const struct log *log, struct unrack_error *err)
{
	const char *const direct[] = { "qemu-img", "commit", "-q", "-d", "-t", "none", "-f", "qcow2",
				       overlay, NULL };
	const char *const cached[] = { "qemu-img", "commit", "-q", "-d", "-t", "writeback", "-f", "qcow2",
				       overlay, NULL };
	int r = proc_check(direct, NULL, COMMIT_SECONDS, log, err);

	/* No O_DIRECT here (tmpfs), or a disk that does not end at its alignment: 512 bytes are
	 * a disk's sector, 4096 often the filesystem's. */
	if (r < 0 && r != UNRACK_INTERRUPTED &&
	    (strstr(err->text, "O_DIRECT") || strstr(err->text, "alignment"))) {
		log_debug(log, "%s: %s; going through the page cache", overlay, err->text);
		r = proc_check(cached, NULL, COMMIT_SECONDS, log, err);
	}
	if (r < 0 && r != UNRACK_INTERRUPTED)
		explain(overlay, err);
	return r < 0 ? err->code : 0;
}
