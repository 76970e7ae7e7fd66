/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * Every state that a ring of 2 to 4 descriptors can reach, whatever its device writes, is visited
 * once. In each of them the ring has to agree with a model: a plain list of the posted buffers. A
 * last case bounds the work that a device can cause with the order in which it uses buffers.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_bitops.h>
#include <rte_common.h>

#include "ring.h"

#define MAX_SIZE 4
#define MAX_DESCS 3
/* What the device says it wrote. */
#define USED_LEN 7
/* Slots of the set of states that were reached; a power of two. */
#define MAX_STATES (1u << 21)

/* A buffer that the device has. */
struct posted {
	uint8_t buffer;        /* its number */
	uint8_t count;         /* of its descriptors */
	uint8_t ids[MAX_DESCS];
	bool looked;           /* the open cursor is behind it */
};

/* All that the next call on the ring depends on, and the model of it. */
struct state {
	struct virtqueue_place next_avail, next_used;
	struct ring_cursor cur;
	uint16_t free_count, chains, used_known, rewrite;
	uint16_t order[MAX_SIZE], where[MAX_SIZE], avail[MAX_SIZE];
	struct virtqueue_link links[MAX_SIZE];
	void *cookies[MAX_SIZE];
	bool is_identity;
	/* Model. */
	bool looking;          /* a cursor is open */
	uint8_t nb_posted;
	struct posted posted[MAX_SIZE]; /* in the order of posting */
};

/* One entry of the used ring, as the device writes it. */
struct claim {
	uint32_t id;
	uint16_t flags;        /* packed: AVAIL and USED */
};

struct explorer {
	struct virtqueue *vq;
	bool packed;
	struct state now;      /* the ring's part: as of the last load() or save() */
	struct buffer buffers[MAX_SIZE];
	struct claim claims[(MAX_SIZE + 2) * 4];
	unsigned int nb_claims;
	uint64_t *reached;     /* hashes, 0: none */
	struct state *queue;
	uint32_t nb_states;
};

static void
load(struct explorer *x, const struct state *s)
{
	struct virtqueue *vq = x->vq;

	if (&x->now != s)
		x->now = *s;
	vq->next_avail = s->next_avail;
	vq->next_used = s->next_used;
	vq->free_count = s->free_count;
	vq->chains = s->chains;
	vq->used_known = s->used_known;
	vq->rewrite = s->rewrite;
	vq->is_identity = s->is_identity;
	memcpy(vq->order, s->order, vq->size * sizeof(*vq->order));
	memcpy(vq->where, s->where, vq->size * sizeof(*vq->where));
	memcpy(vq->links, s->links, vq->size * sizeof(*vq->links));
	memcpy(vq->cookies, s->cookies, vq->size * sizeof(*vq->cookies));
	if (!x->packed)
		memcpy(vq->avail->ring, s->avail, vq->size * sizeof(*s->avail));
}

static void
save(struct explorer *x)
{
	const struct virtqueue *vq = x->vq;
	struct state *s = &x->now;

	s->next_avail = vq->next_avail;
	s->next_used = vq->next_used;
	s->free_count = vq->free_count;
	s->chains = vq->chains;
	s->used_known = vq->used_known;
	s->rewrite = vq->rewrite;
	s->is_identity = vq->is_identity;
	memcpy(s->order, vq->order, vq->size * sizeof(*vq->order));
	memcpy(s->where, vq->where, vq->size * sizeof(*vq->where));
	memcpy(s->links, vq->links, vq->size * sizeof(*vq->links));
	memcpy(s->cookies, vq->cookies, vq->size * sizeof(*vq->cookies));
	if (!x->packed)
		memcpy(s->avail, vq->avail->ring, vq->size * sizeof(*s->avail));
}

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

/*
 * Buffers are not distinguished, and of the indices of a split ring the difference counts. What is
 * written before it is read again is left out: links of free descriptors, and entries of the avail
 * ring that the next pushes write.
 */
