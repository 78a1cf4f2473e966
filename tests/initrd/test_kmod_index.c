/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/kmod_index.h"

#include <unistd.h>

#include "base/bytes.h"
#include "made.h"

static struct unrack_error err;

static int put_entry(void *ctx, const struct kmod_entry *e)
{
	return buf_printf(ctx, "%s=%s@%u\n", e->key, e->value, e->priority);
}

static int stop(void *ctx, const struct kmod_entry *e)
{
	(void)e;
	return ++*(int *)ctx == 2 ? 77 : 0;
}

static void round_trip(void)
{
	static const char alias[] =
		"# Aliases extracted from modules themselves.\n"
		"alias pci:v000015ADd000007C0sv*sd*bc*sc*i* vmw_pvscsi\n"
		"alias pci:v00001000d00000030sv*sd*bc*sc*i* mptspi\n"
		"alias fs-ext4 ext4\nalias fs-ext3 ext4\nalias fs-ext2 ext4\n"
		"alias acpi*:AB-CD:* x\nalias hid:b[3-5]-* y\n"
		"alias scsi:t-0x00* sd_mod\nalias fs ext9\nalias fs-ext4 ext9\n"
		"alias half\nnothing at all\nalias caf\303\251 z\n\n";
	CLEANUP_BUF struct buf b = { 0 }, all = { 0 };
	int n = 0;

	is_int(kmod_index_make(KMOD_ALIAS, alias, &b, &err), 0, "an index of aliases");
	ok(get_be32(b.data) == 0xb007f457 && get_be32(b.data + 4) == 0x00020001, "has its magic and version");
	is_int(kmod_index_each(b.data, b.len, put_entry, &all), 0, "is read back");
	is_str(buf_str(&all),
	       "acpi*:AB_CD:*=x@6\nfs=ext9@9\nfs_ext2=ext4@5\nfs_ext3=ext4@4\nfs_ext4=ext4@3\nfs_ext4=ext9@10\n"
	       "hid:b[3-5]_*=y@7\npci:v00001000d00000030sv*sd*bc*sc*i*=mptspi@2\n"
	       "pci:v000015ADd000007C0sv*sd*bc*sc*i*=vmw_pvscsi@1\nscsi:t_0x00*=sd_mod@8\n",
	       "all entries that can be, and as depmod writes keys");
	is_str(kmod_index_find(b.data, b.len, "fs_ext4"), "ext4", "the first of two values");
	is_str(kmod_index_find(b.data, b.len, "fs"), "ext9", "a key that others begin with");
	ok(!kmod_index_find(b.data, b.len, "fs_ext") && !kmod_index_find(b.data, b.len, "fs_ext44") &&
	   !kmod_index_find(b.data, b.len, "") && !kmod_index_find(b.data, b.len, "zzz"), "others are not found");
	is_int(kmod_index_each(b.data, b.len, stop, &n), 77, "a visitor may stop");

	buf_clear(&b);
	buf_clear(&all);
	is_int(kmod_index_make(KMOD_DEP, "kernel/a/b-c.ko.xz: kernel/d.ko\nkernel/d.ko:\nno colon\n", &b, &err), 0, "modules.dep");
	kmod_index_each(b.data, b.len, put_entry, &all);
	is_str(buf_str(&all), "b_c=kernel/a/b-c.ko.xz: kernel/d.ko@0\nd=kernel/d.ko:@1\n", "names, and their whole lines");
	buf_clear(&b);
	buf_clear(&all);
	is_int(kmod_index_make(KMOD_BUILTIN, "kernel/x-y.ko\n", &b, &err), 0, "modules.builtin");
	kmod_index_each(b.data, b.len, put_entry, &all);
	is_str(buf_str(&all), "x_y=@0\n", "names without values");
	buf_clear(&b);
	buf_clear(&all);
	is_int(kmod_index_make(KMOD_ALIAS, "", &b, &err), 0, "an empty one");
	is_int(kmod_index_each(b.data, b.len, put_entry, &all), 0, "is an index too");
	ok(!all.len && !kmod_index_find(b.data, b.len, "x"), "of nothing");
}

