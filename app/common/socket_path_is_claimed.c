/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The authors of dpdk-virtio
 */

/*
 * A path for a new socket: a socket that nobody uses is removed, and nothing else is.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_path.h"

/* The first thing that is wrong ends the test; its folder is left for a look. */
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			printf("FAILED %s: line %d: %s\n", __func__, __LINE__, #condition); \
			exit(EXIT_FAILURE); \
		} \
	} while (0)

static char folder[] = "/tmp/socket_path_XXXXXX";
static char path[sizeof(folder) + 16];

static bool
is_there(void)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static int
bind_socket(int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	CHECK(fd >= 0);
	CHECK(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void
remove_socket(int fd)
{
	close(fd);
	CHECK(unlink(path) == 0);
}

static void
nothing_is_there(void)
{
	CHECK(socket_path_claim(path, "test") == 0);
	CHECK(!is_there());
}

static void
a_file_is_left_alone(void)
{
	FILE *file = fopen(path, "w");
	struct stat st;

	CHECK(file != NULL && fputs("text", file) >= 0 && fclose(file) == 0);
	CHECK(socket_path_claim(path, "test") == -EEXIST);
	CHECK(stat(path, &st) == 0 && st.st_size == 4);
	CHECK(unlink(path) == 0);
}

static void
a_folder_is_left_alone(void)
{
	CHECK(mkdir(path, 0700) == 0);
	CHECK(socket_path_claim(path, "test") == -EEXIST);
	CHECK(rmdir(path) == 0);
}

static void
a_symbolic_link_is_left_alone(void)
{
	CHECK(symlink("/nonexistent", path) == 0);
	CHECK(socket_path_claim(path, "test") == -EEXIST);
	CHECK(is_there());
	CHECK(unlink(path) == 0);
}

/* Its owner is not disturbed: no connection waits to be accepted. */
static void
a_listening_socket_is_left_alone(void)
{
	const int fd = bind_socket(SOCK_STREAM | SOCK_NONBLOCK);

	CHECK(listen(fd, 1) == 0);
	CHECK(socket_path_claim(path, "test") == -EADDRINUSE);
	CHECK(is_there());
	CHECK(accept(fd, NULL, NULL) == -1 && errno == EAGAIN);
	remove_socket(fd);
}

/* Between bind() and listen() its owner is not to lose it either. */
static void
a_bound_socket_is_left_alone(void)
{
	const int fd = bind_socket(SOCK_STREAM);

	CHECK(socket_path_claim(path, "test") == -EADDRINUSE);
	CHECK(is_there());
	remove_socket(fd);
}

static void
a_datagram_socket_is_left_alone(void)
{
	const int fd = bind_socket(SOCK_DGRAM);

	CHECK(socket_path_claim(path, "test") == -EADDRINUSE);
	CHECK(is_there());
	remove_socket(fd);
}

static void
a_socket_without_an_owner_is_removed(void)
{
	close(bind_socket(SOCK_STREAM));
	CHECK(is_there());
	CHECK(socket_path_claim(path, "test") == 0);
	CHECK(!is_there());
}

/* What a server does at its end to its own socket, and to one that has taken its place. */
static void
only_the_noted_socket_is_released(void)
{
	struct socket_path_file ours, others;
	int first = bind_socket(SOCK_STREAM), second;

	socket_path_note(path, &ours);
	socket_path_release(path, &ours, unlink);
	CHECK(!is_there());
	second = bind_socket(SOCK_STREAM);
	socket_path_note(path, &others);
	CHECK(others.inode != ours.inode);
	socket_path_release(path, &ours, unlink);
	CHECK(is_there());
	socket_path_note(path, &ours);
	CHECK(others.inode == ours.inode);
	close(first);
	remove_socket(second);
	/* Nothing to keep. */
	socket_path_release(path, &ours, unlink);
	CHECK(!is_there());
}

static void
a_path_without_a_folder_is_no_obstacle(void)
{
	CHECK(socket_path_claim("/nonexistent/socket", "test") == 0);
}

static void
a_path_through_a_file_is_refused(void)
{
	CHECK(socket_path_claim("/proc/self/status/socket", "test") == -ENOTDIR);
}

static void
a_long_path_is_refused(void)
{
	char text[200] = { 0 };

	memset(text, 'x', sizeof(text) - 1);
	CHECK(socket_path_claim(text, "test") == -ENAMETOOLONG);
}

#define CASE(name) { #name, name }

int
main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} cases[] = {
		CASE(nothing_is_there),
		CASE(a_file_is_left_alone),
		CASE(a_folder_is_left_alone),
		CASE(a_symbolic_link_is_left_alone),
		CASE(a_listening_socket_is_left_alone),
		CASE(a_bound_socket_is_left_alone),
		CASE(a_datagram_socket_is_left_alone),
		CASE(a_socket_without_an_owner_is_removed),
		CASE(only_the_noted_socket_is_released),
		CASE(a_path_without_a_folder_is_no_obstacle),
		CASE(a_path_through_a_file_is_refused),
		CASE(a_long_path_is_refused),
	};
	unsigned int i;

	CHECK(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/socket", folder);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		cases[i].run();
		printf("ok %s\n", cases[i].name);
	}
	CHECK(rmdir(folder) == 0);
	printf("%u passed, 0 failed\n", i);
	return EXIT_SUCCESS;
}
