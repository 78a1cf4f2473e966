/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <time.h>

#include "../../initrd/modules.h"
#include "base/size.h"
#include "made_elf.h"

#define EL7 "3.10.0-1160.el7.x86_64"

static struct unrack_error err;
static struct made_files files;

/* The closure of one or two names as a line; soft ones in brackets. */
static const char *closure2(const struct module_tree *t, const char *a, const char *b, int want)
{
	static char line[2000];
	const char *const list[] = { a, b };
	struct module_list l;
	int r;

	err = (struct unrack_error)UNRACK_ERROR_INIT;
	r = module_tree_closure(t, list, b ? 2 : 1, &l, &err);
	is_int(r, want, "closure of %s", a);
	line[0] = '\0';
	for (size_t k = 0; k < l.n; k++) {
		char name[64];

		module_name_of(l.paths[k], name);
		snprintf(line + strlen(line), sizeof line - strlen(line), l.soft[k] ? "%s(%s)" : "%s%s", k ? " " : "", name);
	}
	module_list_free(&l);
	return line;
}

static const char *closure(const struct module_tree *t, const char *a, int want)
{
	return closure2(t, a, NULL, want);
}

static void add(const char *path, const char *more)
{
	char text[256];

	snprintf(text, sizeof text, "vermagic=" EL7 " SMP mod_unload\n%s\n", more);
	made_module(made_add(&files, path), text, NULL);
}

static void put_scsi(void)
{
	add("kernel/drivers/scsi/scsi_mod.ko", "depends=");
	add("kernel/drivers/scsi/scsi_transport_spi.ko", "depends=scsi_mod");
	add("kernel/drivers/message/fusion/mptbase.ko", "depends=");
	add("kernel/drivers/message/fusion/mptscsih.ko", "depends=scsi_mod,mptbase");
	add("kernel/drivers/message/fusion/mptspi.ko", "depends=scsi_transport_spi,mptbase,scsi_mod,mptscsih");
}

#define SPI "kernel/drivers/message/fusion/mptspi.ko"
#define FIVE "scsi_mod scsi_transport_spi mptbase mptscsih mptspi"

static void without_index(void)
{
	static const char *const deps[] = {
		NULL, "", SPI, SPI ": kernel/drivers/scsi/gone.ko kernel/drivers/scsi/scsi_mod.ko\n",
		SPI ": kernel/drivers/scsi/scsi_mod.ko kernel/drivers/scsi/scsi_tr",
		SPI ": kernel/drivers/scsi/scsi_mod.ko\n",
	};
	static const char *const names[] = {
		"a missing modules.dep", "an empty one", "one cut in its first line", "one that names a file that is not there",
		"one cut in a name", "one that does not name all",
	};
	struct module_tree *t;

	put_scsi();
	for (size_t k = 0; k < ARRAY_LEN(deps); k++) {
		t = made_files_tree(&files, EL7, deps[k], NULL, NULL);
		ok(module_tree_has_deps(t) && module_tree_lists(t, "mptspi") && module_tree_lists(t, "mptbase"),
		   "%s: it is known what modules need", names[k]);
		is_str(closure(t, "mptspi", 0), FIVE, "the modules tell");
		module_tree_free(t);
	}
	t = made_files_tree(&files, EL7, NULL, "kernel/drivers/scsi/scsi_transport_spi.ko\n", NULL);
	closure(t, "gone", UNRACK_MISSING);
	module_tree_free(t);
	made_files_free(&files);

	add("kernel/a.ko", "depends=b,c");
	add("kernel/b.ko", "depends=");
	t = made_files_tree(&files, EL7, NULL, "kernel/c.ko\n", NULL);
	is_str(closure(t, "a", 0), "b a", "what it needs may be built in since");
	module_tree_free(t);
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	closure(t, "a", UNRACK_MISSING);
	is_str(err.text, "kernel " EL7 ": module a needs c, which is not in /lib/modules/" EL7
	       "; install that kernel's package again", "or is missing");
	files.bad = "kernel/b.ko";
	module_tree_free(t);
	t = made_files_tree(&files, EL7, NULL, "kernel/c.ko\n", NULL);
	closure(t, "a", UNRACK_IO);
	has_str(err.text, "can't read kernel/b.ko", "a file that cannot be read is an error");
	module_tree_free(t);
	made_files_free(&files);
}

