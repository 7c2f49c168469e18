/* upstream PORT: a stub resolver on 127.0.0.1, over UDP and TCP.  Every name has the addresses
 * 192.0.2.1 and 2001:db8::1 and the HTTPS record `1 . alpn=h2` for an hour; of any other type there
 * is nothing.  The question, its spelling, and whether it speaks EDNS come back as they came. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, OCTETS = 4096, HEADER = 12, CONNECTIONS = 256 };

/* The owner is the question's name (a pointer to octet 12); TTL 3600. */
static const uint8_t A[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 14, 16, 0, 4, 192, 0, 2, 1};
static const uint8_t AAAA[] = {0xc0, 12, 0, 28, 0, 1, 0, 0, 14, 16, 0, 16, 0x20, 1,
                               0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint8_t HTTPS[] = {0xc0, 12, 0, 65, 0, 1, 0, 0, 14, 16, 0,   10,
                                0,    1,  0, 0,  1, 0, 3, 2, 'h', '2'};
/* The root's SOA, with names of one octet; what is not there is not there for 300 s. */
static const uint8_t NOTHING[] = {0, 0,  6,  0, 1, 0, 0,   1,   44, 0, 22, 0,   0,  0, 0, 0, 1,
                                  0, 0, 14, 16, 0, 0, 3, 132, 0,  9, 58, 128, 0, 0, 1, 44};
static const uint8_t EDNS[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}; /* 1232 octets */

static size_t append(uint8_t *wire, size_t at, const uint8_t *part, size_t size) {
    memcpy(wire + at, part, size);
    return at + size;
}

static size_t append_record(uint8_t *wire, size_t at, int type) {
    switch (type) {
    case 1: return append(wire, at, A, sizeof A);
    case 28: return append(wire, at, AAAA, sizeof AAAA);
    case 65: return append(wire, at, HTTPS, sizeof HTTPS);
    default: return append(wire, at, NOTHING, sizeof NOTHING);
    }
}

/* Turn a question into its answer, in place; return the length, 0 for what is no question. */
static size_t answer(uint8_t *wire, size_t length) {
    size_t at = HEADER;
    while (at < length && wire[at] && wire[at] < 64) at += wire[at] + 1u;
    if (at + 5 > length || wire[at]) return 0;
    int type = wire[at + 1] << 8 | wire[at + 2];
    bool there = type == 1 || type == 28 || type == 65;
    at += 5;
    bool edns = wire[11] && at + 11 <= length && wire[at] == 0 && wire[at + 2] == 41;
    wire[2] = (uint8_t)(0x80 | (wire[2] & 1)); /* QR; RD as it came */
    wire[3] = 0x80;                            /* RA */
    memset(wire + 6, 0, 6);
    wire[7] = there;
    wire[9] = !there;
    wire[11] = edns;
    at = append_record(wire, at, type);
    return edns ? append(wire, at, EDNS, sizeof EDNS) : at;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static int open_socket(int kind, uint16_t port) {
    int fd = socket(AF_INET, kind, 0), size = 8 << 20, on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (kind == SOCK_STREAM) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (void *)&here, sizeof here)) die("upstream");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

/* Read so many octets; tell whether they came. */
static bool read_all(int fd, uint8_t *to, size_t many) {
    return recv(fd, to, many, MSG_WAITALL) == (ssize_t)many;
}

/* Answer one question of a connection; tell whether it goes on. */
static bool serve_one(int fd) {
    static uint8_t room[OCTETS + 2];
    if (!read_all(fd, room, 2)) return false;
    size_t length = (size_t)(room[0] << 8 | room[1]);
    if (length > OCTETS - 64 || !read_all(fd, room + 2, length)) return false;
    length = answer(room + 2, length);
    if (!length) return false;
    room[0] = (uint8_t)(length >> 8);
    room[1] = (uint8_t)length;
    return send(fd, room, length + 2, MSG_NOSIGNAL) == (ssize_t)length + 2;
}

/* Serve all connections in turn, each question of one after the other: hot sets are in caches, so
 * little comes here. */
static void *serve_tcp(void *listener) {
    static struct pollfd polled[CONNECTIONS];
    nfds_t used = 1;
    polled[0] = (struct pollfd){*(int *)listener, POLLIN, 0};
    for (;;) {
        poll(polled, used, -1);
        for (nfds_t i = used; i-- > 1;) {
            if (!polled[i].revents || serve_one(polled[i].fd)) continue;
            close(polled[i].fd);
            polled[i] = polled[--used];
        }
        if (!polled[0].revents) continue;
        int fd = accept(polled[0].fd, NULL, NULL);
        if (fd < 0) continue;
        if (used < CONNECTIONS)
            polled[used++] = (struct pollfd){fd, POLLIN, 0};
        else
            close(fd);
    }
    return NULL;
}

static void serve_udp(int fd) {
    static uint8_t wire[BATCH][OCTETS];
    static struct sockaddr_in peer[BATCH];
    static struct mmsghdr message[BATCH];
    static struct iovec part[BATCH];
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

int main(int argc, char **argv) {
    uint16_t port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 0);
    int udp = open_socket(SOCK_DGRAM, port), listener = open_socket(SOCK_STREAM, port);
    pthread_t thread;
    if (listen(listener, CONNECTIONS)) die("listen");
    if (pthread_create(&thread, NULL, serve_tcp, &listener)) die("thread");
    serve_udp(udp);
    return 0;
}
