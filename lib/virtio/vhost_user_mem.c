/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The memory that the back-end maps: EAL's, and the application's own. A table follows each change,
 * by EAL's memory events or by a call of the application.
 */

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal_memconfig.h>
#include <rte_errno.h>
#include <rte_memory.h>

#include "vhost_user_private.h"
#include "virtio_log.h"

/* Regions that the back-end can have. */
static uint32_t
max_regions(const struct vhost_user *vu)
{
	const uint32_t carried = RTE_MAX(vu->max_slots, (uint32_t)VHOST_USER_MAX_REGIONS);

	return RTE_MIN(carried, vu->max_regions);
}

/* A back-end in this very process may need EAL's memory lock, which is held, to answer. */
static bool
may_wait(const struct vhost_user *vu)
{
	return vu->ch.peer_pid != getpid();
}

static int
send_with_files(struct vhost_user *vu, struct vhost_user_msg *msg, const int *fds, uint32_t nb_fds,
		struct vhost_user_reply *reply, bool event)
{
	return event ? vhost_user_send_through(&vu->ch, msg, fds, nb_fds, vu_ack(vu, reply)) :
		       vhost_user_send(&vu->ch, msg, fds, nb_fds, vu_ack(vu, reply));
}

/*
 * One ADD_MEM_REG, or REM_MEM_REG, which has no file. Its answer is waited for: of several that are
 * under way, it would not be known which was refused.
 *
 * `obeyed`: the back-end carries the request out, before all later ones, even if it answers late.
 */
static int
send_region(struct vhost_user *vu, uint32_t request, const struct vhost_user_region *region,
	    const int *fd, struct vhost_user_reply *reply, bool event, bool *obeyed)
{
	struct vhost_user_reply *own = may_wait(vu) ? &vu->region : reply;
	struct vhost_user_msg msg = {
		.request = request, .size = sizeof(msg.payload.single),
		.payload.single.region = *region,
	};
	int ret;

	*obeyed = false;
	/* Sending may have to wait, too. */
	if (virtio_now_us() >= vu->mem_ends_us)
		return -ETIMEDOUT;
	if (own != reply)
		vhost_user_reply_begin(own);
	ret = send_with_files(vu, &msg, fd, fd != NULL, own, event);
	*obeyed = ret == 0;
	if (ret != 0 || own == reply)
		return ret;
	ret = event ? vhost_user_wait_through(&vu->ch, own, vu->answer_timeout_us,
					      vu->mem_ends_us) :
		      vhost_user_wait_until(&vu->ch, own, vu->answer_timeout_us, vu->mem_ends_us);
	*obeyed = ret != -EIO;
	return ret;
}

/*
 * Whether ADD_MEM_REG and REM_MEM_REG make the wanted table of the one that the back-end has. A
 * region that grows or shrinks is never removed and added: there may be running rings in it. Nor is
 * its growth another region, as a ring or a buffer may lie in both.
 *
 * `loosely`: a region that shrinks stays as it is.
 */
static bool
is_made_by_regions(const struct vhost_user *vu, bool loosely)
{
	const struct vhost_mem *wanted = &vu->wanted;
	const struct vhost_mem *mem = &vu->mem;
	enum vhost_mem_match match;
	uint32_t i;

	if (wanted->table.count > vu->max_slots)
		return false;
	for (i = 0; i < wanted->table.count; i++) {
		match = vhost_mem_match(mem, &wanted->table.regions[i], wanted->fds[i]);
		if (match == VHOST_MEM_OTHER || (match == VHOST_MEM_WITHIN && !loosely))
			return false;
	}
	return true;
}

/* The back-end does not have the places that it named. */
static void
note_refusal(struct vhost_user *vu)
{
	VIRTIO_LOG(WARNING, "%s: the back-end refuses to change its %" PRIu32 " regions of memory, "
		   "although it offers %" PRIu32, vu->ch.name, vu->mem.table.count, vu->max_slots);
	vu->max_slots = RTE_MIN(vu->max_slots, vu->mem.table.count);
}

/*
 * vu->mem is what the back-end has after each message.
 *
 * -EIO: it refuses to remove a region. -E2BIG: it refuses to add one.
 */
