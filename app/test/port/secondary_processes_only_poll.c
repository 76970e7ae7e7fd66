/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A secondary process polls the queues of the primary, and makes no control call. What the
 * processes say to each other is checked on both sides: an answer or a request that is none is
 * refused with a reason, and leaves nothing behind.
 *
 * Both processes are this one. The linker gives the driver the functions below for EAL's messages,
 * alarms and the type of the process (--wrap). The primary's part answers before the secondary's
 * asks, because each holds a lock that would be that of another process. Programs with real
 * processes test the rest.
 */

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <ethdev_driver.h>
#include <rte_alarm.h>
#include <rte_errno.h>

#include "fake_port.h"
#include "rte_pmd_virtio.h"
#include "test.h"
#include "virtio.h"
#include "virtio_process.h"
#include "virtio_secondary.h"

#define JOIN   "net_virtio_join"
#define FETCH  "virtio_vhost_user_kicks"
#define REPORT "net_virtio_queue_error"

/* ---- EAL between the processes ------------------------------------------------------------ */

static struct {
	char name[RTE_MP_MAX_NAME_LEN];
	rte_mp_t action;
} actions[8];
static struct rte_mp_msg answer;        /* the last of the primary */
static enum rte_proc_type_t process_type = RTE_PROC_PRIMARY;
static rte_eal_alarm_callback alarm_fn;
static void *alarm_arg;
static int process_fd;                  /* the secondary's: readable when it has ended */

/* The secondary's requests, in turn, and the answers. */
static struct exchange {
	struct rte_mp_msg request, answer;
} exchanges[2];

/* What is wrong with the answer to a request of this name. */
static const char *spoilt_name;
static void (*spoil)(struct rte_mp_msg *msg);
static int request_error;               /* the request cannot be sent; a negative errno */
static bool silent;                     /* nobody answers */
static int alarm_error, send_error;

int __wrap_rte_mp_action_register(const char *name, rte_mp_t action);
int __wrap_rte_mp_request_sync(struct rte_mp_msg *msg, struct rte_mp_reply *reply,
			       const struct timespec *timeout);
int __wrap_rte_mp_reply(struct rte_mp_msg *msg, const char *peer);
int __wrap_rte_mp_sendmsg(struct rte_mp_msg *msg);
int __wrap_rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback fn, void *arg);
int __real_rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback fn, void *arg);
enum rte_proc_type_t __wrap_rte_eal_process_type(void);

