/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <unistd.h>

#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/lost.h"

static struct unrack_error err;
static struct twin_io *t;

static void put(const char *text)
{
	twin_io_put(t, "disk0.bad", text, strlen(text));
}

static void order(void)
{
	struct lost l = { 0 };

	is_int(lost_add(&l, 1024, 512, "/etc/passwd", &err), 0, "a range");
	is_int(lost_add(&l, 1536, 512, "/etc/passwd", &err), 0, "what follows it in the same file");
	is_int(l.n, 1, "is one with it");
	is_int(lost_add(&l, 2048, 512, "", &err), 0, "what lies in another place");
	is_int(l.n, 2, "is not");
	is_int(lost_bytes(&l), 1536, "together");
	is_int(lost_add(&l, 2000, 512, "", &err), UNRACK_DAMAGED, "out of order");
	is_int(lost_add(&l, 4096, 0, "", &err), UNRACK_DAMAGED, "nothing");
	is_int(lost_add(&l, UINT64_MAX - 5, 512, "", &err), UNRACK_DAMAGED, "beyond all");
	lost_forget(&l, 1500);
	is_int(lost_bytes(&l), 476, "from there on it is read again");
	lost_forget(&l, 0);
	is_int(l.n, 0, "and all of it");
	lost_free(&l);
}

static void file(void)
{
	struct lost l = { 0 }, back = { 0 };
	char *text;

	lost_add(&l, 0x117000, 0x200, "/var/log/messages on vg0/root", &err);
	lost_add(&l, 0x200000, 0x400, "", &err);
	is_int(lost_write(twin_io(t), "disk0.bad", &l, 0x800000, &err), 0, "written");
	text = (char *)twin_io_get(t, "disk0.bad", NULL);
	has_str(text, "0x00000000     +               1\n#      pos        size  status\n"
		"0x00000000  0x00117000  +\n# at 0x00117000: /var/log/messages on vg0/root\n0x00117000  0x00000200  -\n"
		"0x00117200  0x000E8E00  +\n0x00200000  0x00000400  -\n0x00200400  0x005FFC00  +\n",
		"as ddrescue reads it");
	free(text);
	is_int(lost_read(twin_io(t), "disk0.bad", &back, &err), 0, "read");
	ok(back.n == 2 && back.at[0].off == 0x117000 && back.at[0].len == 0x200 && back.at[1].off == 0x200000 &&
	   back.at[1].len == 0x400, "the same ranges");
	is_str(back.at[0].what, "/var/log/messages on vg0/root", "with what lies there");
	is_str(back.at[1].what, "", "or not");
	lost_free(&back);
	lost_free(&l);
	is_int(lost_write(twin_io(t), "disk0.bad", &l, 0x800000, &err), 0, "nothing lost");
	ok(!twin_io_exists(t, "disk0.bad"), "is no file");
	is_int(lost_write(twin_io(t), "disk0.bad", &l, 0x800000, &err), 0, "also when there was none");
	is_int(lost_read(twin_io(t), "disk0.bad", &back, &err), 0, "and read as such");
	is_int(back.n, 0, "empty");
}

static void strange(void)
{
	static const char *const bad[] = {
		"0 + 1\n0x10 0x10 -\n0x8 0x10 -\n", "0 + 1\nhello\n", "0 + 1\n0x10 0x10\n", "0 + 1\n0x10 0x10 - more\n",
		"0 + 1\n0x10 0 -\n",
	};
	struct lost l = { 0 };

	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		put(bad[i]);
		is_int(lost_read(twin_io(t), "disk0.bad", &l, &err), UNRACK_DAMAGED, "refused: %u", i);
		ok(l.n == 0 && !l.at, "nothing is left of it");
	}
	has_str(err.text, "disk0.bad is not a mapfile that unrack wrote", "and it is named");
	put("# of ddrescue itself\n0x0 ? 1\n0x00000000  0x00001000  +\n4096 512 *\n0x1200 0x200 /\n");
	is_int(lost_read(twin_io(t), "disk0.bad", &l, &err), 0, "ddrescue's own");
	is_int(lost_bytes(&l), 1024, "all that is not finished");
	lost_free(&l);
}

int main(void)
{
	t = twin_io_new(NULL);
	order();
	file();
	strange();
	twin_io_free(t);
	return tap_done();
}
