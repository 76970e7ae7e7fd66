/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Two processes. The child brings up the port and carries packets; round a burst it sets a mark in
 * shared memory, and before that it raises a signal, at which the parent, its tracer, begins to
 * step through it, instruction by instruction, until the mark is gone. The kernel's part of a
 * system call is one step; of a repeated string instruction every repetition is one.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "gate.h"
#include "modes.h"
#include "null_device.h"
#include "packets.h"
#include "bench_port.h"
#include "watchdog.h"

#define WARM_UP_BURSTS 256u

enum phase {
	OUTSIDE,
	NOTHING,	/* what the marks themselves cost */
	GATE,		/* what a queue that can be stopped costs a burst */
	RECEIVE,
	TRANSMIT,
	PHASES,
};

/* Shared by both. */
struct marks {
	volatile uint32_t phase;
	volatile uint32_t packets;	/* that the burst carried */
	char port[1024];		/* JSON about the port */
};

struct count {
	uint64_t steps;
	uint64_t bursts;
};

struct stepped {
	struct marks *marks;
	const struct options *options;
	struct port port;
	struct packets packets;
	struct virtio_gate gate;
	bool counting;
};

static __rte_always_inline void
begin(struct stepped *stepped, enum phase phase)
{
	if (!stepped->counting)
		return;
	raise(SIGUSR1);
	stepped->marks->phase = phase;
	rte_compiler_barrier();
}

static __rte_always_inline void
end(struct stepped *stepped, uint32_t packets)
{
	if (!stepped->counting)
		return;
	rte_compiler_barrier();
	stepped->marks->packets = packets;
	stepped->marks->phase = OUTSIDE;
}

/* A burst in and out again; whether both were full. */
static bool
carry_burst(struct stepped *stepped)
{
	const uint16_t burst = stepped->options->burst, port = stepped->port.id;
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t n, sent;

	if (stepped->options->null_path != NULL) {
		null_device_take();
		null_device_give(stepped->options, burst);
	}
	begin(stepped, RECEIVE);
	n = rte_eth_rx_burst(port, 0, mbufs, burst);
	end(stepped, n);
	if (n == 0)
		return false;
	begin(stepped, TRANSMIT);
	sent = rte_eth_tx_burst(port, 0, mbufs, n);
	end(stepped, sent);
	if (sent == burst)
		return true;
	stepped->counting = false;
	while (sent < n)
		sent += rte_eth_tx_burst(port, 0, mbufs + sent, n - sent);
	return false;
}

/* Packets for an external back-end to send back: half a ring of them. */
static int
prime(struct stepped *stepped)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint32_t done;
	uint16_t sent;

	if (stepped->options->null_path != NULL)
		return null_device_wait() ? 0 : -ETIMEDOUT;
	for (done = 0; done < stepped->port.ring / 2u; done += stepped->options->burst) {
		if (!packets_make(&stepped->packets, mbufs, stepped->options->burst))
			return -ENOMEM;
		for (sent = 0; sent < stepped->options->burst; )
			sent += rte_eth_tx_burst(stepped->port.id, 0, mbufs + sent,
				stepped->options->burst - sent);
	}
	return 0;
}

static void
carry_all(struct stepped *stepped)
{
	uint32_t left;

	for (left = WARM_UP_BURSTS; left > 0; )
		left -= carry_burst(stepped);
	stepped->counting = true;
	begin(stepped, NOTHING);
	end(stepped, 0);
	stepped->gate.open = VIRTIO_GATE_OPEN;
	gate_pass(&stepped->gate);
	begin(stepped, GATE);
	gate_pass(&stepped->gate);
	end(stepped, 0);
	for (left = stepped->options->bursts; left > 0; ) {
		stepped->counting = true;
		left -= carry_burst(stepped);
	}
	stepped->counting = false;
}

