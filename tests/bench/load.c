/* load: ask a DNS server as fast as it answers, or at a rate, and check every answer.
 *
 *   load -p PORT (-f FILE | -u FIRST) [-y TYPES] [-e EXTRAS] [-w OUTSTANDING | -q RATE]
 *        [-l SECONDS | -n COUNT] [-o START] [-6] [-T] [-c SOCKETS] [-s SOURCES] [-b TURN]
 *        [-t TIMEOUT_MS] [-L LATE_MS] [-a] [-r]
 *
 * -f  lines of "name kind": what is asked, and whether the answer must be `blocked`, an `address`
 *     or an `error`; over again when the file ends.  -o: the line to begin with.
 * -u  names that were never asked before, numbered from FIRST on; the answer must be an address.
 * -y  types, such as A,AAAA,HTTPS (default A): each name is asked for each of them in turn, by the
 *     same device.  `address` is then what the stub upstream has of that type.
 * -e  what a question has beside its name and type, such as do,case: `do` is EDNS with DO; `cookie`
 *     is EDNS with a cookie, the same for all questions of a source (RFC 7873); `case` mixes
 *     capitals into names, each time others.
 * -w  closed loop: so many questions wait for their answers at any time (default 100).
 * -q  open loop: so many questions a second, whatever comes back.
 * -6  over IPv6, all from ::1, which is the only loopback address there.
 * -T  over TCP, on so many connections as -c says, which stay open; each is of one source.
 * -s  so many source addresses: 127.1.0.1, 127.2.0.1 ... 127.10.0.1, 127.1.1.1 ... (see DEVICES).
 * -b  their third number begins here (default 0).
 * -t  an answer that takes longer is lost (default 2000).  -L: one that takes longer is late (50).
 * -a  any answer to the question will do: for a server that only echoes.
 * -r  never sleep.  Else a server that is the slower one has to wake this program, which takes it a
 *     tenth of its time where the cores are those of a virtual machine, and a faster one does not.
 *
 * Ends after SECONDS (default 3), COUNT questions or SIGTERM, waits for what is still on its way,
 * and prints one line of JSON.  Times are microseconds from the sending of a question to its
 * answer; `behind` is how far sending itself fell behind the rate at worst; `closed` is how many
 * connections the server closed (what waited there is lost, and another one is opened).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, MAX_SOCKETS = 64, IDS = 65536, OCTETS = 4096, HEADER = 12, DEVICES = 10 };
enum kind { BLOCKED, ADDRESS, ERROR, ODD, KINDS };
static const char *const KIND[] = {"blocked", "address", "error", "odd"};

/* What the stub upstream answers (upstream.c), and what a blocked name may have instead. */
enum { A = 1, AAAA = 28, HTTPS = 65, MAX_TYPES = 8 };
static const struct type {
    const char *name;
    int number;
    size_t size;
    uint8_t data[16], null[16];
} TYPES[] = {
    {"A", A, 4, {192, 0, 2, 1}, {0}},
    {"AAAA", AAAA, 16, {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, {0}},
    {"HTTPS", HTTPS, 10, {0, 1, 0, 0, 1, 0, 3, 2, 'h', '2'}, {0}}, /* 1 . alpn=h2 */
};
enum { KNOWN_TYPES = sizeof TYPES / sizeof *TYPES };

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void *need(void *memory) {
    if (!memory) die("memory");
    return memory;
}

/* --- what is asked --- */

struct question {
    uint32_t at;     /* where its octets stand in `octets` */
    uint16_t length; /* of the name, type and class */
    uint8_t kind;    /* what the answer must be */
};

static struct question *questions;
static uint8_t *octets;
static size_t count, used;
static bool unseen; /* -u: questions are made, not read */
static const struct type *types[MAX_TYPES] = {&TYPES[0]};
static uint64_t type_count = 1;
static bool with_do, with_cookie, with_case;

/* Write a name in wire form with type A and class IN; return the length, 0 for what is no name. */
static uint16_t to_wire(const char *name, uint8_t *out) {
    uint8_t *p = out;
    while (*name) {
        size_t length = strcspn(name, ".");
        if (length == 0 || length > 63 || p + length + 7 > out + 255) return 0;
        *p++ = (uint8_t)length;
        memcpy(p, name, length);
        p += length;
        name += length + (name[length] == '.');
    }
    memcpy(p, "\0\0\1\0\1", 5);
    return (uint16_t)(p + 5 - out);
}

static uint8_t kind_of(const char *word) {
    for (uint8_t kind = BLOCKED; kind <= ERROR; kind++)
        if (!strcmp(word, KIND[kind])) return kind;
    fprintf(stderr, "%s: must be blocked, address or error\n", word);
    exit(2);
}

static void read_questions(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) die(path);
    char name[256], word[16];
    size_t room = 0, space = 0;
    while (fscanf(file, "%255s %15s", name, word) == 2) {
        if (count == room) {
            room = room * 2 + 4096;
            questions = need(realloc(questions, room * sizeof *questions));
        }
        if (used + 300 > space) {
            space = space * 2 + (1 << 20);
            octets = need(realloc(octets, space));
        }
        uint16_t length = to_wire(name, octets + used);
        if (!length) {
            fprintf(stderr, "%s: no name\n", name);
            exit(2);
        }
        questions[count++] = (struct question){(uint32_t)used, length, kind_of(word)};
        used += length;
    }
    fclose(file);
    if (!count) {
        fprintf(stderr, "%s: no questions\n", path);
        exit(2);
    }
}

