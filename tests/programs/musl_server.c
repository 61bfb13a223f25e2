/* A server of sftp that knows its first message alone; its answer comes from a library (compiled with -DANSWER). */
#include <string.h>
#include <unistd.h>

#ifdef ANSWER
const unsigned char answer[9] = {0, 0, 0, 5, 2, 0, 0, 0, 3};
#else
extern const unsigned char answer[9];

int main(void)
{
    unsigned char asked[9];
    size_t count = 0;
    ssize_t more;
    while (count < sizeof asked && (more = read(0, asked + count, sizeof asked - count)) > 0)
        count += more;
    if (count != sizeof asked || asked[4] != 1)
        return 1;
    return write(1, answer, sizeof answer) != sizeof answer;
}
#endif
