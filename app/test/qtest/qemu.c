/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "qemu.h"
#include "test.h"

#define MEMORY (64u << 20)
#define PAGE 4096u

/* The heap; below are the machine's own tables and, at the end, a page for MSI-X messages. */
#define HEAP_AT (2u << 20)
#define HEAP (MEMORY - HEAP_AT - PAGE)
#define MESSAGES (MEMORY - PAGE)

/* Where a legacy device's registers are put. */
#define PORTS 0xc000

/* The machine microvm: registers of virtio-mmio devices. */
#define MMIO_AT UINT64_C(0xfeb00000)
#define MMIO_SIZE 512
#define MMIO_PLACES 24

/* Slot of the bus that the device is put into. */
#define SLOT 4

/* A machine that is loaded may take its time, one that hangs is found out. */
#define PATIENCE_MS 60000

/* PCI configuration space: the header's, and MSI-X's. */
#define PCI_ID 0x00
#define PCI_COMMAND 0x04
#define PCI_BAR(n) (0x10 + 4 * (n))
#define PCI_CAPS 0x34
#define PCI_CAP_VENDOR 0x09
#define PCI_CAP_MSIX 0x11
#define PCI_MSIX_TABLE 4
#define PCI_MSIX_ON 0x80000000

/* Ends the case, with QEMU's own words where it has left some. */
static void __attribute__((noreturn))
gone(const struct qemu *q)
{
	char words[256] = "";
	FILE *f = fopen(q->log, "r");

	if (f != NULL) {
		words[fread(words, 1, sizeof(words) - 1, f)] = '\0';
		fclose(f);
	}
	test_fail(__FILE__, __LINE__, "QEMU is gone: %s", words);
}

static void
send_line(struct qemu *q, const char *line, size_t len)
{
	if (send(q->qtest, line, len, MSG_NOSIGNAL) != (ssize_t)len)
		gone(q);
}

static void
read_line(struct qemu *q, char line[static QEMU_LINE])
{
	for (;;) {
		struct pollfd pfd = { .fd = q->qtest, .events = POLLIN };
		char *end = memchr(q->answer, '\n', q->answer_len);
		ssize_t n;

		if (end != NULL) {
			*end = '\0';
			strcpy(line, q->answer);
			q->answer_len -= end + 1 - q->answer;
			memmove(q->answer, end + 1, q->answer_len);
			return;
		}
		if (poll(&pfd, 1, PATIENCE_MS) <= 0)
			test_fail(__FILE__, __LINE__, "QEMU does not answer");
		n = read(q->qtest, q->answer + q->answer_len, sizeof(q->answer) - q->answer_len);
		if (n <= 0)
			gone(q);
		q->answer_len += n;
	}
}

/*
 * One command and its answer's number, if it has one. The case and the port's worker both access
 * registers: the lock keeps each answer with its command.
 */
static uint64_t __attribute__((format(printf, 2, 3)))
ask(struct qemu *q, const char *format, ...)
{
	char line[QEMU_LINE];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	pthread_mutex_lock(&q->lock);
	send_line(q, line, n);
	do
		read_line(q, line);
	while (strncmp(line, "IRQ ", 4) == 0);
	pthread_mutex_unlock(&q->lock);
	if (strncmp(line, "OK", 2) != 0)
		test_fail(__FILE__, __LINE__, "QEMU answers \"%s\"", line);
	return strtoull(line + 2, NULL, 0);
}

static uint32_t
config_read(struct qemu *q, uint32_t offset)
{
	ask(q, "outl 0xcf8 0x%x\n", q->function | (offset & 0xfc));
	return ask(q, "inl 0xcfc\n") >> 8 * (offset & 3);
}

static void
config_write(struct qemu *q, uint32_t offset, uint32_t value)
{
	ask(q, "outl 0xcf8 0x%x\n", q->function | offset);
	ask(q, "outl 0xcfc 0x%x\n", value);
}

static char
letter(unsigned int width)
{
	return width == 1 ? 'b' : width == 2 ? 'w' : 'l';
}

