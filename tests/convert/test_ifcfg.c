/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../support/tap.h"
#include "unrack/edit.h"

int main(void)
{
	static const struct {
		const char *name, *text;
		bool card;
		const char *device, *hwaddr, *bootproto;
		bool onboot;
	} cases[] = {
		{ "ifcfg-eth0", "DEVICE=eth0\nBOOTPROTO=dhcp\nHWADDR=00:1A:4B:11:22:33\nONBOOT=yes\n", true, "eth0", "00:1A:4B:11:22:33", "dhcp", true },
		{ "ifcfg-eth1", "BOOTPROTO=static\nONBOOT=no\n", true, "eth1", NULL, "static", false },
		{ "ifcfg-eth2", "DEVICE=\nHWADDR=\nONBOOT=No\n", true, "eth2", NULL, NULL, false },
		{ "ifcfg-em1", "DEVICE=\"em1\"\nTYPE=Ethernet\n", true, "em1", NULL, NULL, true },
		{ "ifcfg-eth3", "DEVICE=eth3\nMASTER=bond0\nSLAVE=yes\n", true, "eth3", NULL, NULL, true },
		{ "ifcfg-lo", "DEVICE=lo\n", false, "lo", NULL, NULL, true },
		{ "ifcfg-bond0", "DEVICE=bond0\n", false, "bond0", NULL, NULL, true },
		{ "ifcfg-eth0:1", "DEVICE=eth0:1\n", false, "eth0:1", NULL, NULL, true },
		{ "ifcfg-eth0.12", "DEVICE=eth0.12\nVLAN=yes\n", false, "eth0.12", NULL, NULL, true },
		{ "ifcfg-x", "DEVICE=x\nVLAN=YES\n", false, "x", NULL, NULL, true },
		{ "ifcfg-br0", "DEVICE=br0\nTYPE=Bridge\n", false, "br0", NULL, NULL, true },
		{ "ifcfg-lan", "DEVICE=lan\nTYPE=bridge\n", false, "lan", NULL, NULL, true },
		{ "ifcfg-usb0", "DEVICE=usb0\n", false, "usb0", NULL, NULL, true }, /* of a service processor */
		{ "ifcfg-ppp0", "", false, "ppp0", NULL, NULL, true },
		{ "ifcfg-broadband", "", true, "broadband", NULL, NULL, true },
	};
	static const struct {
		const char *name;
		bool config;
	} files[] = {
		{ "ifcfg-eth0", true }, { "ifcfg-lo", true }, { "ifcfg-eth0:1", true }, { "ifcfg-", false }, { "ifup-eth", false },
		{ "ifcfg-eth0.bak", false }, { "ifcfg-eth0.orig", false }, { "ifcfg-eth0~", false }, { "ifcfg-eth0.rpmsave", false },
		{ "ifcfg-eth0.100", true }, { "keys-eth0", false }, { "route-eth0", false },
	};
	struct unrack_error err;
	struct ifcfg c;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		is_int(ifcfg_parse(cases[i].name, cases[i].text, strlen(cases[i].text), &c, &err), 0, "%s", cases[i].name);
		ok(c.card == cases[i].card && c.onboot == cases[i].onboot && !strcmp(c.device, cases[i].device) &&
		   !c.hwaddr == !cases[i].hwaddr && !c.bootproto == !cases[i].bootproto, "is understood");
		if (cases[i].hwaddr)
			is_str(c.hwaddr, cases[i].hwaddr, "with its address");
		if (cases[i].bootproto)
			is_str(c.bootproto, cases[i].bootproto, "with its protocol");
		ifcfg_free(&c);
	}
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
		ok(ifcfg_is_config(files[i].name) == files[i].config, "%s", files[i].name);
	return tap_done();
}
