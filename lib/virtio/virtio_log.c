/* SPDX-License-Identifier: BSD-3-Clause */

#include "virtio_log.h"

RTE_LOG_REGISTER(virtio_logtype_init, pmd.net.virtio.init, NOTICE)
RTE_LOG_REGISTER(virtio_logtype_driver, pmd.net.virtio.driver, NOTICE)