static void
note(struct qemu *q, enum virtio_pci_region region, bool write, uint32_t offset,
     unsigned int width, uint32_t value, uint64_t at_us)
{
	pthread_mutex_lock(&q->lock);
	if (q->nb_record < QEMU_MAX_RECORD)
		q->record[q->nb_record++] = (struct qemu_access){
			.at_us = at_us, .offset = offset, .value = value, .region = region,
			.width = width, .write = write
		};
	pthread_mutex_unlock(&q->lock);
}

static uint32_t
hook_read(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width)
{
	struct qemu *q = arg;
	const uint64_t now = virtio_now_us();
	const uint32_t value = ask(q, "%s%c 0x%" PRIx64 "\n", q->legacy ? "in" : "read",
				   letter(width), q->region_at[region] + offset);

	note(q, region, false, offset, width, value, now);
	return value;
}

static void
hook_write(void *arg, enum virtio_pci_region region, uint32_t offset, unsigned int width,
	   uint32_t value)
{
	struct qemu *q = arg;

	note(q, region, true, offset, width, value, virtio_now_us());
	ask(q, "%s%c 0x%" PRIx64 " 0x%x\n", q->legacy ? "out" : "write", letter(width),
	    q->region_at[region] + offset, value);
}

uint32_t
qemu_peek(struct qemu *q, uint32_t offset, unsigned int width)
{
	return ask(q, "%s%c 0x%" PRIx64 "\n", q->legacy ? "in" : "read", letter(width),
		   q->region_at[VIRTIO_PCI_COMMON] + offset);
}

void
qemu_turn(struct qemu *q)
{
	unsigned int i;

	for (i = 0; i < 50; i++)
		qemu_peek(q, VIRTIO_PCI_DEVICE_STATUS, 1);
}

/* Memory BARs in steps of 16 MB, ports in one of 4 KB: no device of this kind has larger ones. */
static void
place_bars(struct qemu *q)
{
	uint32_t next = 0xe0000000;
	unsigned int i;

	if (config_read(q, PCI_BAR(0)) & 1) {
		config_write(q, PCI_BAR(0), UINT32_MAX);
		q->conf.window[VIRTIO_PCI_COMMON].length =
			-(config_read(q, PCI_BAR(0)) & 0xfffc) & 0xffff;
		config_write(q, PCI_BAR(0), PORTS);
		q->region_at[VIRTIO_PCI_COMMON] = PORTS;
		q->legacy = true;
	}

	for (i = 0; i < 6; i++) {
		const uint32_t was = config_read(q, PCI_BAR(i));

		if (was & 1)
			continue;
		config_write(q, PCI_BAR(i), UINT32_MAX);
		if (config_read(q, PCI_BAR(i)) == 0)
			continue;
		config_write(q, PCI_BAR(i), next);
		q->bar[i] = next;
		next += 16 << 20;
		if ((was & 6) == 4)
			config_write(q, PCI_BAR(++i), 0);
	}
	config_write(q, PCI_COMMAND, 7); /* ports, memory, bus master */
}

static void
take_cap(struct qemu *q, uint32_t cap)
{
	const uint8_t type = config_read(q, cap + VIRTIO_PCI_CAP_TYPE);
	const uint8_t bar = config_read(q, cap + VIRTIO_PCI_CAP_BAR);
	static const enum virtio_pci_region regions[] = {
		[VIRTIO_PCI_CAP_COMMON] = VIRTIO_PCI_COMMON,
		[VIRTIO_PCI_CAP_NOTIFY] = VIRTIO_PCI_NOTIFY,
		[VIRTIO_PCI_CAP_ISR] = VIRTIO_PCI_ISR,
		[VIRTIO_PCI_CAP_DEVICE] = VIRTIO_PCI_DEVICE,
	};

	if (type < VIRTIO_PCI_CAP_COMMON || type > VIRTIO_PCI_CAP_DEVICE)
		return;
	CHECK(bar < 6 && q->bar[bar] != 0);
	q->legacy = false;
	q->region_at[regions[type]] = q->bar[bar] + config_read(q, cap + VIRTIO_PCI_CAP_OFFSET);
	q->conf.window[regions[type]].length = config_read(q, cap + VIRTIO_PCI_CAP_LENGTH);
	if (type == VIRTIO_PCI_CAP_NOTIFY)
		q->conf.notify_multiplier = config_read(q, cap + VIRTIO_PCI_NOTIFY_CAP_MULTIPLIER);
}

