/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "modes.h"
#include "null_device.h"
#include "bench_options.h"
#include "standard_output.h"
#include "watchdog.h"

static int
run(const struct options *options, int eal_argc, char **eal_argv)
{
	int ret;

	if (options->mode == MODE_STEPS)
		return steps_run(options, eal_argc, eal_argv);
	/* Before EAL, whose port connects to it. */
	if (options->null_path != NULL) {
		ret = null_device_start(options->null_path, options->order);
		if (ret != 0)
			return ret;
	}
	if (options->mode == MODE_SERVE) {
		ret = serve_claim_sockets(eal_argc, eal_argv);
		if (ret != 0)
			return ret;
	}
	watchdog_stage("EAL starts");
	if (rte_eal_init(eal_argc, eal_argv) < 0) {
		fprintf(stderr, "EAL does not start: %s\n", rte_strerror(rte_errno));
		return -rte_errno;
	}
	switch (options->mode) {
	case MODE_RATE:
		return rate_run(options);
	case MODE_CYCLES:
		return cycles_run(options);
	case MODE_LIFE:
		return life_run(options);
	case MODE_TIMELINE:
		return timeline_run(options);
	case MODE_HANDOVER:
		return handover_run(options);
	default:
		return serve_run(options);
	}
}

/* After the help or the version, the text of which is the result. */
static int
end_of_text(void)
{
	return standard_output_check("virtio-bench") == 0 ? 0 : 1;
}

/* EAL's arguments are those before "--", ours those behind it. */
int
main(int argc, char **argv)
{
	struct options options;
	int eal_argc, ret;

	standard_output_prepare();
	for (eal_argc = 1; eal_argc < argc; eal_argc++)
		if (strcmp(argv[eal_argc], "--") == 0)
			break;
	if (eal_argc == argc) {
		/* Without "--" all are taken for ours: --help alone works. */
		ret = options_parse(&options, argc, argv);
		if (ret == 0)
			fprintf(stderr, "EAL's options and \"--\" are missing\n");
		return ret == 1 ? end_of_text() : 2;
	}
	argv[eal_argc] = argv[0];
	ret = options_parse(&options, argc - eal_argc, argv + eal_argc);
	argv[eal_argc] = NULL;
	if (ret != 0)
		return ret == 1 ? end_of_text() : 2;
	watchdog_start(options.deadline);
	ret = run(&options, eal_argc, argv);
	if (standard_output_check("virtio-bench") != 0)
		ret = -EIO;
	return ret == 0 ? 0 : 1;
}
