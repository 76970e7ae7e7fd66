/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <pcap/pcap.h>

#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_jhash.h>
#include <rte_mbuf.h>

#include "capture.h"

struct capture_packet {
	uint8_t *data;
	uint32_t len;
	uint16_t queue;
};

struct capture {
	struct capture_packet *packets;
	uint32_t count;
	uint32_t longest;
	uint16_t queues;
	uint32_t *queue_packets;	/* how many packets each queue has */
	uint32_t **queue_list;		/* which */
};

struct capture_writer {
	pcap_t *pcap;
	pcap_dumper_t *dumper;
	char *path;
};

/* What a flow is known by; hashed as a whole, so no padding and all of it set. */
struct flow {
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t ether_type;
	uint16_t src_port;
	uint16_t dst_port;
	uint16_t protocol;
};

static bool
has_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

static void
flow_ports(struct flow *flow, const uint8_t *data, uint32_t len, uint32_t offset)
{
	if (!has_ports(flow->protocol) || offset + 4 > len)
		return;
	memcpy(&flow->src_port, data + offset, sizeof(flow->src_port));
	memcpy(&flow->dst_port, data + offset + 2, sizeof(flow->dst_port));
}

static bool
flow_ipv4(struct flow *flow, const uint8_t *data, uint32_t len, uint32_t offset)
{
	struct rte_ipv4_hdr ip;

	if (offset + sizeof(ip) > len)
		return false;
	memcpy(&ip, data + offset, sizeof(ip));
	memcpy(flow->src, &ip.src_addr, sizeof(ip.src_addr));
	memcpy(flow->dst, &ip.dst_addr, sizeof(ip.dst_addr));
	flow->protocol = ip.next_proto_id;
	/* Only the first fragment has ports: a flow's fragments stay together without them. */
	if ((rte_be_to_cpu_16(ip.fragment_offset) &
			(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) == 0)
		flow_ports(flow, data, len, offset + rte_ipv4_hdr_len(&ip));
	return true;
}

static bool
flow_ipv6(struct flow *flow, const uint8_t *data, uint32_t len, uint32_t offset)
{
	struct rte_ipv6_hdr ip;

	if (offset + sizeof(ip) > len)
		return false;
	memcpy(&ip, data + offset, sizeof(ip));
	memcpy(flow->src, &ip.src_addr, sizeof(flow->src));
	memcpy(flow->dst, &ip.dst_addr, sizeof(flow->dst));
	flow->protocol = ip.proto;
	flow_ports(flow, data, len, offset + sizeof(ip));
	return true;
}

static uint32_t
flow_hash(const uint8_t *data, uint32_t len)
{
	uint32_t offset = 2 * RTE_ETHER_ADDR_LEN;
	struct flow flow;
	bool known = false;
	rte_be16_t type;

	memset(&flow, 0, sizeof(flow));
	memcpy(&type, data + offset, sizeof(type));
	while ((type == rte_cpu_to_be_16(RTE_ETHER_TYPE_VLAN) ||
			type == rte_cpu_to_be_16(RTE_ETHER_TYPE_QINQ)) &&
			offset + RTE_VLAN_HLEN + sizeof(type) <= len) {
		offset += RTE_VLAN_HLEN;
		memcpy(&type, data + offset, sizeof(type));
	}
	offset += sizeof(type);
	flow.ether_type = type;
	if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4))
		known = flow_ipv4(&flow, data, len, offset);
	else if (type == rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV6))
		known = flow_ipv6(&flow, data, len, offset);
	if (!known) {
		memcpy(flow.dst, data, RTE_ETHER_ADDR_LEN);
		memcpy(flow.src, data + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
	}
	return rte_jhash(&flow, sizeof(flow), 0);
}

static int
capture_add(struct capture *capture, uint32_t *room, const uint8_t *data, uint32_t len)
{
	struct capture_packet *packet;

	if (capture->count == *room) {
		uint32_t more = *room == 0 ? 1024 : *room * 2;

		packet = realloc(capture->packets, (size_t)more * sizeof(*packet));
		if (packet == NULL)
			return -ENOMEM;
		capture->packets = packet;
		*room = more;
	}
	packet = &capture->packets[capture->count];
	packet->data = malloc(len);
	if (packet->data == NULL)
		return -ENOMEM;
	memcpy(packet->data, data, len);
	packet->len = len;
	capture->longest = RTE_MAX(capture->longest, len);
	packet->queue = flow_hash(data, len) % capture->queues;
	capture->count++;
	return 0;
}

static int
capture_read(struct capture *capture, pcap_t *pcap, const char *path)
{
	uint32_t room = 0, left_out = 0;
	struct pcap_pkthdr *header;
	const uint8_t *data;
	int ret;

	while ((ret = pcap_next_ex(pcap, &header, &data)) == 1) {
		if (header->caplen != header->len || header->caplen < RTE_ETHER_HDR_LEN ||
				header->caplen > FRAME_MAX) {
			left_out++;
			continue;
		}
		ret = capture_add(capture, &room, data, header->caplen);
		if (ret != 0)
			return ret;
	}
	if (ret == PCAP_ERROR) {
		fprintf(stderr, "%s: %s\n", path, pcap_geterr(pcap));
		return -EIO;
	}
	if (left_out != 0)
		fprintf(stderr, "%s: %u packets left out: cut when captured, or not of %u to %u "
			"bytes\n", path, left_out, RTE_ETHER_HDR_LEN, FRAME_MAX);
	if (capture->count == 0) {
		fprintf(stderr, "%s: no packet in it that can be sent\n", path);
		return -ENODATA;
	}
	return 0;
}

