/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <rte_bitops.h>
#include <rte_common.h>
#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "soak_common.h"

uint64_t
soak_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * UINT64_C(1000) + now.tv_nsec / 1000000;
}

void
soak_rest(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	nanosleep(&moment, NULL);
}

int
soak_parse_number(const char *option, const char *text, uint64_t min, uint64_t max,
		uint64_t *value)
{
	char *end;

	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno == 0 && end != text && *end == '\0' && text[0] >= '0' && text[0] <= '9' &&
			*value >= min && *value <= max)
		return 0;
	fprintf(stderr, "--%s %s: must be a number from %" PRIu64 " to %" PRIu64 "\n", option, text,
		min, max);
	return -EINVAL;
}

uint32_t
soak_simd_widths(uint16_t bits[3])
{
	uint32_t n = 0;

#ifdef RTE_ARCH_X86
	bits[n++] = RTE_VECT_SIMD_128;
	bits[n++] = RTE_VECT_SIMD_256;
	if (rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) > 0 &&
			rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) > 0)
		bits[n++] = RTE_VECT_SIMD_512;
#else
	bits[n++] = RTE_VECT_SIMD_DISABLED;
	bits[n++] = RTE_VECT_SIMD_128;
#endif
	return n;
}

uint16_t
soak_ring_size(struct random *random, uint16_t size_max, bool packed)
{
	const uint32_t doublings = rte_log2_u32(size_max / RING_SIZE_MIN);
	uint32_t size = RING_SIZE_MIN << random_below(random, doublings + 1);

	if (packed && size > RING_SIZE_MIN && random_one_in(random, 2))
		size -= size / 4;
	return size;
}
