/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "nash_grammar.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "image_path.h"

#define WORDS_MAX 255    /* echo's; programs get fewer */
#define PROGRAM_WORDS 126
#define DEVICE_MAX 255   /* mknod and mkdevices copy a path to a buffer of 256 */

enum {
	IN21 = 1 << NASH_EL21,
	IN3 = 1 << NASH_EL3,
	IN4 = 1 << NASH_EL4,
	IN5 = 1 << NASH_EL5,
	TO4 = IN21 | IN3 | IN4,
	FROM3 = IN3 | IN4 | IN5,
	FROM4 = IN4 | IN5,
	ALL = TO4 | IN5,
};

/* A line, split as getArg() does. */
struct sentence {
	enum nash_release release;
	const struct initrd *image;
	struct nash_word words[WORDS_MAX];
	size_t n;
	size_t first; /* argument behind the options */
	char *why;
	size_t size;
};

#define LEN(w) ((int)min_u64((w).n, 60))

static bool refuse(struct sentence *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool refuse(struct sentence *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, c->size, fmt, ap);
	va_end(ap);
	return false;
}

/* --- Words ------------------------------------------------------------------------------ */

/* The character behind a closing quote is lost, so nothing may be there. */
static bool quoted_word(struct sentence *c, const char *p, const char *end, const char **next)
{
	const char *close = memchr(p + 1, *p, (size_t)(end - p - 1));

	if (!close)
		return refuse(c, "a quote is not closed");
	if (close + 1 < end && !isspace((unsigned char)close[1]))
		return refuse(c, "a word goes on behind its closing quote, where nash ends it");
	c->words[c->n++] = (struct nash_word){ p + 1, (size_t)(close - p - 1) };
	*next = close + 1;
	return true;
}

static bool split(struct sentence *c, const char *p, const char *end)
{
	while (p < end) {
		const char *start = p;

		if (isspace((unsigned char)*p)) {
			p++;
			continue;
		}
		if (c->n == WORDS_MAX)
			return refuse(c, "has more than %d words", WORDS_MAX);
		if (c->n && (*p == '"' || *p == '\'')) {
			if (!quoted_word(c, p, end, &p))
				return false;
			continue;
		}
		while (p < end && !isspace((unsigned char)*p))
			p++;
		c->words[c->n++] = (struct nash_word){ start, (size_t)(p - start) };
	}
	return true;
}

static bool is_path(const struct nash_word *w)
{
	return w->n > 0 && w->p[0] == '/';
}

/* What stands for a variable of the environment may be anything, from RHEL 4 on. */
static bool is_number(const struct sentence *c, const struct nash_word *w)
{
	size_t k = 0;

	if (c->release >= NASH_EL4 && w->n > 1 && w->p[0] == '$')
		return true;
	while (k < w->n && isdigit((unsigned char)w->p[k]))
		k++;
	return k > 0 && k == w->n && k < 10;
}

/* --- Commands of nash ------------------------------------------------------------------- */

static const struct nash_word *argument(const struct sentence *c, size_t k)
{
	return &c->words[c->first + k];
}

static size_t arguments(const struct sentence *c)
{
	return c->n - c->first;
}

/* Whether the option is among those before the arguments; its value, if it has one, behind it. */
static const struct nash_word *option(const struct sentence *c, const char *name)
{
	for (size_t k = 1; k < c->first; k++)
		if (nash_word_is(&c->words[k], name))
			return &c->words[k + 1];
	return NULL;
}

static bool paths(struct sentence *c)
{
	for (size_t k = 0; k < arguments(c); k++)
		if (!is_path(argument(c, k)))
			return refuse(c, "%.*s is no absolute path", LEN(*argument(c, k)), argument(c, k)->p);
	return true;
}

static bool numbers(struct sentence *c)
{
	for (size_t k = 0; k < arguments(c); k++)
		if (!is_number(c, argument(c, k)))
			return refuse(c, "%.*s is no number", LEN(*argument(c, k)), argument(c, k)->p);
	return true;
}