static void
find_device(struct qemu *q)
{
	uint32_t cap;

	q->function = 0x80000000 | SLOT << 11;
	CHECK_EQ(config_read(q, PCI_ID) & 0xffff, 0x1af4);
	place_bars(q);
	for (cap = config_read(q, PCI_CAPS) & 0xff; cap != 0;
	     cap = config_read(q, cap + 1) & 0xff) {
		const uint8_t id = config_read(q, cap);

		if (id == PCI_CAP_VENDOR) {
			take_cap(q, cap);
		} else if (id == PCI_CAP_MSIX) {
			const uint32_t table = config_read(q, cap + PCI_MSIX_TABLE);

			q->msix_cap = cap;
			q->msix_table = q->bar[table & 7] + (table & ~7u);
		}
	}
	q->hooks = (struct virtio_pci_hooks){ hook_read, hook_write, q };
	q->conf.hooks = &q->hooks;
}

void
qemu_msix_on(struct qemu *q)
{
	unsigned int i;

	config_write(q, q->msix_cap, config_read(q, q->msix_cap) | PCI_MSIX_ON);
	for (i = 0; i < QEMU_VECTORS; i++) {
		const uint64_t entry = q->msix_table + 16 * i;

		ask(q, "writel 0x%" PRIx64 " 0x%x\n", entry, MESSAGES + 4 * i);
		ask(q, "writel 0x%" PRIx64 " 0\n", entry + 4);
		ask(q, "writel 0x%" PRIx64 " 0x%x\n", entry + 8, 0x4d510000 + i);
		ask(q, "writel 0x%" PRIx64 " 0\n", entry + 12);
	}
}

bool
qemu_msix_came(struct qemu *q, unsigned int vector)
{
	uint32_t *at = (uint32_t *)(void *)(q->memory + MESSAGES) + vector;
	const uint32_t message = __atomic_exchange_n(at, 0, __ATOMIC_ACQ_REL);

	if (message != 0)
		CHECK_EQ(message, 0x4d510000 + vector);
	return message != 0;
}

static uint32_t
mmio_read(void *arg, uint32_t offset, unsigned int width)
{
	return hook_read(arg, VIRTIO_PCI_COMMON, offset, width);
}

static void
mmio_write(void *arg, uint32_t offset, unsigned int width, uint32_t value)
{
	hook_write(arg, VIRTIO_PCI_COMMON, offset, width, value);
}

/* The places of microvm's transports; those without a device have the device ID 0. */
static void
find_mmio_device(struct qemu *q)
{
	uint64_t *at = &q->region_at[VIRTIO_PCI_COMMON];

	for (*at = MMIO_AT; *at < MMIO_AT + MMIO_PLACES * MMIO_SIZE; *at += MMIO_SIZE) {
		if (qemu_peek(q, 0x000, 4) == 0x74726976 && qemu_peek(q, 0x008, 4) == 1)
			break;
	}
	CHECK(*at < MMIO_AT + MMIO_PLACES * MMIO_SIZE);
	q->mmio_hooks = (struct virtio_mmio_hooks){ mmio_read, mmio_write, q };
	q->mmio = (struct virtio_mmio_conf){
		.length = MMIO_SIZE, .device_id = 1, .hooks = &q->mmio_hooks,
	};
}

static void
make_heap(struct qemu *q)
{
	/* A case that failed has left its own. */
	static unsigned int made;
	static rte_iova_t iova[HEAP / PAGE];
	unsigned int i;

	snprintf(q->heap, sizeof(q->heap), "qemu%u", made++);
	for (i = 0; i < RTE_DIM(iova); i++)
		iova[i] = HEAP_AT + i * PAGE;
	CHECK_EQ(rte_malloc_heap_create(q->heap), 0);
	CHECK_EQ(rte_malloc_heap_memory_add(q->heap, q->memory + HEAP_AT, HEAP, iova,
					    RTE_DIM(iova), PAGE), 0);
	q->node = rte_malloc_heap_get_socket(q->heap);
	CHECK(q->node >= 0);
}

