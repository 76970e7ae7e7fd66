/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A back-end closes the connection instead of carrying out a message: the first message of a
 * sequence, the second, and so on, until the sequence is complete. The sequences are the probe, and
 * connection, port start, stop and start of queues, memory that comes and goes, and port stop
 * together. A port that listens runs again without a call, and a port that connects runs again
 * after one reset. File descriptors and memory are as before after each such end, and a second port
 * never notices.
 */

#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <rte_bus_vdev.h>
#include <rte_mempool.h>

#include "fake_port.h"
#include "rte_pmd_virtio.h"
#include "test.h"

#define PATIENCE_S 60
#define PAGE 4096

struct stage {
	struct fake_port *fp;
	struct fake_port *other; /* with a back-end of its own, which stays */
	unsigned int dies_at;    /* by its count of messages; 0: it does not */
	bool is_client;          /* the port: it has to be reset */
	unsigned int restored;   /* resets because the back-end has died */
	void *own;               /* a page that is attached and detached, and its file */
	int own_fd;
};

/* What must be the same whenever all queues run. */
struct taken {
	uint64_t heap;
	unsigned int fds;
};

static bool
late(time_t start)
{
	return time(NULL) - start > PATIENCE_S;
}

static bool
has_died(struct stage *stage)
{
	fake_vu_wait_quiet(stage->fp->vu);
	return stage->dies_at != 0 && stage->fp->vu->messages >= stage->dies_at;
}

static void
die_at(struct stage *stage, unsigned int n)
{
	struct fake_vu *vu = stage->fp->vu;

	fake_vu_wait_quiet(vu);
	pthread_mutex_lock(&vu->lock);
	stage->dies_at = n == 0 ? 0 : vu->messages + n;
	vu->close_at = stage->dies_at;
	pthread_mutex_unlock(&vu->lock);
}

static bool
is_up(const struct fake_port *fp)
{
	struct rte_eth_link link;

	CHECK_EQ(rte_eth_link_get_nowait(fp->port, &link), 0);
	return link.link_status == RTE_ETH_LINK_UP;
}

static void
wait_down(const struct fake_port *fp)
{
	const time_t start = time(NULL);

	while (is_up(fp)) {
		CHECK(!late(start));
		usleep(100);
	}
}

/* The device has all rings, by the present connection. */
static bool
has_all_rings(struct fake_port *fp)
{
	unsigned int ring;

	for (ring = 0; ring < 2 * FAKE_PORT_PAIRS; ring++) {
		if (!fake_vu_is_enabled(fp->vu, ring))
			return false;
	}
	return is_up(fp);
}

static void
check_runs(struct fake_port *fp)
{
	const time_t start = time(NULL);
	uint16_t q;

	while (!has_all_rings(fp)) {
		CHECK(!late(start));
		usleep(100);
	}
	for (q = 0; q < FAKE_PORT_PAIRS; q++) {
		/* What was in the rings at the end of a connection is lost. */
		fp->got[q] = fp->rx_next[q];
		fp->took[q] = fp->tx_next[q];
		fake_port_check_runs(fp, q);
		CHECK_EQ(fake_port_rx_state(fp, q), RTE_ETH_QUEUE_STATE_STARTED);
		CHECK_EQ(fake_port_tx_state(fp, q), RTE_ETH_QUEUE_STATE_STARTED);
		/* The buffers of one ring, and none of a ring of before. */
		CHECK(rte_mempool_in_use_count(fp->rx_pool[q]) <= FAKE_PORT_SIZE);
	}
}

/* One call brings a port back that connects; a port that listens needs none. */
static void
restore(struct stage *stage)
{
	const uint16_t port = stage->fp->port;

	if (!stage->is_client || !has_died(stage))
		return;
	die_at(stage, 0);
	CHECK_EQ(rte_eth_dev_reset(port), 0);
	CHECK_EQ(rte_eth_dev_start(port), 0);
	check_runs(stage->fp);
	stage->restored++;
}

