/*
 * A host that finalises in an exit handler, as OpenSSL's engine does: thread-locals are gone by
 * then.
 *
 * exit_handler MODULE main|thread|return main|thread open|closed
 *   who ends the process, who initialises the module, whether the library was closed before
 */

#include "host.h"

static unsigned long session;

static void finalise(void)
{
    /* Whatever this gives, it must neither crash nor print. */
    C_CloseSession(session);
    EXPECT(C_Finalize(NULL), CKR_OK);
    EXPECT(C_GetInfo(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    EXPECT(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
}

static void *initialise(void *unused)
{
    unsigned char random[32];
    (void)unused;
    EXPECT(C_Initialize(NULL), CKR_OK);
    session = open_session();
    EXPECT(C_GenerateRandom(session, random, sizeof random), CKR_OK);
    return NULL;
}

static void *end(void *unused)
{
    (void)unused;
    exit(0);
}

int main(int argc, char **argv)
{
    pthread_t thread;
    unsigned char random[32];
    void *library = load(argv[1]);
    if (argc != 5)
        return 1;
    atexit(finalise);
    if (strcmp(argv[3], "thread") == 0) {
        EXPECT(pthread_create(&thread, NULL, initialise, NULL), 0);
        EXPECT(pthread_join(thread, NULL), 0);
    } else {
        initialise(NULL);
    }
    EXPECT(C_GenerateRandom(session, random, sizeof random), CKR_OK);
    if (strcmp(argv[4], "closed") == 0)
        dlclose(library);
    if (strcmp(argv[2], "thread") == 0) {
        EXPECT(pthread_create(&thread, NULL, end, NULL), 0);
        pthread_join(thread, NULL);
    } else if (strcmp(argv[2], "main") == 0) {
        exit(0);
    }
    return 0;
}
