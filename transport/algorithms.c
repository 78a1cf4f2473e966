/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "algorithms.h"

#include <stdio.h>
#include <string.h>

#include "report.h"

#define KEX                                                                                     \
	"curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384," \
	"ecdh-sha2-nistp521,diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,"       \
	"diffie-hellman-group-exchange-sha256,diffie-hellman-group14-sha256"
#define HOST_KEYS                                                                              \
	"ssh-ed25519,ecdsa-sha2-nistp521,ecdsa-sha2-nistp384,ecdsa-sha2-nistp256,"             \
	"rsa-sha2-512,rsa-sha2-256"
/* GCM is several times faster than CTR with a MAC, and the short key than the long one. */
#define CIPHERS                                                                                \
	"aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,"         \
	"aes128-ctr,aes192-ctr,aes256-ctr"
#define MACS                                                                                   \
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512"

static const struct {
	const char *name;   /* for people */
	const char *libssh; /* how its error names the kind begins so */
	const char *modern, *legacy, *both;
} kinds[] = {
#define KIND(name, libssh, modern, legacy) { name, libssh, modern, legacy, modern "," legacy }
	[ALGORITHMS_KEY_EXCHANGE] =
		KIND("key exchange", "kex algos", KEX,
		     "diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1,"
		     "diffie-hellman-group1-sha1"),
	[ALGORITHMS_HOST_KEY] = KIND("host key", "server host key algo", HOST_KEYS, "ssh-rsa"),
	[ALGORITHMS_CIPHER] = KIND("cipher", "encryption ", CIPHERS,
				   "aes128-cbc,aes192-cbc,aes256-cbc,3des-cbc"),
	[ALGORITHMS_MAC] = KIND("MAC", "mac algo ", MACS, "hmac-sha1"),
#undef KIND
};
#define KINDS (sizeof kinds / sizeof kinds[0])

const char *algorithms_offer(enum algorithms_kind kind, bool legacy)
{
	return legacy ? kinds[kind].both : kinds[kind].modern;
}

/* Whether the lists A and B have a name in common. */
static bool share(const char *a, const char *b)
{
	while (*a) {
		size_t n = strcspn(a, ",");

		for (const char *p = b; n && *p;) {
			size_t m = strcspn(p, ",");

			if (m == n && memcmp(a, p, n) == 0)
				return true;
			p += m + (p[m] == ',');
		}
		a += n + (a[n] == ',');
	}
	return false;
}

/* Without the names that are none of algorithms but say what else the far side can do. */
static void drop_marks(char *list)
{
	char *to = list;

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ","), whole = n + (p[n] == ',');

		if (strncmp(p, "kex-strict-", 11) != 0 && strncmp(p, "ext-info-", 9) != 0) {
			memmove(to, p, whole);
			to += whole;
		}
		p += whole;
	}
	if (to > list && to[-1] == ',')
		to--;
	*to = '\0';
}

/* The text of libssh 0.8 to 0.11: "kex error : no match for method KIND: server [A,B], client
 * [C,D]", cut where its buffer ends. */
static bool no_match(const char *text, const char *host, bool legacy, struct unrack_error *err)
{
	const char *method = strstr(text, "no match for method "), *list;
	char theirs[400], kind[60];
	size_t k = 0;

	if (!method)
		return false;
	method += strlen("no match for method ");
	while (k < KINDS && strncmp(method, kinds[k].libssh, strlen(kinds[k].libssh)) != 0)
		k++;
	list = strstr(method, "server [");
	list = list ? list + strlen("server [") : "";
	report_clean(list, strcspn(list, "]"), theirs, sizeof theirs);
	drop_marks(theirs);
	report_clean(method, strcspn(method, ":"), kind, sizeof kind);
	if (k == KINDS)
		error_set(err, UNRACK_UNSUPPORTED,
			  "%s and libssh have nothing in common (%s): it offers %s; --rsh can use "
			  "another ssh program", host, kind, theirs);
	else if (!legacy && share(theirs, kinds[k].legacy))
		error_set(err, UNRACK_UNSUPPORTED,
			  "%s has no %s that is trusted today: it offers %s; --ssh-legacy takes "
			  "what is common in old servers", host, kinds[k].name, theirs);
	else
		error_set(err, UNRACK_UNSUPPORTED,
			  "%s has no %s that libssh can use: it offers %s; --rsh can use another ssh "
			  "program", host, kinds[k].name, theirs[0] ? theirs : "none");
	return true;
}

bool algorithms_explain(const char *text, const char *host, bool legacy, struct unrack_error *err)
{
	const char *banner = strstr(text, "No version of SSH protocol usable");
	char shown[100];

	if (!banner)
		return no_match(text, host, legacy, err);
	banner = strstr(banner, "banner: ");
	banner = banner ? banner + strlen("banner: ") : "";
	report_clean(banner, strcspn(banner, ")"), shown, sizeof shown);
	error_set(err, UNRACK_UNSUPPORTED,
		  "%s speaks version 1 of the ssh protocol only (%s); --rsh can use another ssh program",
		  host, shown);
	return true;
}
