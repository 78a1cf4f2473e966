/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GRUB 2's menu as it would be shown: menu entries of grub.cfg and entries of the Boot
 * Loader Specification, and which of them starts. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "inspect.h"
#include "unrack/bootconf.h"

#define BLS_FOLDER "/boot/loader/entries"
#define BLS_MAX 256 /* entries; more are ignored */
#define EFI_FOLDER "/boot/efi/EFI"

struct menu {
	struct guest *g;
	struct guest_loader *l;
	struct grub2_conf conf;
	struct buf env;
};

/* --- Files ------------------------------------------------------------------------------ */
/* grub.cfg of the distribution's folder on the EFI system partition. */
static int find_efi_conf(struct guest *g, char **out, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	int r = inspect_list(g, EFI_FOLDER, &names, err);

	for (size_t at = 0; r == 0 && !*out && at < names.len; at += strlen(buf_str(&names) + at) + 1) {
		CLEANUP_BUF struct buf path = { 0 };

		if (!strcasecmp(buf_str(&names) + at, "BOOT"))
			continue;
		if (buf_printf(&path, EFI_FOLDER "/%s/grub.cfg", buf_str(&names) + at) < 0)
			return error_nomem(err);
		r = inspect_real(g, buf_str(&path), out, err);
	}
	return r;
}

static int read_conf(struct menu *m, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	bool found;
	int r = inspect_read(m->g, m->l->conf, &text, &found, err);

	grub2conf_free(&m->conf);
	return r == 0 ? grub2conf_parse(buf_str(&text), text.len, &m->conf, err) : r;
}

/* EFI's file counts where no boot sector starts GRUB 2; from RHEL 9 on it only says where
 * the real one is. */
static int find_conf(struct menu *m, struct unrack_error *err)
{
	struct guest_loader *l = m->l;
	bool bios = l->n_sectors && l->sectors[0] == BOOT_SECTOR_GRUB2;
	int r = bios ? 0 : find_efi_conf(m->g, &l->conf, err);

	if (r == 0 && l->conf)
		r = read_conf(m, err);
	if (r == 0 && l->conf && m->conf.configfile && !m->conf.n && !m->conf.blscfg) {
		free(l->conf);
		l->conf = NULL;
	}
	if (r < 0 || l->conf)
		return r;
	r = inspect_real(m->g, "/boot/grub2/grub.cfg", &l->conf, err);
	return r == 0 && l->conf ? read_conf(m, err) : r;
}

static int read_env(struct menu *m, struct unrack_error *err)
{
	CLEANUP_BUF struct buf beside = { 0 };
	bool found;
	int r = inspect_real(m->g, "/boot/grub2/grubenv", &m->l->grubenv, err);

	if (r == 0 && !m->l->grubenv && m->l->conf) {
		if (buf_append(&beside, m->l->conf, (size_t)(strrchr(m->l->conf, '/') - m->l->conf)) < 0 ||
		    buf_puts(&beside, "/grubenv") < 0)
			return error_nomem(err);
		r = inspect_real(m->g, buf_str(&beside), &m->l->grubenv, err);
	}
	if (r < 0 || !m->l->grubenv)
		return r;
	return inspect_read(m->g, m->l->grubenv, &m->env, &found, err);
}

/* --- Entries ---------------------------------------------------------------------------- */
/* "($root)/vmlinuz", "(hd0,msdos1)/vmlinuz": the path alone. */
static const char *without_device(const char *path)
{
	const char *close = path[0] == '(' ? strchr(path, ')') : NULL;

	return close ? close + 1 : path;
}

/* The file that the loader calls PATH on the filesystem that E reads from. */
static char *path_of(struct menu *m, struct guest_entry *e, const char *path)
{
	path = without_device(path);
	for (unsigned i = 0; e->uuid && i < m->g->n_mounts; i++) {
		const struct guest_mount *mount = &m->g->mounts[i];

		if (strcasecmp(mount->uuid, e->uuid) != 0)
			continue;
		e->disk = mount->disk;
		e->partition = mount->disk < 0 ? -1 : mount->partition;
		return inspect_join(mount->where, path);
	}
	return inspect_boot_path(m->g, e->disk, e->partition, path);
}

