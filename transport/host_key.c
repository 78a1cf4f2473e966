/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "host_key.h"

#include <errno.h>
#include <string.h>

#include "unrack/buf.h"
#include "unrack/io.h"

#define KNOWN_HOSTS_MAX (16u << 20)

static int look_in_file(const char *path, const char *name, const struct host_key *k,
			struct known_hosts_answer *a, struct unrack_error *err)
{
	struct buf text CLEANUP_BUF = { 0 };
	int r = io_read_file(io_posix(), path, KNOWN_HOSTS_MAX, &text, err);

	if (r < 0)
		return err->sys_errno == ENOENT || err->sys_errno == ENOTDIR ? 0 : r;
	known_hosts_look(buf_str(&text), text.len, path, name, k->type, k->text, a);
	return 0;
}

static int look_up(const char *host, unsigned port, const struct host_key *k,
		   const char *const files[2], struct known_hosts_answer *a, struct unrack_error *err)
{
	char name[KNOWN_HOSTS_NAME_MAX];
	int r = 0;

	known_hosts_name(host, port, name);
	for (int i = 0; i < 2 && r == 0; i++)
		r = look_in_file(files[i], name, k, a, err);
	return r;
}

/* Which public key ssh-keygen is to show over there. */
static const char *file_of_type(const char *type)
{
	return strstr(type, "ed25519") ? "ed25519" :
	       strstr(type, "ecdsa")   ? "ecdsa" :
	       strstr(type, "dss")     ? "dsa" :
					 "rsa";
}

static int changed(const char *host, const char *name, const struct host_key *k,
		   const struct known_hosts_answer *a, struct unrack_error *err)
{
	return error_set(err, UNRACK_UNSAFE,
			 "the host key of %s has changed: %s line %u has %s %s, but now it is %s; somebody "
			 "may be listening in, or the server was reinstalled; if you know that the new "
			 "key is right, remove the old one: ssh-keygen -f '%s' -R '%s'",
			 host, a->file, a->line, a->type,
			 a->fingerprint[0] ? a->fingerprint : "(unreadable)", k->fingerprint, a->file, name);
}

int host_key_check(const char *host, unsigned port, const struct host_key *k,
		   const char *const files[2], struct unrack_error *err)
{
	struct known_hosts_answer a = { 0 };
	char name[KNOWN_HOSTS_NAME_MAX];
	bool one = strcmp(files[0], files[1]) == 0;
	int r = look_up(host, port, k, files, &a, err);

	/* As in ssh(1): who is not known by its port may be by its name, if the key is the same. */
	if (r == 0 && a.verdict == KNOWN_HOSTS_NOTHING && port != 22) {
		r = look_up(host, 22, k, files, &a, err);
		if (a.verdict < KNOWN_HOSTS_SAME)
			a.verdict = KNOWN_HOSTS_NOTHING;
	}
	if (r < 0 || a.verdict == KNOWN_HOSTS_SAME)
		return r;
	known_hosts_name(host, port, name);
	switch (a.verdict) {
	case KNOWN_HOSTS_REVOKED:
		return error_set(err, UNRACK_UNSAFE,
				 "the host key of %s, %s %s, is revoked by %s line %u: somebody else may "
				 "have it; give %s a new one",
				 host, k->type, k->fingerprint, a.file, a.line, host);
	case KNOWN_HOSTS_CHANGED:
		return changed(host, name, k, &a, err);
	case KNOWN_HOSTS_OTHER_TYPE:
		return error_set(err, UNRACK_UNSAFE,
				 "the host key of %s is %s %s, but %s line %u knows it by a key of type %s; "
				 "compare with `ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub` there, "
				 "then give --host-key %s",
				 host, k->type, k->fingerprint, a.file, a.line, a.type,
				 file_of_type(k->type), k->fingerprint);
	default:
		return error_set(err, UNRACK_UNSAFE,
				 "the host key of %s is not known: %s %s is not in %s%s%s; compare it with "
				 "`ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub` there, then give "
				 "--host-key %s, or connect once with ssh",
				 name, k->type, k->fingerprint, files[0], one ? "" : " or ",
				 one ? "" : files[1], file_of_type(k->type), k->fingerprint);
	}
}

int host_key_check_pinned(const char *host, const struct host_key *k, const char *pinned,
			  struct unrack_error *err)
{
	if (known_hosts_same_fingerprint(pinned, k->fingerprint))
		return 0;
	return error_set(err, UNRACK_UNSAFE,
			 "the host key of %s is %s %s, not the one that --host-key names; somebody may be "
			 "listening in, or that is the key of another type",
			 host, k->type, k->fingerprint);
}