/* --- By depmod, and for modprobe --- */

static bool read_whole(struct buf *b, const char *dir, const char *name)
{
	char command[300];

	snprintf(command, sizeof command, "cat '%s/%s' 2>/dev/null", dir, name);
	return made_by(b, command) && b->len;
}

/* Entries without priorities, which count modules there and lines here, in their order. */
static int put_pair(void *ctx, const struct kmod_entry *e)
{
	return buf_printf(ctx, "%s=%s\n", e->key, e->value);
}

static void like_depmod(void)
{
	static const struct { const char *name; enum kmod_index_kind kind; } all[] = {
		{ "modules.dep", KMOD_DEP }, { "modules.alias", KMOD_ALIAS },
		{ "modules.symbols", KMOD_ALIAS }, { "modules.builtin", KMOD_BUILTIN },
	};
	CLEANUP_BUF struct buf dir = { 0 };

	if (!made_by(&dir, "set -- /lib/modules/*/modules.alias.bin; [ -s \"$1\" ] && printf %s \"${1%/*}\"")) {
		ok(true, "indexes by depmod # SKIP this system has none");
		return;
	}
	for (size_t k = 0; k < 4; k++) {
		CLEANUP_BUF struct buf text = { 0 }, theirs = { 0 }, ours = { 0 }, a = { 0 }, b = { 0 };
		char bin[64];

		snprintf(bin, sizeof bin, "%s.bin", all[k].name);
		if (!read_whole(&text, buf_str(&dir), all[k].name) || !read_whole(&theirs, buf_str(&dir), bin)) {
			ok(true, "%s by depmod # SKIP this system has none", all[k].name);
			continue;
		}
		is_int(kmod_index_each(theirs.data, theirs.len, put_pair, &a), 0, "%s by depmod is read", bin);
		is_int(kmod_index_make(all[k].kind, buf_str(&text), &ours, &err), 0, "and made");
		kmod_index_each(ours.data, ours.len, put_pair, &b);
		ok(a.len > 100 && a.len == b.len && !memcmp(a.data, b.data, a.len), "with the same %zu bytes of entries", a.len);
		is_int(ours.len, (long)theirs.len, "in a trie of the same size");
	}
}

static void put_file(const char *dir, const char *name, const void *p, size_t n)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof path, "%s/lib/modules/1.2.3/%s", dir, name);
	f = fopen(path, "wb");
	made(f && fwrite(p, 1, n, f) == n && fclose(f) == 0, path);
}

static void says(const char *dir, const char *arguments, const char *want)
{
	CLEANUP_BUF struct buf out = { 0 };
	char command[400];

	snprintf(command, sizeof command, "modprobe -C /dev/null -d %s -S 1.2.3 %s 2>&1", dir, arguments);
	made_by(&out, command);
	has_str(buf_str(&out), want, "modprobe %s", arguments);
}