static void
map_memory(struct qemu *q, const char *path)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	CHECK(fd >= 0);
	CHECK_EQ(ftruncate(fd, MEMORY), 0);
	q->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	CHECK(q->memory != MAP_FAILED);
}

/* Firmware for a processor that has nothing to do: each page of it is "cli; hlt" in a loop. */
static void
write_firmware(const char *path)
{
	static const uint8_t code[] = { 0xfa, 0xf4, 0xeb, 0xfc };
	static uint8_t image[65536];
	FILE *f = fopen(path, "w");
	size_t i;

	for (i = 0; i < sizeof(image); i += sizeof(code))
		memcpy(image + i, code, sizeof(code));
	CHECK(f != NULL);
	CHECK_EQ(fwrite(image, 1, sizeof(image), f), sizeof(image));
	CHECK_EQ(fclose(f), 0);
}

static int
udp_socket(uint16_t *port)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	socklen_t len = sizeof(addr);

	CHECK(fd >= 0);
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	*port = ntohs(addr.sin_port);
	return fd;
}

/* Our end, and a port that is free for QEMU's. */
static uint16_t
make_network(struct qemu *q, uint16_t *ours)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)
	};
	uint16_t theirs;
	const int free_port = udp_socket(&theirs);

	q->net = udp_socket(ours);
	close(free_port);
	addr.sin_port = htons(theirs);
	CHECK_EQ(connect(q->net, (struct sockaddr *)&addr, sizeof(addr)), 0);
	return theirs;
}

/* A tap device of so many queues, up, in the network namespace of this thread. */
static int
open_tap(int *fd, unsigned int queues)
{
	struct ifreq ifr = { .ifr_name = "tap0" };
	unsigned int i;
	int control;

	for (i = 0; i < queues; i++) {
		/* Stays open in QEMU. */
		fd[i] = open("/dev/net/tun", O_RDWR);
		ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
				(queues > 1 ? IFF_MULTI_QUEUE : 0);
		if (fd[i] < 0 || ioctl(fd[i], TUNSETIFF, &ifr) != 0)
			return -errno;
	}
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ifr.ifr_flags = IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &ifr) != 0)
		return -errno;
	close(control);
	return 0;
}

/* Nothing but our own frames is to come: no IPv6. */
static int
forbid_ipv6(void)
{
	const int fd = open("/proc/sys/net/ipv6/conf/default/disable_ipv6", O_WRONLY | O_CLOEXEC);
	const bool done = fd < 0 || write(fd, "1", 1) == 1;

	if (fd >= 0)
		close(fd);
	return done ? 0 : -errno;
}

/* Sends and receives what goes through it, whole frames. */
static int
open_packet_socket(int *fd)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };

	addr.sll_ifindex = if_nametoindex("tap0");
	*fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	return *fd >= 0 && bind(*fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
}

/* In a namespace that lasts as long as these descriptors; this thread goes back to its own. */
static int
make_tap(int *net, int *fd, unsigned int queues)
{
	const int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int ret = 0;

	if (home < 0 || unshare(CLONE_NEWNET) != 0) {
		ret = -errno;
		close(home);
		return ret;
	}
	ret = forbid_ipv6();
	if (ret == 0)
		ret = open_tap(fd, queues);
	if (ret == 0)
		ret = open_packet_socket(net);
	if (setns(home, CLONE_NEWNET) != 0)
		abort(); /* all that follows would be in the wrong place */
	close(home);
	return ret;
}

bool
qemu_can_tap(void)
{
	int net = -1, fd[2] = { -1, -1 };
	const int ret = make_tap(&net, fd, RTE_DIM(fd));

	close(net);
	close(fd[0]);
	close(fd[1]);
	if (ret != 0)
		printf("skipped all: no tap device here: %s\n", strerror(-ret));
	return ret == 0;
}

