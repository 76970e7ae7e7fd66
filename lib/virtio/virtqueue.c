/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "virtio_compat.h"
#include "virtio_log.h"
#include "virtqueue.h"

/* Offsets in a ring's memory; the parts that the device writes have cache lines of their own. */
struct layout {
	size_t second; /* split: avail; packed: driver's event */
	size_t third;  /* split: used; packed: device's event */
	size_t slot_area;
	size_t total;
};

static struct layout
ring_layout(const struct virtio_device *dev, const struct virtqueue_conf *conf)
{
	/* Each of a split ring's two rings ends in one event word, 2.7.6 and 2.7.8. */
	const size_t second = conf->packed ? sizeof(struct vring_packed_event) :
		sizeof(struct vring_avail) + (conf->size + 1) * sizeof(uint16_t);
	const size_t third = conf->packed ? sizeof(struct vring_packed_event) :
		sizeof(struct vring_used) + conf->size * sizeof(struct vring_used_elem) +
		sizeof(uint16_t);
	struct layout at;

	static_assert(sizeof(struct vring_desc) == sizeof(struct vring_packed_desc), "one size");
	at.second = conf->size * sizeof(struct vring_desc);
	if (dev->legacy) {
		/* Set by the first page alone, so all else is where 2.7.2 has it. */
		at.third = RTE_ALIGN_CEIL(at.second + second, VRING_LEGACY_ALIGN);
	} else {
		at.second = RTE_ALIGN_CEIL(at.second, RTE_CACHE_LINE_SIZE);
		at.third = RTE_ALIGN_CEIL(at.second + second, RTE_CACHE_LINE_SIZE);
	}
	at.slot_area = RTE_ALIGN_CEIL(at.third + third, RTE_CACHE_LINE_SIZE);
	at.total = at.slot_area + (size_t)conf->size * conf->slot_area + conf->area;
	return at;
}

const char *
virtqueue_state_name(enum virtqueue_state state)
{
	switch (state) {
	case VIRTQUEUE_READY:
		return "ready";
	case VIRTQUEUE_LIVE:
		return "live";
	case VIRTQUEUE_STOPPING:
		return "stopping";
	case VIRTQUEUE_BROKEN:
		return "broken";
	}
	return "?";
}

void
virtqueue_set_state(struct virtqueue *vq, enum virtqueue_state state)
{
	VIRTIO_LOG(DEBUG, "%s: ring %u: %s -> %s", vq->conf.name, vq->index,
		   virtqueue_state_name(virtqueue_state(vq)), virtqueue_state_name(state));
	vq->dev->vqs[vq->index] = state == VIRTQUEUE_READY ? NULL : vq;
	/* A thread that reads it sees what was written before (control_publish.litmus). */
	rte_atomic_store_explicit(&vq->state, state, rte_memory_order_release);
}

int
virtqueue_check_layout(const struct virtqueue *vq)
{
	if (vq->conf.packed == virtio_device_has(vq->dev, VIRTIO_F_RING_PACKED))
		return 0;
	VIRTIO_LOG(ERR,
		   "%s: the ring has the %s layout, the other one is negotiated with the device. "
		   "Set the queue up again.", vq->conf.name, vq->conf.packed ? "packed" : "split");
	return -EINVAL;
}

bool
virtqueue_set_broken(struct virtqueue *vq, const char *why)
{
	uint32_t live = VIRTQUEUE_LIVE;

	/*
	 * The control thread may be stopping the ring at this moment: then its state stands. The
	 * order with other accesses is that of virtqueue_set_state(); gate_closed_inside.litmus has
	 * the order with the gate.
	 */
	if (!rte_atomic_compare_exchange_strong_explicit(&vq->state, &live, VIRTQUEUE_BROKEN,
							 rte_memory_order_acq_rel,
							 rte_memory_order_acquire))
		return false;
	VIRTIO_LOG(ERR, "%s: taken out of service: %s. Stop and start the queue, or the port, to "
		   "use it again.", vq->conf.name, why);
	return true;
}

int
virtqueue_keep(struct virtqueue *vq)
{
	const enum virtqueue_state state = virtqueue_state(vq);

	if (state != VIRTQUEUE_READY && state != VIRTQUEUE_BROKEN)
		return -EINVAL;
	virtqueue_set_state(vq, VIRTQUEUE_BROKEN);
	return 0;
}