static uint64_t
hash_of(const struct explorer *x)
{
	const struct virtqueue *vq = x->vq;
	const struct state *s = &x->now;
	uint16_t next[MAX_SIZE] = { 0 };
	uint64_t looked = 0, hash = 1;
	unsigned int i, k;

	for (i = 0; i < s->nb_posted; i++) {
		looked |= (uint64_t)s->posted[i].looked << s->posted[i].ids[0];
		for (k = 1; k < s->posted[i].count; k++)
			next[s->posted[i].ids[k - 1]] = s->posted[i].ids[k];
	}
	hash = mix(hash, s->next_used.pos | s->next_used.wrap << 4 | s->next_avail.wrap << 5 |
		   s->is_identity << 6 | s->looking << 7 | s->free_count << 8 | looked << 16 |
		   (uint64_t)s->used_known << 32 | (uint64_t)s->rewrite << 40);
	if (!x->packed)
		hash = mix(hash, (s->next_used.idx & vq->mask) |
			   (uint16_t)(s->next_avail.idx - s->next_used.idx) << 16);
	if (s->looking)
		hash = mix(hash, s->cur.at.pos | s->cur.left << 8 | s->cur.known << 16 |
			   (uint64_t)(uint16_t)(s->cur.end - s->cur.at.idx) << 32);
	for (i = 0; i < vq->size; i++)
		hash = mix(hash, s->order[i] | s->links[i].count << 4 | next[i] << 8 |
			   (s->cookies[i] != NULL) << 12);
	for (i = s->rewrite; !x->packed && i < vq->size; i++)
		hash = mix(hash, s->avail[(s->next_avail.idx + i) & vq->mask]);
	return hash != 0 ? hash : 1;
}

/* ---- the model ---------------------------------------------------------------------------- */

static unsigned int
descs_in_flight(const struct state *s)
{
	unsigned int i, n = 0;

	for (i = 0; i < s->nb_posted; i++)
		n += s->posted[i].count;
	return n;
}

/* The buffer of that head which no cursor is behind; NULL where the device has none. */
static struct posted *
find_posted(struct state *s, uint32_t id)
{
	unsigned int i;

	for (i = 0; i < s->nb_posted; i++)
		if (s->posted[i].ids[0] == id && !s->posted[i].looked)
			return &s->posted[i];
	return NULL;
}

static struct posted *
first_posted(struct state *s)
{
	unsigned int i;

	for (i = 0; i < s->nb_posted; i++)
		if (!s->posted[i].looked)
			return &s->posted[i];
	return NULL;
}

static void
forget(struct state *s, struct posted *p)
{
	const unsigned int i = p - s->posted;

	CHECK(i < s->nb_posted);
	s->nb_posted--;
	memmove(p, p + 1, (s->nb_posted - i) * sizeof(*p));
}

static void
check_returned_once(struct explorer *x)
{
	const struct state *s = &x->now;
	unsigned int i, n = 0;

	for (i = 0; i < s->nb_posted; i++) {
		CHECK_EQ(x->buffers[s->posted[i].buffer].returned, 1);
		x->buffers[s->posted[i].buffer].returned = 0;
	}
	for (i = 0; i < MAX_SIZE; i++)
		n += x->buffers[i].returned;
	CHECK_EQ(n, 0);
}

