/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd: work on an initrd alone, without any disk image. */
#include "cmd_initrd.h"

#include <string.h>

#include "base/size.h"
#include "jobs.h"

static const struct option_spec options[] = {
	{ "modules", 'm', OPTION_STR, "DIR", "the kernel's modules: /lib/modules, one kernel's folder in it, or a root folder",
	  offsetof(struct initrd_options, modules) },
	{ "kver", 'k', OPTION_STR, "VERSION", "the kernel, where image, file name and DIR do not tell",
	  offsetof(struct initrd_options, kver) },
	TARGET_OPTIONS(struct initrd_options, target),
	{ "driver", 'd', OPTION_LIST, "NAME,...", "a module to be loaded, instead of or besides the target's",
	  offsetof(struct initrd_options, driver) },
	{ "root", 0, OPTION_STR, "DEVICE", "the root device, as the loader or fstab names it",
	  offsetof(struct initrd_options, root) },
	{ "root-fs", 0, OPTION_STR, "KIND", "the kind of its filesystem, such as ext3",
	  offsetof(struct initrd_options, root_fs) },
	{ "args", 0, OPTION_STR, "TEXT", "the kernel's arguments, as the loader gives them",
	  offsetof(struct initrd_options, args) },
	{ "base", 0, OPTION_STR, "FILE2", "make FILE anew, out of another kernel's or a rescue image by dracut",
	  offsetof(struct initrd_options, base) },
	{ "guest", 0, OPTION_STR, "DIR", "make FILE anew as mkinitrd of RHEL 2.1 to 5, out of the files of this root folder",
	  offsetof(struct initrd_options, guest) },
	{ "rename", 0, OPTION_LIST, "OLD=NEW", "a device's new name in the image; with nothing behind =, it goes",
	  offsetof(struct initrd_options, rename) },
	{ "file", 0, OPTION_LIST, "NAME=FILE2", "what the file NAME in the image shall hold, such as etc/lvm/lvm.conf",
	  offsetof(struct initrd_options, file) },
	{ "output", 'o', OPTION_STR, "FILE", "where the new image goes (default: in place, the old one is kept)",
	  offsetof(struct initrd_options, output) },
	{ "max-size", 0, OPTION_AMOUNT, "BYTES", "what the new image may have at most",
	  offsetof(struct initrd_options, max_size) },
	{ "ramdisk-size", 0, OPTION_UINT, "KIB", "the kernel's ramdisk_size=, for images that are a filesystem",
	  offsetof(struct initrd_options, ramdisk_size) },
	{ "dry-run", 'n', OPTION_FLAG, NULL, "show what would change in the image, write nothing",
	  offsetof(struct initrd_options, dry_run) },
	{ NULL, 0, 0, NULL, NULL, 0 },
};

enum { LIST = 1, SHOW = 2, CHECK = 4, ADD = 8, DIFF = 16 };

static const struct action {
	const char *name, *operands;
	int min, max; /* operands */
	unsigned bit;
	initrd_action *run;
} actions[] = {
	{ "list", "FILE", 1, 1, LIST, initrd_list_run },
	{ "show", "FILE [NAME]", 1, 2, SHOW, initrd_show_run },
	{ "check", "FILE", 1, 1, CHECK, initrd_check_run },
	{ "add", "FILE", 1, 1, ADD, initrd_add_run },
	{ "diff", "FILE FILE2", 2, 2, DIFF, initrd_diff_run },
};

/* Options that not every action has; the target's are those of check and add. */
static const struct {
	const char *name;
	unsigned actions;
} limits[] = {
	{ "modules", SHOW | CHECK | ADD }, { "kver", SHOW | CHECK | ADD }, { "base", ADD }, { "guest", ADD },
	{ "rename", ADD }, { "file", ADD }, { "output", ADD }, { "max-size", ADD }, { "ramdisk-size", ADD }, { "dry-run", ADD },
};

static bool is_given(const struct option_spec *s, const void *values)
{
	const void *at = (const char *)values + s->offset;

	switch (s->kind) {
	case OPTION_FLAG:
		return *(const bool *)at;
	case OPTION_STR:
		return *(const char *const *)at != NULL;
	case OPTION_UINT:
		return *(const unsigned *)at != 0;
	case OPTION_LIST:
		return ((const struct option_list *)at)->n != 0;
	case OPTION_COUNT:
		return *(const int *)at != 0;
	case OPTION_SIZE:
	case OPTION_AMOUNT:
		return *(const uint64_t *)at != 0;
	}
	return false;
}

static int check_options(const struct action *a, const void *values, struct unrack_error *err)
{
	for (const struct option_spec *s = options; s->name; s++) {
		unsigned allowed = CHECK | ADD;

		for (size_t k = 0; k < ARRAY_LEN(limits); k++)
			if (!strcmp(limits[k].name, s->name))
				allowed = limits[k].actions;
		if (is_given(s, values) && !(allowed & a->bit))
			return error_set(err, UNRACK_USAGE, "initrd %s has no use for --%s; leave it away", a->name, s->name);
	}
	return 0;
}

static int run(struct cli *cli, const void *values, char **operands, int n, struct unrack_error *err)
{
	const struct action *a = actions, *end = actions + ARRAY_LEN(actions);
	int r;

	while (a < end && strcmp(a->name, operands[0]) != 0)
		a++;
	if (a == end)
		return error_set(err, UNRACK_USAGE, "\"%s\" is nothing that initrd does; it does list, show, check, add and diff",
				 operands[0]);
	if (n - 1 < a->min || n - 1 > a->max)
		return error_set(err, UNRACK_USAGE, "initrd %s takes %s; see `unrack initrd --help`", a->name, a->operands);
	r = check_options(a, values, err);
	if (r == 0)
		json_set_str(cli->result, "action", a->name);
	return r < 0 ? r : a->run(cli, values, operands + 1, n - 1, err);
}

const struct command cmd_initrd = {
	.name = "initrd",
	.operands = "list|show|check|add|diff FILE...",
	.summary = "list, explain, check, repair or compare initrds, without an image of a disk",
	.options = options,
	.values_size = sizeof(struct initrd_options),
	.min_operands = 1,
	.max_operands = 3,
	.run = run,
};