/*
 * All zero, as the specification demands before the device has the address (2.6.1, 4.1.5.1.3).
 */
static void
make_fresh(struct virtqueue *vq)
{
	uint16_t i;

	memset(vq->desc, 0, ring_layout(vq->dev, &vq->conf).total);
	for (i = 0; i < vq->size; i++) {
		vq->order[i] = i;
		vq->where[i] = i;
		vq->links[i].count = 1;
	}
	vq->is_identity = true;
	vq->next_avail = (struct virtqueue_place){ .wrap = true };
	vq->next_used = (struct virtqueue_place){ .wrap = true };
	vq->free_count = vq->size;
	vq->chains = 0;
	vq->has_batches = false;
	vq->used_known = 0;
	vq->used_seen = 0;
	vq->notified_at = 0;
	vq->rewrite = vq->size;
}

int
virtqueue_check_size(const struct virtio_device *dev, const char *name, uint16_t size,
		     uint16_t max)
{
	if (dev->legacy ? size == max : size <= max)
		return 0;
	if (max == 0)
		VIRTIO_LOG(ERR, "%s: the device has no such ring. Use fewer queues.", name);
	else
		VIRTIO_LOG(ERR, "%s: a ring of %u descriptors was requested, the device takes %s "
			   "%u. Set the queue up with a size that the device takes.", name, size,
			   dev->legacy ? "no more and no fewer than" : "at most", max);
	return -EINVAL;
}

static int
check_conf(struct virtio_device *dev, uint16_t index, const struct virtqueue_conf *conf)
{
	uint16_t kept;
	uint16_t max;
	int ret;

	if (index >= dev->nb_vqs) {
		VIRTIO_LOG(ERR, "%s: the device has %u rings only. Use fewer queues.", conf->name,
			   dev->nb_vqs);
		return -EINVAL;
	}
	if (conf->size == 0 || conf->size > VIRTIO_SPLIT_RING_MAX ||
	    (!conf->packed && !rte_is_power_of_2(conf->size))) {
		VIRTIO_LOG(ERR,
			   "%s: a %s ring of %u descriptors is not possible. Use %s up to %u.",
			   conf->name, conf->packed ? "packed" : "split", conf->size,
			   conf->packed ? "any size" : "a power of two", VIRTIO_SPLIT_RING_MAX);
		return -EINVAL;
	}
	kept = virtio_device_queue_kept(dev, index);
	if (kept != 0 && conf->size != kept) {
		VIRTIO_LOG(ERR, "%s: the device keeps the size of the ring, %u descriptors, until "
			   "it is reset. Set the queue up with %u, or stop the port first.",
			   conf->name, kept, kept);
		return -EINVAL;
	}
	ret = virtio_device_queue_max(dev, index, &max);
	return ret != 0 ? ret : virtqueue_check_size(dev, conf->name, conf->size, max);
}

