/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* known_hosts: names, patterns, hashes, several keys, markers, and lines that are none. The keys and
 * hashes were made by ssh-keygen 9.2. */
#include "../../transport/known_hosts.h"
#include "../support/tap.h"

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIL0FosElIxo0TytXQjJBXDwQkklTnuwtA5DgzwzzejrV"
#define KEY_PRINT "SHA256:qWWPQ2/GgLMkN6H1dW6O76svR4Gjz7cgG5/Desw42ns"
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAAIDkWqWbnzxRyc9BOHyANlGlDoxgHVLdYbJKJhUZsKSpB"
/* "[127.0.0.1]:45505" */
#define HASHED "|1|TpV2Axs4VxX37sxuMVFVg6IkTHs=|niauBbi1zCtrHJLU60AIv053kXg="

static struct known_hosts_answer a;

static enum known_hosts_verdict look(const char *text, const char *name)
{
	memset(&a, 0, sizeof a);
	known_hosts_look(text, strlen(text), "file", name, "ssh-ed25519", KEY, &a);
	return a.verdict;
}

static void test_verdicts(void)
{
	is_int(look("", "db02"), KNOWN_HOSTS_NOTHING, "an empty file");
	is_int(look("db02 ssh-ed25519 " KEY "\n", "db02"), KNOWN_HOSTS_SAME, "the same key");
	is_int(look("# x\n\ndb02 ssh-ed25519 " OTHER " joe@x\n", "db02"), KNOWN_HOSTS_CHANGED, "another key");
	is_int(a.line, 3, "its line is known");
	is_str(a.file, "file", "and its file");
	has_str(a.fingerprint, "SHA256:", "and its fingerprint");
	is_int(look("db02 ssh-rsa AAAA\n", "db02"), KNOWN_HOSTS_OTHER_TYPE, "a key of another type");
	is_str(a.type, "ssh-rsa", "which is named");
	is_int(look("db02 ssh-ed25519 " OTHER "\ndb02 ssh-rsa AAAA\ndb02 ssh-ed25519 " KEY, "db02"),
	       KNOWN_HOSTS_SAME, "one of several keys is enough, without a newline too");
	is_int(look("@revoked * ssh-ed25519 " KEY "\ndb02 ssh-ed25519 " KEY "\n", "db02"),
	       KNOWN_HOSTS_REVOKED, "a revoked key is refused though it is known");
	is_int(look("@revoked\tdb02\tssh-ed25519\t" KEY "\r\n", "db02"), KNOWN_HOSTS_REVOKED,
	       "with tabs and a carriage return too");
	is_int(look("@revoked db02 ssh-ed25519 " OTHER "\n", "db02"), KNOWN_HOSTS_NOTHING,
	       "a revoked other key says nothing");
	is_int(look("@cert-authority * ssh-ed25519 " KEY "\n", "db02"), KNOWN_HOSTS_NOTHING,
	       "an authority's key is no host's");
	is_int(look("db02 ssh-ed25519 " KEY "A\n", "db02"), KNOWN_HOSTS_CHANGED, "a longer key is another");
	memset(&a, 0, sizeof a);
	known_hosts_look("db02 ssh-ed25519 " KEY, 18 + strlen(KEY) - 2, "one", "db02", "ssh-ed25519", KEY, &a);
	known_hosts_look("db02 ssh-ed25519 " KEY, 17 + strlen(KEY), "two", "db02", "ssh-ed25519", KEY, &a);
	ok(a.verdict == KNOWN_HOSTS_SAME && strcmp(a.file, "two") == 0, "the second file counts as well");
}

