/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/vec.h"
#include "lines.h"
#include "unrack/edit.h"

#define FSTAB_LINES_MAX 4096 /* more are ignored */

DEFINE_VEC(entry_vec, struct fstab_entry);

void fstab_free(struct fstab_entry *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(at[i].device);
		free(at[i].where);
		free(at[i].type);
		free(at[i].options);
	}
	free(at);
}

int fstab_parse(const char *text, size_t n, struct fstab_entry **out, size_t *count,
		struct unrack_error *err)
{
	struct entry_vec v = { 0 };
	char(*f)[256] = malloc(6 * sizeof *f);
	unsigned line = 0;
	size_t pos = 0;
	bool bad = !f;

	while (!bad && v.len < FSTAB_LINES_MAX && fields_next(text, n, &pos, &line, f, 6)) {
		struct fstab_entry e = { .line = line };

		if (f[5][0] >= '1' && f[5][0] <= '9')
			e.passno = f[5][0] - '0';
		if (!f[2][0])
			continue;
		e.device = strdup(f[0]);
		e.where = strdup(f[1]);
		e.type = strdup(f[2]);
		e.options = strdup(f[3][0] ? f[3] : "defaults");
		bad = entry_vec_push(&v, e) < 0;
		if (bad) {
			free(e.device);
			free(e.where);
			free(e.type);
			free(e.options);
		} else {
			bad = !e.device || !e.where || !e.type || !e.options;
		}
	}
	free(f);
	if (bad) {
		fstab_free(v.at, v.len);
		return error_nomem(err);
	}
	*out = v.at;
	*count = v.len;
	return 0;
}

bool fstab_has_option(const struct fstab_entry *e, const char *option)
{
	size_t n = strlen(option);

	for (const char *p = e->options; *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, option, n) && (p[n] == ',' || !p[n]))
			return true;
	return false;
}

bool fstab_is_local(const struct fstab_entry *e)
{
	static const char *const elsewhere[] = {
		"proc", "sysfs", "tmpfs", "devpts", "usbfs", "usbdevfs", "devtmpfs", "debugfs", "configfs", "cgroup",
		"none", "autofs", "nfs", "nfs4", "cifs", "smbfs", "ncpfs", "iso9660", "udf", "binfmt_misc", "rootfs",
		"kudzu", "ignore", "hugetlbfs", "rpc_pipefs", "selinuxfs", "securityfs", "bind",
	};

	if (fstab_has_option(e, "noauto") || fstab_has_option(e, "_netdev") ||
	    fstab_has_option(e, "bind") ||
	    !strncmp(e->device, "/dev/fd", 7) || !strncmp(e->device, "/dev/cdrom", 10))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
		if (!strcmp(e->type, elsewhere[i]))
			return false;
	return true;
}
