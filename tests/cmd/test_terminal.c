/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Progress as JSON. What is left out between two events is a matter of time, and not looked at here. */
#include <sys/mman.h>

#include "../../p2v/cmd/cli.h"
#include "../support/tap.h"

static struct terminal *terminal;

/* What is printed for one of DONE of 9 bytes. */
static const char *step(const char *name, uint64_t done)
{
	static char text[500];
	struct log_progress p = { .step = name, .disk = 3, .done = done, .total = 9, .unit = "bytes" };
	int stdout_was = dup(STDOUT_FILENO), fd = memfd_create("stdout", MFD_CLOEXEC);
	ssize_t n;

	dup2(fd, STDOUT_FILENO);
	terminal_log_ops()->progress(terminal, &p);
	dup2(stdout_was, STDOUT_FILENO);
	n = pread(fd, text, sizeof text - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	close(fd);
	close(stdout_was);
	return text;
}

int main(void)
{
	const struct cli_options opt = { .json = true };
	struct unrack_error err;

	terminal = terminal_open(&opt, &err);
	if (!terminal)
		skip_all("%s", err.text);
	is_str(step("copy", 0), "{\"event\":\"progress\",\"step\":\"copy\",\"disk\":3,\"done\":0,\"total\":9,\"unit\":\"bytes\"}\n",
	       "the beginning of a step is told");
	has_str(step("copy", 1), "\"done\":1,", "that it advances is told at once: it may not come to more for long");
	step("copy", 2);
	has_str(step("copy", 9), "\"done\":9,", "so is its end");
	has_str(step("verify", 4), "\"done\":4,", "another step begins where it begins");
	has_str(step("verify", 5), "\"done\":5,", "and advances from there");
	terminal_close(terminal);
	return tap_done();
}