/* Until it is started: without a connection it cannot be. */
static void
start_queue(struct stage *stage, int (*start)(uint16_t port, uint16_t queue), uint16_t queue)
{
	const time_t begin = time(NULL);
	int ret;

	while ((ret = start(stage->fp->port, queue)) != 0) {
		CHECK(has_died(stage) || stage->restored > 0);
		CHECK(ret == -ENODEV || ret == -EIO);
		CHECK(!late(begin));
		restore(stage);
		usleep(100);
	}
	restore(stage);
}

/* In one message or several. The next back-end has what was asked for in any case. */
static void
change_memory(struct stage *stage)
{
	struct fake_port *fp = stage->fp;

	CHECK_EQ(rte_pmd_virtio_extmem_attach(fp->port, stage->own, PAGE, stage->own_fd, 0), 0);
	restore(stage);
	check_runs(fp);
	CHECK(fake_vu_map(fp->vu, (uintptr_t)stage->own, PAGE) != NULL);
	CHECK_EQ(rte_pmd_virtio_extmem_detach(fp->port, stage->own, PAGE), 0);
	restore(stage);
	check_runs(fp);
	CHECK(fake_vu_map(fp->vu, (uintptr_t)stage->own, PAGE) == NULL);
}

/* Every sequence of messages that a port has. */
static void
live(struct stage *stage)
{
	struct fake_port *fp = stage->fp;
	int ret;

	fake_vu_disconnect(fp->vu);
	wait_down(fp);
	if (stage->is_client) {
		fake_vu_set_once(fp->vu, false);
		ret = rte_eth_dev_reset(fp->port);
		if (ret == 0)
			ret = rte_eth_dev_start(fp->port);
		CHECK(ret == 0 || has_died(stage));
		restore(stage);
	} else {
		fake_vu_connect_again(fp->vu);
	}
	check_runs(fp);

	/* A device that is gone does not use the ring either. */
	CHECK_EQ(rte_eth_dev_rx_queue_stop(fp->port, 1), 0);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	start_queue(stage, rte_eth_dev_rx_queue_start, 1);
	CHECK_EQ(rte_eth_dev_tx_queue_stop(fp->port, 0), 0);
	fake_port_check_in_use(fp->tx_pool[0], 0);
	start_queue(stage, rte_eth_dev_tx_queue_start, 0);
	check_runs(fp);
	change_memory(stage);

	CHECK_EQ(rte_eth_dev_stop(fp->port), 0);
	fake_port_check_in_use(fp->rx_pool[0], 0);
	fake_port_check_in_use(fp->rx_pool[1], 0);
	restore(stage);
	ret = rte_eth_dev_start(fp->port);
	CHECK(ret == 0 || has_died(stage));
	restore(stage);
	check_runs(fp);
}

static void
take_stock(struct taken *taken)
{
	taken->heap = test_heap_in_use();
	taken->fds = test_open_fds();
}

/*
 * EAL's interrupt thread closes a descriptor and opens another at times, also while the first
 * numbers are taken.
 */
static void
check_stock(const struct taken *wanted)
{
	const time_t start = time(NULL);
	struct taken taken;

	take_stock(&taken);
	while ((taken.heap != wanted->heap || taken.fds > wanted->fds) && !late(start)) {
		usleep(1000);
		take_stock(&taken);
	}
	CHECK_EQ(taken.heap, wanted->heap);
	CHECK(taken.fds <= wanted->fds);
}

/*
 * At each message, or at every so many of them: each end of a connection takes the time that a
 * back-end of the same process is given to leave the rings.
 */