static int
run_child(const struct options *options, struct marks *marks, int eal_argc, char **eal_argv)
{
	struct stepped stepped = { .marks = marks, .options = options };
	FILE *port;
	int ret = 0;

	if (options->null_path != NULL)
		ret = null_device_start(options->null_path, options->order);
	if (ret == 0 && rte_eal_init(eal_argc, eal_argv) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		ret = -rte_errno;
	}
	if (ret == 0)
		ret = port_open(&stepped.port, options);
	if (ret != 0)
		return ret;
	port = fmemopen(marks->port, sizeof(marks->port), "w");
	if (port != NULL) {
		port_write_json(&stepped.port, port);
		fclose(port);
	}
	packets_init(&stepped.packets, stepped.port.pool, options);
	ret = prime(&stepped);
	if (ret == 0)
		carry_all(&stepped);
	port_close(&stepped.port);
	return ret;
}

/* One step: false when the child has ended. A signal that comes between is passed on. */
static bool
step(pid_t child)
{
	int status, signal = 0;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, child, 0, signal) != 0 ||
				waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
			return false;
		if (WSTOPSIG(status) == SIGTRAP)
			return true;
		signal = WSTOPSIG(status);
	}
}

/* From before a mark is set until it is gone. */
static bool
step_through(pid_t child, const struct marks *marks, uint64_t *steps, enum phase *phase)
{
	*steps = 0;
	do {
		if (!step(child))
			return false;
		*phase = marks->phase;
	} while (*phase == OUTSIDE);
	do {
		if (!step(child))
			return false;
		++*steps;
	} while (marks->phase != OUTSIDE);
	return true;
}

/* Runs the child to its end. */
static int
trace(pid_t child, const struct marks *marks, const struct options *options,
		struct count counts[PHASES])
{
	enum phase phase;
	uint64_t steps;
	int status, signal;

	for (;;) {
		if (waitpid(child, &status, 0) != child)
			return -errno;
		if (WIFEXITED(status))
			return WEXITSTATUS(status) == 0 ? 0 : -ECHILD;
		if (WIFSIGNALED(status)) {
			fprintf(stderr, "the stepped process died of signal %d\n",
				WTERMSIG(status));
			return -ECHILD;
		}
		signal = WSTOPSIG(status);
		if (signal == SIGSTOP || signal == SIGTRAP) {
			ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL);
			signal = 0;
		} else if (signal == SIGUSR1) {
			if (!step_through(child, marks, &steps, &phase))
				continue;
			if (phase <= GATE || marks->packets == options->burst) {
				counts[phase].steps += steps;
				counts[phase].bursts++;
			}
			signal = 0;
		}
		ptrace(PTRACE_CONT, child, 0, signal);
	}
}

static double
per_packet(const struct count *count, uint64_t marks, const struct options *options)
{
	return (double)(count->steps - count->bursts * marks) / count->bursts / options->burst;
}

static void
write_json(const struct marks *marks, const struct options *options,
		const struct count counts[PHASES])
{
	uint64_t nothing = counts[NOTHING].steps;

	printf("{\"mode\": \"steps\", %s, \"rx\": %.2f, \"tx\": %.2f, \"rx_bursts\": %" PRIu64
		", \"tx_bursts\": %" PRIu64 ", \"marks\": %" PRIu64 ", \"gate\": %" PRIu64
		"}\n", marks->port,
		per_packet(&counts[RECEIVE], nothing, options),
		per_packet(&counts[TRANSMIT], nothing, options),
		counts[RECEIVE].bursts, counts[TRANSMIT].bursts, nothing,
		counts[GATE].steps - nothing);
}

int
steps_run(const struct options *options, int eal_argc, char **eal_argv)
{
	struct count counts[PHASES] = { 0 };
	struct marks *marks;
	pid_t child;
	int ret;

	marks = mmap(NULL, sizeof(*marks), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		-1, 0);
	if (marks == MAP_FAILED)
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		watchdog_start(options->deadline);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
			fprintf(stderr, "no ptrace here: %s\n", strerror(errno));
			_exit(1);
		}
		raise(SIGSTOP);
		ret = run_child(options, marks, eal_argc, eal_argv);
		_exit(ret == 0 ? 0 : 1);
	}
	watchdog_stage("single-stepping");
	ret = trace(child, marks, options, counts);
	if (ret == 0 && (counts[RECEIVE].bursts == 0 || counts[TRANSMIT].bursts == 0)) {
		fprintf(stderr, "no full burst was seen\n");
		ret = -ENODATA;
	}
	if (ret == 0)
		write_json(marks, options, counts);
	munmap(marks, sizeof(*marks));
	return ret;
}
