/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../initrd/nash_names.h"
#include "made.h"

static struct unrack_error err;

/* What the script in data/ names, of the image that holds MODULES. */
static struct initrd_answer names_of(const char *script, const char *modules)
{
	CLEANUP_BUF struct buf text = { 0 }, b = { 0 };
	struct initrd_answer a = { 0 };
	struct initrd *i;
	struct nash s;
	char path[100];

	snprintf(path, sizeof path, "tests/initrd/data/%s", script);
	if (script[0] == '#')
		buf_puts(&text, script);
	else
		made_file(&text, script, path);
	made_initrd(&b, "#!/bin/nash\n", modules);
	i = made_open(&b);
	made(nash_parse(text.data, text.len, "/init", &s, &err) == 0, "a script");
	is_int(nash_names_find(&s, i, &a), 0, "%s", script[0] == '#' ? "names" : script);
	nash_free(&s);
	initrd_close(i);
	return a;
}

static void is_named(const char *script, const char *root, const char *fs, const char *resume, const char *volumes,
		     const char *arrays)
{
	struct initrd_answer a = names_of(script, "");

	is_str(a.root, root, "root");
	is_str(a.root_fs, fs, "its filesystem");
	is_str(a.resume, resume, "resume");
	is_str(buf_str(&a.volumes), volumes, "volumes");
	is_str(buf_str(&a.arrays), arrays, "arrays");
	initrd_answer_free(&a);
}

static void every_release(void)
{
	is_named("el21-md.linuxrc", "", "ext3", "", "", "/dev/md0\n");
	is_named("el3-scsi.linuxrc", "", "ext3", "", "", "");
	is_named("el3-lvm.linuxrc", "/dev/Volume00/LogVol00", "ext3", "", "*\n", "");
	is_named("el3-md.linuxrc", "", "ext3", "", "", "/dev/md0\n/dev/md1\n");
	is_named("el4-lvm.init", "", "ext3", "", "VolGroup00\n", "");
	is_named("el4-md.init", "", "ext3", "", "", "/dev/md0\n/dev/md1\n");
	is_named("el5-lvm.init", "/dev/VolGroup00/LogVol00", "ext3", "/dev/VolGroup00/LogVol01", "VolGroup00\n", "");
	is_named("el5-md.init", "/dev/md1", "ext3", "/dev/md0", "", "/dev/md0\n/dev/md1\n");
}

static void volumes(void)
{
	struct initrd_answer a = names_of("#!/bin/nash\nlvm vgscan\nlvm vgchange -a y --config x=1 a b a\n"
					  "lvm vgchange -an c\nlvm vgchange -a n d\nlvm lvchange -aly e/root\n", "");

	is_str(buf_str(&a.volumes), "a\nb\ne/root\n", "groups and volumes that are activated, each once");
	initrd_answer_free(&a);
	a = names_of("#!/bin/nash\nlvm vgscan\nlvm vgdisplay f\n", "");
	is_str(buf_str(&a.volumes), "", "neither scanning nor showing activates one");
	initrd_answer_free(&a);
}

static void filesystems(void)
{
	struct initrd_answer a = names_of("#!/bin/nash\ninsmod /lib/jbd.ko\ninsmod /lib/ext3.ko\ninsmod /lib/xfs.ko\n"
					  "insmod /lib/ext3.ko\n", "jbd ext3");

	is_str(buf_str(&a.filesystems), "ext3\n", "those that are loaded, each once");
	initrd_answer_free(&a);
}

static void is_group(const char *root, const char *want)
{
	char group[INITRD_GROUP_MAX] = "";
	bool is = initrd_volume_group(root, group);

	is_str(is ? group : "", want, "%s is %s", root, *want ? want : "on no volume");
}

static void groups(void)
{
	char longest[200] = "/dev/";

	is_group("/dev/VolGroup00/LogVol00", "VolGroup00");
	is_group("/dev/mapper/VolGroup00-LogVol00", "VolGroup00");
	is_group("/dev/mapper/v--g--1-l--v", "v-g-1");
	is_group("/dev/mapper/mpath0p2", "");
	is_group("/dev/mapper/isw_bhdjcdgafc_Volume0p2", "");
	is_group("/dev/mapper/-x", "");
	is_group("/dev/mapper/x-", "");
	is_group("/dev/sda2", "");
	is_group("/dev/cciss/c0d0p2", "");
	is_group("/dev/vg/", "");
	is_group("/dev/disk/by-id/x", "");
	is_group("LABEL=/", "");
	is_group("", "");
	memset(longest + 5, 'v', 190);
	strcpy(longest + 190, "/x");
	is_group(longest, "");
	ok(nash_names_array("/dev/md0") && nash_names_array("/dev/md/1"), "arrays");
	ok(!nash_names_array("/dev/mdx") && !nash_names_array("/dev/sda"), "are no others");
}

int main(void)
{
	every_release();
	volumes();
	filesystems();
	groups();
	return tap_done();
}