/* Compares the ring with the model. */
static void
check(struct explorer *x)
{
	const struct virtqueue *vq = x->vq;
	struct state *s = &x->now;
	const unsigned int in_flight = descs_in_flight(s);
	unsigned int chains = 0, looked = 0, heads = 0, members = 0, i, k;

	CHECK_EQ(vq->free_count + in_flight, vq->size);
	CHECK_EQ(vq->next_avail.pos, (vq->next_used.pos + in_flight) % vq->size);
	if (!x->packed)
		CHECK_EQ((uint16_t)(vq->next_avail.idx - vq->next_used.idx), s->nb_posted);
	CHECK(vq->used_known <= s->nb_posted);
	CHECK(!vq->in_order || vq->is_identity);
	for (i = 0; i < vq->size; i++) {
		CHECK(vq->order[i] < vq->size);
		CHECK_EQ(vq->where[vq->order[i]], i);
		CHECK(!vq->is_identity || vq->order[i] == i);
	}
	for (i = 0; i < s->nb_posted; i++) {
		const struct posted *p = &s->posted[i];

		chains += p->count > 1;
		looked += p->looked ? p->count : 0;
		heads |= 1u << p->ids[0];
		CHECK_EQ(vq->links[p->ids[0]].count, p->count);
		CHECK(vq->cookies[p->ids[0]] == &x->buffers[p->buffer]);
		for (k = 0; k < p->count; k++) {
			const unsigned int place = vq->where[p->ids[k]];

			CHECK(!(members & 1u << p->ids[k]));
			members |= 1u << p->ids[k];
			CHECK((place + vq->size - vq->next_used.pos) % vq->size < in_flight);
			CHECK(k == 0 || vq->cookies[p->ids[k]] == NULL);
			CHECK(k == 0 || vq->links[p->ids[k - 1]].next == p->ids[k]);
		}
	}
	CHECK_EQ(vq->chains, chains);
	for (i = 0; i < vq->size; i++)
		CHECK((heads & 1u << i) || vq->links[i].count == 1);
	if (s->looking) {
		CHECK_EQ(s->cur.left, in_flight - looked);
		CHECK_EQ(s->cur.at.pos, (vq->next_used.pos + looked) % vq->size);
	}
}

/* The ring is in a state: checks it, and keeps it where it is new. */
static void
reach(struct explorer *x)
{
	struct state *s = &x->now;
	uint64_t hash;
	uint32_t slot;

	check(x);
	save(x);
	hash = hash_of(x);
	for (slot = hash % MAX_STATES; x->reached[slot] != 0; slot = (slot + 1) % MAX_STATES)
		if (x->reached[slot] == hash)
			return;
	x->reached[slot] = hash;
	CHECK(x->nb_states < MAX_STATES / 2);
	x->queue[x->nb_states++] = *s;
	/* The next step loads a state. */
	CHECK_EQ(virtqueue_reclaim(x->vq, ring_take_back, NULL), s->nb_posted);
	check_returned_once(x);
	CHECK_EQ(x->vq->free_count, x->vq->size);
	CHECK_EQ(x->vq->chains, 0);
}

/* ---- the driver's steps ------------------------------------------------------------------- */

static void
check_packed(const struct virtqueue *vq, const struct posted *p, struct virtqueue_place at)
{
	unsigned int i;

	for (i = 0; i < p->count; i++) {
		const struct vring_packed_desc *d = &vq->ring[at.pos];
		const uint16_t next = i + 1 < p->count ? VRING_DESC_F_NEXT : 0;

		CHECK_EQ(d->flags, packed_flags(next, at.wrap));
		CHECK(i + 1 < p->count || d->id == p->ids[0]);
		ring_step(vq, &at, 1, 0, true);
	}
}

static void
check_split(const struct virtqueue *vq, const struct posted *p, uint16_t idx)
{
	unsigned int i;

	CHECK_EQ(vq->avail->ring[idx & vq->mask], p->ids[0]);
	for (i = 0; i < p->count; i++) {
		const struct vring_desc *d = &vq->desc[p->ids[i]];

		CHECK_EQ(d->flags, i + 1 < p->count ? VRING_DESC_F_NEXT : 0);
		CHECK(i + 1 == p->count || d->next == p->ids[i + 1]);
		/* 2.7.5: with IN_ORDER, descriptors in the order of the table. */
		CHECK(!vq->in_order || i == 0 || p->ids[i] == (p->ids[i - 1] + 1) % vq->size);
	}
}

