/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "devargs": the arguments of a virtio-user or a virtio-pci port. The first byte chooses
 * which, the rest is the text. What is accepted is within its limits.
 */

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "virtio_devargs.h"
#include "virtio_spec.h"

static const char *const texts[] = {
	"path=", "/tmp/s", "mac=", "02:00:00:00:00:01", "cq=", "queue_size=", "queues=", "iface=",
	"steering=", "none", "ebpf", "server=", "mrg_rxbuf=", "in_order=", "packed_vq=", "speed=",
	"vectorized=", "queue_reset=", "auto", "get_base", "disable", "off", "proposal", "vdpa=",
	"mq=", "all", "running", "queue_reset_timeout_ms=", "tx_drain_us=", "rx_drain_us=",
	"recovery=", "log_resets=", "0", "1", "256", "4294967296", "/dev/vhost-net", ",", "=", "-1",
};

void
fuzz_start(void)
{
}

/* Bytes from 128 on are whole keys and values, so that most inputs are nearly right. */
static void
append(char *text, size_t size, uint8_t byte)
{
	const char plain[] = { byte, '\0' };
	const size_t len = strlen(text);

	strncat(text, byte < 128 ? plain : texts[byte % (sizeof(texts) / sizeof(texts[0]))],
		size - len - 1);
}

static void
check(const struct virtio_devargs *args, bool user)
{
	CHECK(memchr(args->path, '\0', sizeof(args->path)) != NULL);
	CHECK(memchr(args->iface, '\0', sizeof(args->iface)) != NULL);
	if (!user)
		return;
	CHECK(args->path[0] != '\0');
	CHECK(args->pairs >= 1 && args->pairs <= 128);
	CHECK(args->queue_size >= 1 && args->queue_size <= VIRTIO_SPLIT_RING_MAX);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	struct fuzz_input in = { data, data + size };
	const bool user = fuzz_byte(&in) % 2 == 0;
	struct virtio_devargs *args = calloc(1, sizeof(*args));
	char text[8192] = "";

	CHECK(args != NULL);
	while (fuzz_left(&in) > 0)
		append(text, sizeof(text), fuzz_byte(&in));
	if ((user ? virtio_user_parse : virtio_pci_parse)("fuzz", text, args) == 0)
		check(args, user);
	free(args);
}