/* Read words between commas, and give each to `take`, which says whether it knows it. */
static void read_words(char *text, const char *what, bool (*take)(const char *word)) {
    for (char *word = strtok(text, ","); word; word = strtok(NULL, ","))
        if (!take(word)) {
            fprintf(stderr, "%s: no %s\n", word, what);
            exit(2);
        }
}

static bool take_type(const char *word) {
    for (int i = 0; i < KNOWN_TYPES; i++)
        if (type_count < MAX_TYPES && !strcmp(word, TYPES[i].name)) {
            types[type_count++] = &TYPES[i];
            return true;
        }
    return false;
}

static bool take_extra(const char *word) {
    if (!strcmp(word, "do")) return with_do = true;
    if (!strcmp(word, "cookie")) return with_cookie = true;
    if (!strcmp(word, "case")) return with_case = true;
    return false;
}

static const struct type *type_of(uint64_t number) {
    return types[number % type_count];
}

/* Spread a number over 64 bits, so that near ones have nothing in common (splitmix64). */
static uint64_t spread(uint64_t number) {
    number += 0x9e3779b97f4a7c15u;
    number = (number ^ number >> 30) * 0xbf58476d1ce4e5b9u;
    number = (number ^ number >> 27) * 0x94d049bb133111ebu;
    return number ^ number >> 31;
}

/* Write some letters large; a label's length, which is below 64, is never one of them. */
static void mix_case(uint8_t *name, size_t length, uint64_t number) {
    uint64_t dice = spread(number);
    for (size_t i = 0; i < length; i++, dice = dice >> 1 | dice << 63)
        if ((dice & 1) && name[i] >= 'a' && name[i] <= 'z') name[i] -= 32;
}

/* Write a name that was never asked before.  The number is turned into ten letters and digits that
 * look like chance; no two numbers below 2^48 give the same ones. */