static int
take_memory(struct virtqueue *vq)
{
	/*
	 * Each ring gets a number of its own: a ring that was replaced exists beside the new one.
	 */
	static RTE_ATOMIC(uint32_t) made;
	const struct virtqueue_conf *conf = &vq->conf;
	const struct layout at = ring_layout(vq->dev, conf);
	char name[RTE_MEMZONE_NAMESIZE];
	uint8_t *base;

	snprintf(name, sizeof(name), "virtio_ring_%" PRIu32,
		 rte_atomic_fetch_add_explicit(&made, 1, rte_memory_order_relaxed));
	/* In one piece as the device sees it: virtually always. */
	vq->memory = rte_memzone_reserve_aligned(name, at.total, conf->node,
						 vq->dev->by_iova ? RTE_MEMZONE_IOVA_CONTIG : 0,
						 vq->dev->legacy ? VRING_LEGACY_ALIGN :
								   RTE_CACHE_LINE_SIZE);
	vq->cookies = rte_zmalloc_socket("virtio_ring", conf->size * sizeof(*vq->cookies),
					 RTE_CACHE_LINE_SIZE, conf->node);
	vq->order = rte_malloc_socket("virtio_ring", conf->size * sizeof(*vq->order),
				      RTE_CACHE_LINE_SIZE, conf->node);
	vq->where = rte_malloc_socket("virtio_ring", conf->size * sizeof(*vq->where),
				      RTE_CACHE_LINE_SIZE, conf->node);
	vq->links = rte_zmalloc_socket("virtio_ring", conf->size * sizeof(*vq->links),
				      RTE_CACHE_LINE_SIZE, conf->node);
	if (vq->memory == NULL || vq->cookies == NULL || vq->order == NULL ||
	    vq->where == NULL || vq->links == NULL)
		return -ENOMEM;

	base = vq->memory->addr;
	vq->desc = (struct vring_desc *)(void *)base;
	vq->avail = (struct vring_avail *)(void *)(base + at.second);
	vq->used = (struct vring_used *)(void *)(base + at.third);
	vq->slot_area = base + at.slot_area;
	if (vq->dev->by_iova) {
		if (vq->memory->iova == RTE_BAD_IOVA) {
			VIRTIO_LOG(ERR,
				   "%s: the ring's memory has no IOVA, and the device can access "
				   "memory by IOVA alone. Run EAL with huge pages.", conf->name);
			return -ENOTSUP;
		}
		vq->dev_delta = vq->memory->iova - (uintptr_t)base;
	}
	return 0;
}

static void
give_memory(struct virtqueue *vq)
{
	if (vq->memory != NULL)
		rte_memzone_free(vq->memory);
	rte_free(vq->cookies);
	rte_free(vq->order);
	rte_free(vq->where);
	rte_free(vq->links);
	rte_free(vq);
}

int
virtqueue_create(struct virtio_device *dev, uint16_t index, const struct virtqueue_conf *conf,
		 struct virtqueue **pvq)
{
	struct virtqueue_conf named = *conf;
	struct virtqueue *vq;
	int ret;

	if (named.name[0] == '\0')
		snprintf(named.name, sizeof(named.name), "%.32s: ring %u", dev->name, index);
	ret = check_conf(dev, index, &named);
	if (ret != 0)
		return ret;
	vq = rte_zmalloc_socket("virtio_ring", sizeof(*vq), RTE_CACHE_LINE_SIZE, conf->node);
	if (vq == NULL)
		goto no_memory;
	vq->dev = dev;
	vq->conf = named;
	vq->index = index;
	vq->size = conf->size;
	vq->mask = conf->size - 1;
	vq->state = VIRTQUEUE_READY;
	ret = take_memory(vq);
	if (ret != 0) {
		give_memory(vq);
		if (ret == -ENOMEM)
			goto no_memory;
		return ret;
	}
	make_fresh(vq);
	*pvq = vq;
	return 0;

no_memory:
	VIRTIO_LOG(ERR,
		   "%s: no memory on node %d for a ring of %u descriptors (%zu bytes). Give EAL "
		   "more memory there, or use a smaller ring.", named.name, conf->node, conf->size,
		   ring_layout(dev, conf).total);
	return -ENOMEM;
}

int
virtqueue_destroy(struct virtqueue *vq)
{
	if (virtqueue_state(vq) != VIRTQUEUE_READY)
		return -EBUSY;
	give_memory(vq);
	return 0;
}

int
virtqueue_each_in_flight(struct virtqueue *vq, virtqueue_cookie_t fn, void *arg)
{
	const uint16_t in_flight = virtqueue_in_flight(vq);
	int n = 0;
	uint16_t i;

	for (i = 0; i < in_flight; i++) {
		const uint16_t id = vq->order[(vq->next_used.pos + i) % vq->size];

		/* Of a chain its head alone has a cookie. */
		if (id == VIRTQUEUE_NO_DESC || vq->cookies[id] == NULL)
			continue;
		fn(arg, vq->cookies[id]);
		n++;
	}
	return n;
}

int
virtqueue_reclaim(struct virtqueue *vq, virtqueue_cookie_t give_back, void *owner)
{
	int n;

	if (virtqueue_state(vq) != VIRTQUEUE_READY)
		return -EBUSY;
	n = virtqueue_each_in_flight(vq, give_back, owner);
	make_fresh(vq);
	return n;
}