static bool echo(struct sentence *c)
{
	for (size_t k = 1; k < c->n; k++)
		if (nash_word_is(&c->words[k], ">") && (k + 2 != c->n || !is_path(&c->words[k + 1])))
			return refuse(c, "\">\" is not followed by one path");
	return true;
}

static bool mount(struct sentence *c)
{
	bool bind = option(c, "--bind") || option(c, "--move");

	/* Nash 5 looks into /etc/fstab, where its mkrootdev put /sysroot, and nothing else. */
	if (arguments(c) == 1 && (c->release < NASH_EL5 || bind || option(c, "-t") ||
				  !nash_word_is(argument(c, 0), "/sysroot")))
		return refuse(c, "a mount point is expected");
	if (arguments(c) == 2 && !bind && !option(c, "-t"))
		return refuse(c, "a type of filesystem is expected");
	if (!is_path(argument(c, arguments(c) - 1)))
		return refuse(c, "the mount point is no absolute path");
	return true;
}

static bool mkrootdev(struct sentence *c)
{
	if (c->release < NASH_EL5)
		return arguments(c) == 1 ? paths(c) : refuse(c, "a path is expected");
	if (!option(c, "-t") || !option(c, "-o"))
		return refuse(c, "a type of filesystem and options are expected");
	return true;
}

static bool mknod(struct sentence *c)
{
	const struct nash_word *type = argument(c, 1);

	if (!is_path(argument(c, 0)) || argument(c, 0)->n > DEVICE_MAX)
		return refuse(c, "no absolute path of at most %d characters is given", DEVICE_MAX);
	if (!nash_word_is(type, "b") && !nash_word_is(type, "c"))
		return refuse(c, "the type is neither b nor c");
	if (!is_number(c, argument(c, 2)) || !is_number(c, argument(c, 3)))
		return refuse(c, "major and minor are no numbers");
	return true;
}

/* RHEL 4 and 5 make the node themselves, if it is called so. */
static bool raidautorun(struct sentence *c)
{
	const struct nash_word *w = argument(c, 0);

	if (!is_path(w) || w->n > DEVICE_MAX)
		return refuse(c, "%.*s is no absolute path", LEN(*w), w->p);
	if (c->release >= NASH_EL4 && (w->n < 8 || memcmp(w->p, "/dev/md", 7) != 0 || !isdigit((unsigned char)w->p[7])))
		return refuse(c, "%.*s is not called /dev/md and a number", LEN(*w), w->p);
	return true;
}

static bool stabilized(struct sentence *c)
{
	static const char *const valued[] = { "--interval", "--iterations" };

	for (size_t k = 0; k < ARRAY_LEN(valued); k++) {
		const struct nash_word *v = option(c, valued[k]);

		if (v && !is_number(c, v))
			return refuse(c, "%s: %.*s is no number", valued[k], LEN(*v), v->p);
	}
	return paths(c);
}

static bool permissions(struct sentence *c)
{
	const struct nash_word *w = argument(c, 0);

	for (size_t k = 1; k < w->n; k++)
		if (!strchr("rwxf", w->p[k]))
			return refuse(c, "permissions are -[r][w][x][f]");
	return w->n > 1 && w->p[0] == '-' ? true : refuse(c, "permissions are expected");
}

static bool find(struct sentence *c)
{
	const struct nash_word *name = argument(c, 1);

	return arguments(c) == 3 && nash_word_is(name, "-name") ? true : refuse(c, "\"-name\" and a name are expected");
}

static bool dm(struct sentence *c)
{
	const struct nash_word *action = argument(c, 0);
	size_t at = 2, n = arguments(c);

	if (nash_word_is(action, "list"))
		return true;
	if (n >= 2 && (nash_word_is(action, "remove") || nash_word_is(action, "partadd") ||
		       nash_word_is(action, "get_uuid")))
		return n == 2 ? true : refuse(c, "one name is expected");
	if (!nash_word_is(action, "create"))
		return refuse(c, "%.*s is no action", LEN(*action), action->p);
	if (n > 4 && nash_word_is(argument(c, 2), "--uuid"))
		at = 4;
	if (n < at + 4 || !is_number(c, argument(c, at)) || !is_number(c, argument(c, at + 1)))
		return refuse(c, "name, start, length, type and parameters are expected");
	return true;
}