static int
listen_for_qemu(const char *path)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	CHECK(fd >= 0);
	CHECK(strlen(path) < sizeof(addr.sun_path));
	strcpy(addr.sun_path, path);
	CHECK_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	CHECK_EQ(listen(fd, 1), 0);
	return fd;
}

/* In the child: never returns. */
static void
become_qemu(char **args, const char *log)
{
	const int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execvp(args[0], args);
	_exit(127);
}

static void
accept_qemu(struct qemu *q, int listener)
{
	struct pollfd pfd = { .fd = listener, .events = POLLIN };
	int waited = 0;

	while (poll(&pfd, 1, 100) == 0) {
		waited += 100;
		if (waitpid(q->pid, NULL, WNOHANG) == q->pid || waited > PATIENCE_MS)
			gone(q);
	}
	q->qtest = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	CHECK(q->qtest >= 0);
}

/* global: of all devices of a kind, "kind.name=value". */
static struct qemu *
start(struct qemu *q, char *machine, char *global, char *device, char *netdev,
      void (*find)(struct qemu *q))
{
	char memory[128], firmware[128], path[128];
	char backend[256], qtest[160];
	char *args[] = {
		(char *)(uintptr_t)qemu_binary, "-accel", "tcg", "-bios", firmware, "-M", machine,
		"-machine", "memory-backend=mem", "-nodefaults", "-display", "none", "-m", "64",
		"-object", backend, "-qtest", qtest, "-qtest-log", "none", "-netdev", netdev,
		"-global", global, "-device", device, NULL
	};
	int listener;

	snprintf(memory, sizeof(memory), "%s", test_path("memory"));
	snprintf(firmware, sizeof(firmware), "%s", test_path("firmware"));
	snprintf(path, sizeof(path), "%s", test_path("qtest"));
	snprintf(q->log, sizeof(q->log), "%s", test_path("log"));
	unlink(memory);
	unlink(path);
	unlink(q->log);
	q->record = calloc(QEMU_MAX_RECORD, sizeof(*q->record));
	pthread_mutex_init(&q->lock, NULL);
	map_memory(q, memory);
	write_firmware(firmware);
	listener = listen_for_qemu(path);
	snprintf(backend, sizeof(backend), "memory-backend-file,id=mem,size=64M,share=on,"
		 "mem-path=%s", memory);
	snprintf(qtest, sizeof(qtest), "unix:%s", path);
	q->pid = fork();
	if (q->pid == 0)
		become_qemu(args, q->log);
	accept_qemu(q, listener);
	close(listener);
	/* Its first answer shows that it has read all of these. */
	find(q);
	unlink(memory);
	unlink(firmware);
	unlink(path);
	make_heap(q);
	return q;
}

static struct qemu *
start_pci(const char *properties, struct qemu *q, char *netdev)
{
	char machine[] = "q35", global[64], device[256];

	snprintf(global, sizeof(global), "virtio-net-pci.vectors=%u", QEMU_VECTORS);
	snprintf(device, sizeof(device), "virtio-net-pci,netdev=n0,addr=%u,"
		 "mac=52:54:00:12:34:56,romfile=%s", SLOT, properties);
	return start(q, machine, global, device, netdev, find_device);
}

/* Of a device whose frames are datagrams. */
static struct qemu *
make_with_datagrams(char *netdev, size_t size)
{
	struct qemu *q = calloc(1, sizeof(*q));
	uint16_t ours, theirs;

	theirs = make_network(q, &ours);
	snprintf(netdev, size, "socket,id=n0,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", ours,
		 theirs);
	return q;
}

struct qemu *
qemu_start(const char *properties)
{
	char netdev[128];
	struct qemu *q = make_with_datagrams(netdev, sizeof(netdev));

	return start_pci(properties, q, netdev);
}

struct qemu *
qemu_start_mmio(const char *properties, unsigned int version)
{
	char machine[] = "microvm", global[64], device[256], netdev[128];
	struct qemu *q = make_with_datagrams(netdev, sizeof(netdev));

	snprintf(global, sizeof(global), "virtio-mmio.force-legacy=%s",
		 version == 1 ? "on" : "off");
	snprintf(device, sizeof(device), "virtio-net-device,netdev=n0,mac=52:54:00:12:34:56%s",
		 properties);
	start(q, machine, global, device, netdev, find_mmio_device);
	q->mmio.node = q->node;
	return q;
}