static void test_names(void)
{
	char name[KNOWN_HOSTS_NAME_MAX];

	known_hosts_name("DB02.Example", 22, name);
	is_str(name, "db02.example", "the name on port 22");
	known_hosts_name("::1", 2222, name);
	is_str(name, "[::1]:2222", "and on others");
	is_int(look("a,db02,b ssh-ed25519 " KEY "\n", "db02"), KNOWN_HOSTS_SAME, "one of several names");
	is_int(look("DB02 ssh-ed25519 " KEY "\n", "db02"), KNOWN_HOSTS_SAME, "regardless of case");
	is_int(look("db0 ssh-ed25519 " KEY "\n", "db02"), KNOWN_HOSTS_NOTHING, "a part of it is not it");
	is_int(look("*.ex?mple,x ssh-ed25519 " KEY "\n", "db02.example"), KNOWN_HOSTS_SAME, "a pattern");
	is_int(look("*.example,!db* ssh-ed25519 " KEY "\n", "db02.example"), KNOWN_HOSTS_NOTHING,
	       "a pattern that excludes, wherever it stands");
	is_int(look("!db* ssh-ed25519 " KEY "\n", "web.example"), KNOWN_HOSTS_NOTHING, "excluding is not naming");
	is_int(look("[db02]:2222 ssh-ed25519 " KEY "\n", "db02"), KNOWN_HOSTS_NOTHING, "another port");
	is_int(look("[db02]:* ssh-ed25519 " KEY "\n", "[db02]:2222"), KNOWN_HOSTS_SAME, "any port");
	is_int(look(HASHED " ssh-ed25519 " KEY "\n", "[127.0.0.1]:45505"), KNOWN_HOSTS_SAME, "a hashed name");
	is_int(look(HASHED " ssh-ed25519 " KEY "\n", "[127.0.0.1]:45506"), KNOWN_HOSTS_NOTHING,
	       "which is another's");
	is_int(look("a*b*a*b*a*b*a*b*a*b*a*b*a*bc ssh-ed25519 " KEY "\n",
		    "abababababababababababababababababababababababababababababababab"),
	       KNOWN_HOSTS_NOTHING, "a pattern with many stars ends in time");
}

static void test_no_lines(void)
{
	static const char *const lines[] = {
		"db02", "db02 ", "db02 ssh-ed25519", "db02 ssh-ed25519 \n", "@revoked", "@revoked db02\n", " \t\r\n",
		", ssh-ed25519 " KEY, "| ssh-ed25519 " KEY, "|1| ssh-ed25519 " KEY, "|1|| ssh-ed25519 " KEY,
		"|1|a|b ssh-ed25519 " KEY, "|1|====|==== ssh-ed25519 " KEY, "|1|TpV2Axs4VxX37sxuMVFVg6IkTHs=| x " KEY,
		"#db02 ssh-ed25519 " KEY, "@other db02 ssh-ed25519 " KEY,
	};
	static char wide[300000];

	for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++)
		is_int(look(lines[i], "db02"), KNOWN_HOSTS_NOTHING, "line %u says nothing", i);
	memset(wide, 'A', sizeof wide - 1);
	memcpy(wide, "db02 ssh-ed25519 ", 17);
	is_int(look(wide, "db02"), KNOWN_HOSTS_CHANGED, "a key of 300 KB is another one");
	is_str(a.fingerprint, "", "without a fingerprint");
	memset(wide, 'A', 100000);
	is_int(look(wide, "db02"), KNOWN_HOSTS_NOTHING, "a name of 300 KB");
	memcpy(wide, "|1|", 3);
	memset(wide + 50000, '|', 1);
	memset(wide + 100000, ' ', 1);
	memset(wide + 100010, ' ', 1);
	is_int(look(wide, "db02"), KNOWN_HOSTS_NOTHING, "a hash of 100 KB");
}

static void test_fingerprints(void)
{
	char print[KNOWN_HOSTS_FINGERPRINT_MAX];

	ok(known_hosts_fingerprint(KEY, print), "a fingerprint");
	is_str(print, KEY_PRINT, "is ssh-keygen's");
	ok(!known_hosts_fingerprint("AAA", print) && !known_hosts_fingerprint("", print) &&
	   !known_hosts_fingerprint("****", print), "of no base64 there is none");
	ok(known_hosts_is_fingerprint(KEY_PRINT) && known_hosts_is_fingerprint(KEY_PRINT "="),
	   "with padding or without");
	ok(known_hosts_same_fingerprint(KEY_PRINT "=", KEY_PRINT), "they are the same");
	ok(!known_hosts_same_fingerprint(KEY_PRINT, "SHA256:rWWPQ2/GgLMkN6H1dW6O76svR4Gjz7cgG5/Desw42ns"),
	   "others are not");
	ok(!known_hosts_is_fingerprint("MD5:aa:bb") && !known_hosts_is_fingerprint("SHA256:") &&
	   !known_hosts_is_fingerprint("SHA256:qWWPQ2/GgLMkN6H1dW6O76svR4Gjz7cgG5/Desw42n ") &&
	   !known_hosts_is_fingerprint(KEY_PRINT "x"), "what is none");
}

int main(void)
{
	test_verdicts();
	test_names();
	test_no_lines();
	test_fingerprints();
	return tap_done();
}
