/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Manifests whose checksum is right and whose content is not, and keys of other versions. */
#include <stdlib.h>

#include "../../p2v/machine/manifest.h"
#include "../support/tap.h"
#include "../support/twins.h"
#include "unrack/machine.h"

#define PATH "srv/web01/unrack/manifest.json"

static struct unrack_error err;

/* Seals TEXT as a manifest and opens the folder. */
static int open_text(struct twin_io *t, const char *text, struct machine **m)
{
	struct json *j = NULL;
	struct buf b = { 0 };
	int r;

	if (json_parse(text, strlen(text), "test", &j, &err) < 0 || manifest_encode(j, &b, &err) < 0) {
		printf("Bail out! %s\n", err.text);
		exit(1);
	}
	twin_io_put(t, PATH, b.data, b.len);
	json_free(j);
	buf_free(&b);
	*m = NULL;
	r = machine_open(twin_io(t), "srv/web01", m, &err);
	return r;
}

static void refused(const char *text, int code, const char *why)
{
	struct twin_io *t = twin_io_new(NULL);
	struct machine *m;

	is_int(open_text(t, text, &m), code, "refused: %s", why);
	has_str(err.text, why, "the sentence");
	machine_free(m);
	twin_io_free(t);
}

#define DISK(members) "{\"state\":\"copying\",\"disks\":[{" members "}]}"

static void test_refused(void)
{
	refused("{\"a\":1}", UNRACK_DAMAGED, "its state is none");
	refused("{\"state\":7}", UNRACK_DAMAGED, "its state is none");
	refused("{\"state\":\"flying\"}", UNRACK_DAMAGED, "its state is none");
	refused(DISK(""), UNRACK_DAMAGED, "a disk without number, size or format");
	refused(DISK("\"n\":0,\"bytes\":-1,\"format\":\"flat\""), UNRACK_DAMAGED, "a disk without");
	refused(DISK("\"n\":60,\"bytes\":1,\"format\":\"flat\""), UNRACK_DAMAGED, "a disk without");
	refused(DISK("\"n\":4294967296,\"bytes\":1,\"format\":\"flat\""), UNRACK_DAMAGED, "a disk without");
	refused(DISK("\"n\":0,\"bytes\":1,\"format\":\"round\""), UNRACK_DAMAGED, "a disk without");
	refused(DISK("\"n\":0,\"bytes\":1,\"format\":\"flat\"},{\"n\":0,\"bytes\":1,\"format\":\"flat\""),
		UNRACK_DAMAGED, "two disks of one number");
	refused(DISK("\"n\":0,\"bytes\":1,\"format\":\"flat\",\"identity\":{\"strict\":[\"nokey\"]}"),
		UNRACK_DAMAGED, "not lines of key=value");
	refused("{\"state\":\"copying\",\"disks\":[17]}", UNRACK_DAMAGED, "a disk without");
	refused("{\"state\":\"copying\",\"machine\":\"db7\"}", UNRACK_UNSAFE,
		"srv/web01 was renamed: it is the folder of the machine db7");
}

/* What another version has put there is there after a rewrite, at each level. */
static void test_unknown_keys(void)
{
	static const char text[] =
		"{\"future\":{\"a\":[1,2]},\"state\":\"copied\",\"machine\":\"web01\",\"disks\":["
		"{\"n\":1,\"bytes\":9,\"format\":\"flat\",\"colour\":\"red\",\"stream\":true,\"identity\":{\"strict\":[\"mbr=1\"],"
		"\"shape\":\"round\"}}],\"target\":{\"esx\":\"6.7\",\"planet\":\"earth\"},"
		"\"steps\":[{\"name\":\"copy\",\"state\":\"done\",\"mood\":\"good\"}],\"guest\":{\"os\":\"rhel\"}}";
	static const char *const kept[] = { "\"future\": {", "\"colour\": \"red\"", "\"shape\": \"round\"",
					    "\"planet\": \"earth\"", "\"mood\": \"good\"", "\"os\": \"rhel\"" };
	struct twin_io *t = twin_io_new(NULL);
	struct machine_target target;
	struct machine_disk d;
	struct machine *m;
	char *out;

	is_int(open_text(t, text, &m), 0, "a manifest of another version with the same format");
	target = *machine_get_target(m);
	is_str(target.esx, "6.7", "what is known is read");
	strcpy(target.nic, "e1000");
	machine_set_target(m, &target);
	d = *machine_find_disk(m, 1);
	d.image_mtime_ns = 5;
	ok(d.stream && machine_disk_is_vague(&d), "a disk that came as a stream is one");
	is_int(machine_put_disk(m, &d, &err), 0, "a disk is changed");
	is_int(machine_step(m, "copy", "running", &err), 0, "a step too, which saves");
	out = (char *)twin_io_get(t, PATH, NULL);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		has_str(out, kept[i], "kept: %s", kept[i]);
	has_str(out, "\"nic\": \"e1000\"", "the changes are there");
	has_str(out, "\"image_mtime_ns\": 5", "of the disk");
	has_str(out, "\"stream\": true", "whether it came as a stream, too");
	has_str(out, "\"state\": \"running\"", "and of the step");
	free(out);
	machine_free(m);
	twin_io_free(t);
}

int main(void)
{
	test_refused();
	test_unknown_keys();
	return tap_done();
}
