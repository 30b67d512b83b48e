/* Networks with nothing but lo: one of a command's own, or one that a server keeps for one command after the other.
 *
 * To make one and to end it is two fifths of a start, and most builds never open a socket. So a server has one, below a user namespace of its own
 * in which no command has a right, and gives it to the next command where it is as on its first day: `as_new` says how that is found
 * out. Where it is not, the server makes itself another. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kernel.h"
#include "launcher.h"

/* Every packet, error and refusal is counted in one of these, and a socket with a name in the last; what connections leave behind for
 * others (TIME_WAIT, metrics of a peer, fragments) takes packets. Each is below 8 KiB where nothing was done. */
static const char *const counters[] = {"dev", "snmp", "snmp6", "netstat", "unix"};
enum { COUNTERS = sizeof counters / sizeof *counters, ROOM = 16 << 10 };

static char first_day[COUNTERS][ROOM];
static int files[COUNTERS];
static bool kept;

/* The kernel gives lo its address when it comes up (devinet.c). */
void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo"};
	int handle = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (handle < 0 || ioctl(handle, SIOCGIFFLAGS, &request))
		fail("can't find", "lo");
	request.ifr_flags |= IFF_UP;
	if (ioctl(handle, SIOCSIFFLAGS, &request))
		fail("can't bring up", "lo");
	close(handle);
}

/* The text of one of `counters` at this moment. False where it can't be read, or is too long to compare. */
static bool look(int counter, char text[ROOM])
{
	ssize_t count, length = 0;
	while ((count = pread(files[counter], text + length, (size_t)(ROOM - length), length)) > 0)
		length += count;
	if (count < 0 || length == ROOM)
		return false;
	memset(text + length, 0, (size_t)(ROOM - length));
	return true;
}

/* Notes the first day of this process's network. A file that was opened tells of the network of that time (proc_net(5)), so they stay open. */
static void note(void)
{
	kept = true;
	for (int i = 0; i < COUNTERS; i++) {
		char path[64];
		snprintf(path, sizeof path, "/proc/self/net/%s", counters[i]);
		if (files[i] > 0)
			close(files[i]);
		files[i] = open(path, O_RDONLY | O_CLOEXEC);
		bool absent = files[i] < 0 && errno == ENOENT; /* a kernel without IPv6 */
		kept &= absent || look(i, first_day[i]);
	}
	for (int i = 0; !kept && i < COUNTERS; i++)
		if (files[i] > 0) {
			close(files[i]);
			files[i] = -1;
		}
}

static bool as_new(void)
{
	static char text[ROOM];
	for (int i = 0; i < COUNTERS; i++)
		if (files[i] >= 0 && (!look(i, text) || memcmp(text, first_day[i], ROOM)))
			return false;
	return true;
}

bool network_kept(void)
{
	return kept;
}

void keep_network(void)
{
	unsigned user = getuid(), group = getgid();
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET))
		return; /* each command makes its own then, and says what is wrong */
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		fail("can't open", "/proc");
	write_file(proc, "self/setgroups", "deny");
	map(proc, user, user, group, group);
	close(proc);
	loopback_up();
	note();
}

void renew_network(void)
{
	if (kept && !as_new()) {
		if (unshare(CLONE_NEWNET))
			fail("can't make", "a network");
		loopback_up();
		note();
	}
}
