/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/* The steps of the driver, and what must come of each. */

#include <string.h>

#include <rte_common.h>

#include "ring_input.h"

/* ---- buffers that are made available ------------------------------------------------------ */

/* What was posted counts for the notification, and in a packed ring the device sees it at once. */
static void
posted(struct ring_run *r, struct posted *p)
{
	p->published = r->packed;
	r->posted_at += r->packed ? p->descs : 1;
}

/* A run of buffers of one descriptor, as bursts make them. */
static void
post_run(struct ring_run *r, unsigned int n)
{
	struct virtqueue *vq = r->vq;
	const struct ring_view view = ring_view(vq, r->packed);
	const bool at = vq->is_identity && ring_input_below(r, 2) == 1;
	const uint16_t run = ring_free_run(&view, RTE_MIN(n, vq->free_count));
	const uint32_t len = 1 + ring_input_below(r, sizeof(((struct buffer *)0)->data));
	const uint16_t flags = ring_input_below(r, 2) * VRING_DESC_F_WRITE;
	unsigned int i;

	for (i = 0; i < run; i++) {
		struct posted *p = model_post(&r->model, view.avail_at + i, 1);
		struct buffer *b = p->buffer;

		p->flags = flags;
		p->part_len = len;
		if (at) {
			ring_free_cookies(&view)[i] = b;
			ring_place_at(&view, i, (uintptr_t)b->data, len, flags, r->packed);
		} else {
			ring_place(&view, i, b, (uintptr_t)b->data, len, flags, r->packed);
		}
		posted(r, p);
	}
	ring_pushed(vq, run, r->packed);
}

/* A buffer in an indirect table of its descriptor. */
static void
post_indirect(struct ring_run *r)
{
	struct virtqueue *vq = r->vq;
	const struct ring_view view = ring_view(vq, r->packed);
	const unsigned int entries = 1 + ring_input_below(r, 4);
	struct posted *p = model_post(&r->model, vq->next_avail.pos, 1);
	struct vring_desc *table;
	unsigned int i;

	CHECK_EQ(ring_free_id(&view), p->ids[0]);
	table = (struct vring_desc *)(void *)(vq->slot_area + p->ids[0] * vq->conf.slot_area);
	p->parts = entries;
	p->part_len = sizeof(p->buffer->data);
	for (i = 0; i < entries; i++) {
		const bool last = i + 1 == entries;

		if (r->packed)
			packed_desc((struct vring_packed_desc *)(void *)&table[i],
				    (uintptr_t)p->buffer->data, p->part_len, 0, 0);
		else
			split_desc(&table[i], (uintptr_t)p->buffer->data, p->part_len,
				   last ? 0 : VRING_DESC_F_NEXT, last ? 0 : i + 1);
	}
	ring_push(vq, p->buffer, virtqueue_dev_addr(vq, table), entries * sizeof(*table),
		  VRING_DESC_F_INDIRECT, r->packed);
	posted(r, p);
}

/* Between two calls of the driver: the device does not see a chain that is not complete. */
static void
within_chain(struct ring_run *r)
{
	unsigned int i;

	if (r->rd == NULL)
		return;
	if (r->may_be_hostile && ring_input_below(r, 8) == 0)
		device_write(r);
	for (i = 0; i < r->model.nb_posted; i++)
		if (r->model.posted[i].published && !r->model.posted[i].taken)
			return;
	CHECK(r->hostile || !ring_device_waiting(r->rd));
}

static void
post_chain(struct ring_run *r, unsigned int n)
{
	struct virtqueue *vq = r->vq;
	const uint16_t flags = ring_input_below(r, 2) * VRING_DESC_F_WRITE;
	struct posted *p = model_post(&r->model, vq->next_avail.pos, n);
	struct ring_chain chain = ring_chain_begin(vq, n);
	unsigned int i;

	CHECK_EQ(chain.head, p->ids[0]);
	p->flags = flags;
	p->part_len = sizeof(p->buffer->data);
	for (i = 0; i < n; i++) {
		ring_chain_add(vq, &chain, (uintptr_t)p->buffer->data, p->part_len, flags,
			       r->packed);
		within_chain(r);
	}
	ring_chain_end(vq, &chain, p->buffer, r->packed);
	posted(r, p);
}