/* Without modules.builtin. */
static void configured(void)
{
	struct module_tree *t;

	add("kernel/sd_mod.ko", "depends=scsi_mod");
	t = made_files_tree(&files, EL7, NULL, NULL, "CONFIG_SCSI=y\nCONFIG_BLK_DEV_SD=m\n# CONFIG_XFS_FS is not set\n");
	ok(module_tree_builtin(t, "scsi_mod") && module_tree_builtin(t, "scsi-mod"), "the configuration says what is built in");
	ok(!module_tree_builtin(t, "sd_mod") && !module_tree_builtin(t, "xfs") && !module_tree_builtin(t, "other"), "and what is not");
	is_str(closure2(t, "sd_mod", "scsi_mod", 0), "sd_mod", "in closures, too");
	module_tree_free(t);
	t = made_files_tree(&files, EL7, NULL, "", "CONFIG_SCSI=y\n");
	ok(!module_tree_builtin(t, "scsi_mod"), "not if modules.builtin is empty");
	module_tree_free(t);
	t = made_files_tree(&files, EL7, NULL, "kernel/fs/ext4.ko\n", "CONFIG_SCSI=y\n");
	ok(!module_tree_builtin(t, "scsi_mod"), "modules.builtin knows better");
	module_tree_free(t);
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	ok(!module_tree_builtin(t, "scsi_mod"), "without either nothing is known");
	ok(!module_tree_builtin(t, "piix"), "nor of IDE");
	module_tree_free(t);
	t = made_files_tree(&files, "2.6.18-398.el5", NULL, NULL, NULL);
	ok(module_tree_builtin(t, "piix") && !module_tree_builtin(t, "scsi_mod"), "but in RHEL 2.1 to 5 that is in all kernels");
	module_tree_free(t);
	t = made_files_tree(&files, "2.6.18-398.el5", NULL, NULL, "CONFIG_SCSI=y\n");
	ok(!module_tree_builtin(t, "piix"), "unless the configuration says other");
	module_tree_free(t);
	made_add_text(&files, "build/.config", "XCONFIG_SCSI=y\nCONFIG_SCSI_X=y\nCONFIG_EXT4_FS=y");
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	ok(module_tree_builtin(t, "ext4") && !module_tree_builtin(t, "scsi_mod"), "the tree's own copy is found");
	module_tree_free(t);
	made_add_text(&files, "config", "CONFIG_SCSI=y\n");
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	ok(!module_tree_builtin(t, "ext4") && module_tree_builtin(t, "scsi_mod"), "the packaged one first");
	module_tree_free(t);
	made_files_free(&files);
	ok(!module_config_builtin(NULL, "scsi_mod") && module_config_builtin("CONFIG_BLK_DEV_DM=y", "dm_mod"),
	   "a configuration alone");
}

static void unfit(void)
{
	struct module_tree *t;

	put_scsi();
	made_module(made_add(&files, "extra/sd_mod.ko"), "depends=scsi_mod\nvermagic=3.10.0-123.el7.x86_64 SMP mod_unload\n", NULL);
	add("kernel/sd_mod.ko", "depends=scsi_mod");
	made_module(made_add(&files, "extra/old.ko"), "depends=scsi_mod\nvermagic=3.10.0-123.el7.x86_64 SMP mod_unload\n", NULL);
	add("kernel/user.ko", "depends=old");
	t = made_files_tree(&files, EL7, "extra/sd_mod.ko:\nkernel/u.ko: extra/sd_mod.ko\n", NULL, NULL);
	is_str(closure(t, "sd_mod", 0), "scsi_mod sd_mod", "of two the one that fits");
	is_str(module_tree_find(t, "sd_mod"), "kernel/sd_mod.ko", "is the kernel's own");
	is_str(closure(t, "old", UNRACK_UNSUPPORTED), "", "one that does not fit is not taken");
	is_str(err.text, "kernel " EL7 " can't use its module old: extra/old.ko was built for \"3.10.0-123.el7.x86_64 SMP "
	       "mod_unload\", the kernel is \"" EL7 " SMP mod_unload\"; install a build of it for this kernel, or that "
	       "kernel's package again", "and the reason is told");
	closure(t, "user", UNRACK_UNSUPPORTED);
	has_str(err.text, "can't use its module old", "nor by one that needs it");
	module_tree_free(t);
	made_files_free(&files);
}