static int
send_changes(struct vhost_user *vu, struct vhost_user_reply *reply, bool event)
{
	const struct vhost_mem *wanted = &vu->wanted;
	struct vhost_mem *mem = &vu->mem;
	const struct vhost_user_region *region;
	bool obeyed;
	uint32_t i;
	int ret;

	/* First what has gone, for its place. */
	for (i = mem->table.count; i-- > 0; ) {
		region = &mem->table.regions[i];
		if (vhost_mem_match(wanted, region, mem->fds[i]) != VHOST_MEM_NONE)
			continue;
		ret = send_region(vu, VHOST_USER_REM_MEM_REG, region, NULL, reply, event, &obeyed);
		if (obeyed)
			vhost_mem_drop(mem, i);
		if (ret == -EIO)
			note_refusal(vu);
		if (ret != 0)
			return ret;
	}
	for (i = 0; i < wanted->table.count; i++) {
		region = &wanted->table.regions[i];
		if (vhost_mem_match(mem, region, wanted->fds[i]) != VHOST_MEM_NONE)
			continue;
		ret = send_region(vu, VHOST_USER_ADD_MEM_REG, region, &wanted->fds[i], reply, event,
				  &obeyed);
		if (obeyed)
			vhost_mem_append(mem, region, wanted->fds[i]);
		if (ret == -EIO) {
			note_refusal(vu);
			return -E2BIG;
		}
		if (ret != 0)
			return ret;
	}
	return 0;
}

/* SET_MEM_TABLE replaces what the back-end had; regions beyond those of one message follow. */
static int
send_whole(struct vhost_user *vu, struct vhost_user_reply *reply, bool event)
{
	const uint32_t count = RTE_MIN(vu->wanted.table.count, (uint32_t)VHOST_USER_MAX_REGIONS);
	struct vhost_user_msg msg = { .request = VHOST_USER_SET_MEM_TABLE };
	int ret;

	msg.size = offsetof(struct vhost_user_mem_table, regions) +
		   count * sizeof(vu->wanted.table.regions[0]);
	msg.payload.mem.count = count;
	memcpy(msg.payload.mem.regions, vu->wanted.table.regions,
	       count * sizeof(vu->wanted.table.regions[0]));
	ret = send_with_files(vu, &msg, vu->wanted.fds, count, reply, event);
	if (ret != 0)
		return ret;
	/* The back-end has this table, so memory events are sent to it, also if the rest fails. */
	vu->mem_sent = true;
	vu->mem = vu->wanted;
	vu->mem.table.count = count;
	return send_changes(vu, reply, event);
}

/*
 * Single regions if possible; else the whole table, if one message can carry it. After a message
 * that was not sent, or not answered in time, vu->mem may not be what the back-end has. It may have
 * refused the change since, so only a whole table is certain.
 */
static int
send_changed(struct vhost_user *vu, struct vhost_user_reply *reply, bool event)
{
	const bool fits = vu->wanted.table.count <= VHOST_USER_MAX_REGIONS;
	int ret = -E2BIG;

	if (!(vu->mem_stale && fits) && is_made_by_regions(vu, !fits)) {
		ret = send_changes(vu, reply, event);
		if (ret != -EIO && ret != -E2BIG)
			return ret;
	}
	return fits ? send_whole(vu, reply, event) : ret;
}

/*
 * Sends the back-end the memory that there is, where that has changed. EAL's memory lock is held,
 * and so a table that is older than an event cannot overtake the event's own. As no thread can
 * allocate memory meanwhile, all messages of a change have one deadline, however many there are.
 */
int
vu_send_mem_table(struct vhost_user *vu, const void *gone, size_t gone_len,
		  struct vhost_user_reply *reply, bool event)
{
	int ret;

