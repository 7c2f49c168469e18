/* What the stub upstreams answer: every name has the addresses 192.0.2.1 and 2001:db8::1 and the
 * HTTPS record `1 . alpn=h2` for an hour; of any other type there is nothing.  The question, its
 * spelling, and whether it speaks EDNS come back as they came. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { OCTETS = 4096, HEADER = 12, ADDED = 64 }; /* ADDED: octets that an answer adds at most */

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
