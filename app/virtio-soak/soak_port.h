/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef SOAK_PORT_H
#define SOAK_PORT_H

/**
 * @file
 * A port, its back-end in another process, and a thread with its traffic. Control thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "child.h"
#include "port.h"
#include "soak_common.h"
#include "source.h"
#include "timeline.h"
#include "traffic.h"

struct soak_port {
	struct child_conf child_conf;
	struct child child;
	struct port port;
	struct source source;
	struct timeline timeline;
	struct traffic traffic;
	unsigned int lcore;		/* of the traffic */
	bool runs;			/* the traffic does */
	uint32_t backends_killed;
};

/** What became of the packets of all queues. */
struct soak_packets {
	uint64_t sent, received;
	uint64_t tx_dropped, rx_dropped;	/**< by the driver's count, at resets */
	uint64_t missing;			/**< did not come back */
};

/**
 * Start a back-end, a port on its socket, and traffic on an lcore.
 *
 * @param port a devarg is added to: server=1 where the back-end connects.
 * @param rest_us the traffic sleeps so long after each turn.
 * @return 0, or a negative errno after a message; soak_port_close() is due in both cases.
 */
int soak_port_open(struct soak_port *sp, const struct child_conf *child,
		const struct port_conf *port, unsigned int lcore, uint32_t rest_us);

/** Whether the link is up. */
bool soak_port_is_up(const struct soak_port *sp);

/** Wait until queues have received so many packets more. @return false if they do not. */
bool soak_port_receives(struct soak_port *sp, uint64_t packets);

/**
 * Traffic ends, and all that is under way arrives.
 *
 * @param failure what is wrong, if anything is; empty else.
 * @return 0 or -1.
 */
int soak_port_finish(struct soak_port *sp, struct soak_packets *packets, char *failure,
		size_t size);

/** Take all down. @return 0, or -1 with a failure if a buffer did not come back. */
int soak_port_close(struct soak_port *sp, char *failure, size_t size);

#endif /* SOAK_PORT_H */