	vhost_user_reply_begin(reply);
	vu->mem_ends_us = virtio_now_us() + vu->answer_timeout_us;
	ret = vhost_mem_read(&vu->wanted, &vu->attached, gone, gone_len, max_regions(vu));
	if (ret != 0)
		return ret;
	if (vu->mem_sent && !vu->mem_stale &&
	    memcmp(&vu->wanted, &vu->mem, sizeof(vu->mem)) == 0)
		return 0;
	vu->mem_round++;
	ret = vu->mem_sent ? send_changed(vu, reply, event) : send_whole(vu, reply, event);
	/* What the back-end has no place for does not keep queues from their start. */
	vu->mem_stale = ret != 0 && ret != -E2BIG;
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
announce_memory(struct vhost_user *vu, const void *freed, size_t len)
{
	struct vhost_user_msg barrier = { .request = VHOST_USER_GET_FEATURES };
	int ret;

	ret = vu_send_mem_table(vu, freed, len, &vu->mem_event, true);
	/*
	 * EAL's locks are held here, and a back-end in this very process allocates before it
	 * answers. Without the answer, the order of messages still covers every ring that is set up
	 * later.
	 */
	if (ret != 0 || !may_wait(vu))
		return ret;
	/* Memory that is freed is unmapped next: not before the back-end has heard of it. */
	if (freed != NULL && !vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = vhost_user_send_through(&vu->ch, &barrier, NULL, 0, &vu->mem_event);
	if (ret == 0)
		ret = vhost_user_wait_through(&vu->ch, &vu->mem_event, vu->answer_timeout_us,
					      vu->mem_ends_us);
	return ret;
}

static void
mem_event(enum rte_mem_event type, const void *addr, size_t len, void *arg)
{
	struct virtio_device *dev = arg;
	struct vhost_user *vu = dev->priv;
	bool is_free = type == RTE_MEM_EVENT_FREE;
	bool had;
	int ret;

	/*
	 * Rings are left as they are: neither is a running one disturbed nor a stopped one revived.
	 */
	if (!vu->mem_sent)
		return;
	had = vhost_mem_overlaps(&vu->mem, addr, len);
	ret = announce_memory(vu, is_free ? addr : NULL, is_free ? len : 0);
	if (ret == 0 || ret == -ENODEV)
		return;
	/* EAL unmaps the memory whatever happens here. Is it in what the back-end has? */
	is_free = is_free && had;
	vu->mem_stale |= ret == -EIO;
	/*
	 * The back-end unmaps freed memory when it processes the table, before any later message.
	 * If the table was not sent, only the end of the connection makes the back-end unmap it.
	 */
	if (is_free && ret == -EIO)
		vhost_user_give_up(&vu->ch, "it refused the memory table without freed memory");
	else if (is_free && vhost_mem_overlaps(&vu->mem, addr, len))
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
	uint64_t ignored;
	int ret;

	rte_mcfg_mem_read_lock();
	ret = sent ? vu_send_mem_table(vu, NULL, 0, &vu->control, false) :
		     vhost_mem_read(&vu->wanted, &vu->attached, NULL, 0, max_regions(vu));
	rte_mcfg_mem_read_unlock();
	if (ret == 0 && sent)
		ret = vhost_user_wait(&vu->ch, &vu->control, vu->answer_timeout_us);
	if (ret == 0 && sent && !vu_speaks(vu, VHOST_USER_PROTOCOL_F_REPLY_ACK))
		ret = vu_get_u64(vu, VHOST_USER_GET_FEATURES, &ignored);
	if (ret == -EIO && !may_wait(vu)) {
		/* Which of several requests it refused is not known. */
		vu->max_slots = 0;
		vu->mem_stale = true;
	}
	/* The next connection sends it with all the rest. */
	return ret == -ENODEV ? 0 : ret;
}

/*
 * A region that the back-end still has, because its removal was refused or not sent, has no
 * descriptor any more. The next file may get the same number.
 */
static void
forget_descriptor(struct vhost_user *vu, int fd)
{
	uint32_t i;

	rte_mcfg_mem_write_lock();
	for (i = 0; i < vu->mem.table.count; i++) {
		if (vu->mem.fds[i] == fd)
			vu->mem.fds[i] = -1;
	}
	rte_mcfg_mem_write_unlock();
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
	forget_descriptor(vu, fd);
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
		ret = vhost_mem_read(mem, &vu->attached, NULL, 0, max_regions(vu));
	rte_mcfg_mem_read_unlock();
	return ret;
}