static bool accepts_command(struct sentence *c);

/* "cond -ne 0 command ..." */
static bool cond(struct sentence *c)
{
	static const char *const operators[] = { "-lt", "-le", "-eq", "-et", "-ne", "-ge", "-gt" };
	size_t at = 1, known;

	while (at < c->n && c->words[at].n && c->words[at].p[0] == '-') {
		for (known = 0; known < ARRAY_LEN(operators); known++)
			if (nash_word_is(&c->words[at], operators[known]))
				break;
		if (known == ARRAY_LEN(operators) || at + 1 == c->n || !is_number(c, &c->words[at + 1]))
			return refuse(c, "%.*s is no comparison with a number", LEN(c->words[at]), c->words[at].p);
		at += 2;
	}
	if (at == c->n)
		return refuse(c, "a command is expected");
	memmove(c->words, c->words + at, (c->n - at) * sizeof *c->words);
	c->n -= at;
	return accepts_command(c);
}

static bool program(struct sentence *c);

static bool exec(struct sentence *c)
{
	memmove(c->words, c->words + c->first, arguments(c) * sizeof *c->words);
	c->n = arguments(c);
	return program(c);
}

/* OPTIONS: those before the arguments, each followed by a blank; with a ':' it has a value. */
static const struct form {
	const char *command;
	unsigned releases;
	const char *options;
	size_t min, max; /* arguments behind them */
	bool (*more)(struct sentence *c);
} forms[] = {
	{ "access", ALL, NULL, 2, 2, permissions },
	{ "cond", IN5, NULL, 1, WORDS_MAX, cond },
	{ "cp", IN5, "", 2, 2, paths },
	{ "dm", IN5, NULL, 1, WORDS_MAX, dm },
	{ "echo", IN21 | IN3, NULL, 0, WORDS_MAX, echo },
	{ "echo", FROM4, NULL, 1, WORDS_MAX, echo }, /* without a word it writes behind its buffer */
	{ "exec", TO4, "", 1, PROGRAM_WORDS, exec },
	{ "exec", IN5, "--nokill ", 1, PROGRAM_WORDS, exec },
	{ "exit", IN5, "--nokill ", 0, 1, numbers },
	{ "find", ALL, NULL, 3, 3, find },
	{ "findlodev", TO4, "", 0, 0, NULL },
	{ "hotplug", IN5, "", 0, 0, NULL },
	{ "killplug", IN5, "", 0, 0, NULL },
	{ "ln", IN5, "", 2, 2, NULL },
	{ "losetup", ALL, "", 2, 2, paths },
	{ "mkblkdevs", IN5, "", 0, 0, NULL },
	{ "mkdevices", TO4, "", 1, 1, paths },
	{ "mkdir", ALL, "-p ", 1, 1, paths },
	{ "mkdmnod", FROM4, "", 0, 0, NULL },
	{ "mknod", ALL, "", 4, 4, mknod },
	{ "mkrootdev", TO4, "", 1, 1, mkrootdev },
	{ "mkrootdev", IN5, "-t: -o: ", 1, 1, mkrootdev },
	{ "mount", IN21 | IN3, "--ro -o: -t: ", 1, 2, mount },
	{ "mount", IN4, "--ro --bind -o: -t: ", 1, 2, mount },
	{ "mount", IN5, "--ro --bind --move -o: -t: ", 1, 2, mount },
	{ "network", IN5, NULL, 1, WORDS_MAX, NULL },
	{ "pivot_root", TO4, "", 2, 2, paths },
	{ "raidautorun", ALL, "", 1, 1, raidautorun },
	{ "readlink", ALL, "", 1, 1, NULL },
	{ "resolveDevice", IN5, "", 1, 1, NULL },
	{ "resume", IN5, "", 1, 1, NULL },
	{ "rmparts", IN5, "", 1, 1, NULL },
	{ "setquiet", FROM3, "", 0, 0, NULL },
	{ "setuproot", IN5, "", 0, 0, NULL },
	{ "showlabels", ALL, "", 0, 0, NULL },
	{ "sleep", ALL, "", 1, 1, numbers },
	{ "stabilized", IN4, "--interval: --iterations: ", 1, 1, stabilized },
	{ "stabilized", IN5, "--poll --hash --interval: --iterations: ", 1, 1, stabilized },
	{ "status", IN5, "", 0, 1, numbers },
	{ "switchroot", IN4, "", 1, 1, paths },
	{ "switchroot", IN5, "", 0, 0, NULL },
	{ "umount", ALL, "", 1, 1, paths },
	{ "waitdev", IN5, "", 1, 1, NULL },
};