/* Takes KERNEL and the rest, which may be NULL, from where they were read. */
static int fill_entry(struct menu *m, struct guest_entry *e, const char *uuid, const char *device,
		      const char *kernel, const char *initrd, const char *args, struct unrack_error *err)
{
	e->disk = e->partition = -1;
	e->uuid = uuid ? strdup(uuid) : NULL;
	if (uuid && !e->uuid)
		return error_nomem(err);
	if (device && !uuid)
		grub2conf_device(device, &e->disk, &e->partition);
	if (!kernel)
		return 0;
	e->kernel = path_of(m, e, kernel);
	e->initrd = initrd ? path_of(m, e, initrd) : NULL;
	e->args = strdup(args ? args : "");
	if (!e->kernel || !e->args || (initrd && !e->initrd))
		return error_nomem(err);
	e->root = grubconf_argument(e->args, "root");
	return 0;
}

static struct guest_entry *new_entry(struct menu *m, const char *title, const char *id)
{
	struct guest_entry *e = &m->l->entries[m->l->n_entries++];

	e->disk = e->partition = e->kernel_index = e->initrd_index = -1;
	e->title = strdup(title);
	e->id = id ? strdup(id) : NULL;
	return e->title && (!id || e->id) ? e : NULL;
}

static int add_menuentry(struct menu *m, const struct grub2_entry *from, struct unrack_error *err)
{
	struct guest_entry *e = new_entry(m, from->title, from->id);

	if (!e)
		return error_nomem(err);
	return fill_entry(m, e, from->uuid ? from->uuid : from->device ? NULL : m->conf.uuid,
			  from->device ? from->device : m->conf.device, from->kernel, from->initrd,
			  from->args, err);
}

/* What a variable in an entry's options is. */
static char *value_of(void *ctx, const char *name)
{
	struct menu *m = ctx;
	char *value = grubenv_get(buf_str(&m->env), m->env.len, name);
	const char *set = !strcmp(name, "kernelopts")	? m->conf.kernelopts :
			  !strcmp(name, "tuned_params") ? m->conf.tuned_params :
							  NULL;

	return value || !set ? value : strdup(set);
}

static int add_bls(struct menu *m, const char *name, struct unrack_error *err)
{
	CLEANUP_BUF struct buf path = { 0 }, text = { 0 }, args = { 0 }, id = { 0 };
	char *real CLEANUP_FREE = NULL;
	struct bls_entry bls = { 0 };
	struct guest_entry *e;
	bool found;
	int r;

	if (buf_printf(&path, BLS_FOLDER "/%s", name) < 0 ||
	    buf_append(&id, name, strlen(name) - strlen(".conf")) < 0)
		return error_nomem(err);
	r = inspect_real(m->g, buf_str(&path), &real, err);
	if (r < 0 || !real)
		return r;
	r = inspect_read(m->g, real, &text, &found, err);
	if (r == 0)
		r = bls_parse(buf_str(&text), text.len, &bls, err);
	if (r < 0)
		return r;
	e = bls.kernel ? new_entry(m, bls.title ? bls.title : name, buf_str(&id)) : NULL;
	if (bls.kernel && !e)
		r = error_nomem(err);
	if (r == 0 && e)
		r = bls_expand(bls.options, value_of, m, &args, err);
	if (r == 0 && e)
		r = fill_entry(m, e, m->conf.uuid, m->conf.device, bls.kernel, bls.initrd, buf_str(&args),
			       err);
	bls_free(&bls);
	if (r == 0 && e) {
		e->file = real;
		real = NULL;
	}
	return r;
}

static int by_version(const void *a, const void *b)
{
	return bls_compare(*(const char *const *)a, *(const char *const *)b);
}