/* Give each queue the list of its packets. */
static int
capture_spread(struct capture *capture)
{
	uint32_t i;
	uint16_t q;

	capture->queue_packets = calloc(capture->queues, sizeof(*capture->queue_packets));
	capture->queue_list = calloc(capture->queues, sizeof(*capture->queue_list));
	if (capture->queue_packets == NULL || capture->queue_list == NULL)
		return -ENOMEM;
	for (q = 0; q < capture->queues; q++) {
		capture->queue_list[q] = malloc(capture->count * sizeof(**capture->queue_list));
		if (capture->queue_list[q] == NULL)
			return -ENOMEM;
	}
	for (i = 0; i < capture->count; i++) {
		q = capture->packets[i].queue;
		capture->queue_list[q][capture->queue_packets[q]++] = i;
	}
	for (q = 0; q < capture->queues; q++)
		if (capture->queue_packets[q] == 0)
			fprintf(stderr, "queue %u: no flow of the capture falls on it\n", q);
	return 0;
}

int
capture_load(const char *path, uint16_t queues, struct capture **out)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *pcap;
	int ret;

	if (capture == NULL)
		return -ENOMEM;
	capture->queues = queues;
	pcap = pcap_open_offline(path, error);
	if (pcap == NULL) {
		fprintf(stderr, "cannot read the capture: %s\n", error);
		free(capture);
		return -EIO;
	}
	if (pcap_datalink(pcap) != DLT_EN10MB) {
		fprintf(stderr, "%s: its link type is %s, not Ethernet\n", path,
			pcap_datalink_val_to_description_or_dlt(pcap_datalink(pcap)));
		ret = -EINVAL;
	} else {
		ret = capture_read(capture, pcap, path);
	}
	pcap_close(pcap);
	if (ret == 0)
		ret = capture_spread(capture);
	if (ret == -ENOMEM)
		fprintf(stderr, "%s: not enough memory for all of it\n", path);
	if (ret != 0) {
		capture_free(capture);
		return ret;
	}
	*out = capture;
	return 0;
}

void
capture_free(struct capture *capture)
{
	uint32_t i;
	uint16_t q;

	if (capture == NULL)
		return;
	for (i = 0; i < capture->count; i++)
		free(capture->packets[i].data);
	if (capture->queue_list != NULL)
		for (q = 0; q < capture->queues; q++)
			free(capture->queue_list[q]);
	free(capture->packets);
	free(capture->queue_list);
	free(capture->queue_packets);
	free(capture);
}

uint32_t
capture_longest(const struct capture *capture)
{
	return capture->longest;
}

uint32_t
capture_queue_packets(const struct capture *capture, uint16_t queue)
{
	return capture->queue_packets[queue];
}

void
capture_frame(const struct capture *capture, uint16_t queue, uint64_t position,
		struct frame *frame)
{
	uint32_t at = position % capture->queue_packets[queue];
	const struct capture_packet *packet = &capture->packets[capture->queue_list[queue][at]];

	frame->len = packet->len;
	frame->head_len = 0;
	frame->body = packet->data;
}

int
capture_writer_open(const char *path, FILE *file, struct capture_writer **out)
{
	struct capture_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL)
		goto no_memory;
	writer->path = strdup(path);
	writer->pcap = pcap_open_dead(DLT_EN10MB, FRAME_MAX);
	if (writer->path == NULL || writer->pcap == NULL)
		goto no_memory;
	writer->dumper = file != NULL ? pcap_dump_fopen(writer->pcap, file) :
		pcap_dump_open(writer->pcap, path);
	if (writer->dumper == NULL) {
		/* libpcap names the file. */
		fprintf(stderr, "--pcap-out: cannot write there: %s\n", pcap_geterr(writer->pcap));
		if (file != NULL)
			fclose(file);
		pcap_close(writer->pcap);
		free(writer->path);
		free(writer);
		return -EIO;
	}
	*out = writer;
	return 0;

no_memory:
	if (file != NULL)
		fclose(file);
	if (writer != NULL) {
		if (writer->pcap != NULL)
			pcap_close(writer->pcap);
		free(writer->path);
		free(writer);
	}
	return -ENOMEM;
}

void
capture_write(struct capture_writer *writer, const struct rte_mbuf *mbuf)
{
	struct pcap_pkthdr header = { .len = mbuf->pkt_len };
	uint8_t copy[FRAME_MAX];
	const uint8_t *data;

	/* Longer than anything that was sent: not a packet of ours, and counted as such. */
	header.caplen = RTE_MIN(mbuf->pkt_len, FRAME_MAX);
	data = rte_pktmbuf_read(mbuf, 0, header.caplen, copy);
	if (data == NULL)
		return;
	gettimeofday(&header.ts, NULL);
	pcap_dump((u_char *)writer->dumper, &header, data);
}

int
capture_writer_close(struct capture_writer *writer)
{
	int ret = 0;

	if (writer == NULL)
		return 0;
	errno = 0;
	if (pcap_dump_flush(writer->dumper) != 0 ||
			ferror(pcap_dump_file(writer->dumper)) != 0)
		ret = errno != 0 ? -errno : -EIO;
	if (ret != 0)
		fprintf(stderr, "%s: not all of the capture could be written: %s\n", writer->path,
			strerror(-ret));
	pcap_dump_close(writer->dumper);
	pcap_close(writer->pcap);
	free(writer->path);
	free(writer);
	return ret;
}
