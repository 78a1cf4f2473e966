/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "unrack/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define PIECE (2u << 20)
#define LINKS_MAX 40 /* as in the kernel */
#define COMPONENTS_MAX 1024

bool guest_exists(struct guest *g, const char *path)
{
	struct unrack_error dropped;
	struct guest_stat st;

	return g->ops->stat(g, path, &st, &dropped) == 0 && st.type != GUEST_NONE;
}

int guest_read_if(struct guest *g, const char *path, uint64_t limit, struct buf *out, bool *found,
		  struct unrack_error *err)
{
	int r = g->ops->read(g, path, limit, out, err);

	*found = r == 0;
	if (r == UNRACK_IO && err->sys_errno == ENOENT) {
		buf_clear(out);
		r = 0;
	}
	return r;
}

int guest_write_from(struct guest *g, const char *path, int fd, uint32_t mode, uint32_t uid, uint32_t gid,
		     const char *label_from, struct unrack_error *err)
{
	uint8_t *piece CLEANUP_FREE = malloc(PIECE);
	ssize_t n;
	off_t at = 0;
	int r = piece ? 0 : error_nomem(err);

	while (r == 0) {
		n = pread(fd, piece, PIECE, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return error_errno(err, errno, "can't read the temporary file for the guest's %s", path);
		if (n == 0 && at)
			break;
		r = at ? g->ops->append(g, path, piece, (size_t)n, err) :
			 g->ops->write(g, path, piece, (size_t)n, mode, uid, gid, label_from, err);
		if (n == 0)
			break;
		at += n;
	}
	return r;
}

/* Cuts the last component off REAL; "/" is the empty string here. */
static void go_up(struct buf *real)
{
	while (real->len && real->data[real->len - 1] != '/')
		real->len--;
	if (real->len)
		real->len--;
	if (real->data)
		real->data[real->len] = '\0';
}

int guest_resolve(struct guest *g, const char *path, struct buf *real, struct unrack_error *err)
{
	CLEANUP_BUF struct buf todo = { 0 }, target = { 0 }, next = { 0 };
	unsigned links = 0, components = 0;
	size_t at = 0;
	int r;

	buf_clear(real);
	if (buf_puts(&todo, path) < 0)
		return error_nomem(err);
	for (;;) {
		const char *rest = buf_str(&todo) + at;
		size_t before = real->len, n;
		struct guest_stat st;

		rest += strspn(rest, "/");
		n = strcspn(rest, "/");
		if (n == 0)
			break;
		if (++components > COMPONENTS_MAX)
			return error_set(err, UNRACK_DAMAGED, "the guest's path %s does not end", path);
		at = (size_t)(rest - buf_str(&todo)) + n;
		if (n == 1 && rest[0] == '.')
			continue;
		if (n == 2 && !strncmp(rest, "..", 2)) {
			go_up(real);
			continue;
		}
		if (buf_puts(real, "/") < 0 || buf_append(real, rest, n) < 0)
			return error_nomem(err);
		r = g->ops->lstat(g, buf_str(real), &st, err);
		if (r < 0)
			return r;
		if (st.type == GUEST_NONE && rest[n + strspn(rest + n, "/")]) {
			r = error_set(err, UNRACK_IO, "the guest has no folder %s", buf_str(real));
			err->sys_errno = ENOENT;
			return r;
		}
		if (st.type != GUEST_LINK)
			continue;
		if (++links > LINKS_MAX)
			return error_set(err, UNRACK_DAMAGED,
					 "the guest's path %s goes through too many symbolic links", path);
		r = g->ops->readlink(g, buf_str(real), &target, err);
		if (r < 0)
			return r;
		/* The link's target takes the place of what has been walked of the path. */
		buf_clear(&next);
		if (buf_append(&next, target.data, target.len) < 0 ||
		    buf_puts(&next, buf_str(&todo) + at) < 0)
			return error_nomem(err);
		buf_clear(&todo);
		if (buf_append(&todo, next.data, next.len) < 0)
			return error_nomem(err);
		at = 0;
		real->len = buf_str(&target)[0] == '/' ? 0 : before;
		real->data[real->len] = '\0';
	}
	if (real->len == 0 && buf_puts(real, "/") < 0)
		return error_nomem(err);
	return 0;
}

int guest_finish(struct guest *g, struct unrack_error *err)
{
	return g->ops->finish(g, err);
}

void guest_close(struct guest *g)
{
	if (!g)
		return;
	for (unsigned i = 0; i < g->n_mounts; i++) {
		struct guest_mount *m = &g->mounts[i];

		free(m->where);
		free(m->device);
		free(m->fstype);
		free(m->label);
		free(m->uuid);
	}
	free(g->mounts);
	g->mounts = NULL;
	g->n_mounts = 0;
	for (unsigned i = 0; i < g->n_parts; i++) {
		struct guest_part *p = &g->parts[i];

		free(p->device);
		free(p->fstype);
		free(p->label);
		free(p->uuid);
	}
	free(g->parts);
	g->parts = NULL;
	g->n_parts = 0;
	g->ops->close(g);
}

enum guest_type guest_type_of(uint32_t mode)
{
	if (S_ISREG(mode))
		return GUEST_FILE;
	if (S_ISDIR(mode))
		return GUEST_DIR;
	return S_ISLNK(mode) ? GUEST_LINK : GUEST_OTHER;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int guest_sort_names(struct buf *names)
{
	CLEANUP_BUF struct buf sorted = { 0 };
	const char **at;
	size_t n = 0, i = 0;

	for (size_t k = 0; k < names->len; k++)
		n += names->data[k] == '\0';
	if (n < 2)
		return 0;
	at = malloc(n * sizeof *at);
	if (!at)
		return -1;
	for (const char *s = buf_str(names); i < n; s += strlen(s) + 1)
		at[i++] = s;
	qsort(at, n, sizeof *at, compare_names);
	for (i = 0; i < n; i++)
		if (buf_append(&sorted, at[i], strlen(at[i]) + 1) < 0)
			break;
	free(at);
	if (i < n)
		return -1;
	buf_free(names);
	*names = sorted;
	memset(&sorted, 0, sizeof sorted);
	return 0;
}
