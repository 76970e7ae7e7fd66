/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * librte_vhost keeps what it knows of a ring while the ring is disabled. A restart sends it what is
 * new, in one write; where it may have lost something, and to other back-ends, everything.
 */

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vhost_mem.h"
#include "vhost_user_port.h"

#define LIBRTE_VHOST (VU_P_RARP | VU_P_REPLY_ACK | VU_P_NET_MTU | VU_P_CRYPTO_SESSION)
#define PAGE 4096
#define RING 2
#define ALL "NUM 2=64!, BASE 2=0!, ADDR 2!, CALL 2!, KICK 2!, ENABLE 2=1!"
#define KEPT "BASE 2=0, ENABLE 2=1!"

static struct vhost_user_port port;

static void
up(enum vhost_user_stop_policy policy)
{
	port_create(&port);
	port.vu->protocol |= LIBRTE_VHOST;
	/* One in this process is not waited for when memory changes. */
	port.vu->foreign = true;
	CHECK_EQ(port_connect(&port, policy), 0);
	port_start(&port);
	fake_vu_forget_record(port.vu);
}

static void
stop(void)
{
	CHECK_EQ(virtqueue_stop(port.vq[RING], PATIENCE_US), 0);
	port_check_others_run(&port, RING);
	fake_vu_kicks(port.vu, RING);
	fake_vu_forget_record(port.vu);
}

static void
start(const char *wanted)
{
	CHECK_EQ(virtqueue_start(port.vq[RING], PATIENCE_US), 0);
	port_check_recorded(&port, wanted);
	CHECK_EQ(fake_vu_kicks(port.vu, RING), 1);
	port_check_runs(&port, RING);
	port_check_others_run(&port, RING);
}

static void
restart(const char *wanted)
{
	stop();
	port_refill(&port, RING);
	start(wanted);
}

static void
ring_as_it_was(void)
{
	unsigned int round;

	up(VHOST_USER_STOP_AUTO);
	CHECK_EQ(port.dev.stop_method, VIRTIO_STOP_VHOST_DISABLE_ACK);
	for (round = 0; round < 3; round++)
		restart(KEPT);
	port_down(&port);
}

static void
ring_of_another_size(void)
{
	up(VHOST_USER_STOP_AUTO);
	stop();
	port_replace_ring(&port, RING, 2 * PORT_RING_SIZE);
	start("NUM 2=128!, BASE 2=0, ADDR 2!, ENABLE 2=1!");
	restart(KEPT);
	port_down(&port);
}

static void
ring_in_other_memory(void)
{
	up(VHOST_USER_STOP_AUTO);
	stop();
	port_replace_ring(&port, RING, PORT_RING_SIZE);
	start("BASE 2=0, ADDR 2!, ENABLE 2=1!");
	restart(KEPT);
	port_down(&port);
}

/* ---- changes of memory ----------------------------------------------------------------------- */

/* Memory that is attached and detached. */
static int own_fd;
static void *own_memory;

static void
make_own_memory(void)
{
	own_fd = memfd_create("own", MFD_CLOEXEC);
	CHECK_EQ(ftruncate(own_fd, PAGE), 0);
	own_memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, own_fd, 0);
	CHECK(own_memory != MAP_FAILED);
}

static void
free_own_memory(void)
{
	munmap(own_memory, PAGE);
	close(own_fd);
}

static void
attach_own_memory(void)
{
	CHECK_EQ(vhost_user_mem_attach(&port.dev, own_memory, PAGE, own_fd, 0), 0);
}

/* A back-end may invalidate the addresses of a disabled ring at such a change. */
static void
memory_changes_in_between(void)
{
	make_own_memory();
	up(VHOST_USER_STOP_AUTO);
	stop();
	port_refill(&port, RING);
	attach_own_memory();
	port_check_recorded(&port, "MEM!");
	start(ALL);
	restart(KEPT);
	/* While it runs as well. */
	CHECK_EQ(vhost_user_mem_detach(&port.dev, own_memory, PAGE), 0);
	restart(ALL);
	restart(KEPT);
	port_down(&port);
	free_own_memory();
}

/*
 * 0: nothing happens. Else the driver takes EAL's memory lock so many times more, and memory
 * changes just before the last of these.
 */
static unsigned int locks_until_change;

void __real_rte_mcfg_mem_read_lock(void);
void __wrap_rte_mcfg_mem_read_lock(void);

void
__wrap_rte_mcfg_mem_read_lock(void)
{
	if (locks_until_change != 0 && --locks_until_change == 0)
		attach_own_memory();
	__real_rte_mcfg_mem_read_lock();
}

/* The set-up finds that the back-end keeps the ring, and the start that it does not. */
static void
memory_changes_within_a_start(void)
{
	make_own_memory();
	up(VHOST_USER_STOP_AUTO);
	stop();
	port_refill(&port, RING);
	locks_until_change = 3;
	start("MEM!, " ALL);
	CHECK_EQ(locks_until_change, 0);
	restart(KEPT);
	port_down(&port);
	free_own_memory();
}