static uint16_t unseen_name(uint64_t number, uint8_t *out) {
    static const char DIGITS[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t mixed = (number * 0x9e3779b97f4bu) & 0xffffffffffffu;
    char name[64], *p = name;
    for (int i = 0; i < 10; i++, mixed >>= 5) *p++ = DIGITS[mixed & 31];
    snprintf(p, 40, ".unseen%" PRIu64 ".example", number % 997);
    return to_wire(name, out);
}

/* Write the question of a number: name, type and class; return the length. */
static uint16_t question(uint64_t number, uint8_t *out) {
    uint64_t which = number / type_count;
    uint16_t length;
    if (unseen) {
        length = unseen_name(which, out);
    } else {
        struct question *q = &questions[which % count];
        memcpy(out, octets + q->at, q->length);
        length = q->length;
    }
    out[length - 3] = (uint8_t)type_of(number)->number;
    if (with_case) mix_case(out, length - 5u, number);
    return length;
}

/* Write the OPT record (RFC 6891), if there is to be one; return its length. */
static size_t write_edns(uint8_t *out, uint64_t source) {
    if (!with_do && !with_cookie) return 0;
    static const uint8_t OPT[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0}; /* 1232 octets */
    static const uint8_t COOKIE[] = {0, 10, 0, 8};
    memcpy(out, OPT, sizeof OPT);
    if (with_do) out[7] = 0x80;
    if (!with_cookie) return sizeof OPT;
    out[10] = sizeof COOKIE + 8;
    memcpy(out + sizeof OPT, COOKIE, sizeof COOKIE);
    uint64_t cookie = spread(source);
    memcpy(out + sizeof OPT + sizeof COOKIE, &cookie, 8);
    return sizeof OPT + sizeof COOKIE + 8;
}

static enum kind expected(uint64_t number) {
    return unseen ? ADDRESS : (enum kind)questions[number / type_count % count].kind;
}

/* --- what is answered --- */

/* Return where the name at `at` ends, 0 when it does not. */
static size_t name_end(const uint8_t *wire, size_t length, size_t at) {
    while (at < length) {
        if (wire[at] == 0) return at + 1;
        if (wire[at] >= 0xc0) return at + 2;
        at += wire[at] + 1u;
    }
    return 0;
}

/* Tell what the answers from `at` on are about: what the upstream has, nothing, or another. */
static enum kind answers(const uint8_t *wire, size_t length, size_t at, const struct type *asked) {
    for (int left = wire[6] << 8 | wire[7]; left > 0; left--) {
        at = name_end(wire, length, at);
        if (!at || at + 10 > length) return ODD;
        int type = wire[at] << 8 | wire[at + 1];
        size_t size = (size_t)(wire[at + 8] << 8 | wire[at + 9]);
        at += 10;
        if (at + size > length) return ODD;
        if (type == asked->number) {
            if (size != asked->size) return ODD;
            if (!memcmp(wire + at, asked->data, size)) return ADDRESS;
            return memcmp(wire + at, asked->null, size) ? ODD : BLOCKED;
        }
        at += size;
    }
    return BLOCKED;
}

/* Tell what an answer is; ODD when it does not belong to its question, letter for letter. */
static enum kind answered(const uint8_t *wire, size_t length, uint64_t number, bool any) {
    uint8_t asked[300];
    uint16_t size = question(number, asked);
    if (length < HEADER + (size_t)size || !(wire[2] & 0x80)) return ODD;
    if (wire[4] || wire[5] != 1 || memcmp(wire + HEADER, asked, size)) return ODD;
    if (any) return expected(number);
    int rcode = wire[3] & 15;
    if (rcode == 3) return BLOCKED;
    return rcode ? ERROR : answers(wire, length, HEADER + size, type_of(number));
}

/* --- how long it took --- */

/* Buckets of 1/128 of a power of two: exact below 256 ns, within 0.8 % above. */
static uint64_t buckets[64 * 128], measured, slowest, slowest_at;

static void measure(uint64_t took, uint64_t moment) {
    int power = took < 256 ? 0 : 56 - __builtin_clzll(took);
    buckets[power * 128 + (took >> power)]++;
    measured++;
    if (took > slowest) {
        slowest = took;
        slowest_at = moment;
    }
}

/* Return the time, in microseconds, within which a share of the answers came. */
static double within(double share) {
    uint64_t below = (uint64_t)(share * (double)measured), seen = 0;
    for (size_t i = 0; i < sizeof buckets / sizeof *buckets; i++) {
        seen += buckets[i];
        if (seen <= below) continue;
        size_t power = i < 256 ? 0 : i / 128 - 1;
        return (double)((i - power * 128) << power) / 1000.0;
    }
    return (double)slowest / 1000.0;
}

/* --- asking --- */

struct waiting {
    uint64_t since; /* 0: nothing waits under this id */
    uint64_t number;
};

/* Ids are given in turn, so what waits longest is found by walking on from `oldest`. */
struct talk {
    int fd;
    uint16_t next, oldest;
    int outstanding;
    uint64_t source; /* of a connection */
    size_t held;     /* octets of a connection that are not a whole answer yet */
    uint8_t stream[2 * IDS];
    struct waiting waiting[IDS];
};

static struct talk *talks;
static int sockets = 4, sources = 60;
static uint32_t first_turn;
static bool six, tcp;
static union {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
} server;
static socklen_t server_size;
static uint64_t timeout = 2000000000u, late_after = 50000000u;
static int window = 100;
static double rate, seconds = 3; /* rate 0: a closed loop */
static uint64_t first, wanted = UINT64_MAX; /* the number of the first question; how many */
static uint64_t behind;
static uint64_t stopped; /* when asking ended; 0: it goes on */
static uint64_t sent, received, in_time, lost, late, wrong, strays, unsent, closed, last_answer;
static uint64_t confused[KINDS][KINDS];
static char first_wrong[400];
static bool any_answer, restless;
static volatile sig_atomic_t told_to_stop;

static void stop(int signal_number) {
    (void)signal_number;
    told_to_stop = 1;
}

static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_part[BATCH], in_part[BATCH];
/* Before each message is room for its length, which TCP wants (RFC 1035 section 4.2.2). */
static uint8_t out_room[BATCH][514], in_wire[BATCH][OCTETS];
static struct sockaddr_in6 in_from[BATCH];
static union {
    struct cmsghdr align;
    uint8_t space[CMSG_SPACE(sizeof(struct in_pktinfo))];
} out_control[BATCH];

static uint8_t *out_wire(int i) {
    return out_room[i] + 2;
}

static void choose_server(uint16_t port) {
    if (six) {
        server.six = (struct sockaddr_in6){
            .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
        server_size = sizeof server.six;
    } else {
        server.four = (struct sockaddr_in){.sin_family = AF_INET,
                                           .sin_port = htons(port),
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        server_size = sizeof server.four;
    }
}

/* The address of a source, in network order. */
static uint32_t address_of(uint64_t source) {
    uint32_t device = (uint32_t)(source % DEVICES) + 1;
    uint32_t turn = first_turn + (uint32_t)(source / DEVICES);
    return htonl(127u << 24 | device << 16 | (turn & 0xff) << 8 | 1);
}

/* A socket that is bound to no address, so that each question may leave from another. */
static int open_socket(void) {
    int fd = socket(server.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 8 << 20;
    struct sockaddr_in6 here = {.sin6_family = server.any.sa_family};
    if (fd < 0 || bind(fd, (void *)&here, server_size)) die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

/* A connection from the address of a source. */
static int open_connection(uint64_t source) {
    int fd = socket(server.any.sa_family, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = address_of(source)};
    if (fd < 0 || (!six && bind(fd, (void *)&here, sizeof here))) die("socket");
    if (connect(fd, &server.any, server_size)) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (fcntl(fd, F_SETFL, O_NONBLOCK)) die("fcntl");
    return fd;
}

static void lay_out(void) {
    for (int i = 0; i < BATCH; i++) {
        out_part[i].iov_base = out_wire(i);
        in_part[i] = (struct iovec){in_wire[i], OCTETS};
        out[i].msg_hdr = (struct msghdr){.msg_name = &server,
                                         .msg_namelen = server_size,
                                         .msg_iov = &out_part[i],
                                         .msg_iovlen = 1};
        if (six) continue;
        out[i].msg_hdr.msg_control = out_control[i].space;
        out[i].msg_hdr.msg_controllen = sizeof out_control[i].space;
        struct cmsghdr *part = CMSG_FIRSTHDR(&out[i].msg_hdr);
        part->cmsg_level = IPPROTO_IP;
        part->cmsg_type = IP_PKTINFO;
        part->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
    }
}

/* Let a message leave from one of the source addresses. */
static void leave_from(int i, uint64_t source) {
    struct in_pktinfo info = {0};
    info.ipi_spec_dst.s_addr = address_of(source);
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&out[i].msg_hdr)), &info, sizeof info);
}

static void give_up(struct talk *talk, uint16_t id) {
    talk->waiting[id].since = 0;
    talk->outstanding--;
    lost++;
}

/* Open another connection in place of one that the server closed. */
static void begin_anew(struct talk *talk) {
    for (; talk->oldest != talk->next; talk->oldest++)
        if (talk->waiting[talk->oldest].since) give_up(talk, talk->oldest);
    close(talk->fd);
    talk->held = 0;
    talk->fd = open_connection(talk->source);
    closed++;
}

/* Send messages on a connection, all or none; return how many left.  What is outstanding at once
 * is small beside what the kernel takes, so a part of it is never left over. */
static int send_stream(struct talk *talk, int many) {
    struct iovec parts[BATCH];
    ssize_t all = 0;
    for (int i = 0; i < many; i++) {
        size_t length = out_part[i].iov_len;
        out_room[i][0] = (uint8_t)(length >> 8);
        out_room[i][1] = (uint8_t)length;
        parts[i] = (struct iovec){out_room[i], length + 2};
        all += (ssize_t)length + 2;
    }
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)many};
    ssize_t done = sendmsg(talk->fd, &message, MSG_NOSIGNAL);
    if (done == all) return many;
    if (done >= 0) die("a connection took a part only");
    if (errno == EPIPE || errno == ECONNRESET) begin_anew(talk);
    return 0;
}

