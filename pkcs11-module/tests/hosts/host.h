/* What the hosts share: a few declarations of PKCS#11, and the check that ends a host. */

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef unsigned long CK_RV;

enum {
    CKR_OK = 0,
    CKR_ARGUMENTS_BAD = 0x7,
    CKR_CRYPTOKI_NOT_INITIALIZED = 0x190,
    CKR_CRYPTOKI_ALREADY_INITIALIZED = 0x191,
    CKF_RW_SESSION = 2,
    CKF_SERIAL_SESSION = 4,
    CKU_USER = 1,
};

static CK_RV (*C_Initialize)(void *);
static CK_RV (*C_Finalize)(void *);
static CK_RV (*C_GetInfo)(void *);
static CK_RV (*C_GetSlotList)(unsigned char, unsigned long *, unsigned long *);
static CK_RV (*C_OpenSession)(unsigned long, unsigned long, void *, void *, unsigned long *);
static CK_RV (*C_CloseSession)(unsigned long);
static CK_RV (*C_Login)(unsigned long, unsigned long, const char *, unsigned long);
static CK_RV (*C_GenerateRandom)(unsigned long, unsigned char *, unsigned long);

/* Ends the process with a line that says which call gave what. */
#define EXPECT(call, expected)                                                              \
    do {                                                                                    \
        CK_RV got = (call);                                                                 \
        if (got != (CK_RV)(expected)) {                                                     \
            fprintf(stderr, "%s:%d: %s gave %#lx\n", __FILE__, __LINE__, #call, got);       \
            _exit(1);                                                                       \
        }                                                                                   \
    } while (0)

static void *load(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        _exit(1);
    }
    *(void **)&C_Initialize = dlsym(library, "C_Initialize");
    *(void **)&C_Finalize = dlsym(library, "C_Finalize");
    *(void **)&C_GetInfo = dlsym(library, "C_GetInfo");
    *(void **)&C_GetSlotList = dlsym(library, "C_GetSlotList");
    *(void **)&C_OpenSession = dlsym(library, "C_OpenSession");
    *(void **)&C_CloseSession = dlsym(library, "C_CloseSession");
    *(void **)&C_Login = dlsym(library, "C_Login");
    *(void **)&C_GenerateRandom = dlsym(library, "C_GenerateRandom");
    return library;
}

/* A session on the first slot with a token. */
static inline unsigned long open_session(void)
{
    unsigned long slots[64], count = 64, session = 0;
    EXPECT(C_GetSlotList(1, slots, &count), CKR_OK);
    EXPECT(count == 0, 0);
    EXPECT(C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session),
           CKR_OK);
    return session;
}
