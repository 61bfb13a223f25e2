/* A server that says how it was called: each word of its argument vector, with a NUL after it. */
#include <stdio.h>

int main(int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        fputs(argv[i], stdout);
        putchar(0);
    }
    return 0;
}
