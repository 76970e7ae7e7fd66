#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
# Copyright(c) 2026 The authors of dpdk-virtio
"""Write a capture of mixed traffic, the same one every time.

make-capture.py FILE [PACKETS]

TCP, UDP and ICMP over IPv4 and IPv6, with and without VLAN tags, ARP, a protocol of no layer 3,
fragments; frames of 60 to 9,000 bytes, some of them equal; all flows mixed. Checksums are right.
"""

import argparse
import ipaddress
import random
import struct

import tool

FLOWS = 96
FRAME_MAX = 9000
PACKETS_MAX = 10000000


def checksum(data):
    if len(data) % 2:
        data += b'\0'
    total = sum(struct.unpack(f'!{len(data) // 2}H', data))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def l4(flow, payload):
    """The transport header and the payload, the checksum over the pseudo-header included."""
    proto = flow['proto']
    if proto == 17:
        head = struct.pack('!HHHH', flow['sport'], flow['dport'], 8 + len(payload), 0)
        at = 6
    elif proto == 6:
        head = struct.pack('!HHIIBBHHH', flow['sport'], flow['dport'], flow['seq'], 1, 0x50,
                           0x18, 0xffff, 0, 0)
        flow['seq'] = (flow['seq'] + len(payload)) & 0xffffffff
        at = 16
    else:
        head = struct.pack('!BBHHH', 8 if proto == 1 else 128, 0, 0, flow['sport'], flow['seq'])
        flow['seq'] = (flow['seq'] + 1) & 0xffff
        at = 2
    pseudo = b''
    if proto != 1:
        pseudo = flow['src'].packed + flow['dst'].packed
        pseudo += struct.pack('!IHBB', len(head) + len(payload), 0, 0, proto)
    value = checksum(pseudo + head + payload)
    return head[:at] + struct.pack('!H', value) + head[at + 2:] + payload


def ipv4(flow, data, fragment=0):
    head = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 20 + len(data), flow['id'], fragment, 64,
                       flow['proto'], 0, flow['src'].packed, flow['dst'].packed)
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + data


def ipv6(flow, data):
    return struct.pack('!IHBB16s16s', 6 << 28, len(data), flow['proto'], 64,
                       flow['src'].packed, flow['dst'].packed) + data


def ethernet(flow, ether_type, data):
    tag = b''
    if flow['vlan']:
        tag = struct.pack('!HH', 0x8100, flow['vlan'])
    frame = flow['dmac'] + flow['smac'] + tag + struct.pack('!H', ether_type) + data
    return frame.ljust(60, b'\0')


def arp(flow):
    return ethernet(flow, 0x0806, struct.pack('!HHBBH6s4s6s4s', 1, 0x0800, 6, 4, 1, flow['smac'],
                                              flow['src'].packed, bytes(6), flow['dst'].packed))


def make_flow(rng, number):
    kind = rng.choices(['udp4', 'tcp4', 'udp6', 'tcp6', 'icmp4', 'icmp6', 'arp', 'other'],
                       [30, 30, 12, 12, 5, 4, 4, 3])[0]
    host, peer = rng.randrange(1, 250), rng.randrange(1, 250)
    six = kind.endswith('6')
    base = (ipaddress.IPv6Address('2001:db8::') if six else ipaddress.IPv4Address('198.18.0.0'))
    proto = {'udp': 17, 'tcp': 6, 'icm': 58 if six else 1}.get(kind[:3], 0)
    return {
        'kind': kind, 'proto': proto, 'six': six,
        'src': base + host, 'dst': base + 256 + peer,
        'smac': struct.pack('!BBI', 2, 0, host), 'dmac': struct.pack('!BBI', 2, 1, peer),
        'sport': 1024 + number, 'dport': rng.choice([53, 80, 443, 4789, 8080]),
        'vlan': rng.choice([0, 0, 0, 100, 200]),
        'seq': 0, 'id': 0,
        'jumbo': number % 8 == 0,
    }


def frames_of(rng, flow):
    """One packet of a flow: one frame, or the fragments of a datagram."""
    if flow['kind'] == 'arp':
        return [arp(flow)]
    size = rng.choices([60, rng.randrange(60, 600), rng.randrange(600, 1500), 1514],
                       [40, 30, 15, 15])[0]
    if flow['jumbo'] and rng.random() < 0.5:
        size = rng.choice([FRAME_MAX, rng.randrange(1515, FRAME_MAX)])
    heads = 14 + (4 if flow['vlan'] else 0) + (40 if flow['six'] else 20)
    heads += {17: 8, 6: 20}.get(flow['proto'], 8)
    payload = rng.randbytes(max(size - heads, 0))
    if flow['kind'] == 'other':
        return [ethernet(flow, 0x88b6, payload)]
    flow['id'] = (flow['id'] + 1) & 0xffff
    data = l4(flow, payload)
    if flow['six']:
        return [ethernet(flow, 0x86dd, ipv6(flow, data))]
    if flow['proto'] == 17 and len(data) > 1000 and rng.random() < 0.1:
        return [ethernet(flow, 0x0800, ipv4(flow, data[:800], 0x2000)),
                ethernet(flow, 0x0800, ipv4(flow, data[800:], 100))]
    return [ethernet(flow, 0x0800, ipv4(flow, data))]


def write_pcap(path, frames):
    with open(path, 'wb') as file:
        file.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            file.write(struct.pack('<IIII', 1700000000 + number // 100000,
                                   number % 100000 * 10, len(frame), len(frame)))
            file.write(frame)


def packets(text):
    if not text.isdecimal() or not 1 <= int(text) <= PACKETS_MAX:
        raise argparse.ArgumentTypeError(f'{text}: must be a number from 1 to {PACKETS_MAX}')
    return int(text)


def main():
    parser = tool.parser(__doc__)
    parser.add_argument('file')
    parser.add_argument('packets', nargs='?', type=packets, default=4000)
    args = parser.parse_args()
    wanted = args.packets
    rng = random.Random(7)
    flows = [make_flow(rng, number) for number in range(FLOWS)]
    weights = [1 + 8 / (1 + number) for number in range(FLOWS)]
    frames = []
    while len(frames) < wanted:
        frames += frames_of(rng, rng.choices(flows, weights)[0])
    write_pcap(args.file, frames[:wanted])
    print(f'{args.file}: {wanted} packets of {FLOWS} flows, '
          f'{sum(map(len, frames[:wanted])):,} bytes')


if __name__ == '__main__':
    tool.run(main)
