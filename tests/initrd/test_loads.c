/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/loads.h"
#include "made.h"

static struct unrack_error err;
static struct module_tree *tree;

/* The list for names that are separated by blanks, as one line. */
static const char *list(const struct module_tree *t, const char *name)
{
	static char line[500];
	struct loads_want w;

	line[0] = '\0';
	if (loads_want_new(t, &name, 1, &w, &err) < 0)
		return err.text;
	for (size_t k = 0; k < w.list.n; k++)
		snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", k ? " " : "", w.names[k]);
	loads_want_free(&w);
	return line;
}

static void wants(void)
{
	static const char other[] = "kernel/drivers/scsi/vmw_pvscsi.ko:\nkernel/drivers/scsi/sd_mod.ko:\n"
		"kernel/drivers/ide/piix.ko:\nkernel/drivers/block/virtio_blk.ko:\n";
	struct module_tree *t = made_tree("x", other);
	const char *name = "mptspi";
	struct loads_want w;

	is_str(list(tree, "mptspi"), "scsi_mod sd_mod scsi_transport_spi mptbase mptscsih mptspi",
	       "a driver of disks needs sd_mod, which comes early");
	is_str(list(tree, "ext3"), "jbd ext3", "another module does not");
	is_str(list(t, "vmw_pvscsi"), "sd_mod vmw_pvscsi", "also when scsi_mod is built in");
	is_str(list(t, "piix"), "piix", "IDE disks do without");
	has_str(list(t, "gone"), "kernel x has no module gone", "an unknown one");
	made(loads_want_new(tree, &name, 1, &w, &err) == 0, "a list");
	ok(loads_needs(&w, 5, 4) && loads_needs(&w, 5, 0) && loads_needs(&w, 2, 0), "what needs what is told");
	ok(!loads_needs(&w, 5, 1) && !loads_needs(&w, 3, 2) && !loads_needs(&w, 0, 1), "and what does not");
	loads_want_free(&w);
	module_tree_free(t);
}

static void places(void)
{
	static const char script[] =
		"#!/bin/nash\n"                              /* 0 */
		"mkblkdevs\n"                                /* 1 */
		"insmod /lib/scsi_mod.ko\n"                  /* 2 */
		"insmod /lib/libata.ko\n"                    /* 3 */
		"insmod /lib/ahci.ko\n"                      /* 4 */
		"insmod /lib/ahci.ko\n"                      /* 5 */
		"mkblkdevs\n"                                /* 6 */
		"stabilized /proc/bus/usb/devices\n"         /* 7 */
		"stabilized --hash /proc/scsi/scsi\n"        /* 8 */
		"mkblkdevs\n"                                /* 9 */
		"mount /sysroot\n"                           /* 10 */
		"insmod /lib/sd_mod.ko\n";                   /* 11 */
	CLEANUP_BUF struct buf b = { 0 };
	const char *name = "ahci";
	struct loads_want w;
	struct initrd *i;
	struct loads l;
	struct nash s;

	made_initrd(&b, script, "scsi_mod sd_mod ahci");
	i = made_open(&b);
	made(loads_want_new(tree, &name, 1, &w, &err) == 0, "a list"); /* scsi_mod sd_mod libata ahci */
	made(nash_parse(script, strlen(script), "/init", &s, &err) == 0, "a script");
	is_int(loads_find(&s, i, &w, false, &l, &err), 0, "looks at a script");
	is_int(l.root, 10, "where root is looked for");
	is_int(l.at[0], 2, "where a module is loaded");
	ok(l.at[1] == LOADS_NONE && l.useless[1] == 11, "one that comes too late");
	ok(l.at[2] == LOADS_NONE && l.useless[2] == 3, "one whose file is missing");
	is_int(l.at[3], 4, "of two lines the first counts");
	is_int(l.last, 4, "the last one");
	is_int(l.wait, 8, "where disks are waited for");
	is_int(l.nodes, 9, "where their nodes are made, behind that");
	ok(l.waits && l.makes_nodes, "it is a script of nash 5");
	loads_free(&l);
	loads_find(&s, i, &w, true, &l, &err);
	is_int(l.at[2], 3, "the missing file may be assumed");
	loads_free(&l);
	nash_free(&s);
	loads_want_free(&w);
	initrd_close(i);
}

int main(void)
{
	tree = made_tree(EL5, made_el5_dep);
	wants();
	places();
	module_tree_free(tree);
	return tap_done();
}
