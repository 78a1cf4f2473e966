/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "inspect.h"
#include "lines.h"

#define NICS_MAX 64 /* more are ignored */
#define SCRIPTS "/etc/sysconfig/network-scripts"

/* network.hwaddr of DEVICE in kudzu's hwconf: records begin with a line "-" and hold
 * "key: value" lines. Malloc'd; NULL: none. */
static char *hwconf_mac(const struct buf *hwconf, const char *device)
{
	bool is_device = false;
	char *mac = NULL;
	size_t pos = 0;
	struct line l;

	while (line_next(buf_str(hwconf), hwconf->len, &pos, &l)) {
		size_t at = 0, len;
		const char *word;

		line_word(&l, &at, &word, &len);
		if (line_is(word, len, "-")) {
			is_device = false;
		} else if (line_is(word, len, "device:")) {
			line_word(&l, &at, &word, &len);
			is_device = line_is(word, len, device);
		} else if (line_is(word, len, "network.hwaddr:") && is_device) {
			line_word(&l, &at, &word, &len);
			free(mac);
			mac = line_copy(word, len);
		}
	}
	return mac;
}

static bool is_known(const struct guest_facts *f, const char *device)
{
	for (size_t i = 0; i < f->n_nics; i++)
		if (!strcmp(f->nics[i].name, device))
			return true;
	return false;
}

/* The first of LIST that is a card's address, in lower case; the others are freed. */
char *inspect_take_mac(char *list[], size_t n)
{
	char *mac = NULL;

	for (size_t i = 0; i < n; i++) {
		if (!mac && list[i] && vmx_is_mac(list[i]))
			mac = list[i];
		else
			free(list[i]);
	}
	for (char *p = mac; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return mac;
}

static int add_nic(struct guest_facts *f, const char *path, struct ifcfg *c, const struct buf *hwconf,
		   struct unrack_error *err)
{
	/* The last is what a repair made a comment: the VM's card gets the physical address. */
	char *macs[] = { c->hwaddr, hwconf_mac(hwconf, c->device), c->old_hwaddr };
	struct guest_nic *n = &f->nics[f->n_nics++];

	n->name = c->device;
	n->bootproto = c->bootproto;
	n->onboot = c->onboot;
	n->hwaddr = c->hwaddr != NULL;
	n->mac = inspect_take_mac(macs, 3);
	memset(c, 0, sizeof *c);
	n->path = strdup(path);
	for (size_t i = 0; i < f->n_aliases; i++) {
		if (strcmp(f->aliases[i].name, n->name) != 0)
			continue;
		free(n->driver);
		n->driver = strdup(f->aliases[i].module);
		if (!n->driver)
			return error_nomem(err);
	}
	return n->path ? 0 : error_nomem(err);
}

static int find_nics(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 }, hwconf = { 0 };
	bool found;
	int r = inspect_list(g, SCRIPTS, &names, err);

	f->nics = calloc(NICS_MAX, sizeof *f->nics);
	if (!f->nics)
		return error_nomem(err);
	if (r == 0)
		r = inspect_read(g, "/etc/sysconfig/hwconf", &hwconf, &found, err);
	for (size_t at = 0; r == 0 && at < names.len && f->n_nics < NICS_MAX;
	     at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		CLEANUP_BUF struct buf path = { 0 }, text = { 0 };
		struct ifcfg c = { 0 };

		if (!ifcfg_is_config(name))
			continue;
		if (buf_printf(&path, SCRIPTS "/%s", name) < 0)
			return error_nomem(err);
		r = inspect_read(g, buf_str(&path), &text, &found, err);
		if (r == 0)
			r = ifcfg_parse(name, buf_str(&text), text.len, &c, err);
		if (r == 0 && c.card && !is_known(f, c.device))
			r = add_nic(f, buf_str(&path), &c, &hwconf, err);
		ifcfg_free(&c);
	}
	return r;
}

static int read_modconf(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	static const char *const files[] = { "/etc/modprobe.conf", "/etc/modules.conf",
					     "/etc/conf.modules" };
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = 0;

	for (size_t i = 0; r == 0 && !f->modconf && i < sizeof files / sizeof files[0]; i++)
		r = inspect_real(g, files[i], &f->modconf, err);
	if (r < 0 || !f->modconf)
		return r;
	r = inspect_read(g, f->modconf, &text, &found, err);
	return r == 0 ? modconf_parse(buf_str(&text), text.len, &f->aliases, &f->n_aliases, err) : r;
}

static int find_kudzu(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	static const char *const folders[] = { "/etc/rc.d/rc2.d", "/etc/rc.d/rc3.d",
					       "/etc/rc.d/rc4.d", "/etc/rc.d/rc5.d" };
	CLEANUP_BUF struct buf names = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < sizeof folders / sizeof folders[0]; i++) {
		r = inspect_list(g, folders[i], &names, err);
		for (size_t at = 0; r == 0 && at < names.len;
		     at += strlen(buf_str(&names) + at) + 1) {
			const char *name = buf_str(&names) + at;

			f->kudzu |= name[0] == 'S' && strlen(name) == 8 && !strcmp(name + 3, "kudzu");
		}
	}
	return r;
}

/* Since RHEL 7 in a file of its own, which may begin with comments. */
static int read_hostname(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	size_t pos = 0, at = 0, len;
	const char *word;
	struct line l;
	bool found;
	int r = inspect_read(g, "/etc/hostname", &text, &found, err);

	while (r == 0 && !f->hostname && line_next(buf_str(&text), text.len, &pos, &l)) {
		at = 0;
		if (!line_word(&l, &at, &word, &len) || word[0] == '#')
			continue;
		f->hostname = line_copy(word, len);
		if (!f->hostname)
			return error_nomem(err);
	}
	return r;
}

int inspect_net(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = read_modconf(g, f, err);

	if (r == 0)
		r = find_nics(g, f, err);
	if (r == 0)
		r = find_kudzu(g, f, err);
	if (r == 0)
		r = inspect_read(g, "/etc/sysconfig/network", &text, &found, err);
	if (r == 0)
		f->hostname = sysconfig_get(buf_str(&text), text.len, "HOSTNAME");
	return r == 0 && !f->hostname ? read_hostname(g, f, err) : r;
}
