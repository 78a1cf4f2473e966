/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who we are: nothing, keys, the agent, a password. Whatever needs a person comes last. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chan_ssh.h"

#define PASSWORD_MAX 1024
/* Questions of one exchange: a server may go on asking for nothing. */
#define INTERACTIVE_ROUNDS_MAX 8

/* Adds to what the last error will say was tried. */
static void note_tried(struct far *f, const char *what)
{
	size_t n = strlen(f->tried);
	char clean[200];

	if (strstr(f->tried, what))
		return;
	report_clean(what, strlen(what), clean, sizeof clean);
	snprintf(f->tried + n, sizeof f->tried - n, "%s%s", n ? ", " : "", clean);
}

static void trying_key(struct far *f, const char *file)
{
	if (strcmp(f->key_file, file) == 0)
		return;
	snprintf(f->key_file, sizeof f->key_file, "%s", file);
	note_tried(f, file);
}

/* libssh wants the passphrase of the key that it is reading. Not now: only after all keys
 * that need none. */
int chan_ssh_no_passphrase(const char *prompt, char *buf, size_t n, int echo, int verify, void *ctx)
{
	struct far *f = ctx;
	char *file = NULL;

	(void)prompt;
	(void)buf;
	(void)n;
	(void)echo;
	(void)verify;
	if (ssh_userauth_publickey_auto_get_current_identity(f->session, &file) == SSH_OK)
		trying_key(f, file);
	ssh_string_free_char(file);
	if (!f->locked_file[0])
		snprintf(f->locked_file, sizeof f->locked_file, "%s", f->key_file);
	return -1;
}

/* A verdict of libssh that ends the connection, as an error of ours; 0 for all others. */
static int auth_broken(struct far *f, int rc, struct unrack_error *err)
{
	char text[256];

	if (rc != SSH_AUTH_ERROR || ssh_is_connected(f->session))
		return 0;
	return error_set(err, UNRACK_LOST, "%s: the connection broke during authentication: %s", f->who,
			 chan_ssh_why(f, text));
}

/* *rc: SSH_AUTH_SUCCESS, PARTIAL, DENIED or ERROR (the key can't be used). */
static int try_key(struct far *f, ssh_key key, bool only_public, int *rc, struct unrack_error *err)
{
	int64_t until = chan_ssh_step_end(f);
	int r = 0;

	do
		*rc = only_public ? ssh_userauth_try_publickey(f->session, NULL, key)
				  : ssh_userauth_publickey(f->session, NULL, key);
	while (*rc == SSH_AUTH_AGAIN && (r = chan_ssh_wait_step(f, until, "authentication", err)) == 0);
	return r < 0 ? r : auth_broken(f, *rc, err);
}

/* The private key FILE with PASSPHRASE, or NULL: then a locked one is noted for later. */
static int try_file(struct far *f, const char *file, const char *passphrase, int *rc,
		    struct unrack_error *err)
{
	ssh_key key = NULL;
	int r = 0;

	*rc = SSH_AUTH_DENIED;
	if (ssh_pki_import_privkey_file(file, passphrase, chan_ssh_no_passphrase, f, &key) == SSH_OK)
		r = try_key(f, key, false, rc, err);
	else if (passphrase)
		note_tried(f, "(wrong passphrase)");
	ssh_key_free(key);
	return r;
}

/* --identity. Where its public half lies beside it, the server is asked first. */
static int try_identity(struct far *f, int *rc, struct unrack_error *err)
{
	const char *file = f->opt->identity;
	char public[4096];
	ssh_key key = NULL;
	int r = 0;

	if (access(file, R_OK) < 0)
		return error_errno(err, errno, "can't read the key %s", file);
	trying_key(f, file);
	snprintf(public, sizeof public, "%s.pub", file);
	*rc = SSH_AUTH_SUCCESS;
	if (ssh_pki_import_pubkey_file(public, &key) == SSH_OK)
		r = try_key(f, key, true, rc, err);
	ssh_key_free(key);
	if (r < 0 || *rc != SSH_AUTH_SUCCESS)
		return r;
	return try_file(f, file, NULL, rc, err);
}