static void
post(struct explorer *x, unsigned int descs, bool as_chain)
{
	struct virtqueue *vq = x->vq;
	struct state *s = &x->now;
	const struct virtqueue_place at = vq->next_avail;
	struct posted *p = &s->posted[s->nb_posted];
	unsigned int taken = 0, i;
	struct buffer *b;

	for (i = 0; i < s->nb_posted; i++)
		taken |= 1u << s->posted[i].buffer;
	*p = (struct posted){ .count = descs };
	while (taken & 1u << p->buffer)
		p->buffer++;
	for (i = 0; i < descs; i++)
		p->ids[i] = vq->order[(at.pos + i) % vq->size];
	b = &x->buffers[p->buffer];
	if (as_chain) {
		struct ring_chain chain = ring_chain_begin(vq, descs);

		for (i = 0; i < descs; i++)
			ring_chain_add(vq, &chain, (uintptr_t)b->data, 1, 0, x->packed);
		ring_chain_end(vq, &chain, b, x->packed);
	} else {
		ring_push(vq, b, (uintptr_t)b->data, 1, 0, x->packed);
	}
	if (x->packed)
		check_packed(vq, p, at);
	else
		check_split(vq, p, at.idx);
	s->nb_posted++;
}

/* The device writes nothing. */
static void
say_nothing(struct explorer *x)
{
	unsigned int i;

	for (i = 0; i < x->vq->size; i++) {
		/* Used descriptors have both flags or none. */
		if (x->packed)
			x->vq->ring[i].flags = VRING_PACKED_F_AVAIL;
		else
			x->vq->used->ring[i].id = UINT32_MAX;
	}
}

/* The device writes the entry at a place. */
static void
say(struct explorer *x, const struct virtqueue_place *at, const struct claim *claim)
{
	struct virtqueue *vq = x->vq;

	if (x->packed) {
		vq->ring[at->pos].id = claim->id;
		vq->ring[at->pos].len = USED_LEN;
		vq->ring[at->pos].flags = claim->flags;
	} else {
		vq->used->ring[at->idx & vq->mask] =
			(struct vring_used_elem){ .id = claim->id, .len = USED_LEN };
	}
}

/* Flags of a descriptor that is used in the lap of a place. */
static uint16_t
used_flags(const struct virtqueue_place *at)
{
	return at->wrap ? VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED : 0;
}

/* The device counts so many used buffers; whether that can be. */
static bool
count_used(struct explorer *x, unsigned int n)
{
	struct virtqueue *vq = x->vq;
	const struct state *s = &x->now;
	int used, hint;

	if (!x->packed)
		vq->used->idx = vq->next_used.idx + n;
	used = ring_used(vq, UINT16_MAX, x->packed);
	hint = ring_used_hint(vq, UINT16_MAX, x->packed);
	CHECK(virtqueue_used_descs(vq) <= descs_in_flight(s));
	if (x->packed) {
		CHECK(used >= 0 && used <= (int)descs_in_flight(s));
		CHECK(hint >= 0 && hint <= (int)descs_in_flight(s));
		CHECK_EQ(used > 0, hint > 0);
		return true;
	}
	CHECK_EQ(used, n <= s->nb_posted ? (int)n : -EPROTO);
	CHECK_EQ(hint, used);
	return used >= 0;
}

/* What has to come of a look at the cursor: a buffer, or NULL and the error. */
static struct posted *
expected(struct explorer *x, const struct ring_cursor *cur, const struct claim *claim, int *error)
{
	struct state *s = &x->now;
	struct posted *p;

	*error = -EAGAIN;
	if (x->packed ? cur->left == 0 : cur->at.idx == cur->end)
		return NULL;
	if (cur->known > 0)
		return first_posted(s);
	if (x->packed && claim->flags != used_flags(&cur->at))
		return NULL;
	*error = -EPROTO;
	p = find_posted(s, claim->id);
	return p != NULL && x->vq->in_order ? first_posted(s) : p;
}

/* Opens a cursor; whether the device's count can be. */
static bool
begin(struct explorer *x, unsigned int used)
{
	const bool can_be = count_used(x, used);

	CHECK_EQ(ring_begin(x->vq, &x->now.cur, x->packed), can_be ? 0 : -EPROTO);
	x->now.looking = can_be;
	return can_be;
}

