/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a host's key is trusted, and what is said when it is not. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../transport/host_key.h"
#include "../support/tap.h"

#define KEY "AAAAC3NzaC1lZDI1NTE5AAAAIL0FosElIxo0TytXQjJBXDwQkklTnuwtA5DgzwzzejrV"
#define KEY_PRINT "SHA256:qWWPQ2/GgLMkN6H1dW6O76svR4Gjz7cgG5/Desw42ns"
#define OTHER "AAAAC3NzaC1lZDI1NTE5AAAAIDkWqWbnzxRyc9BOHyANlGlDoxgHVLdYbJKJhUZsKSpB"

static char dir[] = "/tmp/unrack-host-key-XXXXXX", users[64], systems[64];
static struct host_key key = { "ssh-ed25519", (char *)KEY, KEY_PRINT };
static struct unrack_error err;

static void put(const char *file, const char *text)
{
	FILE *f = fopen(file, "w");

	if (!f || fputs(text, f) < 0 || fclose(f) != 0)
		abort();
}

static int check(const char *user_text, const char *system_text, unsigned port)
{
	put(users, user_text);
	put(systems, system_text);
	return host_key_check("db02", port, &key, (const char *[]){ users, systems }, &err);
}

int main(void)
{
	if (!mkdtemp(dir))
		abort();
	snprintf(users, sizeof users, "%s/user", dir);
	snprintf(systems, sizeof systems, "%s/system", dir);

	is_int(host_key_check("db02", 22, &key, (const char *[]){ users, systems }, &err), UNRACK_UNSAFE,
	       "without any file nobody is known");
	has_str(err.text, "the host key of db02 is not known: ssh-ed25519 " KEY_PRINT, "the key is named");
	has_str(err.text, "/user or ", "and where it was looked for");
	has_str(err.text, "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub", "and how to compare it");
	has_str(err.text, "--host-key " KEY_PRINT ", or connect once with ssh", "and what then");
	is_int(check("", "db02 ssh-ed25519 " KEY "\n", 22), 0, "known by the system's file");
	is_int(check("db02 ssh-ed25519 " KEY "\n", "db02 ssh-ed25519 " OTHER "\n", 22), 0,
	       "one of the files is enough");
	is_int(check("db02 ssh-ed25519 " KEY "\n", "@revoked * ssh-ed25519 " KEY "\n", 22), UNRACK_UNSAFE,
	       "unless the other one revokes it");
	has_str(err.text, "is revoked by ", "which is said");
	has_str(err.text, "/system line 1", "with its place");

	is_int(check("\ndb02 ssh-ed25519 " OTHER "\n", "", 22), UNRACK_UNSAFE, "another key");
	has_str(err.text, "the host key of db02 has changed", "is a change");
	has_str(err.text, "/user line 2 has ssh-ed25519 SHA256:", "from what is known");
	has_str(err.text, "but now it is " KEY_PRINT, "to what it is");
	has_str(err.text, "somebody may be listening in, or the server was reinstalled", "with what that means");
	has_str(err.text, "-R 'db02'", "and what to do");
	is_int(check("db02 ssh-rsa AAAA\n", "", 22), UNRACK_UNSAFE, "only a key of another type");
	has_str(err.text, "knows it by a key of type ssh-rsa", "is said");

	is_int(check("[db02]:2222 ssh-ed25519 " KEY "\n", "", 2222), 0, "known with its port");
	is_int(check("[db02]:2222 ssh-ed25519 " KEY "\n", "", 22), UNRACK_UNSAFE, "which is no other port");
	is_int(check("db02 ssh-ed25519 " KEY "\n", "", 2222), 0, "known by its plain name, as ssh takes it");
	is_int(check("db02 ssh-ed25519 " OTHER "\n", "", 2222), UNRACK_UNSAFE, "with another key there");
	has_str(err.text, "the host key of [db02]:2222 is not known", "it is not known on this port");
	is_int(check("db02 ssh-ed25519 " KEY "\n", "[db02]:2222 ssh-ed25519 " OTHER "\n", 2222), UNRACK_UNSAFE,
	       "another key for this port outdoes the plain name");
	has_str(err.text, "has changed", "in whatever file it is");
	is_int(check("@revoked db02 ssh-ed25519 " KEY "\n", "", 2222), UNRACK_UNSAFE, "revoked by the plain name");
	has_str(err.text, "is revoked", "is revoked");

	is_int(host_key_check_pinned("db02", &key, KEY_PRINT, &err), 0, "the key that was named");
	is_int(host_key_check_pinned("db02", &key, "SHA256:x", &err), UNRACK_UNSAFE, "another one");
	has_str(err.text, "is ssh-ed25519 " KEY_PRINT ", not the one that --host-key names", "is said");

	unlink(users);
	unlink(systems);
	is_int(host_key_check("db02", 22, &key, (const char *[]){ users, users }, &err), UNRACK_UNSAFE, "one file");
	ok(!strstr(err.text, " or /tmp"), "is named once");
	mkdir(users, 0700);
	ok(host_key_check("db02", 22, &key, (const char *[]){ users, users }, &err) == UNRACK_IO,
	   "what can't be read is an error, not an empty file");
	rmdir(users);
	rmdir(dir);
	return tap_done();
}
