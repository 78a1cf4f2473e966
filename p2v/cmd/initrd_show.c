/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* initrd show: one member as it is, or what the image is and does, and its script. */
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "cmd_initrd.h"
#include "initrd_input.h"
#include "initrd_modules.h"
#include "initrd_text.h"

#define PIECE (4u << 20) /* of a member's content, which may be larger than what may be in memory */

static int find_member(const struct initrd_input *f, const char *name, const struct initrd_member **out,
		       struct unrack_error *err)
{
	const struct initrd_member *m;

	while (!strncmp(name, "./", 2))
		name += 2;
	m = initrd_follow(f->image, name);
	if (!m && initrd_find(f->image, name))
		return error_set(err, UNRACK_DAMAGED, "%s: %s is a link to what is not in the image; `unrack initrd list %s` "
				 "shows where to", f->name, name, f->name);
	if (!m)
		return error_set(err, UNRACK_USAGE, "%s: there is no %s in it; `unrack initrd list %s` shows what there is",
				 f->name, name, f->name);
	if (!S_ISREG(m->mode))
		return error_set(err, UNRACK_USAGE, "%s: %s is a %s, and has no content; `unrack initrd list %s` shows what there "
				 "is", f->name, name, S_ISDIR(m->mode) ? "folder" : "device or the like", f->name);
	*out = m;
	return 0;
}

/* As a member of the result, unless it is no text. */
static void set_content(struct cli *cli, const struct initrd_member *m)
{
	CLEANUP_BUF struct buf b = { 0 };
	bool text = m && initrd_text_is_text(m) && buf_append(&b, m->data, m->size) == 0;

	json_set_str(cli->result, "name", m ? m->name : NULL);
	json_set_str(cli->result, "content", text ? buf_str(&b) : NULL);
}

static int show_member(struct cli *cli, const struct initrd_input *f, const char *name, struct unrack_error *err)
{
	const struct initrd_member *m = NULL;
	int r = find_member(f, name, &m, err);

	if (r < 0)
		return r;
	for (size_t at = 0, piece; at < m->size; at += piece) {
		piece = m->size - at < PIECE ? m->size - at : PIECE;
		terminal_content(cli->terminal, m->data + at, piece);
		initrd_forget(f->image);
	}
	set_content(cli, m);
	return 0;
}

/* What it loads; of an image that neither mkinitrd nor dracut of RHEL made that can't be told. */
static int put_answer(struct cli *cli, const struct initrd_options *o, const struct initrd_input *f, struct buf *text,
		      struct unrack_error *err)
{
	struct initrd_answer answer = { 0 };
	struct initrd_modules m;
	int r = initrd_modules_open(o->modules, o->kver, f->image, f->name, &m, err);

	if (r == 0)
		r = initrd_check(f->image, m.tree, NULL, 0, &answer, err);
	initrd_modules_close(&m);
	if (r < 0)
		return r;
	initrd_text_unasked(&answer);
	if (initrd_text_answer(text, &answer) < 0)
		r = error_nomem(err);
	json_set(cli->result, "answer", initrd_text_answer_json(&answer));
	initrd_answer_free(&answer);
	return r;
}

static int show_image(struct cli *cli, const struct initrd_options *o, const struct initrd_input *f,
		      struct unrack_error *err)
{
	const struct initrd_member *script = initrd_text_script(f->image);
	CLEANUP_BUF struct buf text = { 0 };
	enum initrd_kind kind = initrd_get_kind(f->image);
	int r = 0;

	if (initrd_text_image(&text, f->image, f->name) < 0)
		return error_nomem(err);
	if (kind == INITRD_NASH || kind == INITRD_DRACUT)
		r = put_answer(cli, o, f, &text, err);
	if (r == 0 && script && (buf_puts(&text, "\n") < 0 || initrd_text_name(&text, script->name, strlen(script->name)) < 0 ||
				 buf_puts(&text, ":\n") < 0 || buf_append(&text, script->data, script->size) < 0))
		r = error_nomem(err);
	if (r < 0)
		return r;
	terminal_answer(cli->terminal, "%s", buf_str(&text));
	set_content(cli, script);
	return 0;
}

int initrd_show_run(struct cli *cli, const struct initrd_options *o, char **files, int n, struct unrack_error *err)
{
	struct initrd_input f;
	int r = initrd_input_open(files[0], false, &f, err);

	if (r == 0) {
		json_set(cli->result, "image", initrd_text_image_json(f.image, f.name, f.st.st_size));
		r = n > 1 ? show_member(cli, &f, files[1], err) : show_image(cli, o, &f, err);
	}
	initrd_input_close(&f);
	return r;
}
