/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"

#define MEMORY (8u << 20)

static uint8_t *memory;

/* A screen of WIDTH x HEIGHT blank cells in COLOUR at offset AT. */
static void screen(size_t at, unsigned width, unsigned height, uint8_t colour)
{
	for (size_t i = 0; i < (size_t)width * height; i++) {
		memory[at + 2 * i] = ' ';
		memory[at + 2 * i + 1] = colour;
	}
}

static void put(size_t at, unsigned width, unsigned row, unsigned column, const char *s)
{
	for (size_t i = 0; s[i]; i++)
		memory[at + 2 * (row * width + column + i)] = (uint8_t)s[i];
}

static bool found(const char *what)
{
	struct buf consoles CLEANUP_BUF = { 0 };
	size_t from = 0, start, len;
	unsigned columns;

	while (ram_find_cells(memory, MEMORY, from, &start, &len, &columns)) {
		text_from_cells(memory + start, len, columns, &consoles);
		from = start + len;
	}
	return strstr(buf_str(&consoles), what) != NULL;
}

static void cells(void)
{
	size_t start, len;
	unsigned columns;

	memset(memory, 0, MEMORY);
	ok(!ram_find_cells(memory, MEMORY, 0, &start, &len, &columns), "empty memory has no screen");
	screen(1000002, 128, 48, 7);
	put(1000002, 128, 0, 0, "Welcome to Red Hat Enterprise Linux Server");
	put(1000002, 128, 1, 0, "Starting sshd:");
	put(1000002, 128, 1, 60, "[  OK  ]");
	put(1000002, 128, 40, 0, "web01 login: ");
	ok(ram_find_cells(memory, MEMORY, 0, &start, &len, &columns), "a screen is found");
	is_int(start, 1000002, "where it begins");
	is_int(len, 2 * 128 * 48, "and how long it is");
	is_int(columns, 128, "its width shows in the blanks at the rows' ends");
	ok(found("\nweb01 login:\n"), "its text is lines");
	ok(!ram_find_cells(memory, MEMORY, start + len, &start, &len, &columns), "there is one");
	put(1000002, 128, 45, 0, "Kernel panic - not syncing: Attempted to kill init!");
	ok(found("Kernel panic - not syncing"), "a panic too");

	memset(memory, 0, MEMORY);
	for (size_t i = 0; i < 40000; i += 2)
		memory[i] = "Kernel panic "[i / 2 % 13];
	ok(!found("Kernel panic"), "UTF-16 text is no screen");
	for (size_t i = 0; i < 40000; i++)
		memory[i] = (uint8_t)"Kernel panic - login: "[i % 22];
	ok(!found("l"), "plain text is no screen");
	memset(memory, 0, MEMORY);
	screen(4096, 80, 2, 7);
	put(4096, 80, 0, 0, "web01 login:");
	ok(!found("login"), "two rows are no screen");
	screen(4096, 80, 25, 7);
	ok(!found(" "), "nor is one without text");
	memset(memory, 'a', MEMORY);
	for (size_t i = 1; i < MEMORY; i += 2)
		memory[i] = 7;
	ok(ram_find_cells(memory, MEMORY, 0, &start, &len, &columns) && len < MEMORY,
	   "memory full of cells: no screen is larger than screens are");
	ok(!ram_find_cells(memory, 100, 0, &start, &len, &columns) &&
		   !ram_find_cells(memory, 0, 0, &start, &len, &columns),
	   "a little memory, and none");
}

static void log_is(const char *bytes, size_t n, const char *want, const char *what)
{
	struct buf b CLEANUP_BUF = { 0 };
	size_t at = ram_find_log((const uint8_t *)bytes, n);

	if (!want) {
		ok(at == SIZE_MAX, "%s", what);
		return;
	}
	ok(at < n && ram_log_text((const uint8_t *)bytes, n, at, &b) == 0, "%s: found", what);
	is_str(buf_str(&b), want, "%s", what);
}