static void soft(void)
{
	struct module_tree *t;

	add("kernel/ext4.ko", "depends=jbd2,mbcache");
	add("kernel/jbd2.ko", "depends=");
	add("kernel/mbcache.ko", "depends=");
	add("kernel/crc32c-intel.ko", "depends=");
	add("kernel/crc32c_generic.ko", "depends=helper");
	add("kernel/helper.ko", "depends=");
	add("kernel/nvme.ko", "depends=\nsoftdep=pre: helper post: mbcache\nsoftdep=pre: gone-module cycle");
	add("kernel/cycle.ko", "depends=\nsoftdep=pre: nvme");
	add("kernel/broken.ko", "depends=helper,half");
	add("kernel/half.ko", "depends=not-there");
	add("kernel/fragile.ko", "depends=\nsoftdep=pre: broken jbd2");
	add("kernel/both.ko", "depends=helper\nsoftdep=pre: helper");
	add("kernel/bare.ko", "depends=\nsoftdep=jbd2 mbcache");
	made_add_text(&files, "modules.softdep", "# Soft dependencies\nsoftdep ext4 pre: crypto-crc32c\n"
		      "softdep jbd2 post: helper\nsoftdep\nsoftdep other pre: helper\n");
	made_add_text(&files, "modules.alias", "alias crypto-crc32c crc32c_intel\nalias crypto_crc32c crc32c_generic\n"
		      "alias crypto-crc32c-intel mbcache\nalias crypto-crc32c nothing\n");
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	is_str(closure(t, "ext4", 0), "jbd2 mbcache (crc32c-intel) (helper) (crc32c_generic) ext4",
	       "soft dependencies come before, by their aliases, with what they need");
	is_str(closure(t, "jbd2", 0), "jbd2", "those behind it are left out");
	is_str(closure(t, "nvme", 0), "(helper) (cycle) nvme", "a module says them itself; those that are not there are left out");
	is_str(closure(t, "cycle", 0), "(helper) (nvme) cycle", "a cycle ends");
	is_str(closure(t, "fragile", 0), "(jbd2) fragile", "what cannot be had is left out with all it needs");
	is_str(closure(t, "both", 0), "helper both", "what is needed is not soft");
	is_str(closure2(t, "nvme", "helper", 0), "helper (cycle) nvme", "nor is what was asked for");
	is_str(closure(t, "bare", 0), "bare", "words before pre: do not count");
	module_tree_free(t);
	t = made_files_tree(&files, EL7, NULL, "kernel/gone-module.ko\nkernel/crypto-crc32c.ko\n", NULL);
	is_str(closure(t, "nvme", 0), "(helper) (cycle) nvme", "what is built in is there already");
	is_str(closure(t, "ext4", 0), "jbd2 mbcache (crc32c-intel) (helper) (crc32c_generic) ext4",
	       "but an alias of that name comes first, as for modprobe");
	module_tree_free(t);
	made_files_free(&files);
}

#define OLD "kernel_version=2.4.21-63.EL\n"

static void add_old(const char *path, const char *exports, const char *wants)
{
	made_old_module(made_add(&files, path), OLD, exports, wants);
}

