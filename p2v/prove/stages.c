/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the lines of a console mean. The release is that of RHEL whose own programs print the
 * line; "-" is the firmware or any kernel. What a program says it is about to do is no proof
 * that it did: nash's "Mounting root filesystem." belongs to the initrd. */
#include "parts.h"

#include <ctype.h>
#include <string.h>

#include "base/size.h"

/* In globs, * is any text and # one digit. */
struct pattern {
	const char *glob;
	enum prove_stage stage;
	enum prove_stage after; /* only once this stage was reached */
	bool echo;              /* prints the kernel's command line, which may say anything */
};

/* The first one that matches a line counts. */
static const struct pattern stages[] = {
	/* - */
	{ "SeaBIOS (version *", STAGE_FIRMWARE, 0, false },
	{ "Booting from Hard Disk*", STAGE_FIRMWARE, 0, false },
	{ "Boot failed:*", STAGE_FIRMWARE, 0, false },
	{ "BdsDxe: *", STAGE_FIRMWARE, 0, false },
	/* 2.1 to 4: LILO, and isolinux or syslinux of installation media */
	{ "LILO *", STAGE_LOADER, 0, false },
	{ "LILO", STAGE_LOADER, 0, false },
	{ "Loading linux.*", STAGE_LOADER, 0, false },
	{ "ISOLINUX *", STAGE_LOADER, 0, false },
	{ "SYSLINUX *", STAGE_LOADER, 0, false },
	{ "EXTLINUX *", STAGE_LOADER, 0, false },
	/* 2.1 to 6: GRUB legacy */
	{ "GRUB Loading stage*", STAGE_LOADER, 0, false },
	{ "GRUB loading*", STAGE_LOADER, 0, false }, /* GRUB 2 too */
	{ "*GNU GRUB  version *", STAGE_LOADER, 0, false },
	{ "*GRUB  version 0.*", STAGE_LOADER, 0, false },
	{ "Press `ESC' to enter the menu*", STAGE_LOADER, 0, false },
	{ "Press any key to enter the menu*", STAGE_LOADER, 0, false },
	{ "Booting '*", STAGE_LOADER, 0, true },
	{ "Booting `*", STAGE_LOADER, 0, true }, /* GRUB 2 */
	{ "root (hd*", STAGE_LOADER, 0, false },
	{ "Filesystem type is *", STAGE_LOADER, 0, false },
	{ "kernel *", STAGE_LOADER, 0, true },
	{ "initrd *", STAGE_LOADER, 0, true },
	{ "[Linux-*", STAGE_LOADER, 0, false },
	/* 7 and later: GRUB 2 */
	{ "Welcome to GRUB*", STAGE_LOADER, 0, false },
	{ "Loading Linux *", STAGE_LOADER, 0, false },
	{ "Loading initial ramdisk*", STAGE_LOADER, 0, false },
	/* - */
	{ "Uncompressing Linux...*", STAGE_KERNEL, 0, false },
	{ "Decompressing Linux...*", STAGE_KERNEL, 0, false },
	{ "Linux version #*", STAGE_KERNEL, 0, false },
	{ "Kernel command line:*", STAGE_KERNEL, 0, true },
	{ "Command line:*", STAGE_KERNEL, 0, true },
	{ "BIOS-provided physical RAM map:*", STAGE_KERNEL, 0, false },
	{ "Probing EDD (edd=off to disable)*", STAGE_KERNEL, 0, false },
	/* 2.1 to 5: nash */
	{ "Red Hat nash version *", STAGE_INITRD, 0, false },
	{ "Loading * module", STAGE_INITRD, 0, false },
	{ "Mounted /proc filesystem", STAGE_INITRD, 0, false },
	{ "Mounting proc filesystem", STAGE_INITRD, 0, false },
	{ "Creating block device*", STAGE_INITRD, 0, false },
	{ "Creating root device*", STAGE_INITRD, 0, false },
	{ "Waiting for driver initialization*", STAGE_INITRD, 0, false },
	{ "Scanning logical volumes*", STAGE_INITRD, 0, false },
	{ "Activating logical volumes*", STAGE_INITRD, 0, false },
	{ "Mounting root filesystem*", STAGE_INITRD, 0, false },
	{ "Switching to new root*", STAGE_INITRD, 0, false },
	{ "mount: could not find filesystem*", STAGE_INITRD, 0, false },
	{ "VFS: Mounted root (ext2 *", STAGE_INITRD, 0, false }, /* 2.1, 3: the ramdisk itself */
	/* 6 and later: dracut */
	{ "dracut: Mounted root filesystem*", STAGE_ROOT, 0, false },
	{ "dracut: Switching root*", STAGE_ROOT, 0, false },
	{ "dracut:*", STAGE_INITRD, 0, false },
	{ "dracut-*", STAGE_INITRD, 0, false },
	{ "dracut Warning:*", STAGE_INITRD, 0, false },
	{ "Welcome to *(Initramfs)*", STAGE_INITRD, 0, false },
	{ "systemd[1]: Running in initial RAM disk*", STAGE_INITRD, 0, false },
	{ "*Reached target *Initrd Root File System*", STAGE_ROOT, 0, false },
	{ "*Mounted /sysroot*", STAGE_ROOT, 0, false },
	{ "*Starting Switch Root*", STAGE_ROOT, 0, false },
	{ "systemd[1]: Switching root*", STAGE_ROOT, 0, false },
	/* 2.1 to 9: the kernel itself says what it has mounted */
	{ "EXT3-fs*: mounted filesystem*", STAGE_ROOT, 0, false },
	{ "EXT3 FS on *", STAGE_ROOT, 0, false },
	{ "kjournald starting*", STAGE_ROOT, 0, false },
	{ "EXT4-fs (*): mounted filesystem*", STAGE_ROOT, 0, false },
	{ "XFS mounting filesystem*", STAGE_ROOT, 0, false },
	{ "XFS (*): Ending clean mount*", STAGE_ROOT, 0, false },
	{ "VFS: Mounted root (*", STAGE_ROOT, 0, false },
	/* 2.1 to 6 */
	{ "INIT: version *", STAGE_INIT, 0, false },
	{ "INIT: Entering runlevel*", STAGE_SERVICES, 0, false },
	{ "Starting udev:*", STAGE_INIT, 0, false },
	{ "Remounting root filesystem in read-write mode:*", STAGE_INIT, 0, false },
	{ "Entering non-interactive startup*", STAGE_SERVICES, STAGE_LOADER, false },
	{ "Bringing up loopback interface*", STAGE_SERVICES, STAGE_LOADER, false },
	{ "Bringing up interface *", STAGE_SERVICES, STAGE_LOADER, false },
	{ "Starting *: *[*OK*]*", STAGE_SERVICES, STAGE_INIT, false },
	/* rc.sysinit of 2.1 to 6, systemd since; after the loader, whose menu may say the like */
	{ "Welcome to *", STAGE_INIT, STAGE_LOADER, false },
	/* 7 and later */
	{ "*Reached target *Multi-User System*", STAGE_SERVICES, 0, false },
	{ "*Reached target *Login Prompts*", STAGE_SERVICES, 0, false },
	{ "[  OK  ] Started *", STAGE_SERVICES, STAGE_INIT, false },
};

