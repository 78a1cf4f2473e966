/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of network cards in the VM, since RHEL 6. */
#ifndef CONVERT_CARDS_H
#define CONVERT_CARDS_H

#include "unrack/facts.h"

#define CARDS_RULES "/etc/udev/rules.d/70-persistent-net.rules"

/* The VM's card will be called N->name, as the guest's files are: by a rule, by initscripts, or
 * because the kernel calls it so. ARGS: of the kernel that starts, may be NULL. RULES: the text
 * of CARDS_RULES. */
bool cards_name_kept(struct guest *g, const struct guest_facts *f, const char *args,
		     const struct guest_nic *n, const struct buf *rules);

#endif