/* Whether OPTIONS has W, and whether that has a value. */
static bool known_option(const char *options, const struct nash_word *w, bool *value)
{
	for (const char *p = options; *p; p += strcspn(p, " ") + 1) {
		size_t n = strcspn(p, " :");

		if (n == w->n && !memcmp(p, w->p, n)) {
			*value = p[n] == ':';
			return true;
		}
	}
	return false;
}

static bool skip_options(struct sentence *c, const char *options)
{
	bool value;

	for (c->first = 1; options && c->first < c->n; c->first += value ? 2 : 1) {
		const struct nash_word *w = &c->words[c->first];

		if (!w->n || w->p[0] != '-')
			break;
		if (!known_option(options, w, &value))
			return refuse(c, "%.*s is no option of it", LEN(*w), w->p);
		if (value && c->first + 1 == c->n)
			return refuse(c, "%.*s has no value", LEN(*w), w->p);
	}
	return true;
}

static bool accepts_form(struct sentence *c, const struct form *f)
{
	if (!skip_options(c, f->options))
		return false;
	if (arguments(c) < f->min)
		return refuse(c, "has %zu arguments where %zu are expected", arguments(c), f->min);
	if (arguments(c) > f->max)
		return refuse(c, "has %zu arguments where %zu are the most", arguments(c), f->max);
	return !f->more || f->more(c);
}

static const struct form *form_of(const struct nash_word *w, enum nash_release release)
{
	for (size_t k = 0; k < ARRAY_LEN(forms); k++)
		if ((forms[k].releases & 1u << release) && nash_word_is(w, forms[k].command))
			return &forms[k];
	return NULL;
}

/* --- Programs --------------------------------------------------------------------------- */

static bool is_executable(const struct initrd *image, const char *path)
{
	const struct initrd_member *m = image_file(image, path);

	return m && m->mode & 0111;
}

bool nash_grammar_program(const struct initrd *image, const char *name)
{
	static const char *const folders[] = { "usr/bin", "bin", "sbin", "usr/sbin" };
	char path[IMAGE_PATH_MAX];

	if (strchr(name, '/'))
		return is_executable(image, name);
	for (size_t k = 0; k < ARRAY_LEN(folders); k++)
		if (snprintf(path, sizeof path, "%s/%s", folders[k], name) < (int)sizeof path &&
		    is_executable(image, path))
			return true;
	return false;
}

static bool is_program(const struct sentence *c, const struct nash_word *w)
{
	char name[200];

	if (!c->image || w->n >= sizeof name)
		return w->n < sizeof name;
	memcpy(name, w->p, w->n);
	name[w->n] = '\0';
	return name[0] && nash_grammar_program(c->image, name);
}

/* insmod.static searches no folders, and options of its own come before the file. */
static bool insmod(struct sentence *c)
{
	size_t k = 1;

	while (k < c->n && c->words[k].n && c->words[k].p[0] == '-')
		k++;
	return k < c->n && is_path(&c->words[k]) ? true : refuse(c, "the absolute path of a module is expected");
}

static bool program(struct sentence *c)
{
	if (!is_program(c, &c->words[0]))
		return refuse(c, "it is neither a command of this nash nor a program in the image");
	if (c->n > PROGRAM_WORDS)
		return refuse(c, "has more than %d words", PROGRAM_WORDS);
	if (nash_word_is(&c->words[0], "insmod") && !insmod(c))
		return false;
	if (nash_word_is(&c->words[0], "lvm") && c->n < 2)
		return refuse(c, "a command is expected");
	return echo(c);
}

