/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef FAKE_VHOST_VDPA_H
#define FAKE_VHOST_VDPA_H

/**
 * @file
 * A vhost-vDPA device, whose system calls the test carries out. Each is recorded as a word. The
 * case ends if the driver does what a kernel accepts but what harms a running ring: ENABLE 0, or
 * another size, while the device is not suspended; or a ring in memory that is not mapped. Rings
 * are not served.
 *
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_VDPA_RINGS 6
#define FAKE_VDPA_PATH "/dev/vhost-vdpa-7"
#define FAKE_VDPA_MAPS 4096

/** Requests that a case can let fail. */
enum fake_vdpa_request {
	FAKE_VDPA_NONE,
	FAKE_VDPA_OPEN,
	FAKE_VDPA_ID,       /**< VHOST_VDPA_GET_DEVICE_ID */
	FAKE_VDPA_COUNT,    /**< VHOST_VDPA_GET_VQS_COUNT */
	FAKE_VDPA_STATUS,   /**< VHOST_VDPA_SET_STATUS */
	FAKE_VDPA_SUSPEND,  /**< VHOST_VDPA_SUSPEND */
	FAKE_VDPA_BASE,     /**< VHOST_SET_VRING_BASE */
	FAKE_VDPA_ADDR,     /**< VHOST_SET_VRING_ADDR */
	FAKE_VDPA_ENABLE,   /**< VHOST_VDPA_SET_VRING_ENABLE */
	FAKE_VDPA_RESUME,   /**< VHOST_VDPA_RESUME */
	FAKE_VDPA_MAP,      /**< VHOST_IOTLB_UPDATE */
	FAKE_VDPA_UNMAP,    /**< VHOST_IOTLB_INVALIDATE */
	FAKE_VDPA_REQUESTS
};

struct fake_vdpa_ring {
	uint16_t size;
	uint32_t base;
	uint64_t desc;   /**< as the driver has set it */
	uint64_t in_use; /**< as taken when the ring was enabled; 0: not enabled */
	int kick_fd, call_fd;
};

struct fake_vhost_vdpa {
	uint32_t device_id;
	uint64_t features;         /**< of virtio, offered */
	uint64_t backend_features; /**< offered */
	uint32_t nb_rings;
	uint64_t first, last;      /**< IOVA range */
	uint8_t config[20];
	unsigned int fail_call;    /**< this call, counted from 1, fails; 0: none */
	unsigned int calls;        /**< so far */
	unsigned int fail_map;     /**< this mapping, counted from 1, fails; 0: none */
	unsigned int maps;         /**< so far */
	int fail_error;            /**< by this error */
	enum fake_vdpa_request fail; /**< these fail */
	enum fake_vdpa_request fail_too;
	bool late_reset;           /**< the status is 0 when it is read the second time */
	unsigned int status_reads; /**< so far */

	int fd;
	uint8_t status;
	bool suspended;
	uint64_t acked, backend_acked;
	int config_fd;
	struct fake_vdpa_ring ring[FAKE_VDPA_RINGS];
	struct {
		uint64_t addr, len;
	} map[FAKE_VDPA_MAPS];
	unsigned int nb_maps;
	bool batch;
	char record[4096];
};

/** Puts itself in place of the kernel, as a device of two pairs with SUSPEND and RESUME. */
void fake_vdpa_begin(struct fake_vhost_vdpa *vdpa);
/** The kernel's own calls again. */
void fake_vdpa_end(void);

/** Compares what was recorded since the last time, and forgets it. */
void fake_vdpa_check(struct fake_vhost_vdpa *vdpa, const char *record);

/** Whether all of some memory is mapped. */
bool fake_vdpa_has(const struct fake_vhost_vdpa *vdpa, uint64_t addr, uint64_t len);

/** Notifications of a ring since the last call. */
uint64_t fake_vdpa_kicks(struct fake_vhost_vdpa *vdpa, unsigned int index);

/** The configuration changes. */
void fake_vdpa_set_config(struct fake_vhost_vdpa *vdpa, unsigned int offset, uint16_t value);

#endif /* FAKE_VHOST_VDPA_H */
