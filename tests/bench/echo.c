/* echo PORT: send every datagram on 127.0.0.1 back with the bit that makes it an answer.  No DNS
 * server on this machine can be faster: what this one takes is the kernel's. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, OCTETS = 2048 };

int main(int argc, char **argv) {
    static uint8_t wire[BATCH][OCTETS];
    static struct sockaddr_in peer[BATCH];
    static struct mmsghdr message[BATCH];
    static struct iovec part[BATCH];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (void *)&here, sizeof here)) {
        perror("echo");
        return 2;
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            part[i] = (struct iovec){wire[i], OCTETS};
            message[i].msg_hdr = (struct msghdr){.msg_name = &peer[i],
                                                 .msg_namelen = sizeof peer[i],
                                                 .msg_iov = &part[i],
                                                 .msg_iovlen = 1};
        }
        int found = recvmmsg(fd, message, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < found; i++) {
            part[i].iov_len = message[i].msg_len;
            if (message[i].msg_len > 2) wire[i][2] |= 0x80;
        }
        for (int sent = 0; sent < found;) {
            int done = sendmmsg(fd, message + sent, (unsigned)(found - sent), 0);
            sent += done > 0 ? done : 1; /* one that cannot be sent does not hold up the others */
        }
    }
}