/* The device writes an entry and the driver looks at it; whether it found a buffer. */
static bool
look(struct explorer *x, const struct claim *claim)
{
	struct virtqueue *vq = x->vq;
	struct ring_cursor *cur = &x->now.cur;
	const struct ring_cursor before = *cur;
	struct posted *p;
	uint32_t len = 0;
	int error, head;

	p = expected(x, cur, claim, &error);
	say(x, &cur->at, claim);
	head = ring_next(vq, cur, &len, x->packed);
	if (p != NULL) {
		CHECK_EQ(head, p->ids[0]);
		CHECK(before.known + cur->known > 0 || len == USED_LEN);
		p->looked = true;
		return true;
	}
	CHECK_EQ(head, error);
	CHECK(cur->at.pos == before.at.pos && cur->at.idx == before.at.idx);
	CHECK(cur->left == before.left && cur->known == before.known);
	CHECK(memcmp(vq->order, x->now.order, vq->size * sizeof(*vq->order)) == 0);
	check(x);
	return false;
}

/* Takes what was looked at, or leaves it. */
static void
end(struct explorer *x, bool commit)
{
	struct state *s = &x->now;
	unsigned int i = 0;

	if (commit)
		ring_commit(x->vq, &s->cur);
	s->looking = false;
	while (i < s->nb_posted) {
		if (s->posted[i].looked && commit) {
			forget(s, &s->posted[i]);
			continue;
		}
		s->posted[i++].looked = false;
	}
}

static bool
pop(struct explorer *x, unsigned int used, const struct claim *claim)
{
	struct state *s = &x->now;
	struct posted *p = NULL;
	struct ring_cursor cur;
	uint32_t len;
	void *cookie;
	int error;

	say_nothing(x);
	say(x, &x->vq->next_used, claim);
	if (count_used(x, used)) {
		CHECK_EQ(ring_begin(x->vq, &cur, x->packed), 0);
		p = expected(x, &cur, claim, &error);
	}
	cookie = ring_pop(x->vq, &len, x->packed);
	if (p == NULL) {
		CHECK(cookie == NULL);
		check(x);
		return false;
	}
	CHECK(cookie == &x->buffers[p->buffer]);
	forget(s, p);
	return true;
}

/* Takes n buffers of one descriptor, those which are expected next. */
static void
took(struct explorer *x, unsigned int n)
{
	struct virtqueue *vq = x->vq;
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct posted *p = find_posted(&x->now,
					       vq->order[(vq->next_used.pos + i) % vq->size]);

		CHECK(p != NULL && p->count == 1);
		forget(&x->now, p);
	}
	ring_took(vq, n, true, x->packed);
}

/*
 * The plain way: the first `right` entries are as expected, the next one is that claim. The driver
 * takes all that it finds, with `another` also a buffer that is used out of order. Whether it found
 * any.
 */
static bool
expect(struct explorer *x, unsigned int used, unsigned int right, const struct claim *claim,
       bool another)
{
	struct virtqueue *vq = x->vq;
	struct virtqueue_place at = vq->next_used;
	const struct posted *p = find_posted(&x->now, claim->id);
	unsigned int claimed;
	unsigned int run, i, found;
	struct ring_view view;

	say_nothing(x);
	for (i = 0; i < right; i++) {
		const struct claim expected = { vq->order[at.pos], used_flags(&at) };

		say(x, &at, &expected);
		/* Its buffer comes first, and cannot be the claim's. */
		if (p != NULL && p->ids[0] == expected.id)
			p = NULL;
		ring_step(vq, &at, 1, 1, x->packed);
	}
	claimed = right;
	if (x->packed && claim->flags != used_flags(&at))
		p = NULL;
	if (p != NULL && (another || claim->id == vq->order[at.pos]))
		right++;
	say(x, &at, claim);
	if (!count_used(x, used))
		return false;
	view = ring_view(vq, x->packed);
	run = ring_used_run(&view, ring_used_hint(vq, UINT16_MAX, x->packed), x->packed);
	for (found = 0; found < run; found++) {
		uint32_t len;
		int head = ring_expect(&view, found, &len, x->packed);

		if (head < 0 && another && found == claimed)
			head = virtqueue_expect_another(vq, found, &len);
		if (head < 0)
			break;
		CHECK_EQ(head, vq->order[vq->next_used.pos + found]);
		CHECK_EQ(len, USED_LEN);
	}
	CHECK_EQ(found, RTE_MIN(right, run));
	took(x, found);
	return found > 0;
}

