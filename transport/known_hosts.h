/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* known_hosts: which keys a host is known by. Format: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; host patterns:
 * ssh_config(5), PATTERNS. Bytes in, answer out. @cert-authority lines are skipped: libssh
 * takes no host certificates. */
#ifndef TRANSPORT_KNOWN_HOSTS_H
#define TRANSPORT_KNOWN_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

#define KNOWN_HOSTS_FINGERPRINT_MAX 64u /* "SHA256:" and 43 characters */

#define KNOWN_HOSTS_NAME_MAX 300u

/* In the order of their weight, over all lines of all files. */
enum known_hosts_verdict {
	KNOWN_HOSTS_NOTHING,    /* the host is not in it */
	KNOWN_HOSTS_OTHER_TYPE, /* only with keys of other types */
	KNOWN_HOSTS_CHANGED,    /* with another key of this type */
	KNOWN_HOSTS_SAME,
	KNOWN_HOSTS_REVOKED,    /* this very key is marked so */
};

struct known_hosts_answer {
	enum known_hosts_verdict verdict;
	char file[512];  /* the line that decided, unless the verdict is NOTHING */
	unsigned line;
	char type[64];   /* its key's */
	char fingerprint[KNOWN_HOSTS_FINGERPRINT_MAX]; /* "" if its key can't be decoded */
};

/* How HOST is called there: in small letters, and on another port than 22 as [host]:port. */
void known_hosts_name(const char *host, unsigned port, char out[KNOWN_HOSTS_NAME_MAX]);

/* Looks in TEXT, the content of FILE, for NAME and its key (TYPE and base64, as in that format), and
 * makes *ANSWER, which starts zeroed, weigh more if it finds more. */
void known_hosts_look(const char *text, size_t n, const char *file, const char *name,
		      const char *type, const char *key, struct known_hosts_answer *answer);

/* The SHA256 fingerprint of a base64 key as ssh-keygen -l shows it; false: no base64. */
bool known_hosts_fingerprint(const char *key, char out[KNOWN_HOSTS_FINGERPRINT_MAX]);

/* TEXT is such a fingerprint; padding ("=") at its end is tolerated. */
bool known_hosts_is_fingerprint(const char *text);
bool known_hosts_same_fingerprint(const char *a, const char *b);

#endif
