/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/modules.h"
#include "made.h"

static struct unrack_error err;

/* The closure of names that are separated by blanks, as one line. */
static const char *closure(const struct module_tree *t, const char *names, int want)
{
	static char line[4000];
	const char *list[16];
	char copy[200], *save = NULL;
	struct module_list l;
	size_t n = 0;
	int r;

	snprintf(copy, sizeof copy, "%s", names);
	for (char *s = strtok_r(copy, " ", &save); s; s = strtok_r(NULL, " ", &save))
		list[n++] = s;
	err = (struct unrack_error)UNRACK_ERROR_INIT;
	r = module_tree_closure(t, list, n, &l, &err);
	is_int(r, want, "closure of %s", names);
	line[0] = '\0';
	for (size_t k = 0; k < l.n; k++) {
		char name[64];

		module_name_of(l.paths[k], name);
		snprintf(line + strlen(line), sizeof line - strlen(line), "%s%s", k ? " " : "", name);
	}
	module_list_free(&l);
	return line;
}

static struct module_tree *tree(const char *kver, const char *files, size_t n, const char *dep,
				const char *builtin)
{
	struct module_tree *t;

	made(module_tree_new(kver, files, n, dep, builtin, &t, &err) == 0, "a module tree");
	return t;
}

#define FILES(s) s, sizeof s

static void names(void)
{
	char name[64];

	ok(module_is_file("kernel/x.ko.xz") && module_is_file("x.o") && module_is_file("x.ko"), "files of modules");
	ok(!module_is_file("modules.dep") && !module_is_file("kernel") && !module_is_file(".ko"), "and others");
	module_name_of("kernel/drivers/message/fusion/mptspi.ko.xz", name);
	is_str(name, "mptspi", "the name in a path");
	module_name_of("kernel/drivers/scsi/BusLogic.o", name);
	is_str(name, "BusLogic", "of an old module");
	module_name_of("ehci-hcd.ko.gz", name);
	is_str(name, "ehci-hcd", "without a folder");
	module_name_of("a/modules.dep", name);
	is_str(name, "modules.dep", "what is no module stays");
	module_name_of("x/0123456789012345678901234567890123456789012345678901234567890123456789.ko", name);
	is_int(strlen(name), 63, "too long a name is cut");
	ok(modules_same_name("ehci-hcd", "ehci_hcd") && !modules_same_name("a", "ab"), "- is _");
}

static void el5(void)
{
	struct module_tree *t = made_tree(EL5, made_el5_dep);

	is_str(module_tree_kver(t), EL5, "the kernel's version");
	ok(module_tree_has_deps(t), "modules.dep is there");
	is_str(module_tree_find(t, "mptspi"), "kernel/drivers/message/fusion/mptspi.ko", "a module is found");
	is_str(module_tree_find(t, "ehci_hcd"), "kernel/drivers/usb/host/ehci-hcd.ko", "by either spelling");
	ok(!module_tree_find(t, "vmw_pvscsi"), "another one is not");
	ok(!module_tree_builtin(t, "mptspi") && !module_tree_builtin(t, "ide_disk"), "nothing is built in");
	is_str(closure(t, "mptspi", 0), "scsi_mod scsi_transport_spi mptbase mptscsih mptspi",
	       "dependencies come first, each once");
	is_str(closure(t, "sd_mod mptspi ahci", 0),
	       "scsi_mod sd_mod scsi_transport_spi mptbase mptscsih mptspi libata ahci",
	       "of several in the order asked for");
	is_str(closure(t, "", 0), "", "of nothing");
	closure(t, "mptspi vmw_pvscsi", UNRACK_MISSING);
	is_str(err.text, "kernel " EL5 " has no module vmw_pvscsi: it is neither in /lib/modules/" EL5
	       " nor built in; name another, or install it for that kernel", "an unknown module is named");
	module_tree_free(t);
	module_tree_free(NULL);
}

/* modutils: continuation lines with tabs. */
static void el3(void)
{
	static const char dep[] =
		"/lib/modules/2.4.21-63.EL/kernel/drivers/message/fusion/mptscsih.o:\t"
		"/lib/modules/2.4.21-63.EL/kernel/drivers/message/fusion/mptbase.o \\\n"
		"\t/lib/modules/2.4.21-63.EL/kernel/drivers/scsi/scsi_mod.o\n"
		"\n"
		"/lib/modules/2.4.21-63.EL/kernel/drivers/message/fusion/mptbase.o:\n"
		"\n"
		"/lib/modules/2.4.21-63.EL/kernel/drivers/scsi/scsi_mod.o:\n";
	static const char files[] = "kernel/drivers/message/fusion/mptscsih.o\0modules.dep\0"
		"kernel/drivers/message/fusion/mptbase.o\0kernel/drivers/scsi/scsi_mod.o";
	struct module_tree *t = tree("2.4.21-63.EL", FILES(files), dep, NULL);

	is_str(closure(t, "mptscsih", 0), "mptbase scsi_mod mptscsih", "the form of modutils");
	module_tree_free(t);
}