struct failure {
	const char *glob;
	enum prove_stage before; /* only until then, since programs say the like too; 0: always */
};

/* After these nothing more comes by itself. */
static const struct failure panics[] = {
	{ "Kernel panic - not syncing*", 0 }, /* 4 and later */
	{ "Kernel panic:*", 0 },              /* 2.1, 3 */
};

static const struct failure ends[] = {
	/* - */
	{ "No bootable device*", STAGE_KERNEL },
	{ "Missing operating system*", STAGE_KERNEL },
	{ "BdsDxe: No bootable option*", STAGE_KERNEL }, /* EFI */
	{ "Shell>*", STAGE_KERNEL },                     /* EFI, which has found nothing else */
	{ "Invalid partition table*", STAGE_KERNEL },
	{ "Error loading operating system*", STAGE_KERNEL },
	/* 2.1 to 6: GRUB legacy, its stage 2 and its first sectors */
	{ "Error #*", STAGE_KERNEL },
	{ "GRUB Error #*", STAGE_KERNEL },
	{ "*GRUB Hard Disk Error*", STAGE_KERNEL },
	{ "*GRUB Geom Error*", STAGE_KERNEL },
	{ "*GRUB Read Error*", STAGE_KERNEL },
	/* 7 and later: GRUB 2 */
	{ "grub rescue>*", STAGE_KERNEL },
	{ "Entering rescue mode...*", STAGE_KERNEL },
	/* 2.1 to 6: rc.sysinit */
	{ "*An error occurred during the file system check*", 0 },
	{ "*(Repair filesystem)*", 0 },
	{ "*Give root password for maintenance*", 0 }, /* 7 and later too */
	/* 6 and later */
	{ "dracut: FATAL:*", 0 },
	{ "dracut:/*", 0 },
	{ "*Dropping to debug shell*", 0 },
	{ "*Entering emergency mode*", 0 },
	{ "*You are in emergency mode*", 0 },
	{ "*the root account is locked*", 0 },
};

