/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../p2v/convert/fix_state.h"
#include "../support/tap.h"
#include "../support/twins.h"

#define PATH "/fix/state"

static struct unrack_error err;

static struct fix_state example(void)
{
	struct fix_state s = {
		.phase = FIX_COMMITTING,
		.generation = 2,
		.request = { .esx = "6.7", .scsi = SCSI_PVSCSI, .nic = NIC_VMXNET3, .firmware = FIRMWARE_AUTO, .hw = 11 },
		.base = { .at = { { 0, 4096, 17 }, { 3, UINT64_C(1) << 42, 1700000000123456789 } }, .n = 2 },
		.left = { .at = { { 0, 4096, 18 } }, .n = 1 },
		.foreign = true,
	};

	memset(s.seed, 0xa5, sizeof s.seed);
	s.report = json_new_object();
	json_set_str(s.report, "text", "M\xfcller's plan\n");
	return s;
}

static void test_round_trip(void)
{
	struct fix_state s = example(), back;
	struct twin_io *t = twin_io_new(NULL);

	is_int(fix_state_read(twin_io(t), PATH, &back, &err), 0, "no file");
	is_int(back.phase, FIX_NONE, "is no phase");
	is_int(fix_state_write(twin_io(t), PATH, &s, &err), 0, "a state is written");
	is_int(fix_state_read(twin_io(t), PATH, &back, &err), 0, "and read");
	ok(back.phase == s.phase && back.generation == 2 && back.foreign, "with its phase and generation");
	ok(!strcmp(back.request.esx, "6.7") && back.request.scsi == SCSI_PVSCSI &&
		   back.request.nic == NIC_VMXNET3 && back.request.hw == 11, "the target");
	ok(back.base.n == 2 && !memcmp(&back.base.at, &s.base.at, sizeof s.base.at) && back.left.n == 1 &&
		   back.left.at[0].mtime_ns == 18, "the stamps");
	ok(!memcmp(back.seed, s.seed, sizeof s.seed), "the seed");
	has_str(json_str(back.report, "text", ""), "ller's plan", "and the report");
	fix_state_free(&back);
	fix_state_free(&s);
	twin_io_free(t);
}

static void test_damage(void)
{
	struct fix_state s = example(), back;
	struct buf text = { 0 };
	unsigned taken = 0;

	fix_state_encode(&s, &text, &err);
	for (size_t i = 0; i < text.len; i++) {
		text.data[i] ^= 1;
		if (fix_state_decode(buf_str(&text), text.len, "state", &back, &err) == 0) {
			taken++;
			fix_state_free(&back);
		}
		text.data[i] ^= 1;
	}
	is_int(taken, 0, "no flipped bit goes unnoticed");
	for (size_t n = 0; n < text.len; n++)
		if (fix_state_decode(buf_str(&text), n, "state", &back, &err) == 0) {
			taken++;
			fix_state_free(&back);
		}
	is_int(taken, 0, "nor a cut file");
	is_int(fix_state_decode("unrack-fix 2 0123456789abcdef\n{}", 32, "web01's state", &back, &err),
	       UNRACK_UNSUPPORTED, "a newer version is refused");
	has_str(err.text, "web01's state was written by a newer unrack (version 2)", "by name");
	is_int(fix_state_decode("", 0, "state", &back, &err), UNRACK_DAMAGED, "an empty file is damage");
	has_str(err.text, "keep the files beside it", "and the sentence says what to keep");
	buf_free(&text);
	fix_state_free(&s);
}

/* Right checksums around contents that make no sense. */
static void test_hostile(void)
{
	static const char *const bodies[] = {
		"[]", "{}", "{\"phase\":\"none\"}",
		"{\"phase\":\"saved\",\"generation\":-1}",
		"{\"phase\":\"saved\",\"generation\":1000000}",
		"{\"phase\":\"saved\",\"generation\":0,\"seed\":\"00\"}",
	};
	struct fix_state back;

	for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
		char text[256];
		int n = snprintf(text, sizeof text, "unrack-fix 1 %016llx\n%s",
				 (unsigned long long)checksum64(bodies[i], strlen(bodies[i])), bodies[i]);

		is_int(fix_state_decode(text, (size_t)n, "state", &back, &err), UNRACK_DAMAGED, "%s is refused",
		       bodies[i]);
	}
}

int main(void)
{
	test_round_trip();
	test_damage();
	test_hostile();
	return tap_done();
}
