/* echo PORT: send every datagram on 127.0.0.1, and on ::1 if there is one, back with the bit that
 * makes it an answer.  No DNS server on this machine can be faster: what this one takes is the
 * kernel's. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BATCH = 64, OCTETS = 2048 };

struct room {
    int fd;
    uint8_t wire[BATCH][OCTETS];
    struct sockaddr_in6 peer[BATCH];
    struct mmsghdr message[BATCH];
    struct iovec part[BATCH];
};

static void *serve(void *given) {
    struct room *room = given;
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            room->part[i] = (struct iovec){room->wire[i], OCTETS};
            room->message[i].msg_hdr = (struct msghdr){.msg_name = &room->peer[i],
                                                       .msg_namelen = sizeof room->peer[i],
                                                       .msg_iov = &room->part[i],
                                                       .msg_iovlen = 1};
        }
        int found = recvmmsg(room->fd, room->message, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < found; i++) {
            room->part[i].iov_len = room->message[i].msg_len;
            if (room->message[i].msg_len > 2) room->wire[i][2] |= 0x80;
        }
        for (int sent = 0; sent < found;) {
            int done = sendmmsg(room->fd, room->message + sent, (unsigned)(found - sent), 0);
            sent += done > 0 ? done : 1; /* one that cannot be sent does not hold up the others */
        }
    }
    return NULL;
}

/* Return a socket on an address, -1 where there is no such address. */
static int open_socket(const struct sockaddr *here, socklen_t length) {
    int fd = socket(here->sa_family, SOCK_DGRAM, 0);
    return fd >= 0 && !bind(fd, here, length) ? fd : -1;
}

int main(int argc, char **argv) {
    static struct room four, six;
    uint16_t port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0));
    struct sockaddr_in here = {
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 there = {
        .sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    pthread_t thread;
    four.fd = open_socket((void *)&here, sizeof here);
    six.fd = open_socket((void *)&there, sizeof there);
    if (four.fd < 0) {
        perror("echo");
        return 2;
    }
    if (six.fd >= 0 && pthread_create(&thread, NULL, serve, &six)) {
        perror("thread");
        return 2;
    }
    serve(&four);
    return 0;
}
