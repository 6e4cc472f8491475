/* Large data belongs to the library only while a call takes: after each call the memory cannot be read any more,
 * so that whoever reads it ends the process.
 * Usage: lent MODULE PIN, in a cluster of hsm-eus-1 and hsm-eus-2. Prints "stalled N" for the milliseconds that a
 * call waited for a member that was lost under it. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef struct {
    ulong_t kind;
    void *parameter;
    ulong_t len;
} mechanism_t;

enum { RW_SERIAL = 6, USER = 1, SIZE = 1 << 16, DEVICE_ERROR = 0x30 };

static void *module;
static ulong_t session;

static ulong_t (*function(const char *name))() {
    void *symbol = dlsym(module, name);
    if (!symbol) exit(2);
    return (ulong_t(*)())symbol;
}

static void expect(const char *what, ulong_t got, ulong_t expected) {
    if (got == expected) return;
    fprintf(stderr, "%s: 0x%lx and not 0x%lx\n", what, got, expected);
    exit(1);
}

#define CALL(name, ...) expect(#name, function(#name)(__VA_ARGS__), 0)

static void command(const char *line) {
    if (system(line)) {
        fprintf(stderr, "%s\n", line);
        exit(1);
    }
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void init(void) {
    mechanism_t sha256 = {0x250, NULL, 0};
    CALL(C_DigestInit, session, &sha256);
}

/* A digest of memory that is there for the call and no longer. */
static void digest(unsigned char fill, ulong_t expected, unsigned char *out) {
    unsigned char *data =
        mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) exit(2);
    memset(data, fill, SIZE);
    ulong_t len = 32;
    ulong_t rv = function("C_Digest")(session, data, (ulong_t)SIZE, out, &len);
    if (mprotect(data, SIZE, PROT_NONE)) exit(2);
    expect("C_Digest", rv, expected);
}

/* Calls that come upon whatever an earlier one has left behind. */
static void go_on(void) {
    unsigned char byte;
    for (int i = 0; i < 10; i++) CALL(C_GenerateRandom, session, &byte, 1UL);
}

static void heal(void) {
    command("hsmsim fault heal --all >&2");
    command("for i in $(seq 100); do hsmsim ha recover >&2 && exit; sleep 0.1; done; exit 1");
}

int main(int argc, char **argv) {
    if (argc != 3 || !(module = dlopen(argv[1], RTLD_NOW))) return 2;
    unsigned char before[32], after[32];
    CALL(C_Initialize, NULL);
    ulong_t slots[16], count = 16;
    CALL(C_GetSlotList, 1, slots, &count);
    CALL(C_OpenSession, slots[0], (ulong_t)RW_SERIAL, NULL, NULL, &session);
    CALL(C_Login, session, (ulong_t)USER, argv[2], (ulong_t)strlen(argv[2]));
    init();
    digest(7, 0, before);

    /* Lost under the call, which moves on. */
    init();
    command("hsmsim fault add device.power_loss hsm-eus-1 >&2");
    long begin = now_ms();
    digest(7, 0, after);
    printf("stalled %ld\n", now_ms() - begin);
    expect("the digest", memcmp(before, after, 32), 0);
    go_on();
    heal();
    go_on();

    /* Nobody is left, and the call is given up. */
    init();
    command("hsmsim fault add device.power_loss hsm-eus-1 >&2");
    command("hsmsim fault add device.hang hsm-eus-2 >&2");
    digest(8, DEVICE_ERROR, after);
    heal();
    CALL(C_CloseSession, session);
    CALL(C_OpenSession, slots[0], (ulong_t)RW_SERIAL, NULL, NULL, &session);
    go_on();
    init();
    digest(7, 0, after);
    expect("the digest", memcmp(before, after, 32), 0);
    CALL(C_CloseSession, session);
    CALL(C_Finalize, NULL);
    return 0;
}
