/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../../p2v/convert/harm.h"
#include "el5.h"

int main(void)
{
	static const struct {
		enum harm_file file;
		unsigned line;
		const char *device, *what;
	} want[] = {
		{ HARM_CRYPTTAB, 2, "/dev/hda5", "makes encrypted swap on" },
		{ HARM_CRYPTTAB, 3, "/dev/hda6", "makes an encrypted /tmp on" },
		{ HARM_CRYPTTAB, 4, "/dev/hda7", "" },
		{ HARM_RAWDEVICES, 1, "/dev/sdb1", "gives a database raw access to" },
		{ HARM_KDUMP, 1, "/dev/hda8", "writes crash dumps over" },
		{ HARM_KDUMP, 3, "/dev/hda9", "" },
		{ HARM_RC_LOCAL, 2, "/dev/hda2", "runs mkswap on" },
	};
	struct unrack_error err;
	struct harm_list list;
	struct guest *g;

	el5_make();
	g = el5_open(false);
	is_int(harm_find(g, &list, &err), 0, "a server without such lines");
	is_int(list.n, 0, "has none");
	ok(list.paths[HARM_RC_LOCAL] && !list.paths[HARM_CRYPTTAB], "of the files one is there");
	harm_free(&list);
	el5_put("/etc/crypttab", "# swap /dev/hda4 /dev/urandom swap\nswap /dev/hda5 /dev/urandom swap,cipher=aes\n"
		"t /dev/hda6 /dev/urandom tmp=ext2\nhome /dev/hda7 none noswapx\nlabel LABEL=x none swap\n");
	el5_put("/etc/sysconfig/rawdevices", "/dev/raw/raw1 /dev/sdb1\n/dev/raw/raw2 8 17\n");
	el5_put("/etc/kdump.conf", "raw /dev/hda8\npath /var/crash\next3 /dev/hda9\nnet host:/x\n");
	el5_put("/etc/rc.d/rc.local", "#!/bin/sh\nmkswap /dev/hda2\n# mkswap /dev/hda3\n");
	is_int(harm_find(g, &list, &err), 0, "lines that destroy");
	is_int(list.n, sizeof want / sizeof want[0], "are found, and what else those tables name");
	for (size_t i = 0; i < list.n && i < sizeof want / sizeof want[0]; i++) {
		is_str(list.at[i].device, want[i].device, "%s", want[i].device);
		is_str(list.at[i].what, want[i].what, "what happens to it");
		ok(list.at[i].file == want[i].file && list.at[i].line == want[i].line, "and where");
	}
	harm_free(&list);
	guest_close(g);
	el5_clean();
	return tap_done();
}