static rte_mp_t
find_action(const char *name)
{
	unsigned int i;

	for (i = 0; i < RTE_DIM(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return actions[i].action;
	}
	return NULL;
}

int
__wrap_rte_mp_action_register(const char *name, rte_mp_t action)
{
	unsigned int i;

	if (find_action(name) != NULL) {
		rte_errno = EEXIST;
		return -1;
	}
	for (i = 0; actions[i].action != NULL; i++)
		CHECK(i + 1 < RTE_DIM(actions));
	snprintf(actions[i].name, sizeof(actions[i].name), "%s", name);
	actions[i].action = action;
	return 0;
}

static void
close_fds(struct rte_mp_msg *msg)
{
	while (msg->num_fds > 0)
		close(msg->fds[--msg->num_fds]);
}

static void
add_fds(struct rte_mp_msg *msg, unsigned int n)
{
	while (n-- > 0)
		msg->fds[msg->num_fds++] = dup(STDOUT_FILENO);
}

/* The receiver gets descriptors of its own. */
static struct rte_mp_msg
deliver(const struct rte_mp_msg *msg)
{
	struct rte_mp_msg copy = *msg;
	int i;

	for (i = 0; i < copy.num_fds; i++) {
		copy.fds[i] = dup(msg->fds[i]);
		CHECK(copy.fds[i] >= 0);
	}
	return copy;
}

int
__wrap_rte_mp_reply(struct rte_mp_msg *msg, const char *peer)
{
	CHECK(strcmp(peer, "secondary") == 0);
	answer = deliver(msg);
	return 0;
}

static int
ask(const struct rte_mp_msg *msg)
{
	const struct rte_mp_msg copy = deliver(msg);
	rte_mp_t action = find_action(msg->name);

	CHECK(action != NULL);
	return action(&copy, "secondary");
}

/* The primary's answer to a request, which the secondary is going to make. */
static void
answer_first(struct exchange *exchange)
{
	CHECK_EQ(ask(&exchange->request), 0);
	exchange->answer = answer;
	close_fds(&exchange->request);
}

int
__wrap_rte_mp_request_sync(struct rte_mp_msg *msg, struct rte_mp_reply *reply,
			   const struct timespec *timeout)
{
	struct exchange *exchange = &exchanges[strcmp(msg->name, FETCH) == 0];
	const bool spoilt = spoilt_name != NULL && strcmp(spoilt_name, msg->name) == 0;

	CHECK(timeout->tv_sec > 0);
	CHECK(strcmp(msg->name, exchange->request.name) == 0);
	CHECK_EQ(msg->len_param, exchange->request.len_param);
	CHECK(memcmp(msg->param, exchange->request.param, msg->len_param) == 0);
	*reply = (struct rte_mp_reply){ .nb_sent = 1 };
	if (spoilt && request_error != 0) {
		rte_errno = -request_error;
		return -1;
	}
	if (spoilt && silent)
		return 0;
	if (spoilt && spoil != NULL)
		spoil(&exchange->answer);
	reply->msgs = malloc(sizeof(*reply->msgs));
	CHECK(reply->msgs != NULL);
	*reply->msgs = exchange->answer;
	exchange->answer.num_fds = 0;
	reply->nb_received = 1;
	return 0;
}

int
__wrap_rte_mp_sendmsg(struct rte_mp_msg *msg)
{
	if (send_error != 0) {
		rte_errno = -send_error;
		return -1;
	}
	CHECK_EQ(ask(msg), 0);
	return 0;
}

/* The secondary's alarm is for the case to call. */
int
__wrap_rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback fn, void *arg)
{
	if (process_type == RTE_PROC_PRIMARY)
		return __real_rte_eal_alarm_set(us, fn, arg);
	alarm_fn = fn;
	alarm_arg = arg;
	return alarm_error;
}

enum rte_proc_type_t
__wrap_rte_eal_process_type(void)
{
	return process_type;
}

/* ---- a secondary's port ------------------------------------------------------------------- */

/* What is the process's of a port, and the rest is shared. */
static struct rte_eth_dev primary_edev;
static struct rte_eth_fp_ops primary_bursts;

static struct rte_eth_dev *
edev_of(const struct fake_port *fp)
{
	return &rte_eth_devices[fp->port];
}

static struct rte_mp_msg
make_fetch(uint64_t device, uint16_t first)
{
	struct rte_mp_msg msg = { .name = FETCH, .len_param = 16 };

	memcpy(msg.param, &device, sizeof(device));
	memcpy(msg.param + sizeof(device), &first, sizeof(first));
	return msg;
}

static uintptr_t
device_of(const struct fake_port *fp)
{
	return (uintptr_t)&virtio_port(edev_of(fp))->dev;
}

/* The primary has no descriptor of it any more. */
static void
end_process(void)
{
	const uint64_t one = 1;

	CHECK_EQ(write(process_fd, &one, sizeof(one)), sizeof(one));
	CHECK(virtio_process_has_ended(virtio_process_self) ==
	      (virtio_process_self != VIRTIO_PROCESS_PRIMARY));
	CHECK_EQ(close(process_fd), 0);
	virtio_process_self = VIRTIO_PROCESS_PRIMARY;
}

static int
attach(struct fake_port *fp)
{
	struct rte_eth_dev *edev = edev_of(fp);
	int ret;

	primary_edev = *edev;
	primary_bursts = rte_eth_fp_ops[fp->port];
	process_fd = eventfd(0, 0);
	exchanges[0].request = (struct rte_mp_msg){
		.name = JOIN, .num_fds = 1, .fds = { dup(process_fd) },
	};
	exchanges[1].request = make_fetch(device_of(fp), 0);
	answer_first(&exchanges[0]);
	answer_first(&exchanges[1]);
	ret = virtio_secondary_attach(edev);
	close_fds(&exchanges[0].answer);
	close_fds(&exchanges[1].answer);
	if (ret != 0)
		return ret;
	/* As ethdev sets these for a port that is not configured yet. */
	rte_eth_fp_ops[fp->port].rx_pkt_burst = edev->rx_pkt_burst;
	rte_eth_fp_ops[fp->port].tx_pkt_burst = edev->tx_pkt_burst;
	rte_eth_fp_ops[fp->port].rxq.data = NULL;
	rte_eth_fp_ops[fp->port].txq.data = NULL;
	virtio_secondary_finish(edev);
	return 0;
}

