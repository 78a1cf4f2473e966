/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "inspect.h"

static const struct {
	const char *starts;
	const char *family; /* NULL: certainly another system */
} known[] = {
	{ "Red Hat Enterprise Linux", "rhel" },
	{ "Red Hat Linux Advanced Server", "rhel" }, /* 2.1 */
	{ "CentOS", "centos" },
	{ "Oracle Linux", "oracle" },
	{ "Enterprise Linux Enterprise Linux", "oracle" }, /* Oracle's, up to 5 */
	{ "Scientific Linux", "scientific" },
	{ "Rocky Linux", "rocky" },
	{ "AlmaLinux", "almalinux" },
	{ "Red Hat Linux", NULL },
	{ "Fedora", NULL },
	{ "Mandrake", NULL },
	{ "Mandriva", NULL },
};

void inspect_parse_release(const char *text, const char **family, int *major, int *minor)
{
	const char *p = strstr(text, "release "), *update;
	char *end;

	*family = "";
	*major = 0;
	*minor = -1;
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (!strncmp(text, known[i].starts, strlen(known[i].starts))) {
			*family = known[i].family;
			break;
		}
	}
	if (!p || !isdigit((unsigned char)p[8]))
		return;
	*major = (int)(strtoul(p + 8, &end, 10) % 10000);
	if (*end == '.' && isdigit((unsigned char)end[1]))
		*minor = (int)(strtoul(end + 1, NULL, 10) % 10000);
	/* "release 4 (Nahant Update 8)" */
	update = strstr(end, "Update ");
	if (*minor < 0 && update && isdigit((unsigned char)update[7]))
		*minor = (int)(strtoul(update + 7, NULL, 10) % 10000);
}

int inspect_parse_os_release(const char *text, size_t n, const char **family, int *major, int *minor)
{
	/* os-release(5): ID, ID_LIKE, VERSION_ID. */
	static const struct {
		const char *id, *family;
	} ids[] = {
		{ "rhel", "rhel" }, { "centos", "centos" }, { "ol", "oracle" }, { "scientific", "scientific" },
		{ "rocky", "rocky" }, { "almalinux", "almalinux" },
	};
	char *id = sysconfig_get(text, n, "ID"), *like = sysconfig_get(text, n, "ID_LIKE");
	char *version = sysconfig_get(text, n, "VERSION_ID"), *end;

	*family = NULL;
	*major = 0;
	*minor = -1;
	for (size_t i = 0; id && i < ARRAY_LEN(ids); i++)
		if (!strcmp(id, ids[i].id))
			*family = ids[i].family;
	if (!*family && like && strstr(like, "rhel"))
		*family = "rhel";
	if (version && isdigit((unsigned char)*version)) {
		*major = (int)(strtoul(version, &end, 10) % 10000);
		if (*end == '.' && isdigit((unsigned char)end[1]))
			*minor = (int)(strtoul(end + 1, NULL, 10) % 10000);
	}
	free(id);
	free(like);
	free(version);
	return *family && *major ? 0 : -1;
}

static int refuse(const char *what, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSUPPORTED,
			 "the system is %s; unrack knows Red Hat Enterprise Linux 2.1 to 10 "
			 "and its rebuilds",
			 what);
}

/* A system without redhat-release: a rebuild that says so in os-release, or another one. */
static int read_os_release(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	const char *family;
	char *name;
	bool found;
	int r = inspect_read(g, "/etc/os-release", &text, &found, err);

	if (r < 0)
		return r;
	name = sysconfig_get(buf_str(&text), text.len, "PRETTY_NAME");
	if (name && inspect_parse_os_release(buf_str(&text), text.len, &family, &f->major, &f->minor) == 0 &&
	    f->major >= 7 && f->major <= 10) {
		f->release = name;
		f->family = strdup(family);
		return f->family ? 0 : error_nomem(err);
	}
	r = refuse(name ? name : "unknown (it has no /etc/redhat-release)", err);
	free(name);
	return r;
}

int inspect_release(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	/* Oracle's systems have a redhat-release that says Red Hat. */
	static const char *const files[] = { "/etc/oracle-release", "/etc/enterprise-release",
					     "/etc/redhat-release" };
	CLEANUP_BUF struct buf text = { 0 };
	const char *family;
	bool found = false;
	int r;

	for (size_t i = 0; i < ARRAY_LEN(files) && !found; i++) {
		r = inspect_read(g, files[i], &text, &found, err);
		if (r < 0)
			return r;
	}
	if (!found)
		return read_os_release(g, f, err);
	f->release = strndup(buf_str(&text), strcspn(buf_str(&text), "\r\n"));
	if (!f->release)
		return error_nomem(err);
	inspect_parse_release(f->release, &family, &f->major, &f->minor);
	if (!family || f->major < 2 || f->major > 10)
		return refuse(f->release, err);
	f->family = strdup(family);
	return f->family ? 0 : error_nomem(err);
}

/* "2.6.18-398.el5", "2.6.9-89.ELsmp", "2.4.21-63.EL", "2.4.9-e.72" */
static bool is_of_release(const char *kver, int major)
{
	char el[16];
	const char *p;

	if (major == 2)
		return strstr(kver, "-e.") != NULL;
	if (major < 5)
		return strstr(kver, ".EL") != NULL;
	snprintf(el, sizeof el, ".el%d", major);
	p = strstr(kver, el);
	return p && !isdigit((unsigned char)p[strlen(el)]);
}

int inspect_confirm(struct guest_facts *f, struct unrack_error *err)
{
	if (f->family[0])
		return 0;
	for (size_t i = 0; i < f->n_kernels; i++) {
		if (!is_of_release(f->kernels[i].kver, f->major))
			continue;
		free(f->family);
		f->family = strdup("rhel");
		return f->family ? 0 : error_nomem(err);
	}
	return refuse(f->release, err);
}