/* Nash 5 looks for a program first, unless "nash-" says not to; those before it look for their own. */
static bool accepts_command(struct sentence *c)
{
	struct nash_word name = c->words[0];
	bool own = c->release == NASH_EL5 && name.n > 5 && !memcmp(name.p, "nash-", 5);
	const struct form *f;

	if (own)
		name = (struct nash_word){ name.p + 5, name.n - 5 };
	f = form_of(&name, c->release);
	if (c->release == NASH_EL5 && !own && c->image && is_program(c, &name))
		f = NULL;
	else if (own && !f)
		return refuse(c, "it is no command of this nash");
	return f ? accepts_form(c, f) : program(c);
}

/* --- Lines and scripts ------------------------------------------------------------------ */

static bool is_comment(const struct nash_line *l)
{
	struct nash_word w;
	size_t at = 0;

	return nash_next(l, &at, &w) && w.p[0] == '#';
}

/* Behind a comment nash 5 takes the next line as it is: blanks in front make a command without
 * a name, and another comment is run. */
static bool behind_comment(struct sentence *c, const struct nash_line *l)
{
	if (l->text[0] == '#')
		return refuse(c, "a comment behind a comment is run as a command");
	if (l->text[0] != '\n' && isspace((unsigned char)l->text[0]))
		return refuse(c, "a line behind a comment begins with a blank");
	return true;
}

static bool accepts_line(const struct nash_line *l, bool after_comment, enum nash_release release,
			 const struct initrd *image, char *why, size_t size)
{
	struct sentence c = { .release = release, .image = image, .why = why, .size = size };
	size_t name, len;

	if (l->text[l->len - 1] != '\n')
		return refuse(&c, "the last line has no newline, so it is not run");
	if (release == NASH_EL5 && after_comment && !behind_comment(&c, l))
		return false;
	if (is_comment(l))
		return true;
	if (!split(&c, l->text, l->text + l->len - 1))
		return false;
	if (!c.n || accepts_command(&c))
		return true;
	/* "mount: ..." */
	name = min_u64(c.words[0].n, 60);
	len = min_u64(strlen(why), size - name - 3);
	memmove(why + name + 2, why, len);
	memcpy(why, c.words[0].p, name);
	memcpy(why + name, ": ", 2);
	why[name + 2 + len] = '\0';
	return false;
}

static bool has_line(const struct nash *s, const struct nash_line *l)
{
	for (size_t k = 0; s && k < s->lines.len; k++)
		if (s->lines.at[k].len == l->len && !memcmp(s->lines.at[k].text, l->text, l->len))
			return true;
	return false;
}

bool nash_grammar_fits(const struct nash *s, enum nash_release release, char *why, size_t size)
{
	size_t n = 0;

	for (size_t k = 0; k < s->lines.len; k++)
		n += s->lines.at[k].len;
	if (n <= NASH_EL4_SCRIPT_MAX || release == NASH_EL5)
		return true;
	snprintf(why, size, "has %zu bytes, and this nash reads only %d", n, NASH_EL4_SCRIPT_MAX);
	return false;
}

bool nash_grammar_accepts(const struct nash *s, enum nash_release release, const struct initrd *image,
			  const struct nash *old, struct nash_fault *fault)
{
	*fault = (struct nash_fault){ 0 };
	for (size_t k = 0; k < s->lines.len; k++) {
		const struct nash_line *l = &s->lines.at[k];
		bool after_comment = k && is_comment(l - 1);

		if (accepts_line(l, after_comment, release, image, fault->text, sizeof fault->text) ||
		    (l->text[l->len - 1] == '\n' && has_line(old, l)))
			continue;
		fault->line = k + 1;
		return false;
	}
	fault->text[0] = '\0';
	return nash_grammar_fits(s, release, fault->text, sizeof fault->text);
}
