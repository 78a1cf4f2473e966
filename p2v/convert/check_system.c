/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes after the root: console, network; and the entries that do not start by default. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "cards.h"
#include "check_parts.h"
#include "drivers.h"
#include "inspect.h"
#include "lines.h"

#define RELEASE_RULES 6 /* from here on rules name cards by their addresses */

/* The first line of inittab that starts a getty on a serial port: its number, or 0. */
static unsigned serial_getty(const struct buf *inittab)
{
	unsigned number = 0;
	size_t pos = 0;
	struct line l;

	while (line_next(buf_str(inittab), inittab->len, &pos, &l)) {
		number++;
		if (l.len && l.text[0] != '#' && memmem(l.text, l.len, ":respawn:", 9) &&
		    memmem(l.text, l.len, "ttyS", 4))
			return number;
	}
	return 0;
}

int check_console(struct check_job *j, struct unrack_error *err)
{
	char *console CLEANUP_FREE =
		j->entry && j->entry->args ? grubconf_argument(j->entry->args, "console") : NULL;
	CLEANUP_BUF struct buf inittab = { 0 };
	unsigned line;
	bool found;
	int r = inspect_read(j->g, "/etc/inittab", &inittab, &found, err);

	if (r < 0)
		return r;
	if (console && !strncmp(console, "ttyS", 4))
		return check_add(j, "console", CHECK_WARN, say("the loader: console=%s", console),
				 say("the VM has no serial port: messages of the init scripts "
				     "are not seen"),
				 err);
	line = serial_getty(&inittab);
	if (line)
		return check_add(j, "console", CHECK_WARN,
				 say("inittab line %u: a login on a serial port", line),
				 say("the VM has none: init says every five minutes that it "
				     "respawns too fast"),
				 err);
	return check_add(j, "console", CHECK_OK, say("%s", console ? console : "the screen"), NULL,
			 err);
}

/* --- Network -------------------------------------------------------------------------- */
/* The VM has a card with that address. */
static bool vmx_has_mac(const struct check_job *j, const char *mac)
{
	for (int i = 0; i < 10; i++) {
		char key[32];
		char *address CLEANUP_FREE = NULL;

		snprintf(key, sizeof key, "ethernet%d.address", i);
		address = vmx_get(j->files->vmx_text, key);
		if (address && !strcasecmp(address, mac))
			return true;
	}
	return false;
}

static int check_card(struct check_job *j, const struct guest_nic *n, const char *driver,
		      const struct buf *rules, struct unrack_error *err)
{
	char *evidence = say("%s: %s%s%s%s%s", n->path, n->name, n->driver ? ", alias " : "",
			     n->driver ? n->driver : "", n->hwaddr ? ", HWADDR " : "",
			     n->hwaddr && n->mac ? n->mac : "");

	if (n->driver && strcmp(n->driver, driver) != 0)
		return check_add(
			j, "network", CHECK_WARN, evidence,
			say("the VM's card is driven by %s, and its alias names another driver",
			    driver),
			err);
	if (n->hwaddr && j->files && j->files->vmx_text && !(n->mac && vmx_has_mac(j, n->mac)))
		return check_add(j, "network", CHECK_WARN, evidence,
				 say("no card of the VM has that address, so the interface "
				     "will not start"),
				 err);
	if (j->f->major >= RELEASE_RULES &&
	    !cards_name_kept(j->g, j->f, j->entry ? j->entry->args : NULL, n, rules))
		return check_add(j, "network", CHECK_WARN, evidence,
				 say("the VM's card gets another name, after its place there, and what "
				     "this file says is not used"),
				 err);
	if (n->hwaddr && j->f->major < RELEASE_RULES && j->f->n_nics == 1 && !(j->files && j->files->vmx_text))
		return check_add(j, "network", CHECK_WARN, evidence,
				 say("the interface starts only on a card with that address"), err);
	return check_add(j, "network", CHECK_OK, evidence, NULL, err);
}

int check_network(struct check_job *j, struct unrack_error *err)
{
	const char *driver = j->kernel ? drivers_nic(j->kernel, j->t) : NULL;
	CLEANUP_BUF struct buf rules = { 0 };
	char why[TARGET_WHY_MAX];
	bool found;
	int r = inspect_read(j->g, CARDS_RULES, &rules, &found, err);

	if (r < 0)
		return r;
	if (!j->kernel)
		return check_add(j, "network", CHECK_UNKNOWN, say("none"),
				 say("which kernel starts is not known"), err);
	if (!driver) {
		drivers_no_nic(j->kernel, j->t, why);
		return check_add(j, "network", CHECK_WARN, say("%s", why),
				 say("kernel %s has no driver for %s: it boots without a network",
				     j->kernel->kver, j->t->nic->name),
				 err);
	}
	if (j->f->n_nics == 0)
		r = check_add(j, "network", CHECK_WARN, say("%s for %s", driver, j->t->nic->name),
			      say("no network card is configured"), err);
	for (size_t i = 0; r == 0 && i < j->f->n_nics; i++)
		r = check_card(j, &j->f->nics[i], driver, &rules, err);
	if (r == 0 && j->f->kudzu)
		r = check_add(j, "network", CHECK_WARN, say("kudzu runs at boot"),
			      say("it puts the configuration of the old card aside"), err);
	return r;
}

/* --- Entries that do not start by default --------------------------------------------- */
int check_others(struct check_job *j, struct unrack_error *err)
{
	const struct guest_loader *l = &j->f->loader;
	int r = 0;

	for (size_t i = 0; r == 0 && i < l->n_entries; i++) {
		const struct guest_entry *e = &l->entries[i];
		char *why = NULL;

		if (e == j->entry || !e->kernel)
			continue;
		if (e->kernel_index < 0)
			why = say("%s is not there", e->kernel);
		else if (e->initrd && !guest_exists(j->g, e->initrd))
			why = say("%s is not there", e->initrd);
		else if (!drivers_disk(&j->f->kernels[e->kernel_index], j->t))
			why = say("its kernel has no driver for %s", j->t->disk->name);
		else
			continue;
		r = check_add(j, "other entry", CHECK_WARN,
			      say("%s: entry %zu, %s", l->conf, i, e->title), why, err);
	}
	return r;
}
