/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "watchdog.h"

static const char *volatile current_stage = "starting";
static volatile uint32_t rounds_done, rounds_wanted;

static void
say(const char *text)
{
	/* Nothing to be done if stderr is gone. */
	ssize_t ret __rte_unused = write(STDERR_FILENO, text, strlen(text));
}

/* printf() is not for signal handlers. */
static void
say_number(uint32_t number)
{
	char text[11], *digit = &text[sizeof(text) - 1];

	*digit = '\0';
	do {
		*--digit = '0' + number % 10;
		number /= 10;
	} while (number != 0);
	say(digit);
}

static void
give_up(int signal)
{
	say(signal == SIGALRM ? "virtio-bench: no end before the deadline, while " :
		"virtio-bench: ended by a signal, while ");
	say(current_stage);
	if (rounds_wanted != 0) {
		say(", after ");
		say_number(rounds_done);
		say(" of ");
		say_number(rounds_wanted);
		say(" rounds");
	}
	say("; there is no result\n");
	_exit(WATCHDOG_EXIT);
}

void
watchdog_start(uint32_t seconds)
{
	const struct sigaction action = { .sa_handler = give_up };

	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	alarm(seconds);
}

void
watchdog_stage(const char *stage)
{
	current_stage = stage;
}

void
watchdog_rounds(uint32_t done, uint32_t wanted)
{
	rounds_done = done;
	rounds_wanted = wanted;
}