struct qemu *
qemu_start_queues(const char *properties, unsigned int queues)
{
	struct qemu *q = calloc(1, sizeof(*q));
	char netdev[128] = "tap,id=n0,vhost=off,fds=";
	int fd[QEMU_MAX_QUEUES];
	char all[128];
	unsigned int i;

	CHECK(queues <= RTE_DIM(fd));
	CHECK_EQ(make_tap(&q->net, fd, queues), 0);
	for (i = 0; i < queues; i++)
		snprintf(netdev + strlen(netdev), sizeof(netdev) - strlen(netdev), "%s%d",
			 i == 0 ? "" : ":", fd[i]);
	snprintf(all, sizeof(all), ",mq=on%s", properties);
	start_pci(all, q, netdev);
	for (i = 0; i < queues; i++)
		close(fd[i]);
	return q;
}

void
qemu_stop(struct qemu *q)
{
	struct rte_malloc_socket_stats stats;

	CHECK_EQ(rte_malloc_get_socket_stats(q->node, &stats), 0);
	CHECK_EQ(stats.alloc_count, 0);
	kill(q->pid, SIGKILL);
	CHECK_EQ(waitpid(q->pid, NULL, 0), q->pid);
	close(q->qtest);
	close(q->net);
	CHECK_EQ(rte_malloc_heap_memory_remove(q->heap, q->memory + HEAP_AT, HEAP), 0);
	CHECK_EQ(rte_malloc_heap_destroy(q->heap), 0);
	munmap(q->memory, MEMORY);
	free(q->record);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void
qemu_send(struct qemu *q, const void *frame, size_t len)
{
	if (send(q->net, frame, len, 0) != (ssize_t)len)
		test_fail(__FILE__, __LINE__, "a frame cannot be sent: %s", strerror(errno));
}

size_t
qemu_receive(struct qemu *q, void *frame, size_t size)
{
	struct pollfd pfd = { .fd = q->net, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, PATIENCE_MS) <= 0)
		test_fail(__FILE__, __LINE__, "the device sends no frame");
	n = recv(q->net, frame, size, 0);
	CHECK(n > 0);
	return n;
}

/* Datagrams between sockets of one machine are there when the call that sends them returns. */
size_t
qemu_receive_now(struct qemu *q, void *frame, size_t size)
{
	const ssize_t n = recv(q->net, frame, size, MSG_DONTWAIT);

	CHECK(n > 0 || errno == EAGAIN);
	return n > 0 ? n : 0;
}

void
qemu_forget_record(struct qemu *q)
{
	q->nb_record = 0;
}

unsigned int
qemu_writes(const struct qemu *q, uint32_t offset, int64_t value)
{
	unsigned int n = 0;
	unsigned int i;

	for (i = 0; i < q->nb_record; i++) {
		const struct qemu_access *a = &q->record[i];

		n += a->region == VIRTIO_PCI_COMMON && a->write && a->offset == offset &&
		     (value < 0 || a->value == value);
	}
	return n;
}