/* Write a question; return its length. */
static size_t write_message(uint8_t *wire, uint16_t id, uint64_t number, uint64_t source) {
    memcpy(wire, "\0\0\1\0\0\1\0\0\0\0\0\0", HEADER);
    wire[0] = (uint8_t)(id >> 8);
    wire[1] = (uint8_t)id;
    size_t length = HEADER + question(number, wire + HEADER);
    size_t extra = write_edns(wire + length, source);
    wire[11] = extra > 0;
    return length + extra;
}

/* Send so `many` questions, at most BATCH, from question `number` on; return how many left. */
static int ask(struct talk *talk, uint64_t number, int many) {
    uint64_t moment = now();
    for (int i = 0; i < many; i++) {
        uint16_t id = (uint16_t)(talk->next + i);
        uint64_t each = number + (uint64_t)i;
        uint64_t source = tcp ? talk->source : each / type_count % (uint64_t)sources;
        if (talk->waiting[id].since) give_up(talk, id);
        out_part[i].iov_len = write_message(out_wire(i), id, each, source);
        if (!six && !tcp) leave_from(i, source);
        talk->waiting[id] = (struct waiting){moment, each};
    }
    int done = tcp ? send_stream(talk, many) : sendmmsg(talk->fd, out, (unsigned)many, 0);
    if (done < 0) done = 0;
    for (int i = done; i < many; i++) talk->waiting[(uint16_t)(talk->next + i)].since = 0;
    unsent += (uint64_t)(many - done);
    talk->next = (uint16_t)(talk->next + done);
    talk->outstanding += done;
    sent += (uint64_t)done;
    return done;
}

