/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The call, from both ends: 0:1 which (bit 0: we are the client), what is asked (bits 1, 2) and
 * answered (bits 3, 4), 1:1 the limit of silence; then a program for the far side (play.h). */
#include "play.h"
#include "unrack/call.h"

static void check_disks(const struct call_disk *d, unsigned n)
{
	fuzz_check(n <= MESSAGE_DISKS_MAX);
	for (unsigned i = 0; i < n; i++) {
		fuzz_check(d[i].name && strlen(d[i].name) < MESSAGE_PATH_MAX);
		fuzz_check(d[i].number >= -1 && d[i].number < (int)MESSAGE_DISKS_MAX);
		fuzz_check(d[i].id.strict && d[i].id.advisory);
	}
}

static void check_result(int r, const struct unrack_error *err)
{
	fuzz_check(r == 0 || (r == (int)err->code && err->text[0]));
}

static void serve(struct play *p, unsigned how)
{
	struct unrack_error err = UNRACK_ERROR_INIT, why;
	char text[] = "{}";
	struct call_answer answer = { .n = 0 };
	struct call_waiting *waiting = NULL;
	struct call call;
	int r = call_take(&p->channel, &call, &waiting, &err);

	check_result(r, &err);
	if (r < 0)
		return;
	check_disks(call.disks, call.n);
	fuzz_check(call.kind == CALL_SCAN || call.n > 0);
	fuzz_check((call.kind == CALL_RECEIVE) == (call.path[0] != '\0'));
	if (how & 8) {
		error_set(&why, UNRACK_UNSAFE, "not here");
		call_refuse(waiting, &why);
	} else {
		if (call.kind == CALL_SEND)
			answer = (struct call_answer){ .disks = call.disks, .n = call.n };
		if (call.kind == CALL_SCAN)
			answer.text = text;
		check_result(call_accept(waiting, &answer, &err), &err);
	}
	call_free(&call);
}

static void make_call(struct play *p, unsigned how)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct call call = { .kind = CALL_RECEIVE + (how >> 1 & 3) % 3, .silence_ms = p->channel.silence_ms };
	struct call_answer answer = { .n = 0 };
	struct call_disk disks[2] = { 0 };
	struct identity id;
	char folder[] = "web01", none[] = "";
	int r;

	if (identity_init(&id, 1 << 20, "mbr=00000001\n", "serial=a\n", &err) < 0)
		abort();
	for (unsigned i = 0; i < 2; i++)
		if (call_disk_set(&disks[i], "/dev/sda", i ? 3 : -1, call.kind == CALL_RECEIVE ? &id : NULL,
				  &err) < 0)
			abort();
	call.path = call.kind == CALL_RECEIVE ? folder : none;
	call.disks = disks;
	call.n = 2;
	r = call_make(&p->channel, &call, &answer, &err);
	check_result(r, &err);
	if (r == 0) {
		check_disks(answer.disks, answer.n);
		fuzz_check(call.kind != CALL_SEND || answer.n == call.n);
		fuzz_check(call.kind != CALL_SCAN || answer.text);
		call_answer_free(&answer);
	}
	for (unsigned i = 0; i < 2; i++) {
		free(disks[i].name);
		identity_free(&disks[i].id);
	}
	identity_free(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct play_ops ops = { 0 };
	struct fuzz_in in = { data, size };
	unsigned how = (unsigned)fuzz_take(&in, 1), silence = (unsigned)fuzz_take(&in, 1);
	struct play p;

	play_open(&p, &ops, NULL, in);
	p.channel.silence_ms = silence * 16;
	if (how & 1)
		make_call(&p, how);
	else
		serve(&p, how);
	play_free(&p);
	return 0;
}