static void
die_at_messages(const struct fake_port_conf *conf, unsigned int step)
{
	const struct fake_port_conf calm = { 0 };
	struct stage stage = {
		.fp = fake_port_start(conf),
		.other = fake_port_start(&calm),
		.is_client = !conf->server,
		.own_fd = memfd_create("own", MFD_CLOEXEC),
	};
	struct taken taken;
	unsigned int n = 1;

	CHECK_EQ(ftruncate(stage.own_fd, PAGE), 0);
	stage.own = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, stage.own_fd, 0);
	CHECK(stage.own != MAP_FAILED);
	live(&stage);
	check_runs(stage.other);
	take_stock(&taken);
	for (;; n += step) {
		die_at(&stage, n);
		stage.restored = 0;
		live(&stage);
		check_stock(&taken);
		CHECK(is_up(stage.other));
		check_runs(stage.other);
		if (stage.restored == 0 && !has_died(&stage))
			break;
	}
	/* At least the set-up of each ring, five messages, three times. */
	CHECK(n > 3 * 5 * 2 * FAKE_PORT_PAIRS);
	CHECK_EQ(stage.other->vu->connections, 1);
	fake_port_destroy(stage.other);
	fake_port_destroy(stage.fp);
	munmap(stage.own, PAGE);
	close(stage.own_fd);
}

/* The plain build takes each message once. With a sanitizer some are enough. */
#ifdef __SANITIZE_ADDRESS__
#define EACH 5
#else
#define EACH 1
#endif

static void
port_that_listens_runs_again(void)
{
	die_at_messages(&(struct fake_port_conf){ .server = true }, test_packed() ? 9 : EACH);
}

static void
port_that_connects_runs_again(void)
{
	die_at_messages(&(struct fake_port_conf){ 0 }, test_packed() ? EACH : 9);
}

static void
port_that_listens_runs_again_by_disable(void)
{
	die_at_messages(&(struct fake_port_conf){ .server = true, .method = "disable" }, 11);
}

/* Single regions come and go. */
static void
port_with_regions_runs_again(void)
{
	die_at_messages(&(struct fake_port_conf){ .server = true, .mem_slots = 32 }, 17);
	die_at_messages(&(struct fake_port_conf){ .mem_slots = 32 }, 13);
}

static void
port_that_connects_runs_again_by_disable(void)
{
	die_at_messages(&(struct fake_port_conf){ .method = "disable" }, 11);
}

/* A probe that fails leaves nothing, and the next probe, with the back-end there, succeeds. */
static void
probe_fails_and_leaves_nothing(void)
{
	const char *const name = "net_virtio_user_probed";
	struct fake_vu *vu = fake_vu_create(test_path("probed"));
	struct taken taken;
	unsigned int n = 0;
	char args[160];
	int ret;

	snprintf(args, sizeof(args), "path=%s,queues=2,queue_reset=get_base", vu->path);
	vu->features |= test_packed() ? VU_F_PACKED : 0;
	fake_vu_launch(vu);
	CHECK_EQ(rte_vdev_init(name, args), 0);
	CHECK_EQ(rte_vdev_uninit(name), 0);
	fake_vu_wait_quiet(vu);
	take_stock(&taken);
	do {
		pthread_mutex_lock(&vu->lock);
		vu->close_at = vu->messages + ++n;
		pthread_mutex_unlock(&vu->lock);
		ret = rte_vdev_init(name, args);
		if (ret == 0)
			CHECK_EQ(rte_vdev_uninit(name), 0);
		fake_vu_wait_quiet(vu);
		check_stock(&taken);
	} while (vu->messages >= vu->close_at);
	CHECK_EQ(ret, 0);
	CHECK(n > 4);
	fake_vu_destroy(vu);
}

TEST_MAIN(
	TEST_WARM_UP(fake_port_warm_up),
	TEST_LAYOUTS(probe_fails_and_leaves_nothing),
	TEST_LAYOUTS(port_that_listens_runs_again),
	TEST_LAYOUTS(port_that_connects_runs_again),
	TEST_LAYOUTS(port_that_listens_runs_again_by_disable),
	TEST_LAYOUTS(port_that_connects_runs_again_by_disable),
	TEST_LAYOUTS(port_with_regions_runs_again),
)
