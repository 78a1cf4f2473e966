/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The network's configuration, kudzu, and caches of names that are gone. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "inspect.h"
#include "plan_parts.h"

#define SCRIPTS "/etc/sysconfig/network-scripts"
#define NETWORKING "/etc/sysconfig/networking"
#define INODES_MAX 64 /* files of one card; more are left alone */

/* --- Network -------------------------------------------------------------------------- */
/* Comments HWADDR out of the file at PATH unless it is one that was seen (INODES). */
static int free_card(struct plan_job *j, const struct guest_nic *nic, const char *path,
		     uint64_t *inodes, size_t *n, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	char *real CLEANUP_FREE = NULL;
	struct guest_stat st;
	bool found;
	int r = inspect_real(j->g, path, &real, err);

	if (r < 0 || !real)
		return r;
	r = j->g->ops->stat(j->g, real, &st, err);
	for (size_t i = 0; r == 0 && i < *n; i++)
		if (inodes[i] == st.ino)
			return 0; /* a hard link: it changes with the first one */
	inodes[(*n)++] = st.ino;
	if (r == 0)
		r = inspect_read(j->g, real, &before, &found, err);
	if (r == 0)
		r = sysconfig_comment(buf_str(&before), before.len, "HWADDR", &after, err);
	if (r == 0)
		r = plan_add_text(j, real, &before, &after,
				  say("%s would refuse any card but the one with the address "
				      "%s; it is the only card, "
				      "so it needs no address",
				      nic->name, nic->mac ? nic->mac : "it had"),
				  err);
	return r;
}

/* Every file of network-scripts that configures the card: the scripts start them all. */
static int free_scripts(struct plan_job *j, const struct guest_nic *nic, uint64_t *inodes, size_t *n,
			struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 }, text = { 0 };
	int r = inspect_list(j->g, SCRIPTS, &names, err);
	char path[512];
	bool found;

	for (size_t at = 0; r == 0 && at < names.len && *n < INODES_MAX;
	     at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		struct ifcfg c = { 0 };

		if (!ifcfg_is_config(name))
			continue;
		snprintf(path, sizeof path, SCRIPTS "/%s", name);
		r = inspect_read(j->g, path, &text, &found, err);
		if (r == 0)
			r = ifcfg_parse(name, buf_str(&text), text.len, &c, err);
		if (r == 0 && c.card && !strcmp(c.device, nic->name))
			r = free_card(j, nic, path, inodes, n, err);
		ifcfg_free(&c);
	}
	return r;
}

int plan_network(struct plan_job *j, struct unrack_error *err)
{
	const struct guest_nic *nic = j->f->nics;
	CLEANUP_BUF struct buf profiles = { 0 };
	uint64_t inodes[INODES_MAX];
	char path[512];
	size_t n = 0;
	int r = 0;

	/* Later ones take a card's name from its address, see plan_cards. */
	if (j->f->n_nics && (j->f->major > RELEASE_DRACUT ||
			     (j->f->major == RELEASE_DRACUT && strncmp(nic->name, "eth", 3) != 0)))
		return 0;
	/* Several cards are told apart by the addresses, which the VM's cards get too. */
	if (j->f->n_nics > 1) {
		for (size_t i = 0; r == 0 && i < j->f->n_nics; i++)
			if (!nic[i].mac)
				r = plan_warn(j,
					      say("%s has no HWADDR: with several cards in the "
						  "VM it may get "
						  "another one's name",
						  nic[i].name),
					      err);
		return r;
	}
	if (j->f->n_nics == 0)
		return plan_warn(j, say("no network card is configured in the guest"), err);
	r = free_scripts(j, nic, inodes, &n, err);
	/* system-config-network keeps copies, hard links as a rule, by profile. */
	snprintf(path, sizeof path, NETWORKING "/devices/ifcfg-%s", nic->name);
	if (r == 0 && n < INODES_MAX)
		r = free_card(j, nic, path, inodes, &n, err);
	if (r == 0)
		r = inspect_list(j->g, NETWORKING "/profiles", &profiles, err);
	for (size_t at = 0; r == 0 && at < profiles.len && n < INODES_MAX;
	     at += strlen(buf_str(&profiles) + at) + 1) {
		snprintf(path, sizeof path, NETWORKING "/profiles/%s/ifcfg-%s",
			 buf_str(&profiles) + at, nic->name);
		r = free_card(j, nic, path, inodes, &n, err);
	}
	return r;
}

/* --- kudzu ---------------------------------------------------------------------------- */
static bool is_link(const char *name, char letter)
{
	return name[0] == letter && strlen(name) == 8 && !strcmp(name + 3, "kudzu");
}

static int stop_in_runlevel(struct plan_job *j, const char *folder, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	bool stopped = false;
	int r = inspect_list(j->g, folder, &names, err);

	for (size_t at = 0; r == 0 && at < names.len; at += strlen(buf_str(&names) + at) + 1)
		stopped |= is_link(buf_str(&names) + at, 'K');
	for (size_t at = 0; r == 0 && at < names.len; at += strlen(buf_str(&names) + at) + 1) {
		const char *name = buf_str(&names) + at;
		char from[128], to[128];

		if (!is_link(name, 'S'))
			continue;
		snprintf(from, sizeof from, "%s/%s", folder, name);
		snprintf(to, sizeof to, "%s/K95kudzu", folder);
		r = plan_add_move(j, stopped ? EDIT_REMOVE : EDIT_RENAME, from, stopped ? NULL : to,
				  NULL,
				  say("at the first boot kudzu would put the configuration of "
				      "the old network card aside"),
				  err);
		stopped = true;
	}
	return r;
}

