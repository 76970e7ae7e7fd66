/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The memory that the back-end maps: EAL's, and the application's own. A table follows each change,
 * by EAL's memory events or by a call of the application.
 */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "vhost_user_private.h"
#include "virtio_log.h"

/*
 * Tells the back-end which memory there is, where that has changed. EAL's memory lock is held, and
 * so a table that is older than an event cannot overtake the event's own.
 */
int
vu_send_mem_table(struct vhost_user *vu, const void *gone, size_t gone_len,
		  struct vhost_user_reply *reply, bool event)
{
	struct vhost_user_msg msg = {
		.request = VHOST_USER_SET_MEM_TABLE, .size = sizeof(msg.payload.mem)
	};
	struct vhost_mem mem;
	int ret;

	vhost_user_reply_begin(reply);
	ret = vhost_mem_read(&mem, &vu->attached, gone, gone_len);
	if (ret != 0)
		return ret;
	if (vu->mem_sent && !vu->mem_stale && memcmp(&mem, &vu->mem, sizeof(mem)) == 0)
		return 0;
	msg.size = offsetof(struct vhost_user_mem_table, regions) +
		   mem.table.count * sizeof(mem.table.regions[0]);
	msg.payload.mem = mem.table;
	ret = event ? vhost_user_send_through(&vu->ch, &msg, mem.fds, mem.table.count,
					      vu_ack(vu, reply)) :
		      vhost_user_send(&vu->ch, &msg, mem.fds, mem.table.count, vu_ack(vu, reply));
	vu->mem_stale = ret != 0;
	if (ret == 0) {
		vu->mem = mem;
		vu->mem_sent = true;
	}
	return ret;
}

/* Makes up for a table that could not be sent, before anything that may name the new memory. */
int
vu_renew_mem_table(struct vhost_user *vu, struct vhost_user_reply *reply)
{
	int ret = 0;

	rte_mcfg_mem_read_lock();
	if (vu->mem_sent && vu->mem_stale)
		ret = vu_send_mem_table(vu, NULL, 0, reply, false);
	rte_mcfg_mem_read_unlock();
	return ret;
}

/* ---- memory events ------------------------------------------------------------------------ */

/* EAL distinguishes call-backs of one name by their argument. */
#define MEM_EVENT_NAME "virtio_vhost_user"

