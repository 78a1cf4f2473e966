/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/stat.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"

static char root[] = "/tmp/unrack-efi-XXXXXX";

static void make(const char *path, bool dir)
{
	char full[256];
	FILE *f;

	snprintf(full, sizeof full, "%s%s", root, path);
	if (dir) {
		if (mkdir(full, 0700) < 0)
			exit(1);
		return;
	}
	f = fopen(full, "w");
	if (!f || fclose(f) != 0)
		exit(1);
}

static void drop(const char *path)
{
	char full[256];

	snprintf(full, sizeof full, "%s%s", root, path);
	if (remove(full) < 0)
		exit(1);
}

int main(void)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct efi_files f;
	char deep[300];

	if (!mkdtemp(root))
		return 1;
	is_int(efi_find(root, &f, &err), UNRACK_MISSING, "no firmware");
	has_str(err.text, "install ovmf", "the sentence says what to install");
	make("/usr", true);
	make("/usr/share", true);
	make("/usr/share/OVMF", true);
	make("/usr/share/OVMF/OVMF_CODE_4M.fd", false);
	make("/usr/share/OVMF/OVMF_CODE.fd", false);
	make("/usr/share/OVMF/OVMF_VARS.fd", false);
	is_int(efi_find(root, &f, &err), 0, "firmware");
	has_str(f.code, "/usr/share/OVMF/OVMF_CODE.fd", "code without its own variables is no use");
	has_str(f.vars, "/usr/share/OVMF/OVMF_VARS.fd", "the variables that belong to it");
	make("/usr/share/OVMF/OVMF_VARS_4M.fd", false);
	is_int(efi_find(root, &f, &err), 0, "two of them");
	has_str(f.code, "OVMF_CODE_4M.fd", "the newer kind is taken");
	has_str(f.vars, "OVMF_VARS_4M.fd", "with its variables");
	memset(deep, '/', sizeof deep - 1);
	deep[sizeof deep - 1] = '\0';
	is_int(efi_find(deep, &f, &err), UNRACK_MISSING, "names too long for their place");

	drop("/usr/share/OVMF/OVMF_CODE_4M.fd");
	drop("/usr/share/OVMF/OVMF_VARS_4M.fd");
	drop("/usr/share/OVMF/OVMF_CODE.fd");
	drop("/usr/share/OVMF/OVMF_VARS.fd");
	drop("/usr/share/OVMF");
	drop("/usr/share");
	drop("/usr");
	is_int(rmdir(root), 0, "nothing is left");
	return tap_done();
}
