/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which of several systems starts: as the boot loader of the first disk says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "guest_parts.h"
#include "unrack/bootconf.h"
#include "unrack/devname.h"
#include "unrack/edit.h"

/* root= of GRUB legacy's default entry in the filesystem C; NULL: there is none. */
static char *legacy_root(struct search *s, const struct candidate *c)
{
	static const char *const confs[] = { "/grub/grub.conf", "/grub/menu.lst", "/boot/grub/grub.conf",
					     "/boot/grub/menu.lst" };
	CLEANUP_BUF struct buf text = { 0 };
	struct unrack_error dropped;
	struct grubconf conf;
	bool have = false;
	char *root = NULL;

	for (size_t k = 0; k < ARRAY_LEN(confs) && !have; k++)
		have = guest_parts_read_below(s, c, confs[k], &text);
	if (!have || grubconf_parse(buf_str(&text), text.len, &conf, &dropped) < 0)
		return NULL;
	if (conf.default_entry >= 0 && (size_t)conf.default_entry < conf.n &&
	    conf.entries[conf.default_entry].args)
		root = grubconf_argument(conf.entries[conf.default_entry].args, "root");
	grubconf_free(&conf);
	return root;
}

/* root= of the entry in loader/entries that SAVED names. */
static char *entry_root(struct search *s, const struct candidate *c, const char *prefix, const char *saved,
			const char *kernelopts)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct unrack_error dropped;
	struct bls_entry bls;
	char path[300];
	char *root;

	if (snprintf(path, sizeof path, "%s/loader/entries/%s.conf", prefix, saved) >= (int)sizeof path ||
	    strchr(saved, '/') || !guest_parts_read_below(s, c, path, &text) ||
	    bls_parse(buf_str(&text), text.len, &bls, &dropped) < 0)
		return NULL;
	root = grubconf_argument(bls.options, "root");
	bls_free(&bls);
	return root || !kernelopts ? root : grubconf_argument(kernelopts, "root");
}

/* root= of GRUB 2's default entry in the filesystem C. */
static char *grub2_root(struct search *s, const struct candidate *c)
{
	static const char *const prefixes[] = { "", "/boot" };
	CLEANUP_BUF struct buf text = { 0 }, env = { 0 };
	char *saved CLEANUP_FREE = NULL;
	char *kernelopts CLEANUP_FREE = NULL;
	struct unrack_error dropped;
	struct grub2_conf conf;
	const char *prefix = NULL;
	char path[64], *root = NULL;
	int at;

	for (size_t k = 0; k < ARRAY_LEN(prefixes) && !prefix; k++) {
		snprintf(path, sizeof path, "%s/grub2/grub.cfg", prefixes[k]);
		if (guest_parts_read_below(s, c, path, &text))
			prefix = prefixes[k];
	}
	if (!prefix || grub2conf_parse(buf_str(&text), text.len, &conf, &dropped) < 0)
		return NULL;
	snprintf(path, sizeof path, "%s/grub2/grubenv", prefix);
	if (guest_parts_read_below(s, c, path, &env)) {
		saved = grubenv_get(buf_str(&env), env.len, "saved_entry");
		kernelopts = grubenv_get(buf_str(&env), env.len, "kernelopts");
	}
	if (conf.blscfg && saved)
		root = entry_root(s, c, prefix, saved, kernelopts ? kernelopts : conf.kernelopts);
	at = grub2conf_default(&conf, conf.default_saved ? saved : conf.default_value);
	if (!root && !conf.blscfg && at >= 0 && conf.entries[at].args)
		root = grubconf_argument(conf.entries[at].args, "root");
	grub2conf_free(&conf);
	return root;
}

/* The candidate that the guest calls NAME, if it is a root. */
static int find_named(struct search *s, const char *name)
{
	struct devname_map *names = malloc(sizeof *names);
	int found = -1;

	if (!names)
		return -1;
	*names = *s->names;
	devname_map_mention(names, name);
	devname_map_settle(names);
	found = guest_mount_resolve(s->g, names, name);
	free(names);
	return found >= 0 && s->at[found].root ? found : -1;
}

int guest_root_of_loader(struct search *s)
{
	struct guest *g = s->g;
	int active = fsprobe_active(g->disk_heads[0], 512), found = -1;
	bool grub2 = false;

	/* GRUB 2 is where its boot image looks for it; on the first disk there is only one. */
	for (unsigned i = 0; i < g->n_parts; i++) {
		char *root CLEANUP_FREE = NULL;

		if (!s->at[i].at[0] || g->parts[i].disk > 0)
			continue;
		root = grub2_root(s, &s->at[i]);
		if (!root)
			continue;
		if (grub2)
			return -1;
		grub2 = true;
		found = find_named(s, root);
	}
	for (unsigned i = 0; i < g->n_parts && active > 0 && !grub2; i++) {
		char *root CLEANUP_FREE = NULL;

		if (g->parts[i].disk != 0 || g->parts[i].partition != active || !s->at[i].at[0])
			continue;
		root = legacy_root(s, &s->at[i]);
		return root ? find_named(s, root) : -1;
	}
	return found;
}
