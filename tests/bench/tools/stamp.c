/*
 * A server whose first instructions read the clock. No libc and no dynamic
 * loader, so nothing of its own is in the measured time. It writes
 * CLOCK_MONOTONIC in nanoseconds, eight bytes of native order, and ends.
 */
#include "bare.h"

#include <stdint.h>

struct time {
	int64_t seconds, nanoseconds;
};

_Noreturn void _start(void)
{
	struct time time;
	long status = call(SYS_clock_gettime, 1, (long)&time, 0);
	uint64_t stamp = (uint64_t)time.seconds * 1000000000u + (uint64_t)time.nanoseconds;
	if (!status && call(SYS_write, 1, (long)&stamp, sizeof stamp) != sizeof stamp)
		status = 1;
	call(SYS_exit_group, status != 0, 0, 0);
	__builtin_unreachable();
}
