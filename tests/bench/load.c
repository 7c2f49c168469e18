/* load: ask a DNS server over UDP as fast as it answers, or at a rate, and check every answer.
 *
 *   load -p PORT (-f FILE | -u FIRST) [-w OUTSTANDING | -q RATE] [-l SECONDS | -n COUNT]
 *        [-o START] [-c SOCKETS] [-s SOURCES] [-t TIMEOUT_MS] [-L LATE_MS] [-a]
 *
 * -f  lines of "name kind": what is asked (type A), and whether the answer must be `blocked`,
 *     an `address` or an `error`; over again when the file ends.  -o: the line to begin with.
 * -u  names that were never asked before, numbered from FIRST on; the answer must be an address.
 * -w  closed loop: so many questions wait for their answers at any time (default 100).
 * -q  open loop: so many questions a second, whatever comes back.
 * -s  so many source addresses: 127.1.0.1, 127.2.0.1 ... 127.10.0.1, 127.1.1.1 ... (see DEVICES).
 * -t  an answer that takes longer is lost (default 2000).  -L: one that takes longer is late (50).
 * -a  any answer to the question will do: for a server that only echoes.
 *
 * Ends after SECONDS (default 3), COUNT questions or SIGTERM, waits for what is still on its way,
 * and prints one line of JSON.  Times are microseconds from the sending of a question to its
 * answer; `behind` is how far sending itself fell behind the rate at worst.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
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

/* What the stub upstream answers (upstream.c). */
static const uint8_t THE_ADDRESS[4] = {192, 0, 2, 1};
static const uint8_t NULL_ADDRESS[4] = {0, 0, 0, 0};

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

/* Write the question of a number.  For names never seen the number is turned into ten letters and
 * digits that look like chance; no two numbers below 2^48 give the same ones. */
static uint16_t question(uint64_t number, uint8_t *out) {
    if (!unseen) {
        struct question *q = &questions[number % count];
        memcpy(out, octets + q->at, q->length);
        return q->length;
    }
    static const char DIGITS[] = "abcdefghijklmnopqrstuvwxyz234567";
    uint64_t mixed = (number * 0x9e3779b97f4bu) & 0xffffffffffffu;
    char name[64], *p = name;
    for (int i = 0; i < 10; i++, mixed >>= 5) *p++ = DIGITS[mixed & 31];
    snprintf(p, 40, ".unseen%" PRIu64 ".example", number % 997);
    return to_wire(name, out);
}