/* IN_ORDER without chains: two entries; `take` of the buffers that ring_batch() finds are taken. */
static bool
batch(struct explorer *x, unsigned int used, const struct claim *first,
      const struct claim *second, unsigned int take)
{
	struct virtqueue *vq = x->vq;
	struct virtqueue_place at = vq->next_used;
	unsigned int i;
	int n, found;

	say_nothing(x);
	ring_step(vq, &at, vq->used_known, vq->used_known, x->packed);
	for (i = 0; i < vq->size; i++) {
		say(x, &at, i == 0 ? first : second);
		ring_step(vq, &at, 1, 1, x->packed);
	}
	if (!count_used(x, used))
		return false;
	n = ring_used_hint(vq, UINT16_MAX, x->packed);
	if (n == 0)
		return false;
	found = ring_batch(vq, n, x->packed);
	if (found < 0) {
		CHECK_EQ(found, -EPROTO);
		CHECK(x->packed && x->now.used_known == 0);
		CHECK(find_posted(&x->now, first->id) == NULL);
	}
	CHECK(found <= n);
	if (found < (int)take)
		return false;
	took(x, take);
	return true;
}

/* ---- all steps from a state --------------------------------------------------------------- */

static void
take_at_once(struct explorer *x, const struct state *from, unsigned int used)
{
	unsigned int i, k, take;

	for (i = 0; i < x->nb_claims; i++) {
		load(x, from);
		if (pop(x, used, &x->claims[i]))
			reach(x);
		for (k = 0; (from->chains | from->used_known) == 0 && k < from->nb_posted; k++) {
			load(x, from);
			CHECK(ring_is_plain(x->vq));
			if (expect(x, used, k, &x->claims[i], false))
				reach(x);
			load(x, from);
			if (!x->vq->in_order && expect(x, used, k, &x->claims[i], true))
				reach(x);
		}
		if (!x->vq->in_order || from->chains > 0)
			continue;
		for (k = 0; k < x->nb_claims; k++)
			for (take = 0; take <= from->nb_posted; take++) {
				load(x, from);
				if (batch(x, used, &x->claims[i], &x->claims[k], take))
					reach(x);
			}
	}
}

static void
expand(struct explorer *x, const struct state *from)
{
	/* used->idx runs ahead of the driver by any number; a packed ring has none. */
	const unsigned int most = x->packed ? 0 : x->vq->size + 1;
	unsigned int i;

	if (from->looking) {
		for (i = 0; i < x->nb_claims; i++) {
			load(x, from);
			if (look(x, &x->claims[i]))
				reach(x);
		}
		for (i = 0; i < 2; i++) {
			load(x, from);
			end(x, i == 1);
			reach(x);
		}
		return;
	}
	for (i = 1; i <= MAX_DESCS && i <= from->free_count; i++) {
		load(x, from);
		post(x, i, true);
		reach(x);
	}
	if (from->free_count > 0) {
		load(x, from);
		post(x, 1, false);
		reach(x);
	}
	for (i = 0; i <= most; i++) {
		load(x, from);
		say_nothing(x);
		if (begin(x, i))
			reach(x);
		take_at_once(x, from, i);
	}
}

static void
list_claims(struct explorer *x)
{
	static const uint16_t flags[] = {
		0, VRING_PACKED_F_AVAIL, VRING_PACKED_F_USED,
		VRING_PACKED_F_AVAIL | VRING_PACKED_F_USED,
	};
	const uint16_t size = x->vq->size;
	unsigned int i, k;

	for (i = 0; i <= size + 1u; i++) {
		const uint32_t id = i <= size ? i : UINT16_MAX;

		for (k = 0; k < (x->packed ? RTE_DIM(flags) : 1); k++)
			x->claims[x->nb_claims++] = (struct claim){ id, flags[k] };
	}
	/* An id of a split ring has 32 bits. */
	if (!x->packed)
		x->claims[x->nb_claims++] = (struct claim){ 0x10000, 0 };
}

