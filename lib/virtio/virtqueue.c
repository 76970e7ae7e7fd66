/* SPDX-License-Identifier: BSD-3-Clause */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rte_common.h>
#include <rte_malloc.h>
#include <rte_memzone.h>

#include "virtio_log.h"
#include "virtqueue_ring.h"

/* Instead of a descriptor, in order[], while two change places. */
#define NOBODY UINT16_MAX

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
		/* Told by the first page alone, so all else is where 2.7.2 has it. */
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
	if (state == VIRTQUEUE_LIVE) {
		vq->event_idx = virtio_device_has(vq->dev, VIRTIO_RING_F_EVENT_IDX);
		vq->in_order = virtio_device_has(vq->dev, VIRTIO_F_IN_ORDER);
		/* Before the device is told of the ring: it begins without interrupts. */
		ring_interrupts_off(vq, vq->conf.packed);
	}
	__atomic_store_n(&vq->state, state, __ATOMIC_RELEASE);
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
virtqueue_quarantine(struct virtqueue *vq, const char *why)
{
	uint32_t live = VIRTQUEUE_LIVE;

	/* The control thread may be stopping the ring at this moment: then its word counts. */
	if (!__atomic_compare_exchange_n(&vq->state, &live, VIRTQUEUE_BROKEN, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	VIRTIO_LOG(ERR, "%s: taken out of service: %s. Stop and start the queue to use it again.",
		   vq->conf.name, why);
	return true;
}

/*
 * The ring as the specification wants it before its address is told: all zero (2.6.1, 4.1.5.1.3).
 */
static void
make_fresh(struct virtqueue *vq)
{
	uint16_t i;

	memset(vq->desc, 0, ring_layout(vq->dev, &vq->conf).total);
	for (i = 0; i < vq->size; i++) {
		vq->order[i] = i;
		vq->where[i] = i;
	}
	vq->in_step = true;
	vq->by_place = true;
	vq->rewrite = vq->size;
	vq->avail_next = 0;
	vq->used_next = 0;
	vq->avail_wrap = true;
	vq->used_wrap = true;
	vq->told = 0;
	vq->free_head = 0;
	vq->free_count = vq->size;
	vq->batch_from = 0;
	vq->batch_n = 0;
}

bool
virtqueue_reorder(struct virtqueue *vq, uint16_t pos, uint16_t left, uint32_t id)
{
	uint16_t expected, distance, place;

	if (id >= vq->size)
		return false;
	/* Where it was made available must lie among what the device has from `pos` on. */
	place = vq->where[id];
	distance = place >= pos ? place - pos : vq->size - pos + place;
	if (distance >= left)
		return false;
	vq->by_place = false;
	expected = vq->order[pos];
	/* Never twice in it, not even in between: see struct virtqueue. */
	vq->order[place] = NOBODY;
	rte_compiler_barrier();
	vq->order[pos] = id;
	vq->where[id] = pos;
	rte_compiler_barrier();
	vq->order[place] = expected;
	vq->where[expected] = place;
	/* The avail ring's entries of both are another descriptor's from the next lap on. */
	vq->rewrite = vq->size;
	return true;
}

bool
virtqueue_note_batch(struct virtqueue *vq, uint16_t i, uint16_t pos, uint16_t left, uint32_t id,
		     uint32_t *len)
{
	uint16_t distance, place;

	if (id >= vq->size)
		return false;
	place = vq->where[id];
	distance = place >= pos ? place - pos : vq->size - pos + place;
	if (distance >= left)
		return false;
	vq->batch_from = i;
	vq->batch_n = distance + 1;
	vq->batch_len = *len;
	virtqueue_in_batch(vq, i, len);
	return true;
}

bool
virtqueue_note_chain_batch(struct virtqueue *vq, uint16_t left, uint32_t id, uint32_t len)
{
	uint32_t at = (vq->free_head + vq->free_count) % vq->size;
	uint16_t n;

	/* Along the heads, in the order given. */
	for (n = 1; n <= left; n++) {
		const uint16_t head = vq->order[at];

		if (vq->links[head].count == 0)
			return false;
		if (head == id) {
			vq->batch_from = 0;
			vq->batch_n = n;
			vq->batch_len = len;
			return true;
		}
		at = (at + vq->links[head].count) % vq->size;
	}
	return false;
}

void
virtqueue_leave_step(struct virtqueue *vq)
{
	const uint16_t first_free = vq->conf.packed ? vq->avail_next : vq->avail_next & vq->mask;
	uint16_t i;

	for (i = 0; i < vq->size; i++)
		vq->links[i].count = 1;
	for (i = 0; i < vq->free_count; i++)
		vq->links[vq->order[(first_free + i) % vq->size]].count = 0;
	vq->free_head = first_free;
	vq->unchained = 0;
	vq->by_place = false;
	rte_compiler_barrier();
	vq->in_step = false;
}

void
virtqueue_join_step(struct virtqueue *vq)
{
	const uint16_t at = vq->conf.packed ? vq->avail_next : vq->avail_next & vq->mask;
	/* With IN_ORDER descriptors go round the table, whatever their places (2.7.9). */
	const uint16_t first = vq->in_order ? vq->order[vq->free_head] : at;
	uint16_t i;

	for (i = 0; i < vq->size; i++) {
		const uint16_t place = ((uint32_t)at + i) % vq->size;
		const uint16_t id = ((uint32_t)first + i) % vq->size;

		vq->order[place] = id;
		vq->where[id] = place;
	}
	vq->rewrite = vq->size;
	rte_compiler_barrier();
	vq->by_place = first == at;
	vq->in_step = true;
}

/*
 * Out of step, IN_ORDER: descriptors of the next `n` buffers, or of those up to the head `last`.
 *
 * at: where in order[] they begin, and end.
 */
static uint16_t
descs_in_order(const struct virtqueue *vq, uint32_t *at, uint16_t n, uint32_t last)
{
	uint32_t descs = 0;

	while (n-- > 0 && descs < vq->size) {
		const uint16_t head = vq->order[*at];
		const uint16_t count = vq->links[head].count;

		descs += count;
		*at = (*at + count) % vq->size;
		if (head == last || count == 0)
			break;
	}
	return RTE_MIN(descs, vq->size);
}

static uint32_t
first_in_order(const struct virtqueue *vq)
{
	return ((uint32_t)vq->free_head + vq->free_count) % vq->size;
}

static uint32_t
split_descs(const struct virtqueue *vq, uint16_t used)
{
	uint32_t at = first_in_order(vq);
	uint32_t descs = 0;
	uint16_t i;

	if (vq->in_order)
		return descs_in_order(vq, &at, used, UINT32_MAX);
	for (i = 0; i < used; i++) {
		uint32_t ignored;
		const uint32_t head = split_read(
			&vq->used->ring[(vq->used_next + i) & vq->mask], &ignored);

		if (head < vq->size)
			descs += vq->links[head].count;
	}
	return descs;
}

static uint32_t
packed_descs(const struct virtqueue *vq, uint16_t in_flight)
{
	uint32_t order_at = first_in_order(vq);
	uint64_t bits = vq->used_wrap ? PACKED_BOTH : 0;
	uint32_t descs = 0;
	uint32_t at;

	/* What is left of a batch was told of before it. */
	if (vq->batch_n > 0)
		descs = descs_in_order(vq, &order_at, vq->batch_n, UINT32_MAX);
	at = vq->used_next + descs;
	if (at >= vq->size) {
		at -= vq->size;
		bits ^= PACKED_BOTH;
	}
	while (descs < in_flight) {
		const uint64_t rest = packed_rest(&vq->ring[at]);
		const uint16_t id = rest >> 32;
		uint16_t count;

		if ((rest & PACKED_BOTH) != bits || id >= vq->size)
			break;
		/* A batch is told of by its first place and its last id alone. */
		count = vq->in_order ? descs_in_order(vq, &order_at, vq->size, id) :
				       vq->links[id].count;
		if (count == 0)
			break;
		descs += count;
		at += count;
		if (at >= vq->size) {
			at -= vq->size;
			bits ^= PACKED_BOTH;
		}
	}
	return descs;
}

uint16_t
virtqueue_used_descs(const struct virtqueue *vq)
{
	const bool packed = vq->conf.packed;
	const int used = ring_used(vq, UINT16_MAX, packed);
	const uint16_t in_flight = vq->size - vq->free_count;

	if (vq->in_step || used <= 0)
		return RTE_MAX(used, 0);
	return RTE_MIN(packed ? packed_descs(vq, in_flight) : split_descs(vq, used), in_flight);
}

uint16_t
virtqueue_give(struct virtqueue *vq, uint32_t head)
{
	uint16_t tail = (vq->free_head + vq->free_count) % vq->size;
	uint16_t id = head;
	uint16_t count, i;

	if (head >= vq->size)
		return 0;
	count = vq->links[head].count;
	vq->links[head].count = 0;
	/* And then it is the caller's. */
	rte_compiler_barrier();
	for (i = 0; i < count; i++) {
		vq->order[tail] = id;
		if (++tail == vq->size)
			tail = 0;
		id = vq->links[id].next;
	}
	vq->free_count += count;
	return count;
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
		VIRTIO_LOG(ERR,
			   "%s: %u descriptors are wanted, the device takes %s %u. Set the queue "
			   "up with a size that the device takes.", name, size,
			   dev->legacy ? "no more and no fewer than" : "at most", max);
	return -EINVAL;
}

static int
check_conf(struct virtio_device *dev, uint16_t index, const struct virtqueue_conf *conf)
{
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
	ret = virtio_device_queue_max(dev, index, &max);
	return ret != 0 ? ret : virtqueue_check_size(dev, conf->name, conf->size, max);
}

static int
take_memory(struct virtqueue *vq)
{
	/*
	 * One number a ring ever made in this process group: an old ring lives on beside its heir.
	 */
	static uint32_t made;
	const struct virtqueue_conf *conf = &vq->conf;
	const struct layout at = ring_layout(vq->dev, conf);
	char name[RTE_MEMZONE_NAMESIZE];
	uint8_t *base;

	snprintf(name, sizeof(name), "virtio_ring_%" PRIu32,
		 __atomic_fetch_add(&made, 1, __ATOMIC_RELAXED));
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
	vq->links = rte_malloc_socket("virtio_ring", conf->size * sizeof(*vq->links),
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
	vq->slot_size = conf->slot_area;
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
	const uint16_t in_flight = vq->size - vq->free_count;
	int n = 0;
	uint16_t i;

	if (vq->in_step) {
		for (i = 0; i < in_flight; i++) {
			const uint16_t id = vq->order[(vq->used_next + i) % vq->size];

			if (id == NOBODY)
				continue;
			fn(arg, vq->cookies[id]);
			n++;
		}
		return n;
	}
	for (i = 0; i < vq->size; i++) {
		if (vq->links[i].count == 0 || vq->cookies[i] == NULL)
			continue;
		fn(arg, vq->cookies[i]);
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
