/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Target "telemetry": the parameters of the driver's commands, with one port that runs. The first
 * byte chooses the command, the rest is the text. The functions of librte_telemetry are here: they
 * look at each name and text, and count what is allocated.
 */

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>

#include "driver_port.h"

#define MAX_COMMANDS 8

/* What telemetry bounds. */
#define MAX_NAME 64
#define MAX_TEXT 8192

struct rte_tel_data {
	unsigned int entries;
};

static struct fuzz_input none;
static struct pci_registers regs;
static struct driver_port port;
static telemetry_cb commands[MAX_COMMANDS];
static unsigned int nb_commands;
static unsigned int nb_data;

int __wrap_rte_telemetry_register_cmd(const char *cmd, telemetry_cb fn, const char *help);
struct rte_tel_data *__wrap_rte_tel_data_alloc(void);
int __wrap_rte_tel_data_start_dict(struct rte_tel_data *d);
int __wrap_rte_tel_data_start_array(struct rte_tel_data *d, enum rte_tel_value_type type);
int __wrap_rte_tel_data_add_array_string(struct rte_tel_data *d, const char *text);
int __wrap_rte_tel_data_add_array_int(struct rte_tel_data *d, int number);
int __wrap_rte_tel_data_add_dict_string(struct rte_tel_data *d, const char *name,
					const char *text);
int __wrap_rte_tel_data_add_dict_int(struct rte_tel_data *d, const char *name, int number);
int __wrap_rte_tel_data_add_dict_u64(struct rte_tel_data *d, const char *name, uint64_t number);
int __wrap_rte_tel_data_add_dict_uint(struct rte_tel_data *d, const char *name, uint64_t number);
int __wrap_rte_tel_data_add_dict_container(struct rte_tel_data *d, const char *name,
					   struct rte_tel_data *value, int keep);

int
__wrap_rte_telemetry_register_cmd(const char *cmd __rte_unused, telemetry_cb fn,
				  const char *help __rte_unused)
{
	if (nb_commands == MAX_COMMANDS)
		return -1;
	commands[nb_commands++] = fn;
	return 0;
}

struct rte_tel_data *
__wrap_rte_tel_data_alloc(void)
{
	nb_data++;
	return calloc(1, sizeof(struct rte_tel_data));
}

static int
add(struct rte_tel_data *d, const char *name)
{
	CHECK(name[0] != '\0' && strlen(name) < MAX_NAME);
	d->entries++;
	return 0;
}

int
__wrap_rte_tel_data_start_dict(struct rte_tel_data *d)
{
	CHECK_EQ(d->entries, 0);
	return 0;
}

int
__wrap_rte_tel_data_start_array(struct rte_tel_data *d, enum rte_tel_value_type type __rte_unused)
{
	CHECK_EQ(d->entries, 0);
	return 0;
}

int
__wrap_rte_tel_data_add_array_string(struct rte_tel_data *d, const char *text)
{
	CHECK(strlen(text) < MAX_TEXT);
	return add(d, "entry");
}

int
__wrap_rte_tel_data_add_array_int(struct rte_tel_data *d, int number __rte_unused)
{
	return add(d, "entry");
}

int
__wrap_rte_tel_data_add_dict_string(struct rte_tel_data *d, const char *name, const char *text)
{
	CHECK(strlen(text) < MAX_TEXT);
	return add(d, name);
}

int
__wrap_rte_tel_data_add_dict_int(struct rte_tel_data *d, const char *name, int number __rte_unused)
{
	return add(d, name);
}

int
__wrap_rte_tel_data_add_dict_u64(struct rte_tel_data *d, const char *name,
				 uint64_t number __rte_unused)
{
	return add(d, name);
}

int
__wrap_rte_tel_data_add_dict_uint(struct rte_tel_data *d, const char *name,
				  uint64_t number __rte_unused)
{
	return add(d, name);
}

/* Telemetry frees it with the answer. */
int
__wrap_rte_tel_data_add_dict_container(struct rte_tel_data *d, const char *name,
				       struct rte_tel_data *value, int keep)
{
	CHECK_EQ(keep, 0);
	free(value);
	nb_data--;
	return add(d, name);
}

void
fuzz_start(void)
{
	const struct rte_eth_conf conf = { 0 };

	driver_port_start_eal();
	pci_registers_init(&regs, &none, VIRTIO_BIT(VIRTIO_F_VERSION_1) |
			   VIRTIO_BIT(VIRTIO_F_RING_RESET), 2, 64);
	CHECK_EQ(driver_port_create(&port, &regs, ""), 0);
	CHECK_EQ(rte_eth_dev_configure(port.id, 1, 1, &conf), 0);
	CHECK_EQ(rte_eth_rx_queue_setup(port.id, 0, 64, 0, NULL, driver_port_pool()), 0);
	CHECK_EQ(rte_eth_tx_queue_setup(port.id, 0, 64, 0, NULL), 0);
	CHECK_EQ(rte_eth_dev_start(port.id), 0);
	CHECK(nb_commands > 0);
}

void
fuzz_run(const uint8_t *data, size_t size)
{
	struct rte_tel_data answer = { 0 };
	struct fuzz_input in = { data, data + size };
	const uint8_t which = fuzz_byte(&in);
	char text[1024];
	size_t len = RTE_MIN(fuzz_left(&in), sizeof(text) - 1);

	memcpy(text, in.at, len);
	text[len] = '\0';
	/* Without parameters, telemetry passes NULL. */
	commands[which % nb_commands]("/virtio", which >= 240 ? NULL : text, &answer);
	CHECK_EQ(nb_data, 0);
}
