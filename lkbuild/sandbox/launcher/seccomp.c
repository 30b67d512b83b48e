/* The calls that no command makes. Which those are is not known here: seccomp.py writes the program, for bubblewrap as well. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include "kernel.h"
#include "launcher.h"

/* Once, by what serves: what it starts has it from there, and to install it for each command takes a tenth of a millisecond. */
void refuse_calls(int file)
{
	static struct sock_filter text[BPF_MAXINSNS];
	size_t size = 0;
	for (ssize_t count; size < sizeof text && (count = read(file, (char *)text + size, sizeof text - size)); size += (size_t)count)
		if (count < 0)
			fail("can't read", "the program of --seccomp");
	if (!size || size % sizeof *text)
		refuse("not a program", "--seccomp");
	close(file);
	struct sock_fprog program = {.len = (unsigned short)(size / sizeof *text), .filter = text};
	/* No more than what is refused: a processor's speculation stays as it is, which would slow all down on kernels before 5.16. */
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program))
		fail("can't refuse calls by", "--seccomp");
}
