/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an image is: who made it, for what, and why it would be left alone. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "image.h"

#define SHOWN_MAX  4          /* archives that the name of a container tells apart */
#define SHEBANG_MAX 256       /* what a kernel looks at */
#define LIST_MAX (1u << 20)   /* of a list of modules of dracut */

/* --- nash ------------------------------------------------------------------------------- */

/* "#!/bin/nash" */
static bool is_nash_script(const struct initrd_member *m)
{
	const char *p = (const char *)m->data, *end, *base;
	size_t size;

	if (!S_ISREG(m->mode) || m->size < 3 || memcmp(p, "#!", 2) != 0)
		return false;
	size = (size_t)min_u64(m->size, SHEBANG_MAX);
	end = memchr(p, '\n', size);
	end = end ? end : p + size;
	for (p += 2; p < end && (*p == ' ' || *p == '\t'); p++)
		;
	for (base = p; p < end && *p != ' ' && *p != '\t' && *p != '\r'; p++)
		if (*p == '/')
			base = p + 1;
	return p - base == 4 && !memcmp(base, "nash", 4);
}

/* --- dracut ----------------------------------------------------------------------------- */

/* Where dracut's modules 99squash and 95squash-* of all versions put what they squashed. */
static bool is_squashed(const struct initrd *i)
{
	static const char *const names[] = {
		"squash/root.img", "squash-root.img", "squashfs-root.img", "erofs-root.img",
	};

	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		if (initrd_find(i, names[k]))
			return true;
	return false;
}

/* dracut lists the modules (of its own) that an image is made of. */
static bool is_made_of(const struct initrd *i, const char *module)
{
	static const char *const names[] = { "usr/lib/dracut/modules.txt", "lib/dracut/modules.txt" };
	size_t len = strlen(module);

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		const struct initrd_member *m = initrd_find(i, names[k]);
		const char *p = m ? (const char *)m->data : NULL, *end = p ? p + min_u64(m->size, LIST_MAX) : NULL, *line;

		for (; p < end; p = line + 1) {
			line = memchr(p, '\n', (size_t)(end - p));
			line = line ? line : end;
			if ((size_t)(line - p) == len && !memcmp(p, module, len))
				return true;
		}
	}
	return false;
}

static bool is_dracut(const struct initrd *i)
{
	/* dracut 004 puts lib/dracut-lib.sh there, later ones usr/lib/dracut/ and more. */
	static const char *const marks[] = { "lib/dracut", "usr/lib/dracut", "var/lib/dracut" };

	for (size_t k = 0; k < i->items.len; k++)
		for (size_t m = 0; m < ARRAY_LEN(marks); m++)
			if (!strncmp(i->items.at[k].m.name, marks[m], strlen(marks[m])))
				return true;
	return false;
}

/* --- Others ----------------------------------------------------------------------------- */

/* For crash dumps: by dracut's module kdumpbase, or by mkdumprd of RHEL 5 and 6, whose /init is a
 * script of busybox's shell that saves /proc/vmcore. */
static bool is_kdump(const struct initrd *i)
{
	const struct initrd_member *init = initrd_find(i, "init");

	if (is_made_of(i, "kdumpbase"))
		return true;
	return init && S_ISREG(init->mode) && init->size > 2 && !memcmp(init->data, "#!", 2) &&
	       image_holds(i, init, "vmcore", NULL);
}

/* Debian's and Ubuntu's. */
static bool is_initramfs_tools(const struct initrd *i)
{
	return initrd_find(i, "scripts/functions") && initrd_find(i, "conf/initramfs.conf");
}

/* Archives in front that a kernel looks through for microcode and ACPI tables before it unpacks
 * anything. Linux Documentation/arch/x86/microcode.rst, admin-guide/acpi/initrd_table_override.rst. */
