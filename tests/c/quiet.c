/* A signature in one part, once the session has made one, makes no system call: it is made here under a
 * filter that kills the process at the first. Counts what is allocated meanwhile.
 * Usage: quiet MODULE PIN. Prints "allocations N" for a thousand signatures. */
#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef unsigned long ulong_t;
typedef struct {
    ulong_t type;
    void *value;
    ulong_t len;
} attribute_t;
typedef struct {
    ulong_t kind;
    void *parameter;
    ulong_t len;
} mechanism_t;

enum { RW_SERIAL = 6, SLOT = 1, USER = 1, SIGNATURES = 1000 };

/* The module's allocations come through these, as it has the C library's allocator. */
static volatile unsigned long allocations;
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}
void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}
void *realloc(void *block, size_t size) {
    allocations++;
    return __libc_realloc(block, size);
}
int posix_memalign(void **block, size_t alignment, size_t size) {
    allocations++;
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : 12;
}
void *aligned_alloc(size_t alignment, size_t size) {
    allocations++;
    return __libc_memalign(alignment, size);
}

/* Permits write and exit. Not SECCOMP_MODE_STRICT, which takes the clock away from the process too. */
static int only_write_and_exit(void) {
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof filter / sizeof *filter, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

static void *module;

static ulong_t (*function(const char *name))() {
    void *symbol = dlsym(module, name);
    if (!symbol) exit(2);
    return (ulong_t(*)())symbol;
}

static void expect(const char *what, ulong_t got) {
    if (got) {
        fprintf(stderr, "%s: 0x%lx\n", what, got);
        exit(1);
    }
}

#define CALL(name, ...) expect(#name, function(#name)(__VA_ARGS__))

int main(int argc, char **argv) {
    if (argc != 3 || !(module = dlopen(argv[1], RTLD_NOW))) return 2;
    ulong_t session = 0, key = 0, bytes = 32;
    unsigned char no = 0, data[32] = {7}, signature[32];
    CALL(C_Initialize, NULL);
    CALL(C_OpenSession, (ulong_t)SLOT, (ulong_t)RW_SERIAL, NULL, NULL, &session);
    CALL(C_Login, session, (ulong_t)USER, argv[2], (ulong_t)strlen(argv[2]));
    attribute_t template[] = {
        {0x001, &no, sizeof no},        /* CKA_TOKEN */
        {0x161, &bytes, sizeof bytes},  /* CKA_VALUE_LEN */
    };
    mechanism_t make = {0x350, NULL, 0}; /* CKM_GENERIC_SECRET_KEY_GEN */
    mechanism_t hmac = {0x251, NULL, 0}; /* CKM_SHA256_HMAC */
    CALL(C_GenerateKey, session, &make, template, 2UL, &key);
    /* Found before the filter: the loader may want the system. */
    ulong_t (*init)() = function("C_SignInit"), (*sign)() = function("C_Sign");
    char line[64];
    unsigned long before = 0;
    for (int i = 0; i < 2 * SIGNATURES; i++) {
        if (i == SIGNATURES) {
            before = allocations;
            if (only_write_and_exit()) return 2;
        }
        ulong_t len = sizeof signature;
        if (init(session, &hmac, key) || sign(session, data, sizeof data, signature, &len)) {
            _exit(1);
        }
    }
    /* write and exit are what the filter permits. */
    int length = snprintf(line, sizeof line, "allocations %lu\n", allocations - before);
    if (write(1, line, length) != length) _exit(1);
    _exit(0);
}