/* The process is the primary again. */
static void
detach(struct fake_port *fp)
{
	struct rte_eth_dev *edev = edev_of(fp);

	CHECK_EQ(edev->dev_ops->dev_close(edev), 0);
	*edev = primary_edev;
	rte_eth_fp_ops[fp->port] = primary_bursts;
	end_process();
}

static void
bursts_and_reading_are_possible(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const unsigned int fds = test_open_fds();
	struct rte_eth_stats stats, before;
	struct rte_eth_link link;

	CHECK_EQ(rte_eth_stats_get(fp->port, &before), 0);
	CHECK_EQ(attach(fp), 0);
	CHECK(virtio_process_self > VIRTIO_PROCESS_PRIMARY);
	CHECK_EQ(test_logged("attached in a secondary process"), 1);
	fake_port_check_runs(fp, 0);
	fake_port_check_runs(fp, 1);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 1);
	CHECK_EQ(rte_eth_stats_get(fp->port, &stats), 0);
	CHECK_EQ(stats.ipackets, before.ipackets + 2);
	CHECK_EQ(stats.opackets, before.opackets + 2);
	CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
	CHECK_EQ(link.link_status, RTE_ETH_LINK_UP);
	detach(fp);
	CHECK_EQ(test_open_fds(), fds);
	fake_port_check_runs(fp, 0);
	/* Of a queue that is stopped. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	CHECK_EQ(attach(fp), 0);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	CHECK_EQ(fake_port_send(fp, 0, 1), 0);
	CHECK_EQ(rte_eth_tx_done_cleanup(fp->port, 0, 0), 0);
	fake_port_check_runs(fp, 1);
	detach(fp);
	fake_port_destroy(fp);
}

/* The primary fails to configure the port, and has no queues then: ethdev has freed its arrays. */
static void
bursts_outlive_a_configuration(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_RSS };
	struct rte_eth_dev *edev = edev_of(fp);
	struct rte_eth_fp_ops secondary;
	struct rte_mbuf *m;
	uint16_t q;

	CHECK_EQ(attach(fp), 0);
	fake_port_check_runs(fp, 1);
	secondary = rte_eth_fp_ops[fp->port];
	detach(fp);
	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	CHECK(rte_eth_dev_configure(fp->port, 1, 1, &conf) != 0);
	CHECK(edev->data->rx_queues == NULL && edev->data->tx_queues == NULL);
	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		CHECK_EQ(secondary.rx_pkt_burst(secondary.rxq.data[q], &m, 1), 0);
		m = rte_pktmbuf_alloc(fp->tx_pool[q]);
		CHECK_EQ(secondary.tx_pkt_burst(secondary.txq.data[q], &m, 1), 0);
		rte_pktmbuf_free(m);
	}
	fake_port_destroy(fp);
}

