/* upstream PORT: a stub resolver on 127.0.0.1, over UDP and TCP (stub_answer.h has its answers). */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stub_answer.h"

enum { BATCH = 64, CONNECTIONS = 256 };

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
    if (length > OCTETS - ADDED || !read_all(fd, room + 2, length)) return false;
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
            part[i] = (struct iovec){wire[i], OCTETS - ADDED};
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
