/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

#ifndef BREACH_H
#define BREACH_H

/**
 * @file
 * The text by which a fake device says that the driver has broken a rule: that of the first breach,
 * which may be the cause of the others.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/** Writes the text, unless there is one. `breach` has `size` bytes, and is empty at first. */
static inline void __attribute__((format(printf, 3, 4)))
breach_note(char *breach, size_t size, const char *format, ...)
{
	va_list ap;

	if (breach[0] != '\0')
		return;
	va_start(ap, format);
	vsnprintf(breach, size, format, ap);
	va_end(ap);
}

#endif /* BREACH_H */
