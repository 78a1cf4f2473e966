/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/disk/scan_look.h"
#include "fake_sys.h"

static struct scan s;

static void fresh(void)
{
	s = (struct scan){ .root = &fake_root, .warnings = json_new_array() };
}

static void done(void)
{
	for (size_t i = 0; i < s.disks.len; i++) {
		free(s.disks.at[i]->path);
		free(s.disks.at[i]->dir);
		free(s.disks.at[i]);
	}
	look_vec_free(&s.disks);
	json_free(s.warnings);
}

/* The paths that were found, below the folder. */
static const char *found(void)
{
	static char out[512];

	out[0] = '\0';
	for (size_t i = 0; i < s.disks.len; i++)
		snprintf(out + strlen(out), sizeof out - strlen(out), "%s ", s.disks.at[i]->path + strlen(fake));
	return out;
}

static int named(const char *name, struct unrack_error *e)
{
	char path[128];

	snprintf(path, sizeof path, "%s%s", fake, name);
	return scan_find_named(&s, path, e);
}

int main(void)
{
	struct unrack_error e = UNRACK_ERROR_INIT;

	fake_open();
	fake_disk("sdb", "pci/block", 1);
	fake_disk("cciss!c0d0", "pci/block", 1);
	fresh();
	is_int(scan_find_machine(&s, &e), 0, "a machine");
	is_str(found(), "/dev/cciss/c0d0 /dev/sdb ", "its disks as nodes");
	has_str(s.disks.at[0]->dir, "/sys/block/cciss!c0d0", "with their folders");
	done();

	fake_sh("mkdir -p many/sub.img empty && cd many && touch b.IMG a10.raw a2.raw web-flat.vmdk x.qcow2 .img .hidden.img notes.txt noext");
	fresh();
	is_int(named("/many", &e), 0, "a folder");
	is_str(found(), "/many/a2.raw /many/a10.raw /many/b.IMG /many/web-flat.vmdk /many/x.qcow2 ", "the images in it");
	has_str(json_at_str(s.warnings, 0, ""), "2 files in", "what is none by its name is counted");
	done();
	fresh();
	is_int(named("/many/", &e), 0, "a folder with a slash");
	has_str(found(), "/many/a2.raw ", "has one slash");
	is_int(named("/empty", &e), 0, "an empty folder");
	is_int(json_len(s.warnings), 1, "has nothing to be told of");
	done();
	fresh();
	is_int(named("/many/notes.txt", &e), 0, "a file of any name when it is named itself");
	is_int(named("/missing", &e), 0, "what is not there is not this function's concern");
	is_str(found(), "/many/notes.txt /missing ", "is kept");
	is_int(s.disks.at[1]->st.st_mode, 0, "as nothing");
	done();
	if (geteuid() == 0) {
		ok(true, "# SKIP root may read every folder");
	} else {
		fresh();
		fake_sh("chmod 0 empty");
		is_int(named("/empty", &e), UNRACK_MISSING, "a folder that may not be read");
		has_str(e.text, "can't read the folder", "is an error");
		fake_sh("chmod 700 empty");
		done();
	}
	fake_close();
	return tap_done();
}