static void old(void)
{
	struct module_tree *t;

	add_old("kernel/drivers/scsi/scsi_mod.o", "scsi_register_R11112222 scsi_free", "printk_R1b7d4074");
	add_old("kernel/drivers/message/fusion/mptbase.o", "mpt_register_Rsmp_00000001", "printk kmalloc");
	add_old("kernel/drivers/message/fusion/mptscsih.o", "", "mpt_register_Rsmp_00000001 scsi_register scsi_free own");
	add_old("kernel/drivers/message/old/mptbase_old.o", "mpt_register", "printk");
	add_old("kernel/drivers/net/mii.o", NULL, "");
	add_old("kernel/drivers/net/pcnet32.o", "", "init_module printk");
	add_old("kernel/drivers/sound/soundcore.o", "register_sound", "");
	add_old("kernel/drivers/sound/es1371.o", "", "register_sound");
	add_old("kernel/drivers/net/odd.o", "", "register_sound");
	made_old_module(made_add(&files, "misc/wrong.o"), "kernel_version=2.4.9\n", "scsi_free own", "");
	made_add_text(&files, "kernel/drivers/scsi/text.o", "no module");
	t = made_files_tree(&files, "2.4.21-63.EL", NULL, NULL, NULL);
	ok(module_tree_has_deps(t) && module_tree_lists(t, "mptscsih"), "2.4: symbols tell what modules need");
	is_str(closure(t, "mptscsih", 0), "mptbase scsi_mod mptscsih", "with checksums or without, in the same folder first");
	is_str(closure(t, "pcnet32", 0), "mii pcnet32", "of a module that exports nothing, every global symbol");
	is_str(closure(t, "odd", 0), "odd", "a subsystem that serves itself is not looked at");
	is_str(closure(t, "es1371", 0), "soundcore es1371", "until one of it asks");
	module_tree_free(t);
	t = made_files_tree(&files, "2.4.21-63.EL", "/lib/modules/2.4.21-63.EL/kernel/drivers/message/fusion/mptscsih.o:\t"
			    "/lib/modules/2.4.21-63.EL/kernel/drivers/message/fusion/mptbase.o\n", NULL, NULL);
	is_str(closure(t, "mptscsih", 0), "mptbase mptscsih", "a whole line in modules.dep is believed");
	module_tree_free(t);
	t = made_files_tree(&files, "2.4.21-63.EL", "kernel/drivers/message/fusion/mptscsih.o:\tkernel/drivers/message/fu", NULL,
			    NULL);
	is_str(closure(t, "mptscsih", 0), "mptbase scsi_mod mptscsih", "one that was cut is not");
	module_tree_free(t);
	made_files_free(&files);
}

/* Those who cannot tell of a failure pass over it. */
static void failing(void)
{
	struct module_tree *t;

	add("kernel/a.ko", "depends=");
	add("extra/a.ko", "depends=");
	add("kernel/b.ko", "depends=");
	files.bad = "extra/a.ko";
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	is_int(module_tree_failed(t, &err), 0, "nothing has failed");
	is_str(module_tree_find(t, "a"), "kernel/a.ko", "of two the one that can be read");
	is_int(module_tree_failed(t, &err), UNRACK_IO, "but it is told that the other could not");
	has_str(err.text, "can't read extra/a.ko", "which");
	files.bad = NULL;
	closure(t, "b", UNRACK_IO);
	has_str(err.text, "can't read extra/a.ko", "the next closure tells, too");
	module_tree_free(t);
	made_files_free(&files);
}

static void hostile(void)
{
	CLEANUP_BUF struct buf dep = { 0 };
	struct module_tree *t;
	struct buf *soft;

	add("kernel/a.ko", "depends=");
	add("kernel/b.ko", "depends=");
	made(buf_puts(&dep, "kernel/a.ko:") == 0, "a line");
	for (int k = 0; k < 9000; k++)
		made(buf_puts(&dep, " kernel/b.ko") == 0, "a line");
	t = made_files_tree(&files, EL7, buf_str(&dep), NULL, NULL);
	closure(t, "a", UNRACK_DAMAGED);
	is_str(err.text, "kernel/a.ko of kernel " EL7 " is said to need more than 8192 others; run depmod in the guest",
	       "a line without end");
	module_tree_free(t);
	soft = made_add(&files, "modules.softdep");
	made(buf_puts(soft, "softdep a pre: b\n") == 0, "a line");
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	is_str(closure(t, "a", 0), "(b) a", "a soft dependency");
	module_tree_free(t);
	made(buf_zeros(soft, 8 << 20) == 0, "a long file");
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	is_str(closure(t, "a", 0), "a", "an index that no kernel has is not looked at");
	module_tree_free(t);
	made_files_free(&files);
}