static void note(uint64_t number, enum kind got) {
    enum kind want = expected(number);
    wrong++;
    confused[want][got]++;
    if (*first_wrong) return;
    uint8_t wire[300];
    question(number, wire);
    char *p = first_wrong;
    for (const uint8_t *q = wire; *q; q += *q + 1)
        p += sprintf(p, "%.*s%s", *q, (const char *)q + 1, q[*q + 1] ? "." : "");
    if (type_count > 1) p += sprintf(p, " %s", type_of(number)->name);
    sprintf(p, " must be %s and is %s", KIND[want], KIND[got]);
}

static void take(struct talk *talk, const uint8_t *wire, size_t length, uint64_t moment) {
    struct waiting *waiting = &talk->waiting[wire[0] << 8 | wire[1]];
    if (length < 2 || !waiting->since) {
        strays++; /* a second answer, or one that came after its question was given up */
        return;
    }
    uint64_t took = moment - waiting->since;
    waiting->since = 0;
    talk->outstanding--;
    received++;
    last_answer = moment;
    measure(took, moment);
    if (took > late_after) late++;
    enum kind got = answered(wire, length, waiting->number, any_answer);
    if (got != expected(waiting->number)) note(waiting->number, got);
}

static bool from_server(const struct sockaddr_in6 *from) {
    const struct sockaddr_in *four = (const void *)from;
    if (six)
        return from->sin6_port == server.six.sin6_port &&
               !memcmp(&from->sin6_addr, &server.six.sin6_addr, sizeof from->sin6_addr);
    return four->sin_port == server.four.sin_port &&
           four->sin_addr.s_addr == server.four.sin_addr.s_addr;
}

/* Take the answers that a connection has; return how many.  Once nothing is asked any more, no
 * question carries the acknowledgement of an answer, which some servers wait for before the next. */
