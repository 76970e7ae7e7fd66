/* SPDX-License-Identifier: BSD-3-Clause */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "watchdog.h"

static const char *volatile current_stage = "starting";

static void
say(const char *text)
{
	/* Nothing to be done if stderr is gone. */
	ssize_t ret __rte_unused = write(STDERR_FILENO, text, strlen(text));
}

static void
give_up(int signal __rte_unused)
{
	say("virtio-bench: no end before the deadline, while ");
	say(current_stage);
	say("\n");
	_exit(WATCHDOG_EXIT);
}

void
watchdog_start(uint32_t seconds)
{
	const struct sigaction action = { .sa_handler = give_up };

	sigaction(SIGALRM, &action, NULL);
	alarm(seconds);
}

void
watchdog_stage(const char *stage)
{
	current_stage = stage;
}