static void
explore(bool packed, uint16_t size, bool in_order)
{
	const struct ring_conf ring = { .packed = packed, .size = size };
	struct fake_device *fake = ring_device_for(&ring);
	struct explorer *x = calloc(1, sizeof(*x));
	uint32_t i;

	x->packed = packed;
	x->vq = ring_create(&fake->dev, 0, &ring);
	/* The ring is not started: the exploration is the device. */
	x->vq->in_order = in_order;
	x->reached = calloc(MAX_STATES, sizeof(*x->reached));
	x->queue = malloc(MAX_STATES / 2 * sizeof(*x->queue));
	list_claims(x);
	reach(x);
	for (i = 0; i < x->nb_states; i++) {
		const struct state from = x->queue[i];

		expand(x, &from);
	}
	printf("%s ring of %u%s: %u states\n", packed ? "packed" : "split", size,
	       in_order ? ", IN_ORDER" : "", x->nb_states);
	CHECK_EQ(virtqueue_destroy(x->vq), 0);
	fake_device_destroy(fake);
	free(x->reached);
	free(x->queue);
	free(x);
}

static void
every_state_agrees_with_the_model(void)
{
	uint16_t size;

	for (size = 2; size <= MAX_SIZE; size++) {
		if (!test_packed() && !rte_is_power_of_2(size))
			continue;
		explore(test_packed(), size, false);
		explore(test_packed(), size, true);
	}
}

/* ---- work --------------------------------------------------------------------------------- */

static void
use_all(struct virtqueue *vq, bool at_random)
{
	const bool packed = vq->conf.packed;
	const unsigned int n = vq->size / MAX_DESCS;
	struct buffer *buffers = calloc(n, sizeof(*buffers));
	uint16_t *order = malloc(vq->size * sizeof(*order));
	uint16_t *heads = malloc(n * sizeof(*heads));
	uint32_t random = 1;
	unsigned int left, i;

	for (i = 0; i < n; i++) {
		heads[i] = vq->order[vq->next_avail.pos];
		ring_post(vq, &buffers[i], MAX_DESCS, 0);
	}
	for (left = n; left > 0; left--) {
		unsigned int which = left - 1, changed = 0;
		struct explorer x = { .vq = vq, .packed = packed };
		struct claim claim = { .flags = used_flags(&vq->next_used) };
		struct buffer *b;
		uint32_t len;

		if (at_random) {
			random = random * 1664525 + 1013904223;
			which = (random >> 8) % left;
		}
		claim.id = heads[which];
		heads[which] = heads[left - 1];
		say(&x, &vq->next_used, &claim);
		if (!packed)
			vq->used->idx = vq->next_used.idx + 1;
		memcpy(order, vq->order, vq->size * sizeof(*order));
		b = ring_get(vq, &len);
		CHECK(b != NULL);
		b->returned++;
		for (i = 0; i < vq->size; i++)
			changed += order[i] != vq->order[i];
		CHECK(changed <= 2 * MAX_DESCS);
	}
	ring_check_returned(buffers, n);
	free(buffers);
	free(order);
	free(heads);
}

static void
work_is_bounded_by_the_buffer(void)
{
	const struct ring_conf ring = { .packed = test_packed(), .size = VIRTIO_SPLIT_RING_MAX };
	struct fake_device *fake = ring_device_for(&ring);
	struct virtqueue *vq = ring_create(&fake->dev, 0, &ring);

	use_all(vq, false);
	/* From what the first round left, where chains do not lie in a row. */
	use_all(vq, true);
	use_all(vq, false);
	ring_destroy(vq);
	fake_device_destroy(fake);
}

TEST_MAIN(
	TEST_LAYOUTS(every_state_agrees_with_the_model),
	TEST_LAYOUTS(work_is_bounded_by_the_buffer),
)
