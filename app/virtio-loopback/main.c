/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_launch.h>

#include "backend.h"
#include "capture.h"
#include "eal_start.h"
#include "options.h"
#include "port.h"
#include "resetter.h"
#include "result.h"
#include "serve.h"
#include "standard_output.h"
#include "traffic.h"

#define EXIT_NOT_TRIED 2
#define EXIT_INCOMPLETE 3
/* Where threads share cores, an answer may have to wait for many time slices of others. */
#define SHARED_STOP_TIMEOUT_MS 10000
#define SPARE_MEMORY (24u << 20)	/* EAL's own, and what fragments */

/* All of a run. What is zero was not made. */
struct loopback {
	struct options options;
	struct eal_result eal;
	struct capture *capture;
	FILE *json;
	struct capture_writer *writer;
	struct source source;
	char socket_dir[64];
	char socket[96];
	struct backend *backend;
	struct port port;
	struct traffic traffic;
	struct timeline timeline;
	struct resetter resetter;
	struct result result;
	bool eal_started;
	bool tried;			/* the traffic has begun */
};

static void
on_signal(int signal __rte_unused)
{
	resetter_interrupted = 1;
}

/* A folder of our own for the socket: no other program connects. */
static int
make_socket_path(struct loopback *loop)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int len = -1;

	if (runtime != NULL && access(runtime, W_OK | X_OK) == 0)
		len = snprintf(loop->socket_dir, sizeof(loop->socket_dir),
			"%s/virtio-loopback-XXXXXX", runtime);
	if (len < 0 || len >= (int)sizeof(loop->socket_dir))
		snprintf(loop->socket_dir, sizeof(loop->socket_dir),
			"/tmp/virtio-loopback-XXXXXX");
	if (mkdtemp(loop->socket_dir) == NULL) {
		fprintf(stderr, "cannot make the folder %s: %s\n", loop->socket_dir,
			strerror(errno));
		loop->socket_dir[0] = '\0';
		return -errno;
	}
	snprintf(loop->socket, sizeof(loop->socket), "%s/vhost.sock", loop->socket_dir);
	return 0;
}

static int
start_eal(struct loopback *loop)
{
	const struct options *options = &loop->options;
	struct eal_request request = {
		.memory = SPARE_MEMORY + port_memory(options->queues, options->ring_size_max) +
			backend_memory(options->queues),
		.no_huge = options->no_huge,
		.verbose = options->verbose,
	};
	int ret = eal_start(&request, &loop->eal);

	loop->eal_started = ret == 0;
	if (ret == 0)
		printf("%u queue pairs, %s, %u MB (%s), %u core%s\n", options->queues,
			options->backend_path != NULL ? options->backend_path :
			"a back-end of our own", loop->eal.megabytes, loop->eal.memory,
			loop->eal.cores, loop->eal.cores == 1 ? "" : "s");
	return ret;
}

static int
start_backend(struct loopback *loop)
{
	struct backend_conf conf = {
		.path = loop->socket,
		.queues = loop->options.queues,
		.shared_core = loop->eal.cores < 2,
	};
	int ret = make_socket_path(loop);

	if (ret == 0)
		ret = backend_open(&conf, &loop->backend);
	if (ret == 0)
		ret = rte_eal_remote_launch(backend_thread, loop->backend, LCORE_BACKEND);
	return ret;
}

