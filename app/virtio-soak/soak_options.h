/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_OPTIONS_H
#define SOAK_OPTIONS_H

/**
 * @file
 * Options that virtio-soak and virtio-soak-secondaries have in common. Before any other thread.
 */

#include <getopt.h>

/** A program's options. */
struct soak_parser {
	const char *program;
	const char *help;
	const struct option *options;	/**< of getopt_long(), with 'h' for help, 'V' for version */
	/** Takes one of the others. @return 0, or -EINVAL after a message. */
	int (*take)(void *values, int option);
};

/** @return 0: go on; 1: help or the version was printed; -EINVAL after a message. */
int soak_parse(const struct soak_parser *parser, void *values, int argc, char **argv);

/** The value of --backend. @return 0, or -EINVAL after a message. */
int soak_parse_backend(const char **backend);

#endif /* SOAK_OPTIONS_H */