static bool is_bls_name(const char *name)
{
	size_t n = strlen(name);

	return n > 5 && !strcmp(name + n - 5, ".conf") && name[0] != '.';
}

static int add_all_bls(struct menu *m, const struct buf *names, struct unrack_error *err)
{
	const char **sorted CLEANUP_FREE = calloc(BLS_MAX, sizeof *sorted);
	size_t n = 0;
	int r = 0;

	if (!sorted)
		return error_nomem(err);
	for (size_t at = 0; at < names->len && n < BLS_MAX; at += strlen(buf_str(names) + at) + 1)
		if (is_bls_name(buf_str(names) + at))
			sorted[n++] = buf_str(names) + at;
	qsort(sorted, n, sizeof *sorted, by_version);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_bls(m, sorted[i], err);
	return r;
}

/* --- The default ------------------------------------------------------------------------ */
/* VALUE as a place in the first menu; -1: it is no number. */
static long number_of(const char *value)
{
	return *value && strlen(value) < 7 && strspn(value, "0123456789") == strlen(value) ?
		       strtol(value, NULL, 10) :
		       -1;
}

/* The BLS entries, N_BLS of them, come first in l->entries; in the menu they stand behind
 * conf.bls_number others. */
static int place_of(const struct menu *m, size_t n_bls, const char *value)
{
	const struct guest_loader *l = m->l;
	long number = value ? number_of(value) : -1, before = (long)m->conf.bls_number;
	const struct grub2_entry *e;
	char shifted[24];
	int at;

	for (size_t i = 0; value && i < n_bls; i++)
		if (!strcmp(value, l->entries[i].id) || !strcmp(value, l->entries[i].title))
			return (int)i;
	if (n_bls && number >= before) {
		if (number < before + (long)n_bls)
			return (int)(number - before);
		snprintf(shifted, sizeof shifted, "%ld", number - (long)n_bls);
		value = shifted;
	}
	at = grub2conf_default(&m->conf, value);
	if (at < 0)
		return 0;
	e = &m->conf.entries[at];
	/* None is called so: the first one of the menu, where a BLS entry may stand. */
	if (n_bls && before == 0 && value != shifted && e->submenu < 0 &&
	    (!value || (strcmp(value, e->title) != 0 && (!e->id || strcmp(value, e->id) != 0))))
		return 0;
	return (int)n_bls + at;
}

static void find_default(struct menu *m, size_t n_bls)
{
	char *next CLEANUP_FREE = grubenv_get(buf_str(&m->env), m->env.len, "next_entry");
	char *saved CLEANUP_FREE = grubenv_get(buf_str(&m->env), m->env.len, "saved_entry");
	const char *value = m->conf.default_saved ? saved : m->conf.default_value;

	m->l->default_saved = m->conf.default_saved;
	m->l->default_entry = place_of(m, n_bls, next && *next ? next : value);
}

static int read_menu(struct menu *m, struct unrack_error *err)
{
	CLEANUP_BUF struct buf names = { 0 };
	struct guest_loader *l = m->l;
	size_t n_bls;
	int r = find_conf(m, err);

	if (r == 0)
		r = read_env(m, err);
	l->bls = m->conf.blscfg || !l->conf;
	if (r == 0 && l->bls)
		r = inspect_list(m->g, BLS_FOLDER, &names, err);
	if (r < 0)
		return r;
	l->entries = calloc(m->conf.n + BLS_MAX + 1, sizeof *l->entries);
	if (!l->entries)
		return error_nomem(err);
	r = add_all_bls(m, &names, err);
	n_bls = l->n_entries;
	for (size_t i = 0; r == 0 && i < m->conf.n; i++)
		r = add_menuentry(m, &m->conf.entries[i], err);
	if (r == 0)
		find_default(m, n_bls);
	return r;
}

int inspect_grub2(struct guest *g, struct guest_loader *l, struct unrack_error *err)
{
	struct menu m = { .g = g, .l = l };
	int r = read_menu(&m, err);

	grub2conf_free(&m.conf);
	buf_free(&m.env);
	return r;
}