static int
start_port(struct loopback *loop)
{
	const struct options *options = &loop->options;
	struct port_conf conf = {
		.socket = options->backend_path != NULL ? options->backend_path : loop->socket,
		.method = options->method,
		.devargs = options->devargs,
		.stop_timeout_ms = loop->eal.cores < 3 ? SHARED_STOP_TIMEOUT_MS : 0,
		.queues = options->queues,
		.ring_size_max = options->ring_size_max,
		.ring_sizes = options->ring_sizes,
		.n_ring_sizes = options->n_ring_sizes,
		.extbuf = options->extbuf,
		.drain_us = options->drain_us,
	};

	int ret = port_open(&loop->port, &conf);

	if (ret != 0)
		return ret;
	if (loop->capture != NULL && capture_longest(loop->capture) > loop->port.frame_max) {
		fprintf(stderr, "%s: it has packets of %u bytes, the port takes at most %u\n",
			options->pcap_in, capture_longest(loop->capture), loop->port.frame_max);
		return -EMSGSIZE;
	}
	loop->source.capture = loop->capture;
	loop->source.len_max = RTE_MIN(FRAME_NUMBERED_MAX, loop->port.frame_max);
	return 0;
}

static int
start_traffic(struct loopback *loop)
{
	const struct options *options = &loop->options;
	bool shared = loop->eal.cores < 3;
	uint16_t q;
	int ret;

	ret = timeline_init(&loop->timeline, options->queues, options->seconds + 1);
	if (ret == 0)
		ret = traffic_init(&loop->traffic, loop->port.id, options->queues, &loop->source,
			loop->port.probe_pool, &loop->port.ext);
	if (ret == 0)
		ret = resetter_init(&loop->resetter, options, &loop->port, &loop->traffic, shared);
	if (ret != 0) {
		fprintf(stderr, "not enough memory for %u queues\n", options->queues);
		return ret;
	}
	loop->traffic.writer = loop->writer;
	for (q = 0; q < options->queues; q++)
		loop->traffic.queue[q].tx_pool = loop->port.queue[q].tx_pool;
	loop->traffic.shared_core = shared;
	loop->traffic.rate = options->rate;
	loop->traffic.timeline = &loop->timeline;
	timeline_start(&loop->timeline);
	return rte_eal_remote_launch(traffic_thread, &loop->traffic, LCORE_TRAFFIC);
}

/* What the file has stays until there is a result. */
static FILE *
open_to_replace(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

	return fd < 0 ? NULL : fdopen(fd, "w");
}

/* What is written in the end: opened first, or a long run is for nothing. */
static int
open_outputs(struct loopback *loop)
{
	const struct options *options = &loop->options;
	FILE *file = NULL;
	int error;

	if (options->json != NULL) {
		loop->json = options_is_stdout(options->json) ? standard_output_take() :
			open_to_replace(options->json);
		if (loop->json == NULL) {
			error = errno;
			fprintf(stderr, "--json %s: cannot write there: %s\n", options->json,
				strerror(error));
			return -error;
		}
	}
	if (options->pcap_out == NULL)
		return 0;
	if (options_is_stdout(options->pcap_out)) {
		file = standard_output_take();
		if (file == NULL) {
			error = errno;
			fprintf(stderr, "--pcap-out -: cannot write there: %s\n",
				strerror(error));
			return -error;
		}
	}
	return capture_writer_open(options->pcap_out, file, &loop->writer);
}

/* Everything that can fail before there is traffic. */
static int
prepare(struct loopback *loop)
{
	const struct options *options = &loop->options;
	int ret = result_init(&loop->result, options->queues);

	if (ret == 0 && options->pcap_in != NULL)
		ret = capture_load(options->pcap_in, options->queues, &loop->capture);
	/* After that is read: it may be the same file. */
	if (ret == 0)
		ret = open_outputs(loop);
	if (ret != 0)
		return ret;
	ret = start_eal(loop);
	if (ret == 0 && options->backend_path == NULL)
		ret = start_backend(loop);
	if (ret == 0)
		ret = start_port(loop);
	if (ret == 0)
		ret = start_traffic(loop);
	return ret;
}