int plan_kudzu(struct plan_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	char folder[32];
	bool found;
	int r = 0;

	for (int level = 2; r == 0 && level <= 5; level++) {
		snprintf(folder, sizeof folder, "/etc/rc.d/rc%d.d", level);
		r = stop_in_runlevel(j, folder, err);
	}
	if (r == 0)
		r = inspect_read(j->g, "/etc/sysconfig/hwconf", &text, &found, err);
	if (r == 0 && found)
		r = plan_add_move(j, EDIT_REMOVE, "/etc/sysconfig/hwconf", NULL, &text,
				  say("kudzu's list of the physical machine's devices: started "
				      "by hand, kudzu would "
				      "unconfigure those that are missing"),
				  err);
	return r;
}

/* --- LVM ------------------------------------------------------------------------------ */
/* The filter of TEXT hid the partition P from the physical machine too, on purpose. */
static bool was_hidden(const struct plan_job *j, const struct buf *text, const struct guest_part *p)
{
	bool hidden = false;

	for (size_t i = 0; i < j->f->names.n; i++) {
		const struct devname_mapped *m = &j->f->names.at[i];
		char name[DEVNAME_MAX + 32];
		const char *p_of_cciss = isdigit((unsigned char)m->disk[strlen(m->disk) - 1]) ? "p" : "";

		if (m->image != p->disk)
			continue;
		if (p->partition)
			snprintf(name, sizeof name, "/dev/%s%s%d", m->disk, p_of_cciss, p->partition);
		else
			snprintf(name, sizeof name, "/dev/%s", m->disk);
		hidden = lvmconf_rejects(buf_str(text), text->len, name) > 0;
		if (!hidden)
			return false;
	}
	return hidden;
}

int plan_lvm_filter(struct plan_job *j, const struct buf *before, struct buf *after, char hidden[DEVNAME_MAX],
		    struct unrack_error *err)
{
	CLEANUP_BUF struct buf next = { 0 };
	int r = 0;

	hidden[0] = '\0';
	buf_clear(after);
	if (buf_append(after, before->data, before->len) < 0)
		return error_nomem(err);
	for (unsigned i = 0; r == 0 && i < j->g->n_parts; i++) {
		const struct guest_part *p = &j->g->parts[i];
		char name[DEVNAME_MAX];

		if (p->disk < 0 || strcmp(p->fstype, "LVM2_member") != 0)
			continue;
		devname_make(j->names.prefix, (unsigned)p->disk, (unsigned)p->partition, name);
		if (!lvmconf_rejects(buf_str(after), after->len, name) || was_hidden(j, before, p))
			continue;
		memcpy(hidden, name, sizeof name);
		r = lvmconf_edit(buf_str(after), after->len, name, j->names.prefix, &next, err);
		buf_clear(after);
		if (r == 0 && buf_append(after, next.data, next.len) < 0)
			return error_nomem(err);
	}
	return r;
}

int plan_lvm(struct plan_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	char *real CLEANUP_FREE = NULL;
	char hidden[DEVNAME_MAX] = "";
	bool found;
	int r = inspect_real(j->g, "/etc/lvm/lvm.conf", &real, err);

	if (r < 0 || !real)
		return r;
	r = inspect_read(j->g, real, &before, &found, err);
	if (r == 0)
		r = plan_lvm_filter(j, &before, &after, hidden, err);
	if (r < 0 || !hidden[0])
		return r;
	return plan_add_text(j, real, &before, &after,
			     say("its filter hides %s, which is a physical volume of the guest",
				 hidden),
			     err);
}

/* --- Caches --------------------------------------------------------------------------- */
/* A name in TEXT that means another disk in the VM, or none; false: there is none. */
static bool find_stale(const struct plan_job *j, const struct buf *text, char name[DEVNAME_MAX])
{
	const char *p = buf_str(text);
	size_t left = text->len, at, len;

	for (devname_find(p, left, &at, &len); len; devname_find(p, left, &at, &len)) {
		char new[DEVNAME_MAX];

		memcpy(name, p + at, len); /* devname_find gives no name that is longer */
		name[len] = '\0';
		if (devname_translate(&j->names, name, new) != DEVNAME_KEPT)
			return true;
		p += at + len;
		left -= at + len;
	}
	return false;
}

int plan_caches(struct plan_job *j, struct unrack_error *err)
{
	static const char *const files[] = { "/etc/blkid/blkid.tab",  "/etc/blkid/blkid.tab.old",
					     "/etc/blkid.tab",	      "/etc/blkid.tab.old",
					     "/etc/lvm/cache/.cache", "/etc/lvm/.cache" };
	CLEANUP_BUF struct buf text = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++) {
		char *real CLEANUP_FREE = NULL;
		char name[DEVNAME_MAX];
		bool found;

		r = inspect_real(j->g, files[i], &real, err);
		if (r < 0 || !real)
			continue;
		r = inspect_read(j->g, real, &text, &found, err);
		if (r == 0 && find_stale(j, &text, name))
			r = plan_add_move(
				j, EDIT_REMOVE, real, NULL, &text,
				say("a cache that still names %s; the system makes a new one", name),
				err);
	}
	return r;
}