/* These say why. */
static const struct failure causes[] = {
	{ "Boot failed:*", STAGE_KERNEL },                 /* - */
	{ "BdsDxe: failed to load *", STAGE_KERNEL },      /* - */
	{ "error: *", STAGE_KERNEL },                      /* 7 and later: GRUB 2 */
	{ "mount: could not find filesystem*", 0 },        /* 5 */
	{ "mount: error *", 0 },                           /* 2.1 to 5 */
	{ "pivotroot: *failed*", 0 },                      /* 2.1 to 4 */
	{ "*Volume group \"*\" not found*", 0 },           /* 4, 5 */
	{ "Unable to find volume group*", 0 },             /* 4, 5 */
	{ "VFS: Cannot open root device*", 0 },            /* - */
	{ "fsck.*No such file or directory*", 0 },         /* 2.1 to 6 */
	{ "fsck.*Unable to resolve*", 0 },                 /* 2.1 to 6 */
	{ "*UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY*", 0 }, /* 2.1 to 6 */
	{ "dracut Warning:*", 0 },                         /* 6 and later */
	{ "Warning: /dev/*does not exist*", 0 },           /* 6 and later */
	{ "*Timed out waiting for device*", 0 },           /* 7 and later */
	{ "*Dependency failed for /*", 0 },                /* 7 and later */
};

static bool char_matches(char glob, char c)
{
	return glob == '#' ? isdigit((unsigned char)c) : glob == c;
}