/* 0: the back-end has the table. */
static int
announce_memory(struct vhost_user *vu, const void *freed, size_t len, bool *sent)
{
	struct vhost_user_msg barrier = { .request = VHOST_USER_GET_FEATURES };
	int ret;

	ret = vu_send_mem_table(vu, freed, len, &vu->mem_event, true);
	*sent = ret == 0;
	/*
	 * EAL's locks are held here, and a back-end in this very process allocates before it
	 * answers. Without the answer, the order of messages still covers every ring that is set up
	 * later.
	 */
	if (ret != 0 || vu->ch.peer_pid == getpid())
		return ret;
	/* Memory that is freed is unmapped next: not before the back-end has heard of it. */
	if (freed != NULL && !vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = vhost_user_send_through(&vu->ch, &barrier, NULL, 0, &vu->mem_event);
	if (ret == 0)
		ret = vhost_user_wait_through(&vu->ch, &vu->mem_event, vu->answer_timeout_us);
	return ret;
}

static void
mem_event(enum rte_mem_event type, const void *addr, size_t len, void *arg)
{
	struct virtio_device *dev = arg;
	struct vhost_user *vu = dev->priv;
	bool is_free = type == RTE_MEM_EVENT_FREE;
	struct vhost_mem had;
	bool sent;
	int ret;

	/*
	 * Rings are left as they are: neither is a running one disturbed nor a stopped one revived.
	 */
	if (!vu->mem_sent)
		return;
	had = vu->mem;
	ret = announce_memory(vu, is_free ? addr : NULL, is_free ? len : 0, &sent);
	if (ret == 0 || ret == -ENODEV)
		return;
	/* EAL unmaps the memory whatever happens here. Is it in what the back-end has? */
	is_free = is_free && vhost_mem_overlaps(&had, addr, len);
	vu->mem_stale |= ret == -EIO;
	/*
	 * The back-end unmaps freed memory when it processes the table, before any later message.
	 * If the table was not sent, only the end of the connection makes the back-end unmap it.
	 */
	if (is_free && ret == -EIO)
		vhost_user_give_up(&vu->ch, "it refused the memory table without freed memory");
	else if (is_free && !sent)
		vhost_user_give_up(&vu->ch, "the memory table without freed memory cannot be sent");
	else
		VIRTIO_LOG(ERR, "%s: the changed memory table is not in force at the back-end: %s. "
			   "Buffers in new memory may not reach it. The next port start sends the "
			   "table again.", dev->name, rte_strerror(-ret));
}

int
vu_watch_memory(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	int ret;

	/* With --legacy-mem there are no events, and no need of them. */
	vu->mem_events = rte_mem_event_callback_register(MEM_EVENT_NAME, mem_event, dev) == 0;
	if (vu->mem_events || rte_errno == ENOTSUP)
		return 0;
	ret = -rte_errno;
	VIRTIO_INIT_LOG(ERR, "%s: no call-back for memory events can be registered with EAL: %s",
			dev->name, rte_strerror(-ret));
	return ret;
}

void
vu_unwatch_memory(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;

	if (vu->mem_events)
		rte_mem_event_callback_unregister(MEM_EVENT_NAME, dev);
}

/* ---- the application's own memory --------------------------------------------------------- */

/*
 * Tells a back-end that has a table of the changed one, and waits until it has taken it. Without
 * one there is only to see whether all has a place in it.
 */
static int
send_attached(struct virtio_device *dev)
{
	struct vhost_user *vu = dev->priv;
	const bool sent = vu->mem_sent;
	struct vhost_mem mem;
	uint64_t ignored;
	int ret;

	rte_mcfg_mem_read_lock();
	ret = sent ? vu_send_mem_table(vu, NULL, 0, &vu->control, false) :
		     vhost_mem_read(&mem, &vu->attached, NULL, 0);
	rte_mcfg_mem_read_unlock();
	if (ret == 0 && sent)
		ret = vhost_user_wait(&vu->ch, &vu->control, vu->answer_timeout_us);
	if (ret == 0 && sent && !vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = vu_get_u64(vu, VHOST_USER_GET_FEATURES, &ignored);
	/* The next connection sends it with all the rest. */
	return ret == -ENODEV ? 0 : ret;
}

int
vhost_user_mem_attach(struct virtio_device *dev, void *addr, size_t len, int fd, uint64_t offset)
{
	struct vhost_user *vu = dev->priv;
	int ret;

	/* Memory events read the list, under EAL's lock. */
	rte_mcfg_mem_write_lock();
	ret = vhost_mem_add(&vu->attached, addr, len, fd, offset);
	rte_mcfg_mem_write_unlock();
	if (ret != 0)
		return ret;
	ret = send_attached(dev);
	if (ret == 0)
		return 0;
	/* Whatever the back-end made of that table: it gets another one. */
	vhost_user_mem_detach(dev, addr, len);
	return ret;
}

int
vhost_user_mem_detach(struct virtio_device *dev, void *addr, size_t len)
{
	struct vhost_user *vu = dev->priv;
	int fd;
	int ret;

	rte_mcfg_mem_write_lock();
	fd = vhost_mem_remove(&vu->attached, addr, len);
	rte_mcfg_mem_write_unlock();
	if (fd < 0)
		return fd;
	ret = send_attached(dev);
	close(fd);
	return ret;
}

int
vhost_user_mem_table(struct virtio_device *dev, struct vhost_mem *mem)
{
	struct vhost_user *vu = dev->priv;
	int ret = 0;

	rte_mcfg_mem_read_lock();
	/* The table goes out with the features: before that there is none, or the last one's. */
	if (vu->mem_sent && !vu->ch.gone)
		*mem = vu->mem;
	else
		ret = vhost_mem_read(mem, &vu->attached, NULL, 0);
	rte_mcfg_mem_read_unlock();
	return ret;
}
