/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef VIRTIO_FEATURES_H
#define VIRTIO_FEATURES_H

/** Name of a feature bit of a network device, without prefix; NULL: one that has no name here. */
const char *virtio_feature_name(unsigned int bit);

#endif /* VIRTIO_FEATURES_H */