/* Resets under traffic, then the traffic's end, and what it came to. */
static void
run(struct loopback *loop)
{
	struct result *result = &loop->result;

	loop->tried = true;
	resetter_run(&loop->resetter);
	/* What an external back-end did with packets of a stopped queue is not known. */
	if (resetter_drain(&loop->resetter) != 0 && loop->backend != NULL)
		result_fail(result, "some packets neither came back nor were counted as dropped");
	traffic_quit(&loop->traffic);
	rte_eal_wait_lcore(LCORE_TRAFFIC);
	if (result_collect(result, &loop->options, &loop->traffic, &loop->source, &loop->resetter,
			&loop->port, loop->backend) != 0)
		result_fail(result, "no memory for the result");
	result_judge(result, &loop->options, &loop->source, &loop->resetter,
		loop->backend != NULL);
}

/* Take everything down; what does not come back is part of the result. */
static void
finish(struct loopback *loop)
{
	struct result *result = &loop->result;

	if (port_close(&loop->port) != 0)
		result_fail(result, "the port could not be closed");
	result->leaked = port_check_pools(&loop->port);
	if (result->leaked != 0)
		result_fail(result, "%u buffers did not come back", result->leaked);
	else if (loop->port.ext.len != 0 && ext_memory_close(&loop->port.ext) != 0)
		result_fail(result, "the memory of our own could not be given back");
	if (loop->backend != NULL) {
		backend_quit(loop->backend);
		rte_eal_wait_lcore(LCORE_BACKEND);
		if (backend_close(loop->backend) != 0)
			result_fail(result, "the back-end's buffers did not come back");
	}
	if (loop->socket_dir[0] != '\0')
		rmdir(loop->socket_dir);
	if (eal_memory_changes() != 0)
		result_fail(result, "the memory grew or shrank %u times", eal_memory_changes());
	if (capture_writer_close(loop->writer) != 0)
		result_fail(result, "%s is not complete", loop->options.pcap_out);
}

static int
tell(struct loopback *loop)
{
	struct result *result = &loop->result;
	int error = 0;

	if (!loop->tried)
		return EXIT_NOT_TRIED;
	if (loop->json != NULL) {
		/* A device or a pipe has no length. */
		if (ftruncate(fileno(loop->json), 0) != 0 && errno != EINVAL)
			error = errno;
		result_write_json(result, loop->json, &loop->options, &loop->resetter,
			&loop->timeline, &loop->port, &loop->eal);
		errno = 0;
		if ((fflush(loop->json) != 0 || ferror(loop->json) != 0) && error == 0)
			error = errno != 0 ? errno : EIO;
		if (fclose(loop->json) != 0 && error == 0)
			error = errno;
		loop->json = NULL;
	}
	if (error != 0)
		result_fail(result, "%s is not complete: %s", loop->options.json,
			strerror(error));
	result_print(result, &loop->options, &loop->resetter);
	if (standard_output_check("virtio-loopback") != 0 || result->failures != 0)
		return EXIT_FAILURE;
	return result->incomplete ? EXIT_INCOMPLETE : EXIT_SUCCESS;
}

static void
free_all(struct loopback *loop)
{
	resetter_free(&loop->resetter);
	traffic_free(&loop->traffic);
	timeline_free(&loop->timeline);
	port_free(&loop->port);
	result_free(&loop->result);
	if (loop->json != NULL)
		fclose(loop->json);
	capture_free(loop->capture);
	options_free(&loop->options);
}

int
main(int argc, char **argv)
{
	static struct loopback loop;
	const struct sigaction action = { .sa_handler = on_signal };
	int status;

	standard_output_prepare();
	switch (options_parse(&loop.options, argc, argv)) {
	case 0:
		break;
	case 1:
		return standard_output_check("virtio-loopback") == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
	default:
		return EXIT_NOT_TRIED;
	}
	if (loop.options.serve_path != NULL) {
		status = serve_run(&loop.options);
		options_free(&loop.options);
		return status;
	}
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (prepare(&loop) == 0)
		run(&loop);
	finish(&loop);
	status = tell(&loop);
	free_all(&loop);
	if (loop.eal_started)
		eal_stop();
	return status;
}