void
driver_post(struct ring_run *r)
{
	const unsigned int kind = ring_input_below(r, 8);
	const unsigned int n = 1 + ring_input_below(r, 16);

	if (r->looking || r->vq->free_count == 0)
		return;
	/* 2.8.10 names a place in a packed ring: it is clear for one lap between two questions. */
	if (r->packed && r->posted_at - r->asked_at + n > r->vq->size)
		driver_kick(r);
	if (kind == 0)
		post_indirect(r);
	else if (kind <= 3)
		post_chain(r, RTE_MIN(n, (unsigned int)r->vq->free_count));
	else
		post_run(r, n);
	/* Most drivers publish each burst; some publish several at once. */
	if (kind % 2 == 0)
		driver_kick(r);
}

void
driver_kick(struct ring_run *r)
{
	unsigned int i;
	bool notify;

	ring_publish(r->vq, r->packed);
	for (i = 0; i < r->model.nb_posted; i++)
		r->model.posted[i].published = true;
	if (virtqueue_state(r->vq) != VIRTQUEUE_LIVE)
		return;
	notify = ring_must_notify(r->vq, r->packed);
	if (!r->hostile) {
		if (r->event_set)
			CHECK(notify || r->event < r->asked_at || r->event >= r->posted_at);
		else
			CHECK_EQ(notify, !r->no_notify);
	}
	r->asked_at = r->posted_at;
	if (notify)
		virtqueue_notify(r->vq);
}

/* ---- used buffers ------------------------------------------------------------------------- */

/* The device broke a rule, which an obeying one does not: the ring goes out of service, once. */
static void
broken(struct ring_run *r)
{
	CHECK(r->hostile);
	CHECK(virtqueue_set_broken(r->vq, "a fuzz input"));
	CHECK_EQ(virtqueue_state(r->vq), VIRTQUEUE_BROKEN);
	CHECK(!virtqueue_set_broken(r->vq, "a fuzz input"));
	if (!r->looking)
		return;
	/* What was found before the breach may be taken or not. */
	if (ring_input_below(r, 2) == 1) {
		ring_commit(r->vq, &r->cur);
		model_close_cursor(&r->model, true);
	} else {
		model_close_cursor(&r->model, false);
	}
	r->looking = false;
}

/* Split: what used->idx counts, or -EPROTO where the device was not given that much. */
static int
counted(const struct ring_run *r)
{
	const uint16_t n = r->vq->used->idx - r->vq->next_used.idx;

	return n <= r->model.nb_posted ? (int)n : -EPROTO;
}

/* Opens a cursor; whether the device's count is possible. */
static bool
begin(struct ring_run *r)
{
	const int wanted = r->packed ? 0 : RTE_MIN(counted(r), 0);
	unsigned int descs;

	CHECK_EQ(ring_begin(r->vq, &r->cur, r->packed), wanted);
	if (wanted != 0)
		return false;
	r->used_then = model_used(&r->model, &descs);
	return true;
}

/* What the device says at a place: whether there is a used buffer, its head and length. */
static bool
says(const struct ring_run *r, const struct virtqueue_place *at, uint32_t *head, uint32_t *len)
{
	if (r->packed) {
		const struct vring_packed_desc *d = &r->vq->ring[at->pos];
		const uint16_t both = VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED;

		*head = d->id;
		*len = d->len;
		return (d->flags & both) == (at->wrap ? both : 0);
	}
	*head = r->vq->used->ring[at->idx % r->vq->size].id;
	*len = r->vq->used->ring[at->idx % r->vq->size].len;
	return true;
}

/* What a look at the cursor must find: a buffer, or NULL and the error. */
static struct posted *
expected(struct ring_run *r, int *error)
{
	struct posted *p;
	uint32_t head, len;

	*error = -EAGAIN;
	if (r->packed ? r->cur.left == 0 : r->cur.at.idx == r->cur.end)
		return NULL;
	if (r->cur.known > 0)
		return model_oldest(&r->model);
	if (!says(r, &r->cur.at, &head, &len))
		return NULL;
	*error = -EPROTO;
	p = model_find(&r->model, head);
	/* 2.7.9, 2.8.9: with IN_ORDER it stands for all up to it, and the oldest comes first. */
	return p != NULL && r->vq->in_order ? model_oldest(&r->model) : p;
}

/* A buffer was found: an obeying device used it, and it is its turn. */
static void
check_found(struct ring_run *r, const struct posted *p, uint32_t len)
{
	CHECK(r->vq->cookies[p->ids[0]] == p->buffer);
	if (r->hostile)
		return;
	CHECK(p == model_first_used(&r->model));
	if (p->len_known)
		CHECK_EQ(len, p->len);
}

