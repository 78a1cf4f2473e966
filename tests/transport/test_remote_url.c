/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ssh:// URLs: what they mean, and what must not get through to a shell or an ssh program. */
#include "../support/tap.h"
#include "unrack/remote.h"

static struct remote_url u;
static struct unrack_error err;

static void good(const char *text, const char *user, const char *host, unsigned port,
		 const char *path)
{
	is_int(remote_parse_url(text, &u, &err), 0, "%s", text);
	is_str(u.user, user, "%s: the user", text);
	is_str(u.host, host, "%s: the host", text);
	is_int(u.port, port, "%s: the port", text);
	is_str(u.path, path, "%s: the path", text);
}

static void bad(const char *text, const char *why)
{
	is_int(remote_parse_url(text, &u, &err), UNRACK_USAGE, "refused: %s", why);
	has_str(err.text, why, "and the sentence says why");
	ok(!strpbrk(err.text, "\n\033"), "without control characters");
	has_str(err.text, "ssh://[user@]host[:port]/path", "and how it is written");
}

static void test_good(void)
{
	good("ssh://db02/dev/sda", "", "db02", 0, "/dev/sda");
	good("ssh://root@db02.example.com:2222/srv/m/", "root", "db02.example.com", 2222, "/srv/m/");
	good("ssh://[2001:db8::7]/dev/sda", "", "2001:db8::7", 0, "/dev/sda");
	good("ssh://root@[::1]:22/x", "root", "::1", 22, "/x");
	good("ssh://[fe80::1%25eth0]:65535/x", "", "fe80::1%eth0", 65535, "/x");
	good("ssh://[fe80::1%eth0.7]/x", "", "fe80::1%eth0.7", 0, "/x");
	good("ssh://joe@corp.example@db02/x", "joe@corp.example", "db02", 0, "/x");
	good("ssh://joe%40corp@db02/x", "joe@corp", "db02", 0, "/x");
	good("ssh://db02/a%20b%2Fc%25", "", "db02", 0, "/a b/c%");
	good("ssh://db02/with space/\xc3\xa4?#:@", "", "db02", 0, "/with space/\xc3\xa4?#:@");
	good("ssh://db02/~/machines/web01", "", "db02", 0, "machines/web01");
	good("ssh://db02/~//x", "", "db02", 0, "x");
	good("ssh://db02/~/", "", "db02", 0, ".");
	good("ssh://db02/~", "", "db02", 0, ".");
	good("ssh://db02/~joe/x", "", "db02", 0, "/~joe/x");
	good("ssh://db02/", "", "db02", 0, "/");
	good("ssh://my_host-1.x/", "", "my_host-1.x", 0, "/");
}

