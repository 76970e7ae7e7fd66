/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "virtio_log.h"
#include "virtqueue.h"

/* Offsets in a ring's memory; the parts that the device writes have cache lines of their own. */
struct layout {
	size_t avail;
	size_t used;
	size_t slot_area;
	size_t total;
};

static struct layout
split_layout(const struct virtqueue_conf *conf)
{
	struct layout at;

	at.avail = conf->size * sizeof(struct vring_desc);
	/* Each of the two rings ends in one event word, 2.7.6 and 2.7.8. */
	at.used = RTE_ALIGN_CEIL(at.avail + sizeof(struct vring_avail) +
				 (conf->size + 1) * sizeof(uint16_t), RTE_CACHE_LINE_SIZE);
	at.slot_area = RTE_ALIGN_CEIL(at.used + sizeof(struct vring_used) +
				      conf->size * sizeof(struct vring_used_elem) +
				      sizeof(uint16_t), RTE_CACHE_LINE_SIZE);
	at.total = at.slot_area + (size_t)conf->size * conf->slot_area;
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
	VIRTIO_LOG(DEBUG, "%s: ring %u: %s -> %s", vq->dev->name, vq->index,
		   virtqueue_state_name(virtqueue_state(vq)), virtqueue_state_name(state));
	vq->dev->vqs[vq->index] = state == VIRTQUEUE_READY ? NULL : vq;
	if (state == VIRTQUEUE_LIVE)
		vq->event_idx = virtio_device_has(vq->dev, VIRTIO_RING_F_EVENT_IDX);
	__atomic_store_n(&vq->state, state, __ATOMIC_RELEASE);
}

bool
virtqueue_quarantine(struct virtqueue *vq, const char *why)
{
	uint32_t live = VIRTQUEUE_LIVE;

	/* The control thread may be stopping the ring at this moment: then its word counts. */
	if (!__atomic_compare_exchange_n(&vq->state, &live, VIRTQUEUE_BROKEN, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	VIRTIO_LOG(ERR, "%s: ring %u taken out of service: %s; stop and start it to heal it",
		   vq->dev->name, vq->index, why);
	return true;
}

/*
 * The ring as the specification wants it before its address is told: all zero (2.6.1, 4.1.5.1.3).
 */
static void
make_fresh(struct virtqueue *vq)
{
	uint16_t i;

	memset(vq->desc, 0, split_layout(&vq->conf).total);
	vq->avail->flags = VRING_AVAIL_F_NO_INTERRUPT;
	for (i = 0; i < vq->size; i++) {
		vq->order[i] = i;
		vq->links[i].count = 1;
		vq->links[i].where = i;
	}
	vq->in_step = true;
	vq->rewrite = vq->size;
	vq->avail_next = 0;
	vq->avail_told = 0;
	vq->used_next = 0;
	vq->free_head = 0;
	vq->free_count = vq->size;
}

static int
check_conf(const struct virtio_device *dev, uint16_t index, const struct virtqueue_conf *conf)
{
	if (index >= dev->nb_vqs) {
		VIRTIO_LOG(ERR, "%s: no ring %u, the device has %u", dev->name, index, dev->nb_vqs);
		return -EINVAL;
	}
	if (!rte_is_power_of_2(conf->size) || conf->size > VIRTIO_SPLIT_RING_MAX) {
		VIRTIO_LOG(ERR, "%s: ring %u: a split ring of %u is not possible, "
			   "a power of two up to %u is", dev->name, index, conf->size,
			   VIRTIO_SPLIT_RING_MAX);
		return -EINVAL;
	}
	return 0;
}

static int
take_memory(struct virtqueue *vq)
{
	/*
	 * One number a ring ever made in this process group: an old ring lives on beside its heir.
	 */
	static uint32_t made;
	const struct virtqueue_conf *conf = &vq->conf;
	const struct layout at = split_layout(conf);
	char name[RTE_MEMZONE_NAMESIZE];
	uint8_t *base;

	snprintf(name, sizeof(name), "virtio_ring_%" PRIu32,
		 __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED));
	/* In one piece virtually, which is what the device of virtio-user sees. */
	vq->memory = rte_memzone_reserve_aligned(name, at.total, conf->node, 0,
						 RTE_CACHE_LINE_SIZE);
	vq->cookies = rte_zmalloc_socket("virtio_ring", conf->size * sizeof(*vq->cookies),
					 RTE_CACHE_LINE_SIZE, conf->node);
	vq->order = rte_malloc_socket("virtio_ring", conf->size * sizeof(*vq->order),
				      RTE_CACHE_LINE_SIZE, conf->node);
	vq->offered = rte_malloc_socket("virtio_ring", conf->size * sizeof(*vq->offered),
					RTE_CACHE_LINE_SIZE, conf->node);
	vq->links = rte_malloc_socket("virtio_ring", conf->size * sizeof(*vq->links),
				      RTE_CACHE_LINE_SIZE, conf->node);
	if (vq->memory == NULL || vq->cookies == NULL || vq->order == NULL ||
	    vq->offered == NULL || vq->links == NULL)
		return -ENOMEM;

	base = vq->memory->addr;
	vq->desc = (struct vring_desc *)(void *)base;
	vq->avail = (struct vring_avail *)(void *)(base + at.avail);
	vq->used = (struct vring_used *)(void *)(base + at.used);
	vq->slot_area = base + at.slot_area;
	return 0;
}

static void
give_memory(struct virtqueue *vq)
{
	if (vq->memory != NULL)
		rte_memzone_free(vq->memory);
	rte_free(vq->cookies);
	rte_free(vq->order);
	rte_free(vq->offered);
	rte_free(vq->links);
	rte_free(vq);
}

int
virtqueue_create(struct virtio_device *dev, uint16_t index, const struct virtqueue_conf *conf,
		 struct virtqueue **pvq)
{
	struct virtqueue *vq;
	int ret;

	ret = check_conf(dev, index, conf);
	if (ret != 0)
		return ret;
	vq = rte_zmalloc_socket("virtio_ring", sizeof(*vq), RTE_CACHE_LINE_SIZE, conf->node);
	if (vq == NULL)
		goto no_memory;
	vq->dev = dev;
	vq->conf = *conf;
	vq->index = index;
	vq->size = conf->size;
	vq->mask = conf->size - 1;
	vq->slot_size = conf->slot_area;
	vq->state = VIRTQUEUE_READY;
	if (take_memory(vq) != 0) {
		give_memory(vq);
		goto no_memory;
	}
	make_fresh(vq);
	*pvq = vq;
	return 0;

no_memory:
	VIRTIO_LOG(ERR, "%s: ring %u: no memory on node %d for %u descriptors (%zu bytes)",
		   dev->name, index, conf->node, conf->size, split_layout(conf).total);
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
virtqueue_reclaim(struct virtqueue *vq, virtqueue_give_back_t give_back, void *owner)
{
	const uint16_t *heads = vq->in_step ? vq->order : vq->offered;
	const uint16_t n = vq->avail_next - vq->used_next;
	uint16_t i;

	if (virtqueue_state(vq) != VIRTQUEUE_READY)
		return -EBUSY;
	for (i = 0; i < n; i++) {
		const uint16_t head = heads[(uint16_t)(vq->used_next + i) & vq->mask];

		give_back(owner, vq->cookies[head]);
	}
	make_fresh(vq);
	return n;
}
