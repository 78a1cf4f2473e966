/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd list: what an image consists of. */
#include "base/cleanup.h"
#include "cmd_initrd.h"
#include "initrd_input.h"
#include "initrd_text.h"

static int list(struct cli *cli, const struct initrd_input *f, struct unrack_error *err)
{
	CLEANUP_BUF struct buf text = { 0 };
	struct json *members = json_new_array();
	int bad = !members || initrd_text_image(&text, f->image, f->name) < 0 || initrd_text_segments(&text, f->image) < 0;

	for (size_t k = 0; !bad && k < initrd_len(f->image); k++) {
		size_t segment = initrd_text_segment(f->image, k);

		bad = cli->opt.json ? json_add(members, initrd_text_member_json(f->image, k, segment)) :
				      initrd_text_member(&text, f->image, k, segment);
	}
	if (bad) {
		json_free(members);
		return error_nomem(err);
	}
	terminal_answer(cli->terminal, "%s", buf_str(&text));
	json_set(cli->result, "image", initrd_text_image_json(f->image, f->name, f->st.st_size));
	json_set(cli->result, "members", members);
	return 0;
}

int initrd_list_run(struct cli *cli, const struct initrd_options *o, char **files, int n, struct unrack_error *err)
{
	struct initrd_input f;
	int r = initrd_input_open(files[0], false, &f, err);

	(void)o;
	(void)n;
	if (r == 0)
		r = list(cli, &f, err);
	initrd_input_close(&f);
	return r;
}
