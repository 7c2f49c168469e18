/* upstream PORT: a stub resolver on 127.0.0.1.  Every name has the address 192.0.2.1 for an hour;
 * of any other type there is nothing.  The question, its spelling, and whether it speaks EDNS come
 * back as they came. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, OCTETS = 4096, HEADER = 12 };

/* The owner is the question's name (a pointer to octet 12); TTL 3600. */
static const uint8_t ADDRESS[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 192, 0, 2, 1};
/* The root's SOA, with names of one octet; what is not there is not there for 300 s. */
static const uint8_t NOTHING[] = {0, 0,  6,  0, 1, 0, 0,   1,   44, 0, 22, 0,   0,  0, 0, 0, 1,
                                  0, 0, 14, 16, 0, 0, 3, 132, 0,  9, 58, 128, 0, 0, 1, 44};
static const uint8_t EDNS[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}; /* 1232 octets */

static size_t append(uint8_t *wire, size_t at, const uint8_t *part, size_t size) {
    memcpy(wire + at, part, size);
    return at + size;
}

/* Turn a question into its answer, in place; return the length, 0 for what is no question. */
static size_t answer(uint8_t *wire, size_t length) {
    size_t at = HEADER;
    while (at < length && wire[at] && wire[at] < 64) at += wire[at] + 1u;
    if (at + 5 > length || wire[at]) return 0;
    bool address = wire[at + 1] == 0 && wire[at + 2] == 1;
    at += 5;
    bool edns = wire[11] && at + 11 <= length && wire[at] == 0 && wire[at + 2] == 41;
    wire[2] = (uint8_t)(0x80 | (wire[2] & 1)); /* QR; RD as it came */
    wire[3] = 0x80;                            /* RA */
    memset(wire + 6, 0, 6);
    wire[7] = address;
    wire[9] = !address;
    wire[11] = edns;
    at = address ? append(wire, at, ADDRESS, sizeof ADDRESS) : append(wire, at, NOTHING, sizeof NOTHING);
    return edns ? append(wire, at, EDNS, sizeof EDNS) : at;
}

int main(int argc, char **argv) {
    static uint8_t wire[BATCH][OCTETS];
    static struct sockaddr_in peer[BATCH];
    static struct mmsghdr message[BATCH];
    static struct iovec part[BATCH];
    int fd = socket(AF_INET, SOCK_DGRAM, 0), size = 8 << 20;
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0)),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (void *)&here, sizeof here)) {
        perror("upstream");
        return 2;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            part[i] = (struct iovec){wire[i], OCTETS - 64};
            message[i].msg_hdr = (struct msghdr){.msg_name = &peer[i],
                                                 .msg_namelen = sizeof peer[i],
                                                 .msg_iov = &part[i],
                                                 .msg_iovlen = 1};
        }
        int found = recvmmsg(fd, message, BATCH, MSG_WAITFORONE, NULL), kept = 0;
        for (int i = 0; i < found; i++) {
            size_t length = answer(wire[i], message[i].msg_len);
            if (!length) continue;
            part[i].iov_len = length;
            message[kept++].msg_hdr = message[i].msg_hdr;
        }
        for (int sent = 0; sent < kept;) {
            int done = sendmmsg(fd, message + sent, (unsigned)(kept - sent), 0);
            sent += done > 0 ? done : 1; /* one that cannot be sent does not hold up the others */
        }
    }
}
