/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Texts about a kernel's modules, in this order, each ended by a byte 0xff: modules.dep, modules.builtin,
 * modules.softdep, modules.alias, modules.pcimap, the configuration, then what each module says that it depends on.
 * The first byte: 1: no modules.dep, 2: no modules.builtin, 4: the tree is not attached. */
#include <errno.h>

#include "fuzz.h"
#include "../../initrd/modules.h"
#include "../initrd/made_elf.h"

#define KVER "2.6.18-398.el5"
#define TEXTS 6

static const char *const paths[] = {
	"kernel/drivers/scsi/scsi_mod.ko", "kernel/drivers/scsi/sd_mod.ko.xz", "kernel/drivers/message/fusion/mptbase.ko",
	"kernel/drivers/message/fusion/mptspi.ko", "extra/mptspi.ko", "weak-updates/ehci-hcd.ko", "updates/ext4.ko.gz",
	"misc/pvscsi.ko", "a.o",
};

struct texts {
	char *at[TEXTS];
	struct buf modules[ARRAY_LEN(paths)];
};

static int read_file(void *ctx, const char *path, struct buf *out, struct unrack_error *err)
{
	static const char *const names[TEXTS] = { "", "", "modules.softdep", "modules.alias", "modules.pcimap", "config" };
	struct texts *t = ctx;

	for (size_t k = 2; k < TEXTS; k++)
		if (!strcmp(path, names[k]))
			return buf_puts(out, t->at[k]) < 0 ? error_nomem(err) : 0;
	for (size_t k = 0; k < ARRAY_LEN(paths); k++)
		if (!strcmp(path, paths[k]) && t->modules[k].len)
			return buf_append(out, t->modules[k].data, t->modules[k].len) < 0 ? error_nomem(err) : 0;
	return error_errno(err, ENOENT, "can't read %s", path);
}

/* The text up to the next 0xff. */
static char *take_text(struct fuzz_in *in)
{
	const uint8_t *end = in->n ? memchr(in->p, 0xff, in->n) : NULL;
	size_t n = end ? (size_t)(end - in->p) : in->n;
	char *text = malloc(n + 1);

	if (!text)
		abort();
	if (n)
		memcpy(text, in->p, n);
	text[n] = '\0';
	in->p += n + (end != NULL);
	in->n -= n + (end != NULL);
	return text;
}

static void take_modules(struct fuzz_in *in, struct texts *t)
{
	for (size_t k = 0; k < ARRAY_LEN(paths) && in->n; k++) {
		char *depends = take_text(in), info[512];

		if (k < 8) {
			snprintf(info, sizeof info, "vermagic=" KVER " SMP\ndepends=%.400s\n", depends);
			made_module(&t->modules[k], info, NULL);
		} else {
			made_old_module(&t->modules[k], "kernel_version=" KVER "\n", depends, depends);
		}
		free(depends);
	}
}

static void ask(const struct module_tree *t)
{
	static const char *const names[] = { "mptspi", "ehci_hcd", "ext4", "a", "none", "pvscsi", "sd-mod" };
	struct unrack_error err = UNRACK_ERROR_INIT;

	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		struct module_list l = { 0 };
		enum module_claim claim;
		int r = module_tree_closure(t, names, k + 1, &l, &err);

		fuzz_check(r == 0 || r == UNRACK_MISSING || r == UNRACK_DAMAGED || r == UNRACK_UNSUPPORTED);
		fuzz_check(r == 0 || (err.text[0] && !l.n));
		for (size_t i = 0; i < l.n; i++)
			for (size_t j = 0; j < i; j++)
				fuzz_check(strcmp(l.paths[i], l.paths[j]) != 0);
		module_list_free(&l);
		module_tree_find(t, names[k]);
		module_tree_builtin(t, names[k]);
		module_tree_lists(t, names[k]);
		module_tree_unfit(t, names[k]);
		fuzz_check(module_tree_claims(t, names[k], 0x1000, 0x30, &claim, &err) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_in in = { data, size };
	unsigned flags = (unsigned)fuzz_take(&in, 1);
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct texts texts = { 0 };
	struct module_source source = { read_file, &texts, NULL };
	struct buf files = { 0 };
	struct module_tree *t;

	for (size_t k = 0; k < TEXTS; k++)
		texts.at[k] = take_text(&in);
	take_modules(&in, &texts);
	for (size_t k = 0; k < ARRAY_LEN(paths); k++)
		fuzz_check(buf_append(&files, paths[k], strlen(paths[k]) + 1) == 0);
	fuzz_check(module_tree_new(KVER, (const char *)files.data, files.len, flags & 1 ? NULL : texts.at[0],
				   flags & 2 ? NULL : texts.at[1], &t, &err) == 0);
	if (!(flags & 4))
		fuzz_check(module_tree_attach(t, &source, &err) == 0);
	ask(t);
	module_tree_free(t);
	for (size_t k = 0; k < TEXTS; k++)
		free(texts.at[k]);
	for (size_t k = 0; k < ARRAY_LEN(paths); k++)
		buf_free(&texts.modules[k]);
	buf_free(&files);
	return 0;
}
