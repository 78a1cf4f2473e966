/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"
#include "unrack/io.h"

static char dir[] = "/tmp/unrack-console-XXXXXX";
static char path[64];

static char *kept(void)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf b = { 0 };

	io_read_file(io_posix(), path, 64u << 20, &b, &err);
	return buf_steal(&b);
}

static void lines(void)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct console c;
	char *text;

	is_int(console_open(&c, path, &err), 0, "a file for the console");
	ok(console_add(&c, 0.5, TEXT_SCREEN, "GRUB loading\nroot (hd0,0)\n"), "new lines");
	ok(!console_add(&c, 1.5, TEXT_SCREEN, "GRUB loading\nroot (hd0,0)\n"), "the same again is nothing new");
	ok(!console_add(&c, 2.5, TEXT_SCREEN, "root (hd0,0)\n"), "nor is a line that went away");
	ok(console_add(&c, 3.5, TEXT_SCREEN, "root (hd0,0)\nINIT: version 2.86 booting\nweb01 login:"),
	   "one new line among old ones");
	ok(!console_add(&c, 3.6, TEXT_SCREEN, ""), "an empty screen");
	ok(console_add(&c, 3.7, TEXT_SERIAL, "root (hd0,0)\n"), "another place's lines are its own");
	text = kept();
	ok(strstr(text, "web01 login:\n"), "all is in the file at once");
	free(text);
	console_note(&c, 4, "the end");
	console_close(&c);
	text = kept();
	is_str(text, "    0.5 VGA text: GRUB loading\n    0.5 VGA text: root (hd0,0)\n"
	       "    3.5 VGA text: INIT: version 2.86 booting\n    3.5 VGA text: web01 login:\n"
	       "    3.7 serial: root (hd0,0)\n    4.0 unrack: the end\n",
	       "each once, when and where it was seen");
	free(text);
	console_close(&c);

	is_int(console_open(&c, path, &err), 0, "the next proof");
	console_close(&c);
	text = kept();
	is_str(text, "", "begins anew");
	free(text);
}

static void endless(void)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct buf big CLEANUP_BUF = { 0 };
	struct console c;
	char *text;

	console_open(&c, path, &err);
	for (int i = 0; i < 40; i++) {
		buf_clear(&big);
		for (int k = 0; k < 10000; k++)
			buf_printf(&big, "line %d of round %d, as long as lines on a console often are\n", k, i);
		console_add(&c, i, TEXT_SERIAL, buf_str(&big));
	}
	console_close(&c);
	text = kept();
	ok(strlen(text) < 20u << 20, "what a guest writes without end is not kept without end");
	has_str(text, "the rest is not kept\n", "which is said");
	free(text);
}

static void refused(void)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct console c;

	is_int(console_open(&c, "/nowhere/console.txt", &err), UNRACK_IO, "no such folder");
	has_str(err.text, "/nowhere/console.txt", "the sentence names the file");
	is_int(err.sys_errno, ENOENT, "and the reason is known");
	console_close(&c);
}

int main(void)
{
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/console.txt", dir);
	lines();
	endless();
	refused();
	unlink(path);
	rmdir(dir);
	return tap_done();
}