/* kmod: relative paths, packed files, modules.builtin, softer rules. */
static void el7(void)
{
	static const char dep[] =
		"kernel/drivers/scsi/sd_mod.ko.xz: kernel/lib/crc-t10dif.ko.xz kernel/drivers/scsi/scsi_mod.ko.xz\n"
		"kernel/lib/crc-t10dif.ko.xz: kernel/crypto/crct10dif_common.ko.xz\n"
		"kernel/crypto/crct10dif_common.ko.xz:\n"
		"kernel/drivers/scsi/vmw_pvscsi.ko:\n"
		"extra/vmxnet3.ko.xz:\n"
		"kernel/gone.ko.xz:\n"
		"weak-updates/e.ko:\n"
		"kernel/user.ko.xz: kernel/gone.ko.xz\n";
	static const char builtin[] = "kernel/drivers/scsi/scsi_mod.ko\nkernel/fs/ext4.ko\n";
	static const char files[] = "kernel/drivers/scsi/sd_mod.ko.xz\0kernel/lib/crc-t10dif.ko.xz\0"
		"kernel/crypto/crct10dif_common.ko.xz\0kernel/drivers/scsi/vmw_pvscsi.ko.xz\0"
		"kernel/drivers/net/vmxnet3/vmxnet3.ko.xz\0extra/vmxnet3.ko.xz\0kernel/user.ko.xz\0"
		"updates/b.ko\0kernel/b.ko\0weak-updates/b.ko\0weak-updates/c.ko\0kernel/c.ko.zst\0"
		"build/drivers/d.ko\0source/d.ko\0modules.order\0updates/vmxnet3.ko\0"
		"kernel/e.ko\0weak-updates/e.ko";
	struct module_tree *t = tree("3.10.0-1160.el7.x86_64", FILES(files), dep, builtin);

	is_str(closure(t, "sd_mod", 0), "crct10dif_common crc-t10dif sd_mod", "what is built in is left out");
	is_str(closure(t, "scsi_mod ext4", 0), "", "also when asked for");
	ok(module_tree_builtin(t, "scsi-mod") && !module_tree_builtin(t, "sd_mod"), "built in is told");
	is_str(closure(t, "vmw_pvscsi", 0), "vmw_pvscsi", "a file that was packed later is found by name");
	is_str(module_tree_find(t, "vmxnet3"), "extra/vmxnet3.ko.xz", "of several files that in modules.dep");
	is_str(module_tree_find(t, "e"), "weak-updates/e.ko", "wherever it is");
	is_str(module_tree_find(t, "b"), "updates/b.ko", "else updates/ comes first");
	is_str(module_tree_find(t, "c"), "kernel/c.ko.zst", "and weak-updates/ last");
	ok(!module_tree_find(t, "d"), "build/ and source/ hold no modules of this kernel");
	ok(module_tree_lists(t, "vmxnet3") && !module_tree_lists(t, "b") && !module_tree_lists(t, "gone"),
	   "what modules.dep lists is told");
	closure(t, "user", UNRACK_MISSING);
	is_str(err.text, "kernel 3.10.0-1160.el7.x86_64: module user needs gone, but kernel/gone.ko.xz is not "
	       "in /lib/modules/3.10.0-1160.el7.x86_64; install that kernel's package again",
	       "a missing dependency is named");
	module_tree_free(t);
}

static void without(void)
{
	static const char files[] = "kernel/a.ko\0kernel/b.ko";
	struct module_tree *t = tree("2.6.9", FILES(files), NULL, NULL);

	ok(!module_tree_has_deps(t), "a missing modules.dep is told");
	is_str(closure(t, "b a", 0), "b a", "then modules stand for themselves");
	module_tree_free(t);
	t = tree("2.6.9", NULL, 0, "kernel/a.ko: kernel/b.ko\n", NULL);
	closure(t, "a", UNRACK_MISSING);
	ok(!module_tree_find(t, "a"), "modules.dep makes no files");
	module_tree_free(t);
}

static void hostile(void)
{
	static const char files[] = "k/a.ko\0k/b.ko\0k/c.ko\0k/self.ko";
	static const char dep[] = "k/a.ko: k/b.ko\nk/b.ko: k/c.ko\nk/c.ko: k/a.ko\nk/self.ko: k/self.ko\n"
		"k/a.ko: k/never.ko\n:\n: k/a.ko\n\\\n#k/b.ko: x\nno colon\nk/b.ko\\\n";
	CLEANUP_BUF struct buf f = { 0 }, d = { 0 };
	struct module_tree *t = tree("x", FILES(files), dep, NULL);
	unsigned seed = 3, good = 0;

	is_str(closure(t, "a", 0), "c b a", "a cycle ends");
	is_str(closure(t, "b", 0), "a c b", "wherever one begins");
	is_str(closure(t, "self", 0), "self", "so does a module that needs itself");
	module_tree_free(t);

	for (int k = 0; k < 5000; k++) {
		buf_printf(&f, "k/m%d.ko", k);
		buf_zeros(&f, 1);
		buf_printf(&d, "k/m%d.ko: k/m%d.ko\n", k, k + 1);
	}
	t = tree("x", (const char *)f.data, f.len, buf_str(&d), NULL);
	closure(t, "m0", UNRACK_DAMAGED);
	has_str(err.text, "modules.dep of kernel x: k/m128.ko needs more than 128 others", "a chain without end is told");
	module_tree_free(t);

	for (int round = 0; round < 300; round++) {
		char bad[sizeof dep];

		memcpy(bad, dep, sizeof dep);
		for (int k = 0; k < 5; k++)
			bad[made_random(&seed) % (sizeof dep - 1)] = ": \\\n/a.ko"[made_random(&seed) % 9];
		t = tree("x", FILES(files), bad, bad);
		for (int k = 0; k < 4; k++) {
			const char *name = (const char *[]){ "a", "b", "c", "self" }[k];
			struct module_list l;
			int r = module_tree_closure(t, &name, 1, &l, &err);

			good += r == 0 || r == UNRACK_MISSING;
			module_list_free(&l);
		}
		module_tree_free(t);
	}
	is_int(good, 1200, "a changed modules.dep gives an answer");
}

int main(void)
{
	names();
	el5();
	el3();
	el7();
	without();
	hostile();
	return tap_done();
}