/* The agent's keys and the configured ones. */
static int try_configured(struct far *f, int *rc, struct unrack_error *err)
{
	int64_t until = chan_ssh_step_end(f);
	int r = 0;

	if (getenv("SSH_AUTH_SOCK"))
		note_tried(f, "the agent");
	do {
		char *file = NULL;

		*rc = ssh_userauth_publickey_auto(f->session, NULL, NULL);
		if (*rc == SSH_AUTH_AGAIN &&
		    ssh_userauth_publickey_auto_get_current_identity(f->session, &file) == SSH_OK) {
			trying_key(f, file);
			ssh_string_free_char(file);
		}
	} while (*rc == SSH_AUTH_AGAIN && (r = chan_ssh_wait_step(f, until, "authentication", err)) == 0);
	return r < 0 ? r : auth_broken(f, *rc, err);
}

static int ask(struct far *f, const char *prompt, char buf[PASSWORD_MAX], struct unrack_error *err)
{
	buf[0] = '\0';
	return f->opt->password(f->opt->password_ctx, prompt, buf, PASSWORD_MAX, err);
}

static int try_locked(struct far *f, int *rc, struct unrack_error *err)
{
	char secret[PASSWORD_MAX], prompt[600];
	int r;

	snprintf(prompt, sizeof prompt, "passphrase of %s: ", f->locked_file);
	r = ask(f, prompt, secret, err);
	if (r == 0)
		r = try_file(f, f->locked_file, secret, rc, err);
	explicit_bzero(secret, sizeof secret);
	return r;
}

static int try_password(struct far *f, int *rc, struct unrack_error *err)
{
	char secret[PASSWORD_MAX], prompt[700];
	int64_t until;
	int r;

	snprintf(prompt, sizeof prompt, "%s's password: ", f->who);
	r = ask(f, prompt, secret, err);
	until = chan_ssh_step_end(f);
	if (r == 0) {
		note_tried(f, "a password");
		do
			*rc = ssh_userauth_password(f->session, NULL, secret);
		while (*rc == SSH_AUTH_AGAIN &&
		       (r = chan_ssh_wait_step(f, until, "authentication", err)) == 0);
	}
	explicit_bzero(secret, sizeof secret);
	return r < 0 ? r : auth_broken(f, *rc, err);
}

static int step_interactive(struct far *f, int *rc, struct unrack_error *err)
{
	int64_t until = chan_ssh_step_end(f);
	int r = 0;

	do
		*rc = ssh_userauth_kbdint(f->session, NULL, NULL);
	while (*rc == SSH_AUTH_AGAIN && (r = chan_ssh_wait_step(f, until, "authentication", err)) == 0);
	return r < 0 ? r : auth_broken(f, *rc, err);
}

/* One question can be answered with a password; an exchange with more, or with another one
 * after it, can't. */
static int try_interactive(struct far *f, bool *asked, int *rc, struct unrack_error *err)
{
	char secret[PASSWORD_MAX], prompt[900], question[200];
	int r = step_interactive(f, rc, err), prompts, rounds = 0;

	while (r == 0 && *rc == SSH_AUTH_INFO) {
		prompts = ssh_userauth_kbdint_getnprompts(f->session);
		if (++rounds > INTERACTIVE_ROUNDS_MAX || prompts > 1 || (prompts == 1 && *asked)) {
			*rc = SSH_AUTH_DENIED;
			return 0;
		}
		if (prompts == 1) {
			const char *theirs = ssh_userauth_kbdint_getprompt(f->session, 0, NULL);

			report_clean(theirs ? theirs : "", theirs ? strlen(theirs) : 0, question,
				     sizeof question);
			snprintf(prompt, sizeof prompt, "%s: %s", f->who, question);
			*asked = true;
			r = ask(f, prompt, secret, err);
			if (r == 0) {
				note_tried(f, "a password");
				ssh_userauth_kbdint_setanswer(f->session, 0, secret);
			}
			explicit_bzero(secret, sizeof secret);
		}
		if (r == 0)
			r = step_interactive(f, rc, err);
	}
	return r;
}

