/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is said when two sides of ssh have nothing in common. */
#include "../../transport/algorithms.h"
#include "../support/tap.h"

static struct unrack_error err;

static const char *said(const char *text, bool legacy)
{
	memset(&err, 0, sizeof err);
	if (!algorithms_explain(text, "db02", legacy, &err))
		return "(not explained)";
	return err.text;
}

static void test_offers(void)
{
	const char *c = algorithms_offer(ALGORITHMS_CIPHER, false);

	ok(strncmp(c, "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20", 54) == 0,
	   "the fastest ciphers come first");
	for (int k = ALGORITHMS_KEY_EXCHANGE; k <= ALGORITHMS_MAC; k++) {
		const char *modern = algorithms_offer((enum algorithms_kind)k, false);
		const char *both = algorithms_offer((enum algorithms_kind)k, true);

		ok(!strstr(modern, "sha1") && !strstr(modern, "cbc") && !strstr(modern, "ssh-rsa"),
		   "kind %d: nothing old unless asked for", k);
		ok(strncmp(both, modern, strlen(modern)) == 0 && both[strlen(modern)] == ',',
		   "kind %d: and then behind the others", k);
	}
}

#define NO_MATCH "kex error : no match for method "

static void test_sentences(void)
{
	const char *old = NO_MATCH "kex algos: server [diffie-hellman-group1-sha1], client [curve25519-sha256]";

	is_str(said(old, false), "db02 has no key exchange that is trusted today: it offers "
	       "diffie-hellman-group1-sha1; --ssh-legacy takes what is common in old servers",
	       "an old server");
	is_int(err.code, UNRACK_UNSUPPORTED, "is not supported");
	has_str(said(NO_MATCH "server host key algo: server [ssh-rsa,ssh-dss], client [ssh-ed25519]", false),
		"no host key that is trusted today: it offers ssh-rsa,ssh-dss; --ssh-legacy", "host keys");
	has_str(said(NO_MATCH "encryption client->server: server [arcfour,3des-cbc], client [x]", false),
		"no cipher that is trusted today: it offers arcfour,3des-cbc; --ssh-legacy", "ciphers");
	has_str(said(NO_MATCH "mac algo server->client: server [hmac-md5,hmac-sha1], client [x]", false),
		"no MAC that is trusted today: it offers hmac-md5,hmac-sha1; --ssh-legacy", "MACs");
	has_str(said(NO_MATCH "server host key algo: server [ssh-dss], client [ssh-ed25519]", false),
		"no host key that libssh can use: it offers ssh-dss; --rsh", "what --ssh-legacy does not help");
	has_str(said(NO_MATCH "mac algo client->server: server [hmac-md5,hmac-sha1-96], client [x]", true),
		"no MAC that libssh can use: it offers hmac-md5,hmac-sha1-96; --rsh", "what it did not help");
	has_str(said(NO_MATCH "compression algo client->server: server [zlib], client [none]", true),
		"have nothing in common (compression algo client->server): it offers zlib; --rsh", "other kinds");
	is_str(said("Socket error: disconnected", false), "(not explained)", "other errors are not ours");
	has_str(said(NO_MATCH "kex algos: server [kex-strict-s-v00@openssh.com,a,ext-info-s,b,ext-info-s], client "
		     "[x]", false), "it offers a,b;", "marks are no algorithms");
	has_str(said("No version of SSH protocol usable (banner: SSH-1.5-OpenSSH_2.9\033)", true),
		"version 1 of the ssh protocol only (SSH-1.5-OpenSSH_2.9?); --rsh", "an older protocol");
	ok(said("No version of SSH protocol usable", true) && err.code == UNRACK_UNSUPPORTED, "without a banner");
}

static void test_hostile(void)
{
	static char text[2000];

	strcpy(text, NO_MATCH "kex algos: server [");
	memset(text + strlen(text), 'x', 1200);
	ok(strlen(said(text, false)) < 600, "a long list without an end is cut");
	has_str(said(NO_MATCH "kex algos: server [a\033[2J,b\n], client [x]", false), "a?[2J,b?;",
		"control characters are not shown");
	has_str(said(NO_MATCH "kex algos: server [], client [x]", false), "it offers none", "an empty list");
	has_str(said(NO_MATCH "kex algos: server [,,,], client [x]", false), "libssh can use", "of nothing");
	ok(said(NO_MATCH, false) && err.code == UNRACK_UNSUPPORTED, "a text cut behind its beginning");
	has_str(said(NO_MATCH "kex algos: server [diffie-hellman-group1-sha", false), "libssh can use",
		"a name that is cut is another name");
}

int main(void)
{
	test_offers();
	test_sentences();
	test_hostile();
	return tap_done();
}
