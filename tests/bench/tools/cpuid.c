/*
 * Prints what one CPUID instruction takes, in microseconds: the median of
 * 1,001. glibc's start-up executes dozens of them, and in a virtual machine
 * each is a trip to the hypervisor. Prints 0 on machines without it.
 */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define TIMES 1001

static int by_size(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
	return left < right ? -1 : left > right;
}

int main(void)
{
	static uint64_t took[TIMES];
	for (int i = 0; i < TIMES; i++) {
#if defined(__x86_64__)
		unsigned a, b, c, d;
		uint64_t begin = now();
		__cpuid_count(4, 0, a, b, c, d);
		took[i] = now() - begin;
#endif
	}
	qsort(took, TIMES, sizeof *took, by_size);
	printf("%.1f\n", (double)took[TIMES / 2] / 1000);
	return 0;
}