static void list_methods(int methods, char out[100])
{
	snprintf(out, 100, "%s%s%s%s%s", methods & SSH_AUTH_METHOD_PUBLICKEY ? ",publickey" : "",
		 methods & SSH_AUTH_METHOD_PASSWORD ? ",password" : "",
		 methods & SSH_AUTH_METHOD_INTERACTIVE ? ",keyboard-interactive" : "",
		 methods & SSH_AUTH_METHOD_GSSAPI_MIC ? ",gssapi-with-mic" : "",
		 methods & SSH_AUTH_METHOD_HOSTBASED ? ",hostbased" : "");
}

static int denied(struct far *f, int methods, struct unrack_error *err)
{
	char offered[100];

	list_methods(methods, offered);
	error_set(err, UNRACK_MISSING, "%s: permission denied (%s); %s%s", f->who,
		  offered[0] ? offered + 1 : "no method is offered",
		  f->tried[0] ? "tried " : "there was no key to try", f->tried);
	if (f->locked_file[0] && !f->opt->password)
		error_suffix(err, "; %s needs a passphrase", f->locked_file);
	return error_suffix(err, "; use --identity, --ask-password or --password-fd");
}

static bool is_in(int rc)
{
	return rc == SSH_AUTH_SUCCESS || rc == SSH_AUTH_PARTIAL;
}

static int try_keys(struct far *f, int *rc, struct unrack_error *err)
{
	int r = 0;

	if (f->opt->identity)
		r = try_identity(f, rc, err);
	if (r == 0 && !is_in(*rc))
		r = try_configured(f, rc, err);
	return r;
}

/* *methods: those that are left when this was not enough. */
static int by_key(struct far *f, int *methods, int *rc, struct unrack_error *err)
{
	int r = try_keys(f, rc, err);

	/* A server that says it takes newer signatures, and then does not. */
	if (r == 0 && !is_in(*rc) && f->opt->legacy) {
		ssh_options_set(f->session, SSH_OPTIONS_PUBLICKEY_ACCEPTED_TYPES, "ssh-rsa");
		r = try_keys(f, rc, err);
	}
	if (r == 0 && !is_in(*rc) && f->locked_file[0] && f->opt->password)
		r = try_locked(f, rc, err);
	if (r == 0 && *rc == SSH_AUTH_PARTIAL)
		*methods = ssh_userauth_list(f->session, NULL);
	return r;
}

static int by_password(struct far *f, int methods, int *rc, struct unrack_error *err)
{
	bool asked = false;
	int r = 0;

	if (methods & SSH_AUTH_METHOD_INTERACTIVE)
		r = try_interactive(f, &asked, rc, err);
	if (r == 0 && *rc != SSH_AUTH_SUCCESS && (methods & SSH_AUTH_METHOD_PASSWORD) && !asked)
		r = try_password(f, rc, err);
	return r;
}

int chan_ssh_authenticate(struct far *f, struct unrack_error *err)
{
	int64_t until = chan_ssh_step_end(f);
	int rc, methods = 0, r = 0;

	do
		rc = ssh_userauth_none(f->session, NULL);
	while (rc == SSH_AUTH_AGAIN && (r = chan_ssh_wait_step(f, until, "authentication", err)) == 0);
	if (r == 0)
		r = auth_broken(f, rc, err);
	if (r == 0)
		methods = ssh_userauth_list(f->session, NULL);
	if (r == 0 && rc != SSH_AUTH_SUCCESS && (methods & SSH_AUTH_METHOD_PUBLICKEY))
		r = by_key(f, &methods, &rc, err);
	if (r == 0 && rc != SSH_AUTH_SUCCESS && f->opt->password)
		r = by_password(f, methods, &rc, err);
	if (r == UNRACK_LOST && strstr(ssh_get_error(f->session), "Too many authentication"))
		return error_set(err, UNRACK_MISSING,
				 "%s: the server takes no more attempts; tried %s; name the right key with "
				 "--identity, and take others out of the agent", f->who, f->tried);
	if (r < 0)
		return r;
	return rc == SSH_AUTH_SUCCESS ? 0 : denied(f, methods, err);
}