#define LOG_IS(bytes, want, what) log_is(bytes, sizeof(bytes) - 1, want, what)

static void kernel_log(void)
{
	LOG_IS("<5>Linux version 2.6.18-398.el5\n<5>Kernel command line: ro root=/dev/sda3\n<4>more\n",
	       "<5>Linux version 2.6.18-398.el5\n<5>Kernel command line: ro root=/dev/sda3\n<4>more\n",
	       "the log of a 2.6 kernel");
	LOG_IS("<5>[    0.000000] Kernel command line: ro\n", "<5>[    0.000000] Kernel command line: ro\n",
	       "with times");
	LOG_IS("\x10\x01\x02Linux version 3.10\x05\x01\0\0Kernel command line: ro\x80\1\0\0Loading\x01",
	       "Linux version 3.10\nKernel command line: ro\nLoading\n", "records with binary headers");
	LOG_IS("\360\377\377Linux 6.1.0\n\0\0\2\360\377\377Kernel command line: ro quietet\n"
	       "\0\0\3\360\377\377bootbootot\n\0\0\4\360\377\377mounteded\n",
	       "Linux 6.1.0\nKernel command line: ro quiet\nbootboot\nmounted\n",
	       "records of 5.10 and later, behind which their last two letters stay");
	LOG_IS("<6>one\n<6>two 0000\n<5>Kernel command line: ro\n<6>three\n<6>four\n",
	       "<6>one\n<6>two 0000\n<5>Kernel command line: ro\n<6>three\n<6>four\n",
	       "letters twice by chance");
	LOG_IS("\0Kernel command line: %s\n", NULL, "the format in the kernel's code");
	LOG_IS("Nov 22 web01 kernel: Kernel command line: ro\n", NULL, "a line of a log file");
	LOG_IS("text\nKernel command line: ro\n", NULL, "a line of another file");
	LOG_IS("Kernel command line: ro", NULL, "at the very start, with nothing before it");
	LOG_IS("<5>Kernel command line: ", NULL, "cut behind the mark");
	LOG_IS("", NULL, "nothing");
}

static void scan(void)
{
	static const char log[] = "<5>Linux version 2.6.18\n<5>Kernel command line: ro\n";
	struct buf consoles CLEANUP_BUF = { 0 }, text CLEANUP_BUF = { 0 };
	int fd = memfd_create("ram", MFD_CLOEXEC);

	if (ftruncate(fd, 256l << 20) < 0)
		exit(1);
	memset(memory, 0, MEMORY);
	is_int(ram_scan(fd, &consoles, &text), 0, "memory that the guest never wrote to");
	is_int(consoles.len + text.len, 0, "has no text");
	screen(0, 80, 25, 7);
	put(0, 80, 3, 0, "web01 login:");
	/* Across the border of two chunks. */
	if (pwrite(fd, memory, 4000, 104857600 - 2000) != 4000 ||
	    pwrite(fd, memory, 4096, 0) != 4096 ||
	    pwrite(fd, log, sizeof log - 1, 200000000) != sizeof log - 1 ||
	    pwrite(fd, memory, 2048, (256 << 20) - 2048) != 2048)
		exit(1);
	is_int(ram_scan(fd, &consoles, &text), 0, "memory with text");
	ok(strstr(buf_str(&consoles), "web01 login:\n"), "the console");
	has_str(buf_str(&text), "Linux version 2.6.18\n", "the log");
	is_int(ram_scan(fd, &consoles, &text), 0, "again");
	ok(text.len && text.len < 200, "the last scan's text is replaced");
	close(fd);
	is_int(ram_scan(-1, &consoles, &text), 0, "no memory to be read");
	is_int(consoles.len + text.len, 0, "is no text");
}

int main(void)
{
	memory = malloc(MEMORY);
	if (!memory)
		return 1;
	cells();
	kernel_log();
	scan();
	free(memory);
	return tap_done();
}
