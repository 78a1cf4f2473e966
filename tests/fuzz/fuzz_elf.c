/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A kernel module: what it says of itself, and whether a kernel would take it, whose own modules are others (2.6
 * for x86_64, 2.4 for i386), or itself. */
#include <errno.h>

#include "fuzz.h"
#include "../../initrd/elf.h"
#include "../../initrd/modules.h"
#include "../initrd/made_elf.h"

struct files {
	const uint8_t *data;
	size_t n;
	struct buf own; /* the kernel's own module; empty: there is none */
};

static int read_file(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	struct files *f = ctx;
	int r;

	if (!strcmp(path, "kernel/scsi_mod.ko") && f->own.len)
		r = buf_append(out, f->own.data, f->own.len);
	else if (!strncmp(path, "kernel/", 7) || !strcmp(path, "extra/x.ko"))
		r = buf_append(out, f->data, f->n);
	else
		return error_errno(err, ENOENT, "can't read %s", path);
	return r < 0 ? error_nomem(err) : 0;
}

static void ask(struct files *f, const char *kver)
{
	static const char paths[] = "kernel/scsi_mod.ko\0kernel/y.ko\0extra/x.ko";
	struct module_source source = { read_file, f, NULL };
	struct unrack_error err = UNRACK_ERROR_INIT;
	const char *const names[] = { "x", "y" };
	enum module_claim claim;
	struct module_list l = { 0 };
	struct module_tree *t;
	const char *why;
	int r;

	fuzz_check(module_tree_new(kver, paths, sizeof paths, NULL, NULL, &t, &err) == 0 &&
		   module_tree_attach(t, &source, &err) == 0);
	fuzz_check(module_tree_fits(t, "extra/x.ko", &why, &err) == 0);
	fuzz_check(!why || strstr(why, "extra/x.ko"));
	r = module_tree_closure(t, names, 2, &l, &err);
	fuzz_check(r == 0 || r == UNRACK_MISSING || r == UNRACK_DAMAGED || r == UNRACK_UNSUPPORTED);
	fuzz_check(!why || r < 0);
	module_list_free(&l);
	fuzz_check(module_tree_claims(t, "x", 0x1000, 0x30, &claim, &err) == 0);
	module_tree_free(t);
}

static void check_symbols(const struct modinfo_symbols *s)
{
	for (size_t k = 0; k < s->n; k++) {
		fuzz_check(k == 0 || strcmp(s->at[k - 1].name, s->at[k].name) <= 0);
		fuzz_check(modinfo_find(s, s->at[k].name));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct files f = { fuzz_copy(data, size), size, { 0 } };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct modinfo m;
	int r = modinfo_read(f.data, size, "x.ko", &m, &err);

	fuzz_check(r == 0 || r == UNRACK_DAMAGED || r == UNRACK_UNSUPPORTED);
	fuzz_check(r == 0 || err.text[0]);
	if (r == 0) {
		check_symbols(&m.versions);
		check_symbols(&m.wanted);
		check_symbols(&m.exported);
		modinfo_get(&m, "softdep", NULL);
		modinfo_free(&m);
	}
	ask(&f, "2.6.18-398.el5");
	made_module(&f.own, "vermagic=2.6.18-398.el5 SMP\ndepends=\n", "printk 12345678\n");
	ask(&f, "2.6.18-398.el5");
	made_old_module(&f.own, "kernel_version=2.4.21-63.EL\nusing_checksums=1\n", "a_R12345678", "printk_R12345678");
	ask(&f, "2.4.21-63.EL");
	buf_free(&f.own);
	free((void *)(uintptr_t)f.data);
	return 0;
}
