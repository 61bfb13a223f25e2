/* Starts a program with no argument at all, not even its name. */
#include <unistd.h>

int main(int argc, char **argv)
{
	char *nothing[] = { NULL };

	if (argc == 2)
		execv(argv[1], nothing);
	return 100;
}
