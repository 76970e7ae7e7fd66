/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_version.h>

#include "soak_options.h"

int
soak_parse_backend(const char **backend)
{
	*backend = optarg;
	if (access(optarg, X_OK) == 0)
		return 0;
	fprintf(stderr, "--backend %s: no program there; it is virtio-loopback\n", optarg);
	return -EINVAL;
}

static int
take(const struct soak_parser *parser, void *values, int option)
{
	switch (option) {
	case 'h':
		fputs(parser->help, stdout);
		return 1;
	case 'V':
		printf("%s %s, %s\n", parser->program, PROJECT_VERSION, rte_version());
		return 1;
	case '?':
		/* getopt has said what is wrong. */
		fprintf(stderr, "%s --help lists the options\n", parser->program);
		return -EINVAL;
	default:
		return parser->take(values, option);
	}
}

int
soak_parse(const struct soak_parser *parser, void *values, int argc, char **argv)
{
	int option, ret;

	while ((option = getopt_long(argc, argv, "h", parser->options, NULL)) != -1) {
		ret = take(parser, values, option);
		if (ret != 0)
			return ret;
	}
	if (optind < argc) {
		fprintf(stderr, "%s: not an option; %s --help lists them\n", argv[optind],
			parser->program);
		return -EINVAL;
	}
	return 0;
}