static int hear_stream(struct talk *talk) {
    int on = 1;
    if (stopped) setsockopt(talk->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    ssize_t got = recv(talk->fd, talk->stream + talk->held, sizeof talk->stream - talk->held, 0);
    uint64_t moment = now();
    if (got <= 0) {
        if (!got || (errno != EAGAIN && errno != EINTR)) begin_anew(talk);
        return 0;
    }
    talk->held += (size_t)got;
    size_t at = 0;
    int found = 0;
    for (; at + 2 <= talk->held; found++) {
        size_t length = (size_t)(talk->stream[at] << 8 | talk->stream[at + 1]);
        if (at + 2 + length > talk->held) break;
        take(talk, talk->stream + at + 2, length, moment);
        at += 2 + length;
    }
    talk->held -= at;
    memmove(talk->stream, talk->stream + at, talk->held);
    return found;
}

/* Take the answers that are there; return how many. */
static int hear(struct talk *talk) {
    if (tcp) return hear_stream(talk);
    for (int i = 0; i < BATCH; i++)
        in[i].msg_hdr = (struct msghdr){.msg_name = &in_from[i],
                                        .msg_namelen = sizeof in_from[i],
                                        .msg_iov = &in_part[i],
                                        .msg_iovlen = 1};
    int found = recvmmsg(talk->fd, in, BATCH, MSG_DONTWAIT, NULL);
    uint64_t moment = now();
    for (int i = 0; i < found; i++)
        if (from_server(&in_from[i]))
            take(talk, in_wire[i], in[i].msg_len, moment);
        else
            strays++;
    return found > 0 ? found : 0;
}

static void forget_the_old(struct talk *talk, uint64_t moment) {
    while (talk->oldest != talk->next) {
        struct waiting *waiting = &talk->waiting[talk->oldest];
        if (waiting->since && moment < waiting->since + timeout) return;
        if (waiting->since) give_up(talk, talk->oldest);
        talk->oldest++;
    }
}

static void rest(struct pollfd *polled, uint64_t until) {
    if (restless) {
        sched_yield(); /* on one core, the server goes on */
        return;
    }
    uint64_t moment = now(), most = 1000000;
    if (until && until <= moment) return;
    if (until && until - moment < most) most = until - moment;
    struct timespec pause = {0, (long)most};
    ppoll(polled, (nfds_t)sockets, &pause, NULL);
}

static void report(uint64_t began, double took) {
    printf("{\"sent\": %" PRIu64 ", \"answered\": %" PRIu64 ", \"lost\": %" PRIu64 ", \"late\": %" PRIu64
           ", \"wrong\": %" PRIu64 ", \"strays\": %" PRIu64 ", \"unsent\": %" PRIu64
           ", \"seconds\": %.6f, \"rate\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f"
           ", \"max\": %.1f, \"max_at\": %.3f, \"behind\": %.1f, \"closed\": %" PRIu64 ", \"first_wrong\": \"%s\", \"confused\": {",
           sent, received, lost, late, wrong, strays, unsent, took, (double)in_time / took,
           within(0.5), within(0.99), within(0.999), (double)slowest / 1000.0,
           slowest ? (double)(slowest_at - began) / 1e9 : 0, (double)behind / 1000.0, closed,
           first_wrong);
    const char *comma = "";
    for (int want = 0; want < KINDS; want++)
        for (int got = 0; got < KINDS; got++)
            if (confused[want][got]) {
                printf("%s\"%s as %s\": %" PRIu64, comma, KIND[want], KIND[got], confused[want][got]);
                comma = ", ";
            }
    puts("}}");
}

/* Ask what is due by now at the rate; return how much that was. */
static int keep_rate(uint64_t moment, double *due) {
    static int turn;
    if (*due > (double)moment) return 0;
    double gap = 1e9 / rate;
    uint64_t late_by = moment - (uint64_t)*due, ready = (uint64_t)((double)late_by / gap) + 1;
    if (ready > BATCH) ready = BATCH;
    if (ready > wanted - sent) ready = wanted - sent;
    if (late_by > behind) behind = late_by;
    *due += gap * (double)ready;
    return ask(&talks[turn++ % sockets], first + sent, (int)ready);
}

/* Ask as much on a socket as may be outstanding there; return how much that was. */
static int keep_window(struct talk *talk) {
    int each = window / sockets > 0 ? window / sockets : 1, room = each - talk->outstanding;
    if (room > BATCH) room = BATCH;
    if (room > 0 && (uint64_t)room > wanted - sent) room = (int)(wanted - sent);
    return room > 0 ? ask(talk, first + sent, room) : 0;
}

/* Ask one question on each connection, and forget it: a busy server might accept none of the later
 * connections for as long as the earlier ones have questions. */
static void greet(void) {
    for (int i = 0; i < sockets; i++) {
        struct talk *talk = &talks[i];
        ask(talk, first, 1);
        while (talk->outstanding) {
            struct pollfd polled = {talk->fd, POLLIN, 0};
            if (!poll(&polled, 1, (int)(timeout / 1000000))) give_up(talk, (uint16_t)(talk->next - 1));
            hear(talk);
        }
    }
    memset(buckets, 0, sizeof buckets);
    sent = received = lost = late = unsent = closed = measured = slowest = 0;
}

/* Ask until it is enough, and wait for what is still on its way. */
static void run(void) {
    struct pollfd polled[MAX_SOCKETS];
    for (int i = 0; i < sockets; i++) {
        talks[i].source = (uint64_t)(i % sources);
        talks[i].fd = tcp ? open_connection(talks[i].source) : open_socket();
    }
    if (tcp) greet();
    uint64_t began = now(), end = began + (uint64_t)(seconds * 1e9);
    double due = (double)began;
    for (;;) {
        uint64_t moment = now();
        int outstanding = 0, moved = 0;
        if (!stopped && (moment >= end || sent >= wanted || told_to_stop)) {
            stopped = moment;
            in_time = received;
        }
        if (!stopped && rate > 0) moved += keep_rate(moment, &due);
        for (int i = 0; i < sockets; i++) {
            moved += hear(&talks[i]);
            forget_the_old(&talks[i], moment);
            if (!stopped && rate <= 0) moved += keep_window(&talks[i]);
            outstanding += talks[i].outstanding;
            polled[i] = (struct pollfd){talks[i].fd, POLLIN, 0};
        }
        if (stopped && !outstanding) break;
        if (!moved) rest(polled, !stopped && rate > 0 ? (uint64_t)due : 0);
    }
    if (wanted != UINT64_MAX) { /* a pass, not a stretch of time: all of it counts */
        in_time = received;
        stopped = last_answer > began ? last_answer : stopped;
    }
    report(began, (double)(stopped - began) / 1e9);
}

static bool read_options(int argc, char **argv) {
    const char *file = NULL;
    int option, port = 0;
    while ((option = getopt(argc, argv, "p:f:u:y:e:w:q:l:n:o:6Tc:s:b:t:L:ar")) > 0) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'f': file = optarg; break;
        case 'u': unseen = true; first = strtoull(optarg, NULL, 10); break;
        case 'y': type_count = 0; read_words(optarg, "type that is known here", take_type); break;
        case 'e': read_words(optarg, "extra that is known here", take_extra); break;
        case 'w': window = atoi(optarg); break;
        case 'q': rate = atof(optarg); break;
        case 'l': seconds = atof(optarg); break;
        case 'n': wanted = strtoull(optarg, NULL, 10); seconds = 1e6; break;
        case 'o': first = strtoull(optarg, NULL, 10); break;
        case '6': six = true; break;
        case 'T': tcp = true; break;
        case 'c': sockets = atoi(optarg); break;
        case 's': sources = atoi(optarg); break;
        case 'b': first_turn = (uint32_t)atoi(optarg); break;
        case 't': timeout = strtoull(optarg, NULL, 10) * 1000000u; break;
        case 'L': late_after = strtoull(optarg, NULL, 10) * 1000000u; break;
        case 'a': any_answer = true; break;
        case 'r': restless = true; break;
        default: return false;
        }
    if (!port || (!file && !unseen) || !type_count) return false;
    if (sockets < 1 || sockets > MAX_SOCKETS || sources < 1 || window < 1) return false;
    if (file) read_questions(file);
    choose_server((uint16_t)port);
    return true;
}

int main(int argc, char **argv) {
    if (!read_options(argc, argv)) {
        fputs("load -p PORT (-f FILE | -u FIRST) ...: see the head of load.c\n", stderr);
        return 2;
    }
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    lay_out();
    talks = need(calloc((size_t)sockets, sizeof *talks));
    run();
    return 0;
}
