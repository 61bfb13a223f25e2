/* For LD_PRELOAD and LD_AUDIT: leaves a file that shows that it was loaded. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((constructor)) static void loaded(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/srv/outside/drop/loaded-%d", (int)getuid());
	close(open(path, O_WRONLY | O_CREAT, 0644));
}

unsigned int la_version(unsigned int version)
{
	return version;
}
