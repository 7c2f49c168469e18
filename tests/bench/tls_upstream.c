/* tls_upstream PORT CERTIFICATE: a stub resolver on 127.0.0.1, over TLS (RFC 7858).
 *
 * CERTIFICATE: a PEM file with the key in it.  stub_answer.h has the answers.  All questions of a
 * connection that came in one turn are answered by one write, so that what is measured is who asks:
 * both share a machine, and a server made for many clients takes more of it than it leaves. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stub_answer.h"

enum { CONNECTIONS = 64, ROOM = 1 << 20, SIZE = 2 };

/* One connection.  unread: octets of half a message. */
struct client {
    SSL *tls;
    size_t unread;
    uint8_t incoming[ROOM];
};

static void die(const char *what) {
    perror(what);
    exit(2);
}

static SSL_CTX *context(const char *certificate) {
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (!made || SSL_CTX_use_certificate_chain_file(made, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(made, certificate, SSL_FILETYPE_PEM) != 1)
        die(certificate);
    return made;
}

static int listening(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET,
                               .sin_port = htons(port),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (void *)&here, sizeof here) || listen(fd, CONNECTIONS)) die("listen");
    return fd;
}

/* Answer the whole messages that came; keep the rest.  False for what is no question. */
static bool answer_all(struct client *client) {
    static uint8_t outgoing[4 * ROOM]; /* an answer is at most so much longer */
    size_t at = 0, filled = 0;
    while (client->unread - at >= SIZE) {
        const uint8_t *from = client->incoming + at;
        size_t length = (size_t)(from[0] << 8 | from[1]);
        if (length > OCTETS - ADDED) return false;
        if (client->unread - at < SIZE + length) break;
        uint8_t *to = outgoing + filled;
        memcpy(to + SIZE, from + SIZE, length);
        at += SIZE + length;
        length = answer(to + SIZE, length);
        if (!length) return false;
        to[0] = (uint8_t)(length >> 8);
        to[1] = (uint8_t)length;
        filled += SIZE + length;
    }
    memmove(client->incoming, client->incoming + at, client->unread -= at);
    return !filled || SSL_write(client->tls, outgoing, (int)filled) == (int)filled;
}

/* Read what came on a connection, and answer it; tell whether it goes on. */
static bool serve(struct client *client) {
    do {
        int room = (int)(ROOM - client->unread);
        int came = room ? SSL_read(client->tls, client->incoming + client->unread, room) : 0;
        if (came <= 0) return false;
        client->unread += (size_t)came;
    } while (SSL_pending(client->tls));
    return answer_all(client);
}

static struct client *greet(SSL_CTX *how, int fd) {
    struct client *client = calloc(1, sizeof *client);
    if (!client || !(client->tls = SSL_new(how))) die("memory");
    SSL_set_fd(client->tls, fd);
    if (SSL_accept(client->tls) == 1) return client;
    SSL_free(client->tls);
    free(client);
    return NULL;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fputs("tls_upstream PORT CERTIFICATE\n", stderr);
        return 2;
    }
    static struct pollfd polled[CONNECTIONS];
    static struct client *clients[CONNECTIONS];
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX *how = context(argv[2]);
    nfds_t used = 1;
    polled[0] = (struct pollfd){listening((uint16_t)atoi(argv[1])), POLLIN, 0};
    for (;;) {
        poll(polled, used, -1);
        for (nfds_t i = used; i-- > 1;) {
            if (!polled[i].revents || serve(clients[i])) continue;
            SSL_free(clients[i]->tls);
            free(clients[i]);
            close(polled[i].fd);
            clients[i] = clients[--used];
            polled[i] = polled[used];
        }
        if (!polled[0].revents) continue;
        int fd = accept(polled[0].fd, NULL, NULL);
        if (fd < 0) continue;
        struct client *client = used < CONNECTIONS ? greet(how, fd) : NULL;
        if (!client) {
            close(fd);
            continue;
        }
        clients[used] = client;
        polled[used++] = (struct pollfd){fd, POLLIN, 0};
    }
}
