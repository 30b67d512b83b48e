/* lkbuild-launcher: starts commands in sandboxes, by the options of bubblewrap that lkbuild uses for actions.
 *
 * The same namespaces, mounts, maps and capabilities, in a third of the processor time, and nothing else: tests/conformance/test_launcher.py
 * compares what a command sees in both. It needs no privilege, and no set-uid bit may ever be given to it. Where it can't be compiled, or
 * this kernel is too old for it (5.12), bubblewrap is taken.
 *
 *	lkbuild-launcher --seccomp FD OPTIONS -- COMMAND     one command, with these standard streams; exits as it does
 *	lkbuild-launcher --seccomp FD --serve FD             one after the other, as they are asked for on a socket; launched.py is the other end
 *
 * What is read from the first FD says which calls are refused (seccomp.py). It holds for this process, and so for every command.
 * Each command's sandbox is made by a process of its own (init.c), and ends with it; of its namespaces only the network can have been another
 * command's (network.c). When the other end of the socket is closed, the command is ended, and so is this. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "kernel.h"
#include "launcher.h"

/* A request is one message of at most so many bytes, and has at most so many words. */
enum { MAX_REQUEST = 16 << 20 };

struct request { /* launched.py: struct.pack("=II") */
	uint32_t bytes, words;
};
struct reply { /* launched.py: struct.unpack("=ii") */
	int32_t started, code;
};

static void say(const char *what, const char *name, const char *why)
{
	fprintf(stderr, "lkbuild-launcher: %s %s%s%s\n", what, name, why ? ": " : "", why ? why : "");
}

void fail(const char *what, const char *name)
{
	say(what, name, strerror(errno));
	_exit(1);
}

void refuse(const char *what, const char *name)
{
	say(what, name, NULL);
	_exit(1);
}

/* The init of a new sandbox, in its namespaces. `process`: a descriptor of it (pidfd_open(2)). */
static pid_t start(int argc, char **argv, const int result[2], int log, int *process)
{
	const uint64_t network = network_kept() ? 0 : CLONE_NEWNET;
	struct k_clone_args how = {
		.flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_PIDFD | network,
		.pidfd = (uint64_t)(uintptr_t)process,
		.exit_signal = SIGCHLD,
	};
	unsigned user = getuid(), group = getgid();
	pid_t child = (pid_t)syscall(NR_clone3, &how, sizeof how);
	if (child)
		return child;
	if (log >= 0 && (dup2(log, 1) < 0 || dup2(log, 2) < 0))
		fail("can't write to", "the log");
	/* Nothing of this process but the end that it reads is open any more in the init: 3 is that. */
	if (dup2(result[1], 3) < 0 || syscall(NR_close_range, 4, ~0U, 0) || fcntl(3, F_SETFD, FD_CLOEXEC))
		fail("can't close", "what it has open");
	init(argc, argv, 3, user, group);
}

/* After its end: how that was. */
static struct reply ending(pid_t child, int result)
{
	struct reply reply = {.started = 1};
	int status = 0;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("can't wait for", "the init");
	if (read(result, &reply.code, sizeof reply.code) != sizeof reply.code)
		reply = (struct reply){.code = code_of(status)};
	return reply;
}

static bool read_all(int from, void *to, size_t size)
{
	for (char *at = to; size;) {
		ssize_t count = read(from, at, size);
		if (count <= 0 && !(count < 0 && errno == EINTR))
			return false;
		if (count > 0)
			at += count, size -= (size_t)count;
	}
	return true;
}