/* In time length x length at worst. */
static bool matches(const char *glob, const char *s, size_t n)
{
	const char *star = NULL;
	size_t i = 0, resume = 0;

	while (i < n) {
		if (*glob == '*') {
			star = glob++;
			resume = i;
		} else if (*glob && char_matches(*glob, s[i])) {
			glob++;
			i++;
		} else if (star) {
			glob = star + 1;
			i = ++resume;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

static bool starts(const char *s, size_t n, const char *with)
{
	return n >= strlen(with) && !memcmp(s, with, strlen(with));
}

/* "<6>", "[    1.234567] " and blanks at both ends go; *kernel: such a time was there. */
static void trim(const char **s, size_t *n, bool *kernel)
{
	const char *p = *s, *end = *s + *n;

	*kernel = false;
	if (end - p >= 3 && p[0] == '<' && isdigit((unsigned char)p[1]) && p[2] == '>')
		p += 3;
	while (p < end && *p == ' ')
		p++;
	if (p < end && *p == '[') {
		const char *q = p + 1;

		while (q < end && (*q == ' ' || isdigit((unsigned char)*q)))
			q++;
		if (end - q > 7 && *q == '.') {
			const char *digits = ++q;

			while (q < end && isdigit((unsigned char)*q))
				q++;
			*kernel = q - digits == 6 && q < end && *q == ']';
			if (*kernel)
				p = q + 1;
		}
	}
	while (p < end && *p == ' ')
		p++;
	while (end > p && end[-1] == ' ')
		end--;
	*s = p;
	*n = (size_t)(end - p);
}

/* "web01 login:" and nothing else: a host's name, as getty prints it. */
static bool is_login(const char *s, size_t n)
{
	static const char *const verbs[] = {
		"Starting ", "Stopping ", "Checking ", "Last ", "Enabling ",
	};
	static const char prompt[] = " login:";
	size_t name = n - strlen(prompt);

	if (n <= strlen(prompt) || name > 253 || memcmp(s + name, prompt, strlen(prompt)) != 0)
		return false;
	for (size_t i = 0; i < name; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i]))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (starts(s, n, verbs[i]))
			return false;
	return true;
}

/* The next line of TEXT from *at. */
static bool next_line(const char *text, size_t n, size_t *at, const char **line, size_t *len)
{
	const char *nl;

	if (*at >= n)
		return false;
	nl = memchr(text + *at, '\n', n - *at);
	*line = text + *at;
	*len = nl ? (size_t)(nl - *line) : n - *at;
	*at += *len + 1;
	return true;
}

/* A line of the console, and its continuation when it fills the row. */
struct line {
	const char *s, *more;
	size_t n, more_n;
	bool kernel;
};

static void keep(char out[160], const struct line *l)
{
	if (!out[0])
		snprintf(out, 160, "%.*s%.*s", (int)min_u64(l->n, 159), l->s,
			 (int)min_u64(l->more_n, 159), l->more ? l->more : "");
}

/* The stage that the line shows, STAGE_NONE for most; *echo as in struct pattern. */
static enum prove_stage line_stage(const struct line *l, enum prove_stage reached, bool *echo)
{
	*echo = false;
	if (is_login(l->s, l->n))
		return STAGE_LOGIN;
	for (size_t i = 0; i < ARRAY_LEN(stages); i++) {
		if (reached >= stages[i].after && matches(stages[i].glob, l->s, l->n)) {
			*echo = stages[i].echo;
			return stages[i].stage;
		}
	}
	return l->kernel ? STAGE_KERNEL : STAGE_NONE;
}

static bool fails(const struct failure *table, size_t n, const struct line *l,
		  enum prove_stage reached)
{
	for (size_t i = 0; i < n; i++)
		if ((!table[i].before || reached < table[i].before) &&
		    matches(table[i].glob, l->s, l->n))
			return true;
	return false;
}

static void line_failures(const struct line *l, enum prove_stage reached, struct stage_findings *f)
{
	if (fails(causes, ARRAY_LEN(causes), l, reached))
		keep(f->cause, l);
	if (fails(panics, ARRAY_LEN(panics), l, reached)) {
		if (!f->panic)
			f->end[0] = '\0'; /* it says more than what came before */
		f->panic = true;
		keep(f->end, l);
	}
	if (fails(ends, ARRAY_LEN(ends), l, reached))
		keep(f->end, l);
}

void stages_read(const char *text, size_t n, unsigned columns, enum prove_stage reached,
		 struct stage_findings *f)
{
	struct line l;
	size_t at = 0;
	bool echo = false, full = false;

	while (next_line(text, n, &at, &l.s, &l.n)) {
		bool skip = echo && full;
		size_t ahead = at;
		enum prove_stage s;

		full = columns && l.n == columns;
		l.more = NULL;
		l.more_n = 0;
		if (full)
			next_line(text, n, &ahead, &l.more, &l.more_n);
		trim(&l.s, &l.n, &l.kernel);
		if (!l.n || skip || l.s[0] == '|') /* a loader's menu is framed */
			continue;
		s = line_stage(&l, reached, &echo);
		if (!echo)
			line_failures(&l, reached, f);
		if (s == STAGE_NONE)
			continue;
		keep(f->line[s], &l);
		if (s > reached)
			reached = s;
	}
}

const char *prove_stage_name(enum prove_stage s)
{
	static const char *const names[STAGE_COUNT] = {
		"none", "firmware", "loader", "kernel", "initrd", "root", "init", "services", "login",
		"network",
	};

	return (unsigned)s < STAGE_COUNT ? names[s] : "unknown";
}
