/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Network cards as RHEL 6 and later know them: keyfiles of NetworkManager, and what gives a
 * card its name: udev's rules and systemd's .link files. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "inspect.h"
#include "unrack/netconf.h"

#define KEYFILES "/etc/NetworkManager/system-connections"
#define RULES "/etc/udev/rules.d"
#define LINKS "/etc/systemd/network"
#define NICS_MAX 64 /* as inspect_net has room for */

/* --- Keyfiles --------------------------------------------------------------------------- */
static bool is_known(const struct guest_facts *f, const char *name)
{
	for (size_t i = 0; i < f->n_nics; i++)
		if (!strcmp(f->nics[i].name, name))
			return true;
	return false;
}

static int add_keyfile(struct guest_facts *f, const char *path, struct nm_keyfile *k,
		       struct unrack_error *err)
{
	struct guest_nic *n = &f->nics[f->n_nics++];
	char *macs[] = { k->mac };

	n->unnamed = !k->interface || !*k->interface;
	n->name = n->unnamed ? k->id : k->interface;
	*(n->unnamed ? &k->id : &k->interface) = NULL;
	n->keyfile = true;
	n->hwaddr = k->mac != NULL;
	n->mac = inspect_take_mac(macs, 1);
	k->mac = NULL;
	n->bootproto = k->method;
	k->method = NULL;
	n->onboot = k->autoconnect;
	n->path = strdup(path);
	return n->path ? 0 : error_nomem(err);
}

static int find_keyfiles(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	int r = inspect_list(g, KEYFILES, &names, err);
	bool found;

	for (size_t at = 0; r == 0 && at < names.len && f->n_nics < NICS_MAX;
	     at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		CLEANUP_BUF struct buf path = { 0 }, text = { 0 };
		struct nm_keyfile k = { 0 };

		/* NetworkManager passes over what editors leave, too. */
		if (name[0] == '.' || name[strlen(name) - 1] == '~')
			continue;
		if (buf_printf(&path, KEYFILES "/%s", name) < 0)
			return error_nomem(err);
		r = inspect_read(g, buf_str(&path), &text, &found, err);
		if (r == 0)
			r = nm_keyfile_parse(buf_str(&text), text.len, &k, err);
		if (r == 0 && k.card && !is_known(f, k.interface && *k.interface ? k.interface : k.id))
			r = add_keyfile(f, buf_str(&path), &k, err);
		nm_keyfile_free(&k);
	}
	return r;
}

/* --- Names ------------------------------------------------------------------------------ */
/* PATH calls the card with the address MAC (NULL: any) NAME. */
static int learn_name(struct guest_facts *f, const char *path, const char *name, const char *mac,
		      struct unrack_error *err)
{
	for (size_t i = 0; i < f->n_nics; i++) {
		struct guest_nic *n = &f->nics[i];
		char *macs[] = { mac ? strdup(mac) : NULL };

		if (mac && !macs[0])
			return error_nomem(err);
		macs[0] = inspect_take_mac(macs, 1);
		if (n->unnamed || strcmp(n->name, name) != 0 || (mac && !macs[0]) ||
		    (n->mac && macs[0] && strcmp(n->mac, macs[0]) != 0)) {
			free(macs[0]);
			continue;
		}
		if (n->mac)
			free(macs[0]);
		else
			n->mac = macs[0];
		if (!n->rule)
			n->rule = strdup(path);
		return n->rule ? 0 : error_nomem(err);
	}
	return 0;
}

static int learn_rules(struct guest *g, struct guest_facts *f, const char *path, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct udev_rule rule;
	unsigned line = 0;
	size_t pos = 0;
	bool found;
	int r = inspect_read(g, path, &text, &found, err);

	while (r == 0 && udev_rule_next(buf_str(&text), text.len, &pos, &line, &rule)) {
		if (!rule.bound)
			r = learn_name(f, path, rule.name, rule.mac, err);
		udev_rule_free(&rule);
	}
	return r;
}

static int learn_link(struct guest *g, struct guest_facts *f, const char *path, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	char *name, *mac;
	bool found;
	int r = inspect_read(g, path, &text, &found, err);

	if (r < 0)
		return r;
	name = ini_get(buf_str(&text), text.len, "Link", "Name");
	mac = ini_get(buf_str(&text), text.len, "Match", "MACAddress");
	if (!mac)
		mac = ini_get(buf_str(&text), text.len, "Match", "PermanentMACAddress");
	/* Without an address it may match anything, or nothing. */
	if (name && mac)
		r = learn_name(f, path, name, mac, err);
	free(name);
	free(mac);
	return r;
}

static int learn_folder(struct guest *g, struct guest_facts *f, const char *folder, const char *suffix,
			int (*learn)(struct guest *, struct guest_facts *, const char *,
				     struct unrack_error *),
			struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	int r = inspect_list(g, folder, &names, err);

	for (size_t at = 0; r == 0 && at < names.len; at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		size_t n = strlen(name), m = strlen(suffix);
		CLEANUP_BUF struct buf path = { 0 };
		char *real CLEANUP_FREE = NULL;

		if (n <= m || strcmp(name + n - m, suffix) != 0)
			continue;
		if (buf_printf(&path, "%s/%s", folder, name) < 0)
			return error_nomem(err);
		r = inspect_real(g, buf_str(&path), &real, err);
		if (r == 0 && real)
			r = learn(g, f, real, err);
	}
	return r;
}

int inspect_cards(struct guest *g, struct guest_facts *f, struct unrack_error *err)
{
	int r = find_keyfiles(g, f, err);

	if (r == 0)
		r = learn_folder(g, f, RULES, ".rules", learn_rules, err);
	/* systemd of RHEL 7 leaves names to rules. */
	if (r == 0 && f->major >= 8)
		r = learn_folder(g, f, LINKS, ".link", learn_link, err);
	return r;
}
