/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * The primary keeps a pidfd of each secondary process. EAL receives it without FD_CLOEXEC; a
 * program that the application executes must not inherit it.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <rte_common.h>

#include "test.h"
#include "virtio_process.h"

static void
enrolled_descriptor_is_closed_on_exec(void)
{
	const unsigned int fds = test_open_fds();
	const pid_t child = fork();
	uint32_t number;
	int pidfd;

	CHECK(child >= 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	pidfd = syscall(SYS_pidfd_open, child, 0);
	CHECK(pidfd >= 0);
	/* As recvmsg(2) gives it without MSG_CMSG_CLOEXEC. */
	CHECK_EQ(fcntl(pidfd, F_SETFD, 0), 0);
	number = virtio_process_enrol(pidfd);
	CHECK(number > VIRTIO_PROCESS_PRIMARY);
	CHECK_EQ(fcntl(pidfd, F_GETFD), FD_CLOEXEC);
	CHECK(!virtio_process_has_ended(number));
	CHECK_EQ(kill(child, SIGKILL), 0);
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK(virtio_process_has_ended(number));
	CHECK_EQ(test_open_fds(), fds);
}

TEST_MAIN(
	TEST(enrolled_descriptor_is_closed_on_exec),
)