static void test_bad(void)
{
	bad("/dev/sda", "does not begin with ssh://");
	bad("ssh:/db02/x", "does not begin with ssh://");
	bad("ssh://db02", "names no path");
	bad("ssh://", "names no path");
	bad("ssh:///dev/sda", "names no host");
	bad("ssh://root@/x", "names no host");
	bad("ssh://:22/x", "names no host");
	bad("ssh://@db02/x", "the user's name is empty");
	bad("ssh://root:secret@db02/x", "a password has no place in it");
	bad("ssh://-oProxyCommand=x/x", "none of a host's name");
	bad("ssh://-db02/x", "none of a host's name");
	bad("ssh://-l@db02/x", "none of a name");
	bad("ssh://ro ot@db02/x", "none of a name");
	bad("ssh://a%24b@db02/x", "none of a name");
	bad("ssh://a`id`@db02/x", "none of a name");
	bad("ssh://d\\u@db02/x", "none of a name");
	bad("ssh://db 02/x", "none of a host's name");
	bad("ssh://db$(id)/x", "none of a host's name");
	bad("ssh://db;id/x", "none of a host's name");
	bad("ssh://db%30/x", "none of a host's name");
	bad("ssh://d\xc3\xa4/x", "none of a host's name");
	bad("ssh://db\n02/x", "none of a host's name");
	bad("ssh://root%0a@db02/x", "control character");
	bad("ssh://db02:0/x", "the port is missing or 0");
	bad("ssh://db02:/x", "the port is missing or 0");
	bad("ssh://db02:65536/x", "above 65535");
	bad("ssh://db02:99999999999999999999/x", "above 65535");
	bad("ssh://db02:22a/x", "the port is no number");
	bad("ssh://db02:-22/x", "the port is no number");
	bad("ssh://2001:db8::7/x", "stands in brackets");
	bad("ssh://[2001:db8::7/x", "the bracket after the address is missing");
	bad("ssh://[db02]/x", "no IPv6 address");
	bad("ssh://[]/x", "no IPv6 address");
	bad("ssh://[::1]22/x", "something else than a port");
	bad("ssh://[::1]:/x", "the port is missing or 0");
	bad("ssh://[fe80::1%25]/x", "the zone of the address");
	bad("ssh://[fe80::1%25eth0;id]/x", "the zone of the address");
	bad("ssh://[fe80::1%eth0 -l]/x", "the zone of the address");
	bad("ssh://db02/a%00b", "control character");
	bad("ssh://db02/a%0Ab", "control character");
	bad("ssh://db02/a\033[2Jb", "control character");
	bad("ssh://db02/a%7fb", "control character");
	bad("ssh://db02/a%", "not followed by two hexadecimal digits");
	bad("ssh://db02/a%4", "not followed by two hexadecimal digits");
	bad("ssh://db02/a%4g", "not followed by two hexadecimal digits");
}

static void test_long(void)
{
	static char text[8192];

	strcpy(text, "ssh://");
	memset(text + 6, 'h', 255);
	strcpy(text + 6 + 255, "/x");
	is_int(remote_parse_url(text, &u, &err), 0, "a host of 255 bytes");
	memset(text + 6, 'h', 256);
	strcpy(text + 6 + 256, "/x");
	bad(text, "the host is too long");
	memset(text + 6, 'u', 256);
	strcpy(text + 6 + 256, "@h/x");
	bad(text, "it is too long");
	strcpy(text, "ssh://h");
	memset(text + 7, '/', 4095);
	text[7 + 4095] = '\0';
	is_int(remote_parse_url(text, &u, &err), 0, "a path of 4095 bytes");
	is_int(strlen(u.path), 4095, "is taken whole");
	memset(text + 7, '/', 4096);
	text[7 + 4096] = '\0';
	bad(text, "it is too long");
	memset(text + 7, ':', 4096);
	bad(text, "names no path");
	strcpy(text, "ssh://[");
	memset(text + 7, ':', 200);
	strcpy(text + 207, "]/x");
	bad(text, "no IPv6 address");
	memset(text + 7, '%', 300);
	strcpy(text + 307, "]/x");
	bad(text, "the host is too long");
}

static bool same(const char *a, const char *b)
{
	struct remote_url x, y;

	if (remote_parse_url(a, &x, &err) < 0 || remote_parse_url(b, &y, &err) < 0)
		abort();
	return remote_same_host(&x, &y) && remote_same_host(&y, &x);
}

int main(void)
{
	ok(remote_is_url("ssh://x"), "ssh:// begins a URL");
	ok(!remote_is_url("./ssh://x") && !remote_is_url("") && !remote_is_url("SSH"), "no other text does");
	test_good();
	test_bad();
	test_long();
	ok(same("ssh://a/x", "ssh://A/y"), "the same host, whatever the path and the case");
	ok(!same("ssh://a/x", "ssh://b/x"), "another host");
	ok(!same("ssh://root@a/x", "ssh://a/x"), "another user, as far as is known");
	ok(!same("ssh://a:22/x", "ssh://a/x"), "another port, as far as is known");
	return tap_done();
}