/* The head of a request and the log that comes with it; false at the end of the connection. */
static bool receive(int from, struct request *request, int *log)
{
	union {
		char buffer[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec head = {.iov_base = request, .iov_len = sizeof *request};
	struct msghdr message = {.msg_iov = &head, .msg_iovlen = 1, .msg_control = control.buffer, .msg_controllen = sizeof control.buffer};
	ssize_t count;
	do
		count = recvmsg(from, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	while (count < 0 && errno == EINTR);
	struct cmsghdr *first = CMSG_FIRSTHDR(&message);
	if (count != sizeof *request || !first || first->cmsg_type != SCM_RIGHTS || first->cmsg_len != CMSG_LEN(sizeof(int)))
		return false;
	memcpy(log, CMSG_DATA(first), sizeof(int));
	return true;
}

/* Until it has ended. A byte 'T' asks the command to end, 'K' ends everything, and so does the end of the connection. */
static void watch(int connection, pid_t child, int process)
{
	struct pollfd handles[] = {{.fd = process, .events = POLLIN}, {.fd = connection, .events = POLLIN}};
	while (!handles[0].revents) {
		if (poll(handles, 2, -1) < 0 || !handles[1].revents || handles[0].revents)
			continue;
		char letter;
		if (!read_all(connection, &letter, 1)) {
			kill(child, SIGKILL);
			handles[1].fd = -1;
		} else {
			kill(child, letter == 'T' ? SIGTERM : SIGKILL);
		}
	}
}

/* The ends of a pipe for an init's answer. Each has its own: a command can write to what its init has open, by /proc/1/fd. */
static void make_pipe(int result[2])
{
	if (pipe2(result, O_CLOEXEC | O_NONBLOCK))
		fail("can't make", "a pipe");
}

static void serve_one(int connection, struct request request, int log)
{
	int result[2];
	if (request.bytes > MAX_REQUEST || request.words > request.bytes)
		refuse("too large", "a request");
	char *text = malloc(request.bytes + 1), **words = calloc(request.words + 2, sizeof *words), *at = text;
	if (!text || !words || !read_all(connection, text, request.bytes))
		_exit(0);
	text[request.bytes] = '\0';
	words[0] = (char *)"lkbuild-launcher";
	for (uint32_t i = 0; i < request.words; i++, at += strlen(at) + 1) {
		if (at >= text + request.bytes)
			refuse("fewer words than it says in", "a request");
		words[i + 1] = at;
	}
	int process = -1;
	make_pipe(result);
	pid_t child = start((int)request.words + 1, words, result, log, &process);
	struct reply reply = {.code = 1};
	if (child < 0) {
		dprintf(log, "lkbuild-launcher: can't make namespaces: %s\n", strerror(errno));
	} else {
		watch(connection, child, process);
		close(process);
		reply = ending(child, result[0]);
	}
	close(log);
	close(result[0]);
	close(result[1]);
	free(words);
	explicit_bzero(text, request.bytes); /* the next init has a copy of this memory */
	free(text);
	if (send(connection, &reply, sizeof reply, MSG_NOSIGNAL) != sizeof reply)
		_exit(0);
	renew_network(); /* while the other end looks at what was made */
}

int main(int argc, char **argv)
{
	if (getuid() != geteuid() || getgid() != getegid())
		refuse("must not be", "set-uid");
	if (argc < 3 || strcmp(argv[1], "--seccomp"))
		refuse("the first option is not", "--seccomp");
	int refused = atoi(argv[2]);
	argc -= 2, argv += 2;
	/* A terminal's signals are for lkbuild, which says here what is to end. An init has SIGTERM again once it can pass it on. */
	sigset_t blocked;
	sigemptyset(&blocked);
	for (const int *signal = (const int[]){SIGINT, SIGQUIT, SIGHUP, SIGTERM, 0}; argc == 3 && *signal; signal++)
		sigaddset(&blocked, *signal);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	signal(SIGCHLD, SIG_DFL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		fail("can't set", "no_new_privs");
	if (syscall(NR_close_range, 3, ~0U, K_CLOSE_RANGE_CLOEXEC))
		fail("can't keep for itself", "what is open");
	refuse_calls(refused);
	if (argc == 3 && !strcmp(argv[1], "--serve")) {
		int connection = atoi(argv[2]), log;
		keep_network();
		if (send(connection, "", 1, MSG_NOSIGNAL) != 1) /* that it serves; launched.py waits for it */
			return 0;
		for (struct request request; receive(connection, &request, &log);)
			serve_one(connection, request, log);
		return 0;
	}
	int process, result[2];
	make_pipe(result);
	pid_t child = start(argc, argv, result, -1, &process);
	if (child < 0)
		fail("can't make", "namespaces");
	return ending(child, result[0]).code;
}