/* The back-end's table had no room for the memory of the ring that is started. */
static bool ring_has_no_room;

bool __real_vhost_mem_has(const struct vhost_mem *mem, const void *addr, size_t len);
bool __wrap_vhost_mem_has(const struct vhost_mem *mem, const void *addr, size_t len);

bool
__wrap_vhost_mem_has(const struct vhost_mem *mem, const void *addr, size_t len)
{
	return !ring_has_no_room && __real_vhost_mem_has(mem, addr, len);
}

/* The addresses that it was started with are nothing that a back-end can have kept. */
static void
memory_has_no_room(void)
{
	up(VHOST_USER_STOP_AUTO);
	ring_has_no_room = true;
	restart(KEPT);
	restart(ALL);
	restart(ALL);
	ring_has_no_room = false;
	restart(ALL);
	restart(KEPT);
	port_down(&port);
}

/* ---- resets and refusals --------------------------------------------------------------------- */

/* The connection stands, and so do the other rings. */
static void
start_is_refused(void)
{
	static const uint32_t requests[] = { VU_SET_VRING_ADDR, VU_SET_VRING_ENABLE };
	unsigned int i;

	for (i = 0; i < RTE_DIM(requests); i++) {
		up(VHOST_USER_STOP_AUTO);
		stop();
		port_replace_ring(&port, RING, PORT_RING_SIZE);
		fake_vu_rule(port.vu, requests[i], 0, 1, VU_REFUSE);
		CHECK_EQ(virtqueue_start(port.vq[RING], PATIENCE_US), -EIO);
		CHECK_EQ(virtqueue_state(port.vq[RING]), VIRTQUEUE_READY);
		port_check_others_run(&port, RING);
		port_refill(&port, RING);
		fake_vu_kicks(port.vu, RING);
		fake_vu_forget_record(port.vu);
		start(ALL);
		restart(KEPT);
		port_down(&port);
	}
}

static void
device_is_reset_in_between(void)
{
	unsigned int i;

	up(VHOST_USER_STOP_AUTO);
	restart(KEPT);
	CHECK_EQ(virtio_device_reset(&port.dev, PATIENCE_US), 0);
	for (i = 0; i < PORT_RINGS; i++)
		port_refill(&port, i);
	CHECK_EQ(virtio_device_negotiate(&port.dev, UINT64_MAX), 0);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtio_device_start(&port.dev, port.vq, PORT_RINGS), 0);
	CHECK_EQ(fake_vu_count(port.vu, VU_SET_VRING_KICK), PORT_RINGS);
	restart(KEPT);
	port_down(&port);
}

/* The back-end carries all of it out, later than the driver waits. */
static void
reset_is_not_answered_in_time(void)
{
	up(VHOST_USER_STOP_AUTO);
	fake_vu_rule(port.vu, VU_SET_STATUS, 0, 1, VU_HOLD);
	CHECK_EQ(virtio_device_reset(&port.dev, SHORT_US), -ETIMEDOUT);
	fake_vu_release(port.vu);
	fake_vu_wait_quiet(port.vu);
	/* A single queue is proven to be stopped, and started; the port is still up for ethdev. */
	CHECK_EQ(virtqueue_stop(port.vq[RING], PATIENCE_US), 0);
	port_refill(&port, RING);
	fake_vu_forget_record(port.vu);
	CHECK_EQ(virtqueue_start(port.vq[RING], PATIENCE_US), 0);
	port_check_recorded(&port, ALL);
	port_check_runs(&port, RING);
	port_down(&port);
}

/* Another back-end may offer the same, and DEVICE_STATE. */
static void
back_end_with_device_state(void)
{
	port_create(&port);
	port.vu->protocol |= LIBRTE_VHOST | VU_P_DEVICE_STATE;
	CHECK_EQ(port_connect(&port, VHOST_USER_STOP_DISABLE), 0);
	port_start(&port);
	restart(ALL);
	restart(ALL);
	port_down(&port);
}

/* GET_VRING_BASE takes the event descriptors away. */
static void
stop_by_get_base(void)
{
	up(VHOST_USER_STOP_GET_BASE);
	restart(ALL);
	restart(ALL);
	port_down(&port);
}

TEST_MAIN(
	TEST(ring_as_it_was),
	TEST(ring_of_another_size),
	TEST(ring_in_other_memory),
	TEST(memory_changes_in_between),
	TEST(memory_changes_within_a_start),
	TEST(memory_has_no_room),
	TEST(start_is_refused),
	TEST(device_is_reset_in_between),
	TEST(reset_is_not_answered_in_time),
	TEST(back_end_with_device_state),
	TEST(stop_by_get_base),
)