static void for_modprobe(void)
{
	static const char dep[] = "kernel/mptspi.ko: kernel/mptscsih.ko kernel/mptbase.ko\nkernel/mptscsih.ko: kernel/mptbase.ko\n"
				  "kernel/mptbase.ko:\n";
	static const char alias[] = "alias pci:v00001000d00000030sv*sd*bc*sc*i* mptspi\n";
	CLEANUP_BUF struct buf b = { 0 };
	char dir[] = "/tmp/unrack-index-XXXXXX", command[300];

	if (system("modprobe --version >/dev/null 2>&1") != 0) {
		ok(true, "modprobe # SKIP it is not here");
		return;
	}
	made(mkdtemp(dir), dir);
	snprintf(command, sizeof command, "mkdir -p %s/lib/modules/1.2.3/kernel", dir);
	made(system(command) == 0, command);
	put_file(dir, "kernel/mptspi.ko", "x", 1);
	put_file(dir, "kernel/mptscsih.ko", "x", 1);
	put_file(dir, "kernel/mptbase.ko", "x", 1);
	kmod_index_make(KMOD_DEP, dep, &b, &err);
	put_file(dir, "modules.dep.bin", b.data, b.len);
	buf_clear(&b);
	kmod_index_make(KMOD_ALIAS, alias, &b, &err);
	put_file(dir, "modules.alias.bin", b.data, b.len);
	put_file(dir, "modules.symbols.bin", b.data, b.len);
	buf_clear(&b);
	kmod_index_make(KMOD_BUILTIN, "kernel/fs/ext4.ko\n", &b, &err);
	put_file(dir, "modules.builtin.bin", b.data, b.len);

	says(dir, "--show-depends mptspi", "/kernel/mptbase.ko \ninsmod ");
	says(dir, "--show-depends mptspi", "/kernel/mptscsih.ko \ninsmod ");
	says(dir, "--show-depends pci:v00001000d00000030sv0sd0bc0sc0i0", "/kernel/mptspi.ko");
	says(dir, "-R pci:v00001000d00000030sv0sd0bc0sc0i0", "mptspi\n");
	says(dir, "--show-depends ext4", "builtin ext4\n");
	says(dir, "--show-depends ahci", "not found");
	snprintf(command, sizeof command, "rm -r %s", dir);
	made(system(command) == 0, command);
}

/* --- Hostile --- */

static int count(void *ctx, const struct kmod_entry *e)
{
	*(size_t *)ctx += strlen(e->key) < 2000 && strlen(e->value) < 100000;
	return 0;
}

static void hostile(void)
{
	CLEANUP_BUF struct buf b = { 0 }, text = { 0 };
	/* One node, which is its own child. */
	static const uint8_t circle[] = { 0xb0, 7, 0xf4, 0x57, 0, 2, 0, 1, 0xe0, 0, 0, 12,
					  'a', 0, 'b', 'c', 0xe0, 0, 0, 12, 0xe0, 0, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 'v', 0 };
	unsigned seed = 9, damaged = 0, cuts = 0;
	size_t n = 0;

	is_int(kmod_index_each(circle, sizeof circle, count, &n), KMOD_INDEX_DAMAGED, "circles end");
	ok(!kmod_index_find(circle, sizeof circle, "abababababababab"), "for lookups too");
	for (int k = 0; k < 60; k++)
		buf_printf(&text, "alias pci:v0000%04Xd*sv* module-%d\n", (k * 7919) & 0xffff, k);
	kmod_index_make(KMOD_ALIAS, buf_str(&text), &b, &err);
	for (size_t cut = 0; cut < b.len; cut++) {
		uint8_t *exact = malloc(cut + 1);

		memcpy(exact, b.data, cut);
		damaged += kmod_index_each(exact, cut, count, &n) == KMOD_INDEX_DAMAGED;
		kmod_index_find(exact, cut, "pci:v00000000d*sv*");
		cuts++;
		free(exact);
	}
	is_int(damaged, cuts, "an index that is cut anywhere is damaged");
	for (int round = 0; round < 20000; round++) {
		size_t at = made_random(&seed) % b.len;
		uint8_t old = b.data[at];

		b.data[at] = (uint8_t)made_random(&seed);
		kmod_index_each(b.data, b.len, count, &n);
		kmod_index_find(b.data, b.len, "pci:v00000000d*sv*");
		b.data[at] = old;
	}
	ok(n > 0, "damaged ones end");
	buf_clear(&text);
	buf_clear(&b);
	for (int k = 0; k < 3000; k++)
		buf_puts(&text, "a");
	buf_puts(&text, ".ko:\nalias ");
	for (int k = 0; k < 3000; k++)
		buf_puts(&text, "a");
	buf_puts(&text, " b\n");
	is_int(kmod_index_make(KMOD_ALIAS, buf_str(&text), &b, &err), 0, "a name longer than any");
	n = 0;
	is_int(kmod_index_each(b.data, b.len, count, &n) + (int)n, 0, "is left out");
}

int main(void)
{
	round_trip();
	like_depmod();
	for_modprobe();
	hostile();
	return tap_done();
}
