/* A host that forks with the module loaded: what the child may do, and what becomes of the key that it
 * makes. Usage: fork MODULE PIN. Prints "ok" if every promise was kept. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

enum { OK = 0, NOT_INITIALIZED = 0x190, RW_SERIAL = 6, SLOT = 1, USER = 1 };

static void *module;
static const char *pin;

static ulong_t (*function(const char *name))() {
    void *symbol = dlsym(module, name);
    if (!symbol) {
        fprintf(stderr, "no %s\n", name);
        exit(1);
    }
    return (ulong_t(*)())symbol;
}

static void expect(const char *what, ulong_t got, ulong_t wanted) {
    if (got != wanted) {
        fprintf(stderr, "%d: %s: 0x%lx instead of 0x%lx\n", getpid(), what, got, wanted);
        exit(1);
    }
}

#define CALL(name, ...) expect(#name, function(#name)(__VA_ARGS__), OK)

static ulong_t open_session(void) {
    ulong_t session = 0;
    CALL(C_OpenSession, (ulong_t)SLOT, (ulong_t)RW_SERIAL, NULL, NULL, &session);
    ulong_t rv = function("C_Login")(session, (ulong_t)USER, pin, (ulong_t)strlen(pin));
    expect("C_Login", rv, OK);
    return session;
}

static void make_key(ulong_t session, const char *label) {
    unsigned char yes = 1;
    ulong_t bytes = 32, key = 0;
    attribute_t template[] = {
        {0x001, &yes, sizeof yes},                    /* CKA_TOKEN */
        {0x003, (void *)label, (ulong_t)strlen(label)}, /* CKA_LABEL */
        {0x161, &bytes, sizeof bytes},                /* CKA_VALUE_LEN */
    };
    mechanism_t aes = {0x1080, NULL, 0}; /* CKM_AES_KEY_GEN */
    CALL(C_GenerateKey, session, &aes, template, 3UL, &key);
}

static ulong_t count(ulong_t session, const char *label) {
    attribute_t template[] = {{0x003, (void *)label, (ulong_t)strlen(label)}};
    ulong_t found[8], n = 0;
    CALL(C_FindObjectsInit, session, template, 1UL);
    CALL(C_FindObjects, session, found, 8UL, &n);
    CALL(C_FindObjectsFinal, session);
    return n;
}

/* More than the system is asked for: from a generator in the process. */
static void random_bytes(ulong_t session, unsigned char out[1024]) {
    CALL(C_GenerateRandom, session, out, 1024UL);
}

static void wait_for(pid_t child) {
    int status = 0;
    if (waitpid(child, &status, 0) != child || status != 0) {
        fprintf(stderr, "child ended with %d\n", status);
        exit(1);
    }
}

int main(int argc, char **argv) {
    if (argc != 3 || !(module = dlopen(argv[1], RTLD_NOW))) {
        fprintf(stderr, "usage: fork MODULE PIN\n");
        return 1;
    }
    pin = argv[2];
    CALL(C_Initialize, NULL);
    ulong_t session = open_session();
    make_key(session, "parent");
    unsigned char before[1024], mine[1024], childs[1024];
    random_bytes(session, before);

    int pipes[2][2];
    if (pipe(pipes[0]) || pipe(pipes[1])) return 1;
    char byte = 0;
    pid_t child = fork();
    if (child == 0) {
        ulong_t other = 0;
        expect("a call of the child", function("C_GetSessionInfo")(session, &other), NOT_INITIALIZED);
        CALL(C_Initialize, NULL);
        ulong_t own = open_session();
        expect("the parent's key", count(own, "parent"), 1);
        make_key(own, "child");
        random_bytes(own, mine);
        if (write(pipes[0][1], mine, sizeof mine) != sizeof mine) _exit(1);
        /* The parent finalises while the child's library is still in use. */
        if (write(pipes[0][1], &byte, 1) != 1 || read(pipes[1][0], &byte, 1) != 1) _exit(1);
        make_key(own, "child, afterwards");
        expect("the child's key", count(own, "child"), 1);
        CALL(C_Finalize, NULL);
        _exit(0);
    }
    if (read(pipes[0][0], childs, sizeof childs) != sizeof childs) return 1;
    random_bytes(session, mine);
    for (int i = 0; i < 1024; i += 16) {
        if (memcmp(mine + i, childs + i, 16) == 0) {
            fprintf(stderr, "parent and child have the same random numbers\n");
            return 1;
        }
    }
    if (read(pipes[0][0], &byte, 1) != 1) return 1;
    make_key(session, "parent, afterwards");
    CALL(C_Finalize, NULL);
    if (write(pipes[1][1], &byte, 1) != 1) return 1;
    wait_for(child);

    /* A third process finds everything. */
    pid_t third = fork();
    if (third == 0) {
        CALL(C_Initialize, NULL);
        ulong_t own = open_session();
        const char *labels[] = {"parent", "child", "parent, afterwards", "child, afterwards"};
        for (int i = 0; i < 4; i++) expect(labels[i], count(own, labels[i]), 1);
        CALL(C_Finalize, NULL);
        _exit(0);
    }
    wait_for(third);
    puts("ok");
    return 0;
}
