/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../p2v/prove/parts.h"
#include "../support/tap.h"

/* Plays QEMU in a process of its own: sends each of SAYS after it has read a line, the first
 * one at once; ends at the first NULL. */
static pid_t play(const char *path, const char *const *says)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	pid_t pid;
	int fd;
	char c;

	fflush(stdout);
	pid = fork();
	if (pid)
		return pid;
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		_exit(1);
	for (; *says; says++) {
		if (write(fd, *says, strlen(*says)) < 0)
			_exit(1);
		while (read(fd, &c, 1) == 1 && c != '\n')
			;
	}
	_exit(0);
}

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"
#define DONE "{\"return\": {}}\r\n"

static struct qmp *open_with(const char *const *says, pid_t *pid)
{
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct qmp *q;

	if (qmp_listen(&q, &err) < 0) {
		printf("# %s\n", err.text);
		exit(1);
	}
	*pid = play(qmp_path(q), says);
	return q;
}

static void end(struct qmp *q, pid_t pid)
{
	qmp_close(q);
	if (pid)
		waitpid(pid, NULL, 0);
}

static void dialogue(void)
{
	static const char *const says[] = {
		GREETING, DONE,
		"{\"event\": \"RESET\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n"
		"{\"return\": {\"status\": \"running\"}}\r\n",
		"{\"return\": \"12 lines\"}\r\n",
		"{\"error\": {\"class\": \"GenericError\", \"desc\": \"no such file\"}}\r\n",
		"{\"event\": \"BLOCK_IO_ERROR\", \"data\": {\"nospace\": true, \"reason\": \"full\"}}\r\n" DONE,
		NULL,
	};
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct json *answer = NULL, *args = json_new_object();
	struct qmp_event ev;
	char folder[128];
	struct stat st;
	pid_t pid;
	struct qmp *q = open_with(says, &pid);

	snprintf(folder, sizeof folder, "%s", qmp_path(q));
	*strrchr(folder, '/') = '\0';
	ok(stat(folder, &st) == 0 && (st.st_mode & 0777) == 0700, "nobody else can reach the socket");
	is_int(qmp_accept(q, &pid, 300000, &err), 0, "QEMU is there");
	ok(stat(folder, &st) < 0, "the socket's name is gone");
	ok(!qmp_next_event(q, &ev), "nothing has happened yet");

	is_int(qmp_command(q, "query-status", NULL, &answer, &err), 0, "a command");
	is_str(json_str(json_get(answer, "return"), "status", ""), "running", "its answer");
	json_free(answer);
	ok(qmp_next_event(q, &ev), "what happened before it");
	is_str(ev.name, "RESET", "has a name");
	is_str(ev.reason, "guest-reset", "and a reason");
	ok(!qmp_next_event(q, &ev), "and is told once");

	json_set_str(args, "command-line", "info usernet");
	answer = NULL;
	is_int(qmp_command(q, "human-monitor-command", args, &answer, &err), 0, "an answer that is a text");
	is_str(json_str(answer, "return", ""), "12 lines", "under its key");
	json_free(answer);

	ok(qmp_command(q, "screendump", NULL, NULL, &err) < 0, "a refusal");
	has_str(err.text, "screendump: no such file", "says what and why");
	is_int(qmp_command(q, "stop", NULL, NULL, &err), 0, "after it all goes on");
	ok(qmp_next_event(q, &ev), "a full host");
	is_str(ev.reason, "nospace", "can be told from a bad disk");
	end(q, pid);
}

static void trouble(void)
{
	static const char *const silent[] = { NULL };
	static const char *const leaves[] = { GREETING, DONE, NULL };
	static const char *const garbage[] = { GREETING, DONE, "][}{ not JSON\n", "", NULL };
	static const char *const nothing[] = { "", NULL };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct qmp_event ev;
	pid_t pid;
	struct qmp *q;

	q = open_with(silent, &pid);
	is_int(qmp_accept(q, &pid, 300000, &err), UNRACK_IO, "QEMU hangs up at once");
	end(q, pid);

	if (qmp_listen(&q, &err) < 0)
		exit(1);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(1);
	is_int(qmp_accept(q, &pid, 300000, &err), UNRACK_IO, "QEMU ends before it has come");
	is_int(pid, 0, "and is known to have ended");
	has_str(err.text, "ended", "the sentence says so");
	end(q, 0);

	q = open_with(nothing, &pid);
	is_int(qmp_accept(q, &pid, 200, &err), UNRACK_IO, "QEMU says nothing: not waited for");
	end(q, pid);

	q = open_with(leaves, &pid);
	is_int(qmp_accept(q, &pid, 300000, &err), 0, "QEMU is there");
	is_int(qmp_command(q, "cont", NULL, NULL, &err), UNRACK_IO, "and gone");
	has_str(err.text, "QEMU", "the sentence names it");
	ok(!qmp_next_event(q, &ev), "without an event");
	end(q, pid);

	q = open_with(garbage, &pid);
	is_int(qmp_accept(q, &pid, 300000, &err), 0, "QEMU is there");
	ok(qmp_command(q, "cont", NULL, NULL, &err) < 0, "it answers with something else than JSON");
	end(q, pid);
	qmp_close(NULL);
}

static void flood(void)
{
	struct buf many CLEANUP_BUF = { 0 };
	const char *says[] = { GREETING, DONE, NULL, NULL };
	struct unrack_error err = UNRACK_ERROR_INIT;
	struct qmp_event ev;
	unsigned n = 0;
	pid_t pid;
	struct qmp *q;

	for (int i = 0; i < 1000; i++)
		buf_puts(&many, "{\"event\": \"A_NAME_THAT_IS_LONGER_THAN_ANY_OF_QEMU_IS\"}\n");
	buf_puts(&many, DONE);
	says[2] = buf_str(&many);
	q = open_with(says, &pid);
	is_int(qmp_accept(q, &pid, 300000, &err), 0, "QEMU is there");
	is_int(qmp_command(q, "cont", NULL, NULL, &err), 0, "a thousand events before the answer");
	while (qmp_next_event(q, &ev))
		n++;
	ok(n > 0 && n <= 1000, "some of them are kept");
	is_int(strlen(ev.name), sizeof ev.name - 1, "a long name is cut");
	end(q, pid);
}

int main(void)
{
	dialogue();
	trouble();
	flood();
	return tap_done();
}