/* Its bursts return 0 until the primary has configured the port. */
static void
port_that_is_not_configured(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_eth_dev_data *data = edev_of(fp)->data;
	void **rx = data->rx_queues;
	void **tx = data->tx_queues;

	CHECK_EQ(attach(fp), 0);
	CHECK_EQ(test_logged("has not configured the port yet"), 0);
	detach(fp);
	data->rx_queues = NULL;
	data->tx_queues = NULL;
	CHECK_EQ(attach(fp), 0);
	CHECK_EQ(test_logged("has not configured the port yet"), 1);
	detach(fp);
	data->rx_queues = rx;
	data->tx_queues = tx;
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* ---- control calls ------------------------------------------------------------------------ */

#define REFUSED(name, ...) \
	do { \
		test_forget_log(); \
		CHECK_EQ(edev->dev_ops->name(edev, ## __VA_ARGS__), -ENOTSUP); \
		CHECK_EQ(test_logged(#name " is not possible in a secondary process"), 1); \
	} while (0)

static void
control_calls_are_refused(void)
{
	static alignas(4096) uint8_t page[4096];
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_eth_dev *edev = edev_of(fp);
	struct rte_eth_rss_reta_entry64 reta = { 0 };
	struct rte_ether_addr mac = { .addr_bytes = { 2 } };
	struct rte_eth_rss_conf rss = { 0 };
	struct rte_eth_conf conf = { 0 };

	CHECK_EQ(attach(fp), 0);
	REFUSED(dev_start);
	REFUSED(mtu_set, 1400);
	REFUSED(mac_addr_set, &mac);
	REFUSED(mac_addr_add, &mac, 1, 0);
	REFUSED(promiscuous_enable);
	REFUSED(promiscuous_disable);
	REFUSED(allmulticast_enable);
	REFUSED(allmulticast_disable);
	REFUSED(vlan_filter_set, 5, 1);
	REFUSED(rss_hash_update, &rss);
	REFUSED(reta_update, &reta, 64);
	REFUSED(rx_queue_start, 0);
	REFUSED(rx_queue_stop, 0);
	REFUSED(tx_queue_start, 0);
	REFUSED(tx_queue_stop, 0);
	REFUSED(rx_queue_intr_enable, 0);
	REFUSED(rx_queue_intr_disable, 0);
	/* These ethdev refuses, before it touches anything. */
	CHECK_EQ(rte_eth_dev_configure(fp->port, 1, 1, &conf), -ENOTSUP);
	CHECK_EQ(fake_port_setup_rx(fp, 0, FAKE_PORT_SIZE), -ENOTSUP);
	CHECK_EQ(fake_port_setup_tx(fp, 0, FAKE_PORT_SIZE), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_stop(fp->port), -ENOTSUP);
	CHECK_EQ(rte_eth_dev_reset(fp->port), -ENOTSUP);
	process_type = RTE_PROC_SECONDARY;
	CHECK_EQ(rte_pmd_virtio_extmem_attach(fp->port, page, sizeof(page), 0, 0), -ENOTSUP);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(fp->port, page, sizeof(page)), -ENOTSUP);
	process_type = RTE_PROC_PRIMARY;
	CHECK_EQ(test_logged("can be attached and detached in the primary process only"), 2);
	fake_port_check_runs(fp, 0);
	CHECK_EQ(fake_port_rx_state(fp, 0), RTE_ETH_QUEUE_STATE_STARTED);
	detach(fp);
	CHECK(fake_vu_recorded(fp->vu)[0] == '\0');
	fake_port_destroy(fp);
}

/* ---- answers ------------------------------------------------------------------------------ */

static void
shorten(struct rte_mp_msg *msg)
{
	msg->len_param--;
}

static void
no_number(struct rte_mp_msg *msg)
{
	memset(msg->param, 0, sizeof(uint32_t));
}

static void
give_error(struct rte_mp_msg *msg, int32_t error)
{
	memcpy(msg->param, &error, sizeof(error));
}

static void
not_known(struct rte_mp_msg *msg)
{
	give_error(msg, -ENODEV);
}

static void
positive(struct rte_mp_msg *msg)
{
	give_error(msg, 1);
}

static void
other_rings(struct rte_mp_msg *msg)
{
	const uint16_t first = 1;

	memcpy(msg->param + sizeof(int32_t), &first, sizeof(first));
}

static void
no_descriptors(struct rte_mp_msg *msg)
{
	close_fds(msg);
}

static void
too_many_descriptors(struct rte_mp_msg *msg)
{
	add_fds(msg, 1);
}

static void
check_refused(struct fake_port *fp, const char *name, int wanted)
{
	const struct rte_eth_dev *edev = edev_of(fp);
	const unsigned int fds = test_open_fds();
	const struct eth_dev_ops *ops = edev->dev_ops;
	const eth_rx_burst_t rx_burst = edev->rx_pkt_burst;

	spoilt_name = name;
	test_forget_log();
	CHECK_EQ(attach(fp), wanted);
	CHECK_EQ(test_logged("the primary process gave no valid answer"), 1);
	end_process();
	CHECK_EQ(test_open_fds(), fds);
	CHECK(edev->dev_ops == ops && edev->rx_pkt_burst == rx_burst);
	spoilt_name = NULL;
}

static void
answers_are_checked(void)
{
	static const struct {
		const char *name;
		void (*spoil)(struct rte_mp_msg *msg);
		int wanted;
	} answers[] = {
		{ JOIN, shorten, -EPROTO },
		{ JOIN, no_number, -ENOMEM },
		{ FETCH, shorten, -EPROTO },
		{ FETCH, not_known, -ENODEV },
		{ FETCH, positive, -EPROTO },
		{ FETCH, other_rings, -EPROTO },
		{ FETCH, no_descriptors, -EPROTO },
		{ FETCH, too_many_descriptors, -EPROTO },
	};
	static const char *const names[] = { JOIN, FETCH };
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	unsigned int i;

	for (i = 0; i < RTE_DIM(answers); i++) {
		spoil = answers[i].spoil;
		check_refused(fp, answers[i].name, answers[i].wanted);
		spoil = NULL;
	}
	for (i = 0; i < RTE_DIM(names); i++) {
		silent = true;
		check_refused(fp, names[i], -ETIMEDOUT);
		silent = false;
		request_error = -ECONNREFUSED;
		check_refused(fp, names[i], -ECONNREFUSED);
		request_error = 0;
	}
	CHECK_EQ(attach(fp), 0);
	fake_port_check_runs(fp, 0);
	detach(fp);
	fake_port_destroy(fp);
}

/* ---- requests ----------------------------------------------------------------------------- */

static int32_t
fetch(uint64_t device, uint16_t first, int length)
{
	struct rte_mp_msg msg = make_fetch(device, first);
	int32_t error;

	msg.len_param = length;
	/* Descriptors that nobody wants are closed. */
	add_fds(&msg, 2);
	CHECK_EQ(ask(&msg), 0);
	close_fds(&msg);
	memcpy(&error, answer.param, sizeof(error));
	CHECK_EQ(answer.num_fds, error == 0 ? 2 * FAKE_PORT_PAIRS - first : 0);
	close_fds(&answer);
	return error;
}

static void
requests_are_checked(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const uintptr_t device = device_of(fp);
	const unsigned int fds = test_open_fds();
	struct rte_mp_msg msg = { .name = REPORT };
	uint16_t port = RTE_MAX_ETHPORTS;

	CHECK_EQ(fetch(device, 0, 16), 0);
	CHECK_EQ(fetch(device, 1, 16), 0);
	CHECK_EQ(fetch(device, 2 * FAKE_PORT_PAIRS, 16), -ENODEV);
	CHECK_EQ(fetch(device, UINT16_MAX, 16), -ENODEV);
	CHECK_EQ(fetch(device + 8, 0, 16), -ENODEV);
	CHECK_EQ(fetch(0, 0, 16), -ENODEV);
	CHECK_EQ(fetch(device, 0, 15), -ENODEV);
	CHECK_EQ(test_open_fds(), fds);
	msg.len_param = sizeof(port);
	memcpy(msg.param, &port, sizeof(port));
	CHECK_EQ(ask(&msg), -ENODEV);
	memcpy(msg.param, &fp->port, sizeof(fp->port));
	msg.len_param++;
	CHECK_EQ(ask(&msg), -EINVAL);
	/* Of a join the first descriptor is kept, until the process has ended. */
	process_fd = eventfd(0, 0);
	msg = (struct rte_mp_msg){ .name = JOIN, .num_fds = 1, .fds = { dup(process_fd) } };
	add_fds(&msg, 2);
	CHECK_EQ(ask(&msg), 0);
	close_fds(&msg);
	CHECK_EQ(test_open_fds(), fds + 2);
	end_process();
	CHECK_EQ(test_open_fds(), fds);
	fake_port_check_runs(fp, 0);
	fake_port_destroy(fp);
}

/* Nobody asks whether the process has ended: the close of a port looks. */
static void
descriptors_of_ended_processes_are_closed(void)
{
	const uint64_t one = 1;
	unsigned int fds;
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	struct rte_mp_msg msg = { .name = JOIN, .num_fds = 1 };

	fake_port_destroy(fp);
	fds = test_open_fds();
	fp = fake_port_start(&(struct fake_port_conf){ 0 });
	process_fd = eventfd(0, 0);
	msg.fds[0] = dup(process_fd);
	CHECK_EQ(ask(&msg), 0);
	close_fds(&msg);
	CHECK_EQ(write(process_fd, &one, sizeof(one)), sizeof(one));
	CHECK_EQ(close(process_fd), 0);
	fake_port_destroy(fp);
	CHECK_EQ(test_open_fds(), fds);
}

/* ---- queue errors ------------------------------------------------------------------------- */

static unsigned int events; /* atomic */

static int
on_event(uint16_t port __rte_unused, enum rte_eth_event_type type __rte_unused,
	 void *arg __rte_unused, void *ret_param __rte_unused)
{
	__atomic_add_fetch(&events, 1, __ATOMIC_RELEASE);
	return 0;
}

/* The secondary's burst finds the used entry of a buffer that the ring does not have. */
static void
break_in_secondary(struct fake_port *fp, uint16_t queue)
{
	CHECK_EQ(attach(fp), 0);
	process_type = RTE_PROC_SECONDARY;
	alarm_fn = NULL;
	ring_device_use_raw(fake_vu_ring(fp->vu, 2 * queue), FAKE_PORT_SIZE, 100);
	CHECK_EQ(fake_port_receive(fp, queue), 0);
	CHECK(alarm_fn != NULL);
	if (alarm_error == 0)
		alarm_fn(alarm_arg);
	process_type = RTE_PROC_PRIMARY;
	detach(fp);
}

static void
errors_reach_the_primary(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });
	const time_t start = time(NULL);
	struct rte_pmd_virtio_queue_event event;

	events = 0;
	CHECK_EQ(rte_eth_dev_callback_register(fp->port, RTE_ETH_EVENT_QUEUE_STATE, on_event,
					       NULL), 0);
	break_in_secondary(fp, 1);
	while (__atomic_load_n(&events, __ATOMIC_ACQUIRE) < 1) {
		CHECK(time(NULL) - start < 60);
		usleep(100);
	}
	CHECK_EQ(rte_pmd_virtio_get_queue_event(fp->port, &event), 0);
	CHECK(event.rx && event.queue_id == 1);
	CHECK_EQ(event.error, RTE_PMD_VIRTIO_QUEUE_BROKEN);
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	CHECK_EQ(rte_eth_dev_rx_queue_start(fp->port, 1), 0);
	fp->got[1] = fp->rx_next[1];
	fake_port_check_runs(fp, 1);
	CHECK_EQ(rte_eth_dev_callback_unregister(fp->port, RTE_ETH_EVENT_QUEUE_STATE, on_event,
						 NULL), 0);
	fake_port_destroy(fp);
}

/* The queue is out of service then as well, and the log says what was not sent. */
static void
errors_that_cannot_be_sent_are_logged(void)
{
	struct fake_port *fp = fake_port_start(&(struct fake_port_conf){ 0 });

	alarm_error = -ENOMEM;
	break_in_secondary(fp, 0);
	alarm_error = 0;
	CHECK_EQ(test_logged("no alarm is available to notify the application"), 1);
	send_error = -ECONNREFUSED;
	break_in_secondary(fp, 1);
	send_error = 0;
	CHECK_EQ(test_logged("the primary process could not be notified"), 1);
	CHECK_EQ(fake_port_receive(fp, 0), 0);
	CHECK_EQ(fake_port_receive(fp, 1), 0);
	fake_port_destroy(fp);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(bursts_and_reading_are_possible),
	TEST(bursts_outlive_a_configuration),
	TEST(port_that_is_not_configured),
	TEST(control_calls_are_refused),
	TEST(answers_are_checked),
	TEST(requests_are_checked),
	TEST(descriptors_of_ended_processes_are_closed),
	TEST_LAYOUTS(errors_reach_the_primary),
	TEST(errors_that_cannot_be_sent_are_logged),
)
