/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * rte_eth_dev_priv_dump() writes the state of the port and of each queue as text, in every state of
 * the port, and returns also while a control call waits for the device.
 */

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <ethdev_driver.h>

#include "fake_pci_port.h"
#include "fake_port.h"
#include "test.h"

static char *text;

static int
dump(uint16_t port)
{
	size_t len;
	FILE *file;
	int ret;

	free(text);
	text = NULL;
	file = open_memstream(&text, &len);
	CHECK(file != NULL);
	ret = rte_eth_dev_priv_dump(port, file);
	CHECK_EQ(fclose(file), 0);
	CHECK(len > 0 && text[len - 1] == '\n');
	return ret;
}

/* A line that begins with these words and contains those. */
static void
check_line(const char *begin, const char *part)
{
	const char *line = text;

	while (line != NULL && strncmp(line, begin, strlen(begin)) != 0) {
		line = strchr(line, '\n');
		if (line != NULL)
			line++;
	}
	if (line == NULL || strstr(line, part) == NULL ||
	    strstr(line, part) > strchr(line, '\n'))
		test_fail(__FILE__, __LINE__, "no line \"%s ... %s\" in\n%s", begin, part, text);
}

static void
each_state_of_a_port(void)
{
	const struct fake_port_conf conf = { .features = VU_F_MRG_RXBUF };
	struct fake_port *fp = fake_port_create(&conf);
	const char *layout = test_packed() ? "packed ring" : "split ring";

	CHECK_EQ(dump(fp->port), 0);
	check_line("device: ", "vhost-user client on ");
	check_line("port: ", "stopped, 2 of at most 2 queue pairs");
	check_line("features offered: ", "MRG_RXBUF");
	check_line("rx queue 0: ", layout);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	fake_port_write(fp, 1, 100);
	CHECK_EQ(fake_port_send(fp, 0, 3), 3);
	CHECK_EQ(dump(fp->port), 0);
	check_line("connected: ", "yes");
	check_line("device status: ", "0x0f");
	check_line("stop of single queues: ", "get_base");
	check_line("features in force: ", "RING_RESET");
	check_line("port: ", "started");
	check_line("receive path: ", test_packed() ? "Packed" : "Split");
	check_line("rx queue 0: ", "live");
	check_line("rx queue 0: ", "64 descriptors, 0 free, 0 used, pool ");
	check_line("rx queue 1: ", "64 descriptors, 0 free, 1 used");
	check_line("tx queue 0: ", "64 descriptors, 61 free, 0 used, 3 packets");
	CHECK_EQ(fake_port_receive(fp, 1), 1);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(fake_port_setup_rx(fp, 1, 128), 0);
	CHECK_EQ(dump(fp->port), 0);
	check_line("tx queue 0: ", "1 resets, 3 dropped by resets");
	check_line("rx queue 1: ", "128 descriptors");
	check_line("rx queue 0: ", "0 resets");
	fake_vu_disconnect(fp->vu);
	do {
		usleep(1000);
		CHECK_EQ(dump(fp->port), 0);
	} while (strstr(text, "connected: no") == NULL);
	check_line("rx queue 0: ", "disconnected");
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK_EQ(dump(fp->port), 0);
	fake_port_destroy(fp);
	free(text);
	text = NULL;
}

static void
port_with_a_control_queue(void)
{
	const struct fake_pci_port_conf conf = {
		.features = FAKE_F_CONTROL, .args = ",recovery=auto",
	};
	struct fake_pci_port *fp = fake_pci_port_create(&conf);

	CHECK_EQ(dump(fp->port), 0);
	check_line("recovery: ", "auto");
	CHECK(strstr(text, "control queue: ") == NULL);
	CHECK_EQ(rte_eth_dev_start(fp->port), 0);
	CHECK_EQ(dump(fp->port), 0);
	check_line("control queue: ", "live, ");
	check_line("control queue: ", " descriptors");
	fake_pci_port_destroy(fp);
	free(text);
	text = NULL;
}

/*
 * ethdev frees its arrays of queues, and lowers their number after that, while the port's worker or
 * telemetry may look at the queues.
 */
static void
port_that_is_configured_meanwhile(void)
{
	struct fake_port *fp = fake_port_create(&(struct fake_port_conf){ .timeout_ms = 1000 });
	struct rte_eth_dev_data *data = rte_eth_devices[fp->port].data;
	void **rx = data->rx_queues;
	void **tx = data->tx_queues;

	data->rx_queues = NULL;
	data->tx_queues = NULL;
	CHECK_EQ(dump(fp->port), 0);
	data->rx_queues = rx;
	data->tx_queues = tx;
	check_line("rx queue 1: ", "64 descriptors");
	check_line("tx queue 1: ", "64 descriptors");
	/* What the configuration has released before. */
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &(struct rte_eth_conf){ 0 }), 0);
	CHECK_EQ(dump(fp->port), 0);
	CHECK(strstr(text, "rx queue 0: ") != NULL);
	CHECK(strstr(text, "rx queue 1: ") == NULL);
	CHECK(strstr(text, "tx queue 1: ") == NULL);
	fake_port_destroy(fp);
	free(text);
	text = NULL;
}

static void *
stop_queue_0(void *arg)
{
	struct fake_port *fp = arg;

	return (void *)(intptr_t)rte_eth_dev_rx_queue_stop(fp->port, 0);
}

/* The stop waits for an answer, which this thread allows only after the dump has returned. */
static void
port_that_waits_for_its_device(void)
{
	const struct fake_port_conf conf = { .timeout_ms = 60000 };
	struct fake_port *fp = fake_port_start(&conf);
	pthread_t thread;
	void *ret;

	fake_vu_rule(fp->vu, VU_GET_VRING_BASE, 0, 1, VU_HOLD);
	CHECK_EQ(pthread_create(&thread, NULL, stop_queue_0, fp), 0);
	fake_vu_wait_held(fp->vu);
	CHECK_EQ(dump(fp->port), -EBUSY);
	check_line("port busy: ", "waits for the device");
	fake_vu_release(fp->vu);
	CHECK_EQ(pthread_join(thread, &ret), 0);
	CHECK(ret == NULL);
	CHECK_EQ(dump(fp->port), 0);
	check_line("rx queue 0: ", "1 resets");
	fake_port_destroy(fp);
	free(text);
	text = NULL;
}

static void
file_that_takes_no_more(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	FILE *full = fopen("/dev/full", "w");

	CHECK(full != NULL);
	setvbuf(full, NULL, _IONBF, 0);
	CHECK_EQ(rte_eth_dev_priv_dump(fp->port, full), -EIO);
	fclose(full);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(each_state_of_a_port),
	TEST_LAYOUTS(port_with_a_control_queue),
	TEST(port_that_is_configured_meanwhile),
	TEST(port_that_waits_for_its_device),
	TEST(file_that_takes_no_more),
)