/* TEXT again and again, up to N bytes or somewhat more. */
static void repeat(struct buf *b, const char *text, size_t n)
{
	CLEANUP_BUF struct buf piece = { 0 };

	while (piece.len < n / 64)
		made(buf_puts(&piece, text) == 0, text);
	while (b->len < n)
		made(buf_append(b, piece.data, piece.len) == 0, text);
}

static bool took_long(clock_t since)
{
	return clock() - since > 5 * CLOCKS_PER_SEC;
}

/* What would take for ever: soft dependencies that fail, each of which needs the next lot; words without end, none of which is
 * anything; symbols that all are the same. */
static void endless(void)
{
	CLEANUP_BUF struct buf dep = { 0 }, same = { 0 };
	clock_t start = clock();
	struct module_tree *t;
	char path[64], text[128];
	struct buf *soft, *alias;

	for (int k = 0; k < 12; k++) {
		snprintf(path, sizeof path, "kernel/x%d.ko", k);
		snprintf(text, sizeof text, "depends=\nsoftdep=pre: y%d_0 y%d_1 y%d_2 y%d_3", k, k, k, k);
		add(path, text);
		for (int i = 0; i < 4; i++) {
			snprintf(path, sizeof path, "kernel/y%d_%d.ko", k, i);
			snprintf(text, sizeof text, "depends=x%d,none", k + 1);
			add(path, text);
		}
	}
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	is_str(closure(t, "x0", 0), "x0", "soft dependencies that all fail");
	module_tree_free(t);
	made_files_free(&files);
	ok(!took_long(start), "are not tried for ever");

	start = clock();
	add("kernel/a.ko", "depends=");
	soft = made_add(&files, "modules.softdep");
	alias = made_add(&files, "modules.alias");
	made(buf_puts(soft, "softdep a pre:") == 0, "a line");
	repeat(soft, " b", 800000);
	repeat(alias, "alias pci:v000015ADd000007C0sv*sd*bc*sc*i* none\n", 4 << 20);
	t = made_files_tree(&files, EL7, NULL, NULL, NULL);
	is_str(closure(t, "a", 0), "a", "soft dependencies without end");
	module_tree_free(t);
	ok(!took_long(start), "are not all looked for");

	start = clock();
	made(buf_puts(&dep, "kernel/a.ko:") == 0, "a line");
	repeat(&dep, " b c d e", 7 << 20);
	t = made_files_tree(&files, EL7, buf_str(&dep), NULL, NULL);
	for (int k = 0; k < 20; k++)
		is_str(closure(t, "a", 0), "a", "a line of modules that are not there");
	module_tree_free(t);
	ok(!took_long(start), "is not looked at to its end");
	repeat(&dep, " b c d e", 9 << 20);
	t = made_files_tree(&files, EL7, buf_str(&dep), NULL, NULL);
	ok(!t->dep, "a modules.dep of more than any depmod writes is none");
	module_tree_free(t);
	made_files_free(&files);

	start = clock();
	repeat(&same, "x ", 60000);
	for (int k = 0; k < 8; k++) {
		snprintf(path, sizeof path, "kernel/e%d.o", k);
		add_old(path, buf_str(&same), "");
	}
	add_old("kernel/user.o", "", buf_str(&same));
	t = made_files_tree(&files, "2.4.21-63.EL", NULL, NULL, NULL);
	is_str(closure(t, "user", 0), "e0 user", "2.4: one symbol many times");
	module_tree_free(t);
	made_files_free(&files);
	ok(!took_long(start), "is looked for once");
}

int main(void)
{
	endless();
	hostile();
	failing();
	without_index();
	configured();
	unfit();
	soft();
	old();
	return tap_done();
}
