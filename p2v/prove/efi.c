/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* EFI firmware for the VM: the code, and the empty store of variables that belongs to it.
 * Those that check signatures want another machine than the one here. */
#include "parts.h"

#include <string.h>
#include <unistd.h>

#include "base/size.h"

static const struct efi_files places[] = {
	{ "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd" },         /* Debian */
	{ "/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd" },               /* Debian, older */
	{ "/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd" },     /* Fedora, RHEL */
	{ "/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd" }, /* Arch */
	{ "/usr/share/qemu/edk2-x86_64-code.fd", "/usr/share/qemu/edk2-i386-vars.fd" },   /* QEMU's own */
};

static bool put(char out[EFI_PATH_MAX], const char *root, const char *path)
{
	return snprintf(out, EFI_PATH_MAX, "%s%s", root, path) < (int)EFI_PATH_MAX && access(out, R_OK) == 0;
}

int efi_find(const char *root, struct efi_files *out, struct unrack_error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		if (put(out->code, root, places[i].code) && put(out->vars, root, places[i].vars))
			return 0;
	return error_set(err, UNRACK_MISSING, "the target has EFI firmware, and QEMU's is not installed here; "
			 "install ovmf (on Fedora and RHEL edk2-ovmf)");
}
