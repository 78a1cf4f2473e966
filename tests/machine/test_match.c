/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "../../p2v/machine/match.h"
#include "../support/tap.h"
#include "../support/twins.h"

/* Disks in short: "SIZE STRICT SERIAL", "-" for nothing; STRICT ends with "~" when it is partial. */
#define MAX 6

static struct unrack_error err;

static struct identity identity(const char *s)
{
	unsigned long long bytes;
	char strict[64], serial[64], line[100] = "", advisory[80] = "";
	struct identity id;
	bool partial;

	if (sscanf(s, "%llu %63s %63s", &bytes, strict, serial) != 3)
		exit(1);
	partial = strict[strlen(strict) - 1] == '~';
	if (partial)
		strict[strlen(strict) - 1] = '\0';
	if (strcmp(strict, "-"))
		snprintf(line, sizeof line, "mbr=%s\n%s", strict, partial ? "1.ext3=x\nstream=head\n" : "1.ext3=x\n2.swap=y\n");
	if (strcmp(serial, "-"))
		snprintf(advisory, sizeof advisory, "serial=%s\n", serial);
	if (identity_init(&id, bytes, line, advisory, &err) < 0)
		exit(1);
	return id;
}

/* FOLDER: the disks 0, 1, ... that it has; OFFERS: those offered; WISHES: their --disk
 * numbers; TAKEN: numbers that are taken. WANT: "0 1n 2c" (number, new, changed), or the
 * beginning of an error "5: sentence" (exit status). */
struct match_case {
	const char *what;
	const char *folder[MAX], *offers[MAX];
	int wishes[MAX];
	const char *taken;
	bool same_disk;
	const char *want;
};

static void run(const struct match_case *c)
{
	static const char *const names[MAX] = { "A", "B", "C", "D", "E", "F" };
	struct twin_io *t = twin_io_new(NULL);
	struct machine *m = NULL;
	struct identity id[MAX];
	const struct identity *offers[MAX];
	struct match_result out[MAX];
	bool taken[MACHINE_DISKS_MAX] = { false };
	int wishes[MAX];
	struct match in = { .offers = offers, .names = names, .numbers = wishes, .taken = taken,
			    .same_disk = c->same_disk };
	char is[1200] = "";
	unsigned n = 0;

	machine_new(twin_io(t), "srv/web01", &m, &err);
	for (int k = 0; k < MAX && c->folder[k]; k++) {
		struct machine_disk d = { .n = k, .format = DISK_FLAT, .id = identity(c->folder[k]) };

		machine_put_disk(m, &d, &err);
		identity_free(&d.id);
	}
	for (; n < MAX && c->offers[n]; n++) {
		id[n] = identity(c->offers[n]);
		offers[n] = &id[n];
		wishes[n] = c->wishes[n] - 1; /* so that 0 in the table says none */
	}
	for (const char *p = c->taken; p && *p; p++)
		taken[*p - '0'] = true;
	in.m = m;
	in.n = n;
	if (match_disks(&in, out, &err) < 0) {
		snprintf(is, sizeof is, "%d: %s", error_exit_status(err.code), err.text);
		is[strlen(c->want) < strlen(is) ? strlen(c->want) : strlen(is)] = '\0';
	} else {
		for (unsigned i = 0; i < n; i++)
			snprintf(is + strlen(is), sizeof is - strlen(is), "%s%d%s%s", i ? " " : "", out[i].number,
				 out[i].new ? "n" : "", out[i].changed ? "c" : "");
	}
	is_str(is, c->want, "%s", c->what);
	for (unsigned i = 0; i < n; i++)
		identity_free(&id[i]);
	machine_free(m);
	twin_io_free(t);
}

