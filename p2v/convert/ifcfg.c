/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/size.h"
#include "unrack/edit.h"

bool ifcfg_is_config(const char *name)
{
	/* As network-functions and ifup of RHEL leave them out. */
	static const char *const leftovers[] = { ".bak", ".orig", ".rpmnew", ".rpmsave", ".rpmorig", ".old",
						 "~", ".swp", ".cfg", ".offline" };
	size_t n = strlen(name);

	if (strncmp(name, "ifcfg-", 6) != 0 || !name[6])
		return false;
	for (size_t i = 0; i < ARRAY_LEN(leftovers); i++) {
		size_t len = strlen(leftovers[i]);

		if (n > len && !strcmp(name + n - len, leftovers[i]))
			return false;
	}
	return true;
}

/* Interfaces that are no cards, by name and by type. */
static bool is_virtual(const struct ifcfg *c, const char *type, const char *vlan)
{
	static const char *const prefixes[] = { "bond", "br", "virbr", "team", "tun", "tap", "ppp", "ippp", "isdn",
						"sit", "dummy", "ib", "vlan", "cipsec", "xenbr", "ctc", "iucv",
						"usb", "wlan" };
	static const char *const types[] = { "Bridge", "Bond", "Team", "GRE", "IPIP", "Tunnel", "sit", "Vlan", "VLAN",
					     "xDSL", "Modem", "ISDN", "CIPE", "IPSEC", "Wireless", "OVSBridge",
					     "InfiniBand" };

	if (!strcmp(c->device, "lo") || strpbrk(c->device, ":.") || (vlan && !strcasecmp(vlan, "yes")))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (!strncmp(c->device, prefixes[i], n) && c->device[n] >= '0' && c->device[n] <= '9')
			return true;
	}
	for (size_t i = 0; type && i < ARRAY_LEN(types); i++)
		if (!strcasecmp(type, types[i]))
			return true;
	return false;
}

void ifcfg_free(struct ifcfg *c)
{
	free(c->device);
	free(c->hwaddr);
	free(c->old_hwaddr);
	free(c->bootproto);
	memset(c, 0, sizeof *c);
}

int ifcfg_parse(const char *name, const char *text, size_t n, struct ifcfg *out,
		struct unrack_error *err)
{
	char *type = sysconfig_get(text, n, "TYPE"), *vlan = sysconfig_get(text, n, "VLAN");
	char *onboot = sysconfig_get(text, n, "ONBOOT");

	memset(out, 0, sizeof *out);
	out->device = sysconfig_get(text, n, "DEVICE");
	out->hwaddr = sysconfig_get(text, n, "HWADDR");
	out->old_hwaddr = sysconfig_get(text, n, "#HWADDR");
	out->bootproto = sysconfig_get(text, n, "BOOTPROTO");
	out->onboot = !onboot || strcasecmp(onboot, "no") != 0;
	if (out->hwaddr && !*out->hwaddr) {
		free(out->hwaddr);
		out->hwaddr = NULL;
	}
	if (!out->device || !*out->device) {
		free(out->device);
		out->device = strdup(strncmp(name, "ifcfg-", 6) ? name : name + 6);
	}
	if (out->device)
		out->card = !is_virtual(out, type, vlan);
	free(type);
	free(vlan);
	free(onboot);
	return out->device ? 0 : error_nomem(err);
}