static bool is_early(const struct initrd *i, const struct image_segment *seg)
{
	static const char *const folders[] = { "kernel/x86/microcode/", "kernel/firmware/acpi/" };

	for (size_t k = seg->first; k < seg->first + seg->n; k++)
		for (size_t f = 0; f < ARRAY_LEN(folders); f++)
			if (!strncmp(i->items.at[k].m.name, folders[f], strlen(folders[f])))
				return true;
	return false;
}

/* --- The answer ------------------------------------------------------------------------- */

static void name_container(struct initrd *i)
{
	size_t len = 0, size = sizeof i->container;
	char *p = i->container;

	for (size_t s = 0; s < i->segments.len; s++) {
		const struct image_segment *seg = &i->segments.at[s];

		if (s == SHOWN_MAX) {
			snprintf(p + len, size - len, " and %zu more", i->segments.len - s);
			break;
		}
		len += (size_t)snprintf(p + len, size - len, "%s%s%s%s cpio%s", s ? ", " : "",
					archive_packing_name(seg->how), seg->how == PACK_PLAIN ? "" : " ",
					seg->trailer.header[5] == '2' ? "crc" : "newc",
					seg->early ? " (early)" : "");
	}
}

static const char *reason_of(const struct initrd *i)
{
	switch (i->special) {
	case INITRD_KDUMP:
		return "it boots after a crash only, and kdump makes it anew by itself";
	case INITRD_SQUASH:
		return "its files are in a filesystem inside (dracut's squash module), which is not looked into; make "
		       "it anew with dracut --omit squash";
	case INITRD_RESCUE:
		return "it is a rescue image, made for any machine";
	default:
		break;
	}
	if (i->kind != INITRD_OTHER)
		return "";
	if (!i->segments.len && !i->ramdisk)
		return "it is a filesystem of a kind that no initrd of RHEL was, and is not looked into";
	if (is_initramfs_tools(i))
		return "initramfs-tools of Debian or Ubuntu made it, and not mkinitrd or dracut";
	if (!initrd_find(i, initrd_script(i)))
		return i->ramdisk ? "it has no /linuxrc, so no kernel would start anything in it" :
				    "it has no /init, so no kernel would start anything in it";
	return "neither mkinitrd nor dracut of RHEL made it";
}

void image_describe(struct initrd *i)
{
	const struct initrd_member *script = initrd_find(i, initrd_script(i));

	for (size_t s = 0; s < i->segments.len && i->segments.at[s].how == PACK_PLAIN; s++)
		i->segments.at[s].early = is_early(i, &i->segments.at[s]);
	if (i->segments.len)
		name_container(i);
	if (script && is_nash_script(script))
		i->kind = INITRD_NASH;
	else
		i->kind = !i->ramdisk && (is_dracut(i) || is_squashed(i)) ? INITRD_DRACUT : INITRD_OTHER;
	if (is_kdump(i))
		i->special = INITRD_KDUMP;
	else if (i->kind == INITRD_DRACUT && is_squashed(i))
		i->special = INITRD_SQUASH;
	else if (i->kind == INITRD_DRACUT && is_made_of(i, "rescue"))
		i->special = INITRD_RESCUE;
	else
		i->special = INITRD_ORDINARY;
	i->reason = reason_of(i);
}

void image_set_filesystem(struct initrd *i, enum archive_packing how, const char *fs)
{
	i->ramdisk_how = how;
	snprintf(i->container, sizeof i->container, "%s%s%s", archive_packing_name(how),
		 how == PACK_PLAIN ? "" : " ", fs);
}

enum initrd_kind initrd_get_kind(const struct initrd *i)
{
	return i->kind;
}

enum initrd_special initrd_get_special(const struct initrd *i)
{
	return i->special;
}

const char *initrd_reason(const struct initrd *i)
{
	return i->reason;
}

const char *initrd_container(const struct initrd *i)
{
	return i->container;
}

bool initrd_is_ramdisk(const struct initrd *i)
{
	return i->ramdisk;
}

const char *initrd_script(const struct initrd *i)
{
	return i->ramdisk ? "linuxrc" : "init";
}