/* None was found: an obeying device has used none that was not found. */
static void
check_not_found(struct ring_run *r)
{
	unsigned int i, looked = 0;

	for (i = 0; i < r->model.nb_posted; i++)
		looked += r->model.posted[i].looked;
	if (r->packed)
		CHECK(model_first_used(&r->model) == NULL);
	else
		CHECK_EQ(looked, r->used_then);
}

/* The next buffer at the cursor; false where there is none, or the ring is broken. */
static bool
next(struct ring_run *r)
{
	struct virtqueue *vq = r->vq;
	const struct ring_cursor before = r->cur;
	uint16_t order[MODEL_MAX_SIZE];
	unsigned int changed = 0, i;
	uint32_t len = 0;
	struct posted *p;
	int error, head;

	p = expected(r, &error);
	memcpy(order, vq->order, vq->size * sizeof(*order));
	head = ring_next(vq, &r->cur, &len, r->packed);
	for (i = 0; i < vq->size; i++)
		changed += order[i] != vq->order[i];
	if (p != NULL) {
		CHECK_EQ(head, p->ids[0]);
		CHECK_EQ(r->cur.left, before.left - p->descs);
		CHECK(changed <= 2u * p->descs);
		check_found(r, p, len);
		p->looked = true;
		return true;
	}
	CHECK_EQ(head, error);
	CHECK_EQ(changed, 0);
	CHECK(r->cur.at.pos == before.at.pos && r->cur.at.idx == before.at.idx);
	CHECK(r->cur.left == before.left && r->cur.known == before.known);
	if (error == -EPROTO)
		broken(r);
	else if (!r->hostile)
		check_not_found(r);
	return false;
}

static void
pop(struct ring_run *r)
{
	struct posted *p = NULL;
	int error = -EPROTO;
	uint32_t len = 0;
	void *cookie;

	if (begin(r))
		p = expected(r, &error);
	cookie = ring_pop(r->vq, &len, r->packed);
	if (p != NULL) {
		CHECK(cookie == p->buffer);
		check_found(r, p, len);
		model_return(&r->model, p);
		return;
	}
	CHECK(cookie == NULL);
	if (error == -EPROTO)
		broken(r);
	else if (!r->hostile)
		check_not_found(r);
}

/* The used buffers that a burst may look at, at most `most`; negative: the ring is broken. */
static int
hint(struct ring_run *r, unsigned int most)
{
	const int n = ring_used_hint(r->vq, most, r->packed);

	CHECK(n <= (int)most);
	if (!r->packed)
		CHECK_EQ(n, RTE_MIN(counted(r), (int)most));
	if (n < 0)
		broken(r);
	return n;
}

/* The buffer that is used out of order there; NULL: there is none, as the ring reports too. */
static struct posted *
another(struct ring_run *r, unsigned int i, bool is_used, uint32_t says_head, uint32_t says_len)
{
	struct posted *p = is_used ? model_find(&r->model, says_head) : NULL;
	uint32_t len = 0;
	const int head = virtqueue_expect_another(r->vq, i, &len);

	if (p == NULL) {
		CHECK_EQ(head, is_used && i < virtqueue_in_flight(r->vq) ?
			 -EPROTO : -EAGAIN);
		return NULL;
	}
	CHECK_EQ(head, says_head);
	CHECK_EQ(len, says_len);
	return p;
}

/* As a burst takes buffers of one descriptor: those in the expected order, or also others. */
static void
take_run(struct ring_run *r, unsigned int most, bool ordered)
{
	struct virtqueue *vq = r->vq;
	const struct ring_view view = ring_view(vq, r->packed);
	struct virtqueue_place at = vq->next_used;
	const int n = hint(r, most);
	unsigned int run, found;

	if (n <= 0)
		return;
	run = ring_used_run(&view, n, r->packed);
	for (found = 0; found < run; found++) {
		uint32_t says_head = 0, says_len = 0, len = 0;
		const bool is_used = says(r, &at, &says_head, &says_len);
		const int head = ring_expect(&view, found, &len, r->packed);
		struct posted *p;

		if (head < 0) {
			CHECK(!is_used || says_head != vq->order[at.pos]);
			p = ordered ? NULL : another(r, found, is_used, says_head, says_len);
			if (p == NULL)
				break;
		} else {
			p = model_find(&r->model, head);
			CHECK(is_used && (uint32_t)head == says_head && len == says_len);
		}
		CHECK(p != NULL && p->descs == 1);
		CHECK_EQ(ring_used_id(&view, found), p->ids[0]);
		CHECK(ring_cookies(&view)[p->ids[0]] == p->buffer);
		check_found(r, p, says_len);
		p->looked = true;
		ring_step(vq, &at, 1, 1, r->packed);
	}
	ring_took(vq, found, false, r->packed);
	model_close_cursor(&r->model, true);
}

