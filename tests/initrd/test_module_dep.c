/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/modules.h"
#include "made_elf.h"

#define EL7 "3.10.0-1160.el7.x86_64"

static struct unrack_error err;
static struct made_files files;

static void add(const char *path, const char *depends)
{
	char text[256];

	snprintf(text, sizeof text, "vermagic=" EL7 " SMP mod_unload\ndepends=%s\n", depends);
	made_module(made_add(&files, path), text, NULL);
}

/* The text for the module NAME, after its closure was asked for; "(right)" if it is right as it is. */
static const char *mended(const char *dep, const char *name)
{
	static struct buf out;
	char names[1][64];
	const char *const list[] = { name };
	struct module_tree *t = made_files_tree(&files, EL7, dep, "kernel/built.ko\n", NULL);
	struct module_list l;
	bool changed = true;

	buf_clear(&out);
	snprintf(names[0], sizeof names[0], "%s", name);
	module_tree_closure(t, list, 1, &l, &err);
	module_list_free(&l);
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	is_int(modules_mend_dep(t, (const char (*)[64])names, 1, &out, &changed, &err), 0, "modules.dep for %s", name);
	module_tree_free(t);
	return changed ? buf_str(&out) : out.len ? "(not changed, but there)" : "(right)";
}

#define SCSI "kernel/scsi_mod.ko"
#define BASE "kernel/mptbase.ko"
#define SPI "kernel/mptspi.ko.xz"

int main(void)
{
	add(SCSI, "");
	add(BASE, "scsi_mod");
	add(SPI, "mptbase,scsi-mod");
	add("kernel/other.ko", "gone");
	is_str(mended(SPI ": " BASE " " SCSI "\n" BASE ": " SCSI "\n" SCSI ":\n", "mptspi"), "(right)", "one that is right stays");
	is_str(mended("/lib/modules/" EL7 "/" SPI ": /lib/modules/" EL7 "/" BASE " kernel/built.ko kernel/scsi_mod.ko.xz\n", "mptspi"),
	       "(right)", "names of packed files, and of what is built in, are none that lie");
	is_str(mended(SCSI ":\n", "mptspi"), SPI ": " BASE " " SCSI "\n" SCSI ":\n", "a line that is not there comes");
	is_str(mended(SPI ": kernel/mpt", "mptspi"), SPI ": " BASE " " SCSI "\n", "one that was cut is made anew");
	is_str(mended(SPI ": " BASE "\nkernel/other.ko: kernel/x.ko " SCSI ".xz\n", "mptspi"),
	       SPI ": " BASE " " SCSI "\nkernel/other.ko: kernel/x.ko " SCSI "\n",
	       "so is one that does not name all; others stay, with the names of today");
	is_str(mended("kernel/other.ko: kernel/x.ko\n", "other"), "kernel/other.ko: kernel/x.ko\n",
	       "where nothing better is known a line stays");
	is_str(mended(SCSI ":\n", "none"), "(right)", "a module that the kernel has not");
	made_files_free(&files);
	return tap_done();
}