static const struct match_case cases[] = {
	{ "a new folder: numbers in the order of the offers", { 0 }, { "9 a -", "8 b -" }, .want = "0n 1n" },
	{ "the same disks", { "9 a -", "8 b -" }, { "9 a -", "8 b -" }, .want = "0 1" },
	{ "in another order", { "9 a -", "8 b -" }, { "8 b -", "9 a -" }, .want = "1 0" },
	{ "only one of them", { "9 a -", "8 b -" }, { "8 b -" }, .want = "1" },
	{ "and a third", { "9 a -", "8 b -" }, { "7 c -", "8 b -", "9 a -" }, .want = "2n 1 0" },
	{ "another machine", { "9 a -" }, { "9 b -" },
	  .want = "5: srv/web01 holds another machine: A is not its disk 0 (mbr is b, was a); choose another "
		  "folder, or if it is that disk, and was changed since, add --same-disk" },
	{ "another size", { "9 a -" }, { "8 a -" },
	  .want = "5: srv/web01 holds another machine: A is not its disk 0 (size 8 against 9); choose another" },
	{ "one that fits and one that does not, where one is missing", { "9 a -", "8 b -" },
	  { "9 a -", "8 c -" }, .want = "5: srv/web01 holds another machine: B is not its disk 1 (mbr is c, was b)" },
	{ "a clone", { "9 a S" }, { "9 a T" },
	  .want = "5: A looks like disk 0 of srv/web01, but serial is T, was S: a clone, or another leg of a "
		  "mirror? choose another folder, or if it is that disk, add --same-disk" },
	{ "a clone that is the same", { "9 a S" }, { "9 a T" }, .same_disk = true, .want = "0" },
	{ "a serial that an old kernel does not show", { "9 a S" }, { "9 a -" }, .want = "0" },
	{ "two legs told apart by serial", { "9 a S", "9 a T" }, { "9 a T", "9 a S" }, .want = "1 0" },
	{ "a second leg joins the first", { "9 a S" }, { "9 a S", "9 a T" }, .want = "0 1n" },
	{ "two legs that nothing tells apart", { "9 a -", "9 a -" }, { "9 a -", "9 a -" },
	  .want = "5: A and B can't be told apart, each may be disk 0 of srv/web01; say which one it is with "
		  "--disk 0=SOURCE" },
	{ "one leg of two equal ones", { "9 a -", "9 a -" }, { "9 a -" },
	  .want = "5: A may be disk 0 of srv/web01, and another of its disks as well, since these are equal; say "
		  "which one it is with --disk N=A" },
	{ "two equal ones, the folder has one", { "9 a -" }, { "9 a -", "9 a -" },
	  .want = "5: A and B can't be told apart, each may be disk 0" },
	{ "--disk decides", { "9 a -", "9 a -" }, { "9 a -", "9 a -" }, .wishes = { 2, 1 }, .want = "1 0" },
	{ "--disk for one decides both", { "9 a -", "9 a -" }, { "9 a -", "9 a -" }, .wishes = { 2 },
	  .want = "1 0" },
	{ "two equal disks in a new folder", { 0 }, { "9 a -", "9 a -" }, .want = "0n 1n" },
	{ "--disk numbers new disks", { 0 }, { "9 a -", "8 b -" }, .wishes = { 2, 0 }, .want = "1n 0n" },
	{ "--disk adds to what is there", { "9 a -" }, { "8 b -" }, .wishes = { 2 }, .want = "1n" },
	{ "--disk against the facts", { "9 a -" }, { "9 b -" }, .wishes = { 1 },
	  .want = "5: A is not the disk 0 that srv/web01 holds: mbr is b, was a; choose another folder, or if" },
	{ "--disk and --same-disk", { "9 a -" }, { "9 b -" }, .wishes = { 1 }, .same_disk = true, .want = "0c" },
	{ "but never another size", { "9 a -" }, { "8 a -" }, .wishes = { 1 }, .same_disk = true,
	  .want = "5: A is not the disk 0 that srv/web01 holds: size 8 against 9" },
	{ "--disk twice", { 0 }, { "9 a -", "8 b -" }, .wishes = { 1, 1 },
	  .want = "2: --disk 0=B: disk 0 has its source already" },
	{ "--disk too high", { 0 }, { "9 a -" }, .wishes = { 61 }, .want = "2: --disk 60=A: a folder has disks 0 to 59" },
	{ "--same-disk after a new mkswap", { "9 a -", "8 b -" }, { "8 b -", "9 c -" }, .same_disk = true,
	  .want = "1 0c" },
	{ "--same-disk with another size", { "9 a -" }, { "8 c -" }, .same_disk = true,
	  .want = "5: srv/web01 holds another machine" },
	{ "--same-disk with two of that size", { "9 a -", "9 b -" }, { "9 c -", "9 d -" }, .same_disk = true,
	  .want = "5: srv/web01 holds another machine" },
	{ "one by one: the second of two equal ones", { "9 a -", "9 a -" }, { "9 a -" }, .taken = "0", .want = "1" },
	{ "one by one: a new one behind all others", { "9 a -" }, { "8 b -" }, .taken = "0", .want = "1n" },
	{ "one by one: a strange one first", { "9 a -" }, { "8 b -" },
	  .want = "5: srv/web01 holds another machine: A is not its disk 0 (size 8 against 9)" },
	{ "a disk that came as a stream", { "9 a~ -", "8 b~ -" }, { "8 b -", "9 a S" }, .want = "1 0" },
	{ "a stream of a disk that is known", { "9 a S", "8 b -" }, { "8 b~ -" }, .want = "1" },
	{ "a stream of another disk", { "9 a -" }, { "9 b~ -" },
	  .want = "5: srv/web01 holds another machine: A is not its disk 0 (mbr is b, was a)" },
	{ "a stream of one of two equal disks", { "9 a S", "9 a T" }, { "9 a~ -" },
	  .want = "5: A may be disk 0 of srv/web01, and another of its disks as well" },
	{ "another stream as a further disk", { "9 a~ -" }, { "8 b~ -" }, .wishes = { 2 }, .want = "1n" },
	{ "blank disks of different size", { "9 - -", "8 - -" }, { "8 - -", "9 - -" }, .want = "1 0" },
};

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		run(&cases[i]);
	return tap_done();
}