/* With IN_ORDER and no chains: what a transmit queue does, which reads no length. */
static void
take_batch(struct ring_run *r, unsigned int most)
{
	struct virtqueue *vq = r->vq;
	const int n = hint(r, most);
	unsigned int descs, take, i;
	const unsigned int used = model_used(&r->model, &descs);
	int found;

	if (n <= 0)
		return;
	found = ring_batch(vq, n, r->packed);
	CHECK(found <= n);
	if (found < 0) {
		CHECK_EQ(found, -EPROTO);
		broken(r);
		return;
	}
	CHECK(found > 0 && vq->used_known >= found);
	CHECK(vq->used_known <= r->model.nb_posted);
	if (!r->hostile) {
		CHECK(vq->used_known <= used);
		CHECK_EQ(found, RTE_MIN((unsigned int)n, used));
	}
	for (i = 0; i < vq->used_known; i++)
		r->model.posted[i].len_known = false;
	take = ring_input_below(r, found + 1);
	for (i = 0; i < take; i++) {
		struct posted *p = model_oldest(&r->model);

		CHECK_EQ(vq->order[(vq->next_used.pos + i) % vq->size], p->ids[0]);
		check_found(r, p, 0);
		p->looked = true;
	}
	ring_took(vq, take, true, r->packed);
	model_close_cursor(&r->model, true);
}

static void
go_on_with_cursor(struct ring_run *r, unsigned int what)
{
	if (what < 4) {
		next(r);
		return;
	}
	if (what < 7)
		ring_commit(r->vq, &r->cur);
	model_close_cursor(&r->model, what < 7);
	r->looking = false;
}

void
driver_look(struct ring_run *r)
{
	const unsigned int what = ring_input_below(r, 8);
	const unsigned int most = 1 + ring_input_below(r, MODEL_MAX_SIZE);

	if (r->looking) {
		go_on_with_cursor(r, what);
	} else if (what < 2) {
		pop(r);
	} else if (what < 4) {
		if (ring_is_plain(r->vq))
			take_run(r, most, what == 2 || r->vq->in_order);
	} else if (what == 4) {
		if (r->vq->in_order && r->vq->chains == 0)
			take_batch(r, most);
	} else if (!begin(r)) {
		broken(r);
	} else {
		unsigned int i;

		r->looking = true;
		for (i = 0; i < most && next(r); i++)
			;
		/* Half of them go on later, after what the device does in between. */
		if (r->looking && what > 5)
			go_on_with_cursor(r, what);
	}
}

void
driver_ask(struct ring_run *r)
{
	struct virtqueue *vq = r->vq;
	unsigned int descs, n, in_flight = virtqueue_in_flight(vq);
	const unsigned int used = model_used(&r->model, &descs);
	const int seen = ring_used(vq, UINT16_MAX, r->packed);

	CHECK(seen <= (int)in_flight);
	CHECK(virtqueue_used_descs(vq) <= in_flight);
	if (!r->packed)
		CHECK_EQ(seen, counted(r));
	n = 1 + ring_input_below(r, MODEL_MAX_SIZE);
	CHECK(ring_used(vq, n, r->packed) <= (int)n);
	if (!r->hostile) {
		CHECK_EQ(virtqueue_used_descs(vq), descs);
		CHECK_EQ(seen > 0, used > 0);
		/* Of a batch of chains that was taken in part, only that there are some. */
		if (vq->used_known == 0 || vq->chains == 0)
			CHECK_EQ(seen, r->packed ? descs : used);
	}
	if (!r->looking && begin(r) && vq->chains == 0) {
		const bool has = ring_has(vq, &r->cur, n, r->packed);

		CHECK(r->hostile || has == (used >= n));
		/* What was seen used is not read again. */
		ring_commit(vq, &r->cur);
		model_close_cursor(&r->model, true);
	}
}

void
driver_set_interrupts(struct ring_run *r)
{
	unsigned int descs;

	r->interrupts = ring_input_below(r, 2) == 1;
	r->armed = false;
	if (!r->interrupts) {
		ring_interrupts_off(r->vq, r->packed);
		return;
	}
	r->armed = !ring_interrupts_on(r->vq, r->packed);
	if (!r->hostile)
		CHECK_EQ(!r->armed, model_used(&r->model, &descs) > 0);
}
