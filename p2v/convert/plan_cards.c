/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of network cards since RHEL 6. A name like enp3s0 or em1 says where the card is in the
 * machine, and the VM's card is elsewhere; what configures it by that name would find nothing.
 * A rule of udev by the card's address keeps the name. It works in all of RHEL 6 to 10: names
 * that a rule sets come before those of biosdevname, 80-net-name-slot.rules and .link files
 * (which udev of RHEL 7 does not use for names), and need neither initscripts' rename_device
 * (gone in 9) nor NetworkManager. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "cards.h"
#include "inspect.h"
#include "plan_parts.h"
#include "unrack/netconf.h"

#define RULES "/etc/udev/rules.d"
#define NAME_MAX_BYTES 15 /* IFNAMSIZ - 1 */
#define CARDS_IN_ORDER 3  /* vmxnet3: more are not found in the order of the .vmx */

static bool is_name(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("_-.", s[i]))
			return false;
	return n > 0 && n <= NAME_MAX_BYTES;
}

struct rules {
	struct buf text;          /* as it is now */
	struct buf lines;         /* to be added */
	struct buf who;           /* "enp3s0 (00:1a:...)" of each */
	const char **names;       /* whose rules go; borrowed */
	size_t n;
};

static int add_rule(struct plan_job *j, struct rules *rules, const struct guest_nic *n,
		    struct unrack_error *err)
{
	bool alone = j->f->n_nics == 1;
	int bad;

	if (!is_name(n->name))
		return plan_warn(j, say("%s names a network card \"%.40s\", which is no name; it is left as it is", n->path,
					n->name), err);
	if (!n->mac && !alone)
		return plan_warn(j,
				 say("the name %s comes from the place of the card in the physical machine, and no "
				     "file says its address: in the VM another name comes of it, and %s is not "
				     "used; put HWADDR or mac-address there on the server, then copy it again",
				     n->name, n->path),
				 err);
	bad = buf_printf(&rules->lines, "SUBSYSTEM==\"net\", ACTION==\"add\", DRIVERS==\"?*\", ");
	if (n->mac)
		bad |= buf_printf(&rules->lines, "ATTR{address}==\"%s\", ", n->mac);
	bad |= buf_printf(&rules->lines, "ATTR{type}==\"1\", NAME=\"%s\"\n", n->name);
	bad |= buf_printf(&rules->who, "%s%s%s%s%s", rules->n ? ", " : "", n->name, n->mac ? " (" : "",
			  n->mac ? n->mac : "", n->mac ? ")" : "");
	rules->names[rules->n++] = n->name;
	return bad ? error_nomem(err) : 0;
}

static int write_rules(struct plan_job *j, const struct rules *rules, const char *real,
		       struct unrack_error *err)
{
	CLEANUP_BUF struct buf after = { 0 };
	char *reason;
	int r = udev_rules_edit(buf_str(&rules->text), rules->text.len, rules->names, rules->n,
				buf_str(&rules->lines), &after, err);

	if (r < 0)
		return r;
	reason = j->f->nics[0].mac || j->f->n_nics > 1 ?
			 say("the VM's card is in another place, so %s would get another name and its "
			     "configuration not be used; a rule by the address, which the .vmx keeps, gives the "
			     "name",
			     buf_str(&rules->who)) :
			 say("the VM's card is in another place, so %s would get another name and its "
			     "configuration not be used; a rule gives the name to the only card, since no file "
			     "says the address",
			     buf_str(&rules->who));
	if (real)
		return plan_add_text(j, real, &rules->text, &after, reason, err);
	return plan_add_file(j, CARDS_RULES, RULES, &after, reason, err);
}

static int find_rules(struct plan_job *j, struct rules *rules, struct unrack_error *err)
{
	bool ordered = true;
	int r = 0;

	for (size_t i = 0; r == 0 && i < j->f->n_nics; i++) {
		const struct guest_nic *n = &j->f->nics[i];

		if (!cards_name_kept(j->g, j->f, j->entry->args, n, &rules->text))
			r = add_rule(j, rules, n, err);
		ordered &= n->rule || n->hwaddr;
	}
	if (r == 0 && !ordered && j->f->n_nics > CARDS_IN_ORDER)
		r = plan_warn(j,
			      say("there are %zu network cards; ESX may show them in another order than the physical "
				  "machine, and nothing binds all their names to addresses",
				  j->f->n_nics),
			      err);
	return r;
}

int plan_cards(struct plan_job *j, struct unrack_error *err)
{
	struct rules rules = { 0 };
	char *real CLEANUP_FREE = NULL;
	bool found;
	int r;

	if (j->f->major < RELEASE_DRACUT || j->f->n_nics == 0)
		return 0;
	rules.names = calloc(j->f->n_nics, sizeof *rules.names);
	r = rules.names ? inspect_real(j->g, CARDS_RULES, &real, err) : error_nomem(err);
	if (r == 0 && real)
		r = inspect_read(j->g, real, &rules.text, &found, err);
	if (r == 0)
		r = find_rules(j, &rules, err);
	if (r == 0 && rules.n && !real && !guest_exists(j->g, RULES))
		r = plan_warn(j, say("there is no " RULES ": %s will have another name in the VM",
				     buf_str(&rules.who)), err);
	else if (r == 0 && rules.n)
		r = write_rules(j, &rules, real, err);
	buf_free(&rules.text);
	buf_free(&rules.lines);
	buf_free(&rules.who);
	free(rules.names);
	return r;
}