/* What virtio 1.2 has to say of an access to the common configuration, in short. */
static const struct {
	uint32_t offset;
	const char *name;
	const char *section;
	const char *written;
	const char *read;
} text[] = {
	{ VIRTIO_PCI_DEVICE_FEATURE_SELECT, "device_feature_select", "4.1.4.3",
	  "which half of the features", "" },
	{ VIRTIO_PCI_DEVICE_FEATURE, "device_feature", "3.1.1", "",
	  "what the device offers; bit 40 is bit 8 of the upper half" },
	{ VIRTIO_PCI_DRIVER_FEATURE_SELECT, "driver_feature_select", "4.1.4.3",
	  "which half of the features", "" },
	{ VIRTIO_PCI_DRIVER_FEATURE, "driver_feature", "3.1.1", "what is taken of it", "" },
	{ VIRTIO_PCI_CONFIG_VECTOR, "config_msix_vector", "4.1.5.1.2",
	  "the configuration's vector", "the same, or the device has no resources for it" },
	{ VIRTIO_PCI_NUM_QUEUES, "num_queues", "4.1.4.3", "", "how many rings there are" },
	{ VIRTIO_PCI_DEVICE_STATUS, "device_status", "2.1, 3.1.1", "a step; 0: reset",
	  "0: the reset is over" },
	{ VIRTIO_PCI_CONFIG_GENERATION, "config_generation", "2.5.1", "",
	  "the same before and after, or all is read again" },
	{ VIRTIO_PCI_QUEUE_SELECT, "queue_select", "4.1.4.3",
	  "whose fields the next accesses are", "" },
	{ VIRTIO_PCI_QUEUE_SIZE, "queue_size", "4.1.5.1.3", "another than before, if one likes",
	  "the size in force; before it is written, the device's maximum" },
	{ VIRTIO_PCI_QUEUE_VECTOR, "queue_msix_vector", "4.1.5.1.2",
	  "its vector, which a reset has forgotten",
	  "the same, or the device has no resources for it" },
	{ VIRTIO_PCI_QUEUE_ENABLE, "queue_enable", "4.1.4.3.2",
	  "1, when all else is set; never 0", "1: in use; at the end of a reset 0, too" },
	{ VIRTIO_PCI_QUEUE_NOTIFY_OFF, "queue_notify_off", "4.1.4.4", "",
	  "where its doorbell is, in units of the multiplier" },
	{ VIRTIO_PCI_QUEUE_DESC, "queue_desc", "4.1.5.1.3", "address of the descriptors", "" },
	{ VIRTIO_PCI_QUEUE_DESC + 4, "queue_desc + 4", "4.1.3.1",
	  "a 64-bit field is two of 32", "" },
	{ VIRTIO_PCI_QUEUE_DRIVER, "queue_driver", "4.1.5.1.3", "address of the driver's area",
	  "" },
	{ VIRTIO_PCI_QUEUE_DRIVER + 4, "queue_driver + 4", "4.1.3.1", "", "" },
	{ VIRTIO_PCI_QUEUE_DEVICE, "queue_device", "4.1.5.1.3", "address of the device's area",
	  "" },
	{ VIRTIO_PCI_QUEUE_DEVICE + 4, "queue_device + 4", "4.1.3.1", "", "" },
	{ VIRTIO_PCI_QUEUE_RESET, "queue_reset", "2.6.1.1.2",
	  "1: reset this ring, and no other", "1: it goes on; 0: over, if it is disabled too" },
};

static void
print_access(const struct qemu_access *a, uint64_t from_us)
{
	static const char *const windows[VIRTIO_PCI_REGIONS] = {
		[VIRTIO_PCI_COMMON] = "common", [VIRTIO_PCI_NOTIFY] = "doorbell",
		[VIRTIO_PCI_ISR] = "isr", [VIRTIO_PCI_DEVICE] = "config",
	};
	const char *section = a->region == VIRTIO_PCI_NOTIFY ? "4.1.5.2" : "";
	const char *says = a->region == VIRTIO_PCI_NOTIFY ? "look at this ring" : "";
	char name[32];
	unsigned int t;

	snprintf(name, sizeof(name), "%s + %u", windows[a->region], a->offset);
	for (t = 0; t < RTE_DIM(text); t++) {
		if (a->region != VIRTIO_PCI_COMMON || text[t].offset != a->offset)
			continue;
		snprintf(name, sizeof(name), "%s", text[t].name);
		section = text[t].section;
		says = a->write ? text[t].written : text[t].read;
	}
	printf("# %6" PRIu64 " %-5s %-21s 0x%-8x %-10s %s\n", a->at_us - from_us,
	       a->write ? "write" : "read", name, a->value, section, says);
}

void
qemu_print_record(const struct qemu *q)
{
	unsigned int i;

	printf("# %6s %-5s %-21s %-10s %-10s\n", "us", "", "register", "value", "virtio 1.2");
	for (i = 0; i < q->nb_record; i++)
		print_access(&q->record[i], q->record[0].at_us);
}
