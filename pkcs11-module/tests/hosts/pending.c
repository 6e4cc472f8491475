/* A host with an asynchronous session: what is left pending is collected, or meets a fork or the process's end. */

#include "host.h"

enum { CKR_PENDING = 0x204, CKF_ASYNC_SESSION = 8 };

struct async_data {
    unsigned long version;
    unsigned char *value;
    unsigned long length, object, additional_object;
};

static CK_RV (*C_AsyncComplete)(unsigned long, const char *, struct async_data *);
static unsigned char random_bytes[32];

static unsigned long begin(void)
{
    unsigned long slots[64], count = 64, session;
    unsigned long flags = CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION;
    EXPECT(C_Initialize(NULL), CKR_OK);
    EXPECT(C_GetSlotList(1, slots, &count), CKR_OK);
    EXPECT(C_OpenSession(slots[0], flags, NULL, NULL, &session), CKR_OK);
    EXPECT(C_GenerateRandom(session, random_bytes, sizeof random_bytes), CKR_PENDING);
    return session;
}

static void collect(unsigned long session)
{
    static const unsigned char nothing[32];
    struct async_data data = {0};
    CK_RV rv;
    while ((rv = C_AsyncComplete(session, "C_GenerateRandom", &data)) == CKR_PENDING)
        usleep(100);
    EXPECT(rv, CKR_OK);
    EXPECT(data.value == random_bytes && data.length == 32, 1);
    EXPECT(memcmp(random_bytes, nothing, 32) != 0, 1);
}

int main(int argc, char **argv)
{
    unsigned long session;
    pid_t child;
    int status;
    if (argc != 3)
        return 1;
    *(void **)&C_AsyncComplete = dlsym(load(argv[1]), "C_AsyncComplete");
    session = begin();
    if (strcmp(argv[2], "exit") == 0)
        return 0;
    if (strcmp(argv[2], "fork") == 0) {
        child = fork();
        if (child == 0) {
            EXPECT(C_AsyncComplete(session, "C_GenerateRandom", NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
            collect(begin());
            EXPECT(C_Finalize(NULL), CKR_OK);
            _exit(0);
        }
        EXPECT(waitpid(child, &status, 0) == child, 1);
        EXPECT(status, 0);
    }
    collect(session);
    EXPECT(C_Finalize(NULL), CKR_OK);
    return 0;
}
