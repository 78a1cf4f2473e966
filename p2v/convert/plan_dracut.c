/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What later initramfs images are made by, and which devices LVM looks at. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "drivers.h"
#include "inspect.h"
#include "lines.h"
#include "plan_parts.h"

#define FOLDER "/etc/dracut.conf.d"
#define CONF FOLDER "/90-unrack.conf"
#define DRIVERS 8 /* of all kernels; more are left out */

/* --- dracut.conf ------------------------------------------------------------------------ */
/* The drivers that the guest's kernels have for the VM's disks. dracut gives up over one that
 * a kernel has not, so none is named that only might be there. */
static int put_drivers(const struct plan_job *j, struct buf *out)
{
	const char *seen[DRIVERS];
	size_t n = 0;
	int bad = 0;

	for (size_t i = 0; i < j->f->n_kernels; i++) {
		const struct guest_kernel *k = &j->f->kernels[i];
		const char *wanted[DRIVERS_MAX];
		size_t m = k->rescue || k->kdump || !k->tree ? 0 : drivers_wanted(k, j->t, wanted);

		for (size_t w = 0; w < m && n < DRIVERS; w++) {
			size_t s = 0;

			while (s < n && strcmp(seen[s], wanted[w]) != 0)
				s++;
			if (s == n) {
				seen[n++] = wanted[w];
				bad |= buf_printf(out, " %s", wanted[w]);
			}
		}
	}
	return bad;
}

static int write_conf(struct plan_job *j, const char *real, const char *drivers, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 };
	char *reason;
	bool found;
	int r = real ? inspect_read(j->g, real, &before, &found, err) : 0;

	if (r < 0)
		return r;
	/* A shell reads it; words apart by blanks, also from those of other files. */
	if (buf_printf(&after,
		       "# Written by unrack: the driver of the virtual machine's disks is put into every\n"
		       "# initramfs that is made from now on.\n"
		       "add_drivers+=\"%s \"\n",
		       drivers) < 0)
		return error_nomem(err);
	reason = say("dracut would make the next kernel's initramfs for the hardware that it finds when it "
		     "runs; the driver of %s (%s) is put into it anyhow",
		     j->t->disk->name, drivers + 1);
	if (real)
		return plan_add_text(j, real, &before, &after, reason, err);
	return plan_add_file(j, CONF, FOLDER, &after, reason, err);
}

/* Early updates of RHEL 6 have no folder. */
static int append_conf(struct plan_job *j, const char *drivers, struct unrack_error *err)
{
	CLEANUP_BUF struct buf before = { 0 }, after = { 0 }, line = { 0 };
	char *real CLEANUP_FREE = NULL;
	bool found;
	int r = inspect_real(j->g, "/etc/dracut.conf", &real, err);

	if (r < 0 || !real)
		return r;
	r = inspect_read(j->g, real, &before, &found, err);
	if (r < 0)
		return r;
	if (buf_printf(&line, "add_drivers+=\"%s \"\n", drivers) < 0)
		return error_nomem(err);
	if (memmem(buf_str(&before), before.len, line.data, line.len))
		return 0;
	if (buf_append(&after, before.data, before.len) |
	    (before.len && before.data[before.len - 1] != '\n' ? buf_puts(&after, "\n") : 0) |
	    buf_append(&after, line.data, line.len))
		return error_nomem(err);
	return plan_add_text(j, real, &before, &after,
			     say("dracut would make the next kernel's initramfs for the hardware that it "
				 "finds when it runs; the driver of %s is put into it anyhow",
				 j->t->disk->name),
			     err);
}

int plan_dracut(struct plan_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf drivers = { 0 };
	char *real CLEANUP_FREE = NULL;
	int r;

	if (j->f->major < RELEASE_DRACUT)
		return 0;
	if (buf_puts(&drivers, "") | put_drivers(j, &drivers))
		return error_nomem(err);
	if (!drivers.len)
		return 0;
	r = inspect_real(j->g, CONF, &real, err);
	if (r < 0)
		return r;
	if (!real && !guest_exists(j->g, FOLDER))
		return append_conf(j, buf_str(&drivers), err);
	return write_conf(j, real, buf_str(&drivers), err);
}

/* --- LVM's list of devices -------------------------------------------------------------- */
/* Value of KEY=VALUE among the words of L (lvmdevices(8)). */
static bool word_value(const struct line *l, const char *key, char *out, size_t size)
{
	size_t at = 0, len, n = strlen(key);
	const char *word;

	while (line_word(l, &at, &word, &len)) {
		if (len <= n || memcmp(word, key, n) != 0 || word[n] != '=' || len - n - 1 >= size)
			continue;
		memcpy(out, word + n + 1, len - n - 1);
		out[len - n - 1] = '\0';
		return true;
	}
	return false;
}

/* The first entry by something that the VM's disks do not have; false: there is none. */
static bool find_foreign(const struct plan_job *j, const struct buf *text, char what[DEVNAME_MAX])
{
	size_t pos = 0;
	struct line l;

	while (line_next(buf_str(text), text->len, &pos, &l)) {
		char type[DEVNAME_MAX], new[DEVNAME_MAX];

		if (l.len && l.text[0] == '#')
			continue;
		if (!word_value(&l, "IDTYPE", type, sizeof type) ||
		    !word_value(&l, "IDNAME", what, DEVNAME_MAX))
			continue;
		if (strcmp(type, "devname") != 0 ||
		    devname_translate(&j->names, what, new) != DEVNAME_KEPT)
			return true;
	}
	return false;
}

int plan_devices_file(struct plan_job *j, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	char *real CLEANUP_FREE = NULL;
	char what[DEVNAME_MAX];
	bool found;
	int r = inspect_real(j->g, "/etc/lvm/devices/system.devices", &real, err);

	if (r < 0 || !real)
		return r;
	r = inspect_read(j->g, real, &text, &found, err);
	if (r < 0 || !find_foreign(j, &text, what))
		return r;
	return plan_add_move(j, EDIT_REMOVE, real, NULL, &text,
			     say("LVM uses only the devices in this list, by what the physical machine's "
				 "disks are called (%s); without it LVM looks at all disks, and vgimportdevices -a "
				 "in the VM makes a new one",
				 what),
			     err);
}