static enum kind expected(uint64_t number) {
    return unseen ? ADDRESS : (enum kind)questions[number % count].kind;
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

/* Tell what the answers from `at` on are about: the upstream's address, none, or another. */
static enum kind addresses(const uint8_t *wire, size_t length, size_t at) {
    for (int left = wire[6] << 8 | wire[7]; left > 0; left--) {
        at = name_end(wire, length, at);
        if (!at || at + 10 > length) return ODD;
        int type = wire[at] << 8 | wire[at + 1];
        size_t size = (size_t)(wire[at + 8] << 8 | wire[at + 9]);
        at += 10;
        if (at + size > length) return ODD;
        if (type == 1 && size == 4) {
            if (!memcmp(wire + at, THE_ADDRESS, 4)) return ADDRESS;
            return memcmp(wire + at, NULL_ADDRESS, 4) ? ODD : BLOCKED;
        }
        at += size;
    }
    return BLOCKED;
}

/* Tell what an answer is; ODD when it does not belong to its question. */
static enum kind answered(const uint8_t *wire, size_t length, uint64_t number, bool any) {
    uint8_t asked[300];
    uint16_t size = question(number, asked);
    if (length < HEADER + (size_t)size || !(wire[2] & 0x80)) return ODD;
    if (wire[4] || wire[5] != 1 || memcmp(wire + HEADER, asked, size)) return ODD;
    if (any) return expected(number);
    int rcode = wire[3] & 15;
    if (rcode == 3) return BLOCKED;
    return rcode ? ERROR : addresses(wire, length, HEADER + size);
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
    struct waiting waiting[IDS];
};

static struct talk *talks;
static int sockets = 4, sources = 60;
static struct sockaddr_in server = {.sin_family = AF_INET};
static uint64_t timeout = 2000000000u, late_after = 50000000u;
static int window = 100;
static double rate, seconds = 3; /* rate 0: a closed loop */
static uint64_t first, wanted = UINT64_MAX; /* the number of the first question; how many */
static uint64_t behind;
static uint64_t sent, received, in_time, lost, late, wrong, strays, unsent, last_answer;
static uint64_t confused[KINDS][KINDS];
static char first_wrong[400];
static bool any_answer;
static volatile sig_atomic_t told_to_stop;

static void stop(int signal_number) {
    (void)signal_number;
    told_to_stop = 1;
}

static struct mmsghdr out[BATCH], in[BATCH];
static struct iovec out_part[BATCH], in_part[BATCH];
static uint8_t out_wire[BATCH][512], in_wire[BATCH][OCTETS];
static struct sockaddr_in in_from[BATCH];
static union {
    struct cmsghdr align;
    uint8_t space[CMSG_SPACE(sizeof(struct in_pktinfo))];
} out_control[BATCH];

/* A socket that is bound to no address, so that each question may leave from another. */
static int open_socket(void) {
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = 8 << 20;
    struct sockaddr_in here = {.sin_family = AF_INET};
    if (fd < 0 || bind(fd, (void *)&here, sizeof here)) die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return fd;
}

static void lay_out(void) {
    for (int i = 0; i < BATCH; i++) {
        out_part[i].iov_base = out_wire[i];
        out[i].msg_hdr = (struct msghdr){.msg_name = &server,
                                         .msg_namelen = sizeof server,
                                         .msg_iov = &out_part[i],
                                         .msg_iovlen = 1,
                                         .msg_control = out_control[i].space,
                                         .msg_controllen = sizeof out_control[i].space};
        struct cmsghdr *part = CMSG_FIRSTHDR(&out[i].msg_hdr);
        part->cmsg_level = IPPROTO_IP;
        part->cmsg_type = IP_PKTINFO;
        part->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
        in_part[i] = (struct iovec){in_wire[i], OCTETS};
    }
}

/* Let a message leave from one of the source addresses. */
static void leave_from(int i, uint64_t source) {
    struct in_pktinfo info = {0};
    uint32_t device = (uint32_t)(source % DEVICES) + 1, turn = (uint32_t)(source / DEVICES);
    info.ipi_spec_dst.s_addr = htonl(127u << 24 | device << 16 | (turn & 0xff) << 8 | 1);
    memcpy(CMSG_DATA(CMSG_FIRSTHDR(&out[i].msg_hdr)), &info, sizeof info);
}

static void give_up(struct talk *talk, uint16_t id) {
    talk->waiting[id].since = 0;
    talk->outstanding--;
    lost++;
}

/* Send so `many` questions, at most BATCH, from question `number` on; return how many left. */
static int ask(struct talk *talk, uint64_t number, int many) {
    uint64_t moment = now();
    for (int i = 0; i < many; i++) {
        uint16_t id = (uint16_t)(talk->next + i);
        if (talk->waiting[id].since) give_up(talk, id);
        memcpy(out_wire[i], "\0\0\1\0\0\1\0\0\0\0\0\0", HEADER);
        out_wire[i][0] = (uint8_t)(id >> 8);
        out_wire[i][1] = (uint8_t)id;
        out_part[i].iov_len = HEADER + question(number + (uint64_t)i, out_wire[i] + HEADER);
        leave_from(i, (number + (uint64_t)i) % (uint64_t)sources);
        talk->waiting[id] = (struct waiting){moment, number + (uint64_t)i};
    }
    int done = sendmmsg(talk->fd, out, (unsigned)many, 0);
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

/* Take the answers that are there; return how many. */
static int hear(struct talk *talk) {
    for (int i = 0; i < BATCH; i++)
        in[i].msg_hdr = (struct msghdr){.msg_name = &in_from[i],
                                        .msg_namelen = sizeof in_from[i],
                                        .msg_iov = &in_part[i],
                                        .msg_iovlen = 1};
    int found = recvmmsg(talk->fd, in, BATCH, MSG_DONTWAIT, NULL);
    uint64_t moment = now();
    for (int i = 0; i < found; i++) {
        bool from_server = in_from[i].sin_port == server.sin_port &&
                           in_from[i].sin_addr.s_addr == server.sin_addr.s_addr;
        if (from_server)
            take(talk, in_wire[i], in[i].msg_len, moment);
        else
            strays++;
    }
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
           ", \"max\": %.1f, \"max_at\": %.3f, \"behind\": %.1f, \"first_wrong\": \"%s\", \"confused\": {",
           sent, received, lost, late, wrong, strays, unsent, took, (double)in_time / took,
           within(0.5), within(0.99), within(0.999), (double)slowest / 1000.0,
           slowest ? (double)(slowest_at - began) / 1e9 : 0, (double)behind / 1000.0, first_wrong);
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

/* Ask until it is enough, and wait for what is still on its way. */
static void run(void) {
    struct pollfd polled[MAX_SOCKETS];
    for (int i = 0; i < sockets; i++)
        polled[i] = (struct pollfd){talks[i].fd = open_socket(), POLLIN, 0};
    uint64_t began = now(), end = began + (uint64_t)(seconds * 1e9), stopped = 0;
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
    while ((option = getopt(argc, argv, "p:f:u:w:q:l:n:o:c:s:t:L:a")) > 0) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'f': file = optarg; break;
        case 'u': unseen = true; first = strtoull(optarg, NULL, 10); break;
        case 'w': window = atoi(optarg); break;
        case 'q': rate = atof(optarg); break;
        case 'l': seconds = atof(optarg); break;
        case 'n': wanted = strtoull(optarg, NULL, 10); seconds = 1e6; break;
        case 'o': first = strtoull(optarg, NULL, 10); break;
        case 'c': sockets = atoi(optarg); break;
        case 's': sources = atoi(optarg); break;
        case 't': timeout = strtoull(optarg, NULL, 10) * 1000000u; break;
        case 'L': late_after = strtoull(optarg, NULL, 10) * 1000000u; break;
        case 'a': any_answer = true; break;
        default: return false;
        }
    if (!port || (!file && !unseen)) return false;
    if (sockets < 1 || sockets > MAX_SOCKETS || sources < 1 || window < 1) return false;
    if (file) read_questions(file);
    server.sin_port = htons((uint16_t)port);
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
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
