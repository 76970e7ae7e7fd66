/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <string.h>

#include <rte_common.h>

#include "ring_model.h"

void
model_init(struct model *m, const struct virtqueue *vq)
{
	unsigned int i;

	memset(m, 0, sizeof(*m));
	m->vq = vq;
	for (i = 0; i < MODEL_MAX_SIZE; i++)
		m->buffers[i].number = i;
}

static uint64_t
bits_of(const struct posted *p)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < p->descs; i++)
		bits |= UINT64_C(1) << p->ids[i];
	return bits;
}

static uint64_t
in_flight(const struct model *m)
{
	uint64_t bits = 0;
	unsigned int i;

	for (i = 0; i < m->nb_posted; i++)
		bits |= bits_of(&m->posted[i]);
	return bits;
}

struct posted *
model_post(struct model *m, uint16_t pos, unsigned int descs)
{
	const struct virtqueue *vq = m->vq;
	struct posted *p = &m->posted[m->nb_posted];
	unsigned int i = 0;
	uint64_t taken;

	CHECK(m->nb_posted < vq->size);
	memset(p, 0, sizeof(*p));
	while (m->buffers[i].posted != m->buffers[i].returned)
		i++;
	p->buffer = &m->buffers[i];
	p->buffer->posted++;
	p->descs = descs;
	p->parts = descs;
	p->len_known = true;
	taken = in_flight(m);
	for (i = 0; i < descs; i++) {
		const uint16_t id = vq->order[(pos + i) % vq->size];

		CHECK(id < vq->size);
		CHECK((taken & UINT64_C(1) << id) == 0);
		taken |= UINT64_C(1) << id;
		p->ids[i] = id;
	}
	m->nb_posted++;
	return p;
}

struct posted *
model_find(struct model *m, uint32_t head)
{
	unsigned int i;

	for (i = 0; i < m->nb_posted; i++)
		if (m->posted[i].ids[0] == head && !m->posted[i].looked)
			return &m->posted[i];
	return NULL;
}

struct posted *
model_oldest(struct model *m)
{
	unsigned int i;

	for (i = 0; i < m->nb_posted; i++)
		if (!m->posted[i].looked)
			return &m->posted[i];
	return NULL;
}

struct posted *
model_first_used(struct model *m)
{
	struct posted *first = NULL;
	unsigned int i;

	for (i = 0; i < m->nb_posted; i++) {
		struct posted *p = &m->posted[i];

		if (p->use > 0 && !p->looked && (first == NULL || p->use < first->use))
			first = p;
	}
	return first;
}

void
model_use(struct model *m, struct posted *p, uint32_t len)
{
	p->use = ++m->uses;
	p->len = len;
}

unsigned int
model_used(const struct model *m, unsigned int *descs)
{
	unsigned int i, n = 0;

	*descs = 0;
	for (i = 0; i < m->nb_posted; i++) {
		if (m->posted[i].use == 0)
			continue;
		n++;
		*descs += m->posted[i].descs;
	}
	return n;
}

void
model_return(struct model *m, struct posted *p)
{
	const unsigned int i = p - m->posted;

	CHECK(i < m->nb_posted);
	p->buffer->returned++;
	CHECK_EQ(p->buffer->returned, p->buffer->posted);
	m->nb_posted--;
	memmove(p, p + 1, (m->nb_posted - i) * sizeof(*p));
}

void
model_close_cursor(struct model *m, bool commit)
{
	unsigned int i = 0;

	while (i < m->nb_posted) {
		struct posted *p = &m->posted[i];

		if (p->looked && commit) {
			model_return(m, p);
			continue;
		}
		p->looked = false;
		i++;
	}
}

/* The descriptors of one buffer are where the ring must have them. */
static void
check_posted(const struct virtqueue *vq, const struct posted *p, unsigned int descs)
{
	unsigned int i;

	CHECK(vq->cookies[p->ids[0]] == p->buffer);
	CHECK_EQ(vq->links[p->ids[0]].count, p->descs);
	for (i = 0; i < p->descs; i++) {
		const unsigned int place = vq->where[p->ids[i]];
		const unsigned int first = vq->next_used.pos;

		CHECK((place < first ? place + vq->size - first : place - first) < descs);
		CHECK(i == 0 || vq->cookies[p->ids[i]] == NULL);
		CHECK(i == 0 || vq->links[p->ids[i - 1]].next == p->ids[i]);
	}
}

void
model_check(const struct model *m)
{
	const struct virtqueue *vq = m->vq;
	const unsigned int descs = __builtin_popcountll(in_flight(m));
	unsigned int chains = 0, i;
	uint64_t heads = 0;

	CHECK_EQ(vq->free_count + descs, vq->size);
	CHECK_EQ(vq->next_avail.pos, (vq->next_used.pos + descs) % vq->size);
	if (!vq->conf.packed)
		CHECK_EQ((uint16_t)(vq->next_avail.idx - vq->next_used.idx), m->nb_posted);
	CHECK(vq->used_known <= m->nb_posted);
	CHECK(!vq->in_order || vq->is_identity);
	for (i = 0; i < vq->size; i++) {
		CHECK(vq->order[i] < vq->size);
		CHECK_EQ(vq->where[vq->order[i]], i);
		CHECK(!vq->is_identity || vq->order[i] == i);
	}
	for (i = 0; i < m->nb_posted; i++) {
		check_posted(vq, &m->posted[i], descs);
		chains += m->posted[i].descs > 1;
		heads |= UINT64_C(1) << m->posted[i].ids[0];
	}
	CHECK_EQ(vq->chains, chains);
	for (i = 0; i < vq->size; i++)
		CHECK((heads & UINT64_C(1) << i) != 0 || vq->links[i].count == 1);
}

void
model_reclaimed(struct model *m)
{
	ring_check_returned(m->buffers, MODEL_MAX_SIZE);
	m->nb_posted = 0;
	m->uses = 0;
}
