/*
 * A host that forks. The child has to initialise for itself, may finalise, and does its parent no
 * harm by either; nor does the grandchild.
 */

#include "host.h"

static void wait_for(pid_t child)
{
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child, 1);
    EXPECT(status, 0);
}

static void use(unsigned long session)
{
    unsigned char random[32];
    EXPECT(C_GenerateRandom(session, random, sizeof random), CKR_OK);
}

/* Each generation but the last forks the next one while it holds a session itself. */
static void in_child(unsigned long session, int generations)
{
    unsigned char random[32], info[256];
    pid_t next = 0;
    do {
        EXPECT(C_GetInfo(info), CKR_CRYPTOKI_NOT_INITIALIZED);
        EXPECT(C_GenerateRandom(session, random, sizeof random), CKR_CRYPTOKI_NOT_INITIALIZED);
        EXPECT(C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
        EXPECT(C_Initialize(NULL), CKR_OK);
        EXPECT(C_Initialize(NULL), CKR_CRYPTOKI_ALREADY_INITIALIZED);
        session = open_session();
        use(session);
        next = --generations > 0 ? fork() : -1;
    } while (next == 0);
    if (next > 0)
        wait_for(next);
    use(session);
    EXPECT(C_Finalize(NULL), CKR_OK);
    _exit(0);
}

int main(int argc, char **argv)
{
    unsigned long session;
    pid_t child;
    if (argc != 2)
        return 1;
    load(argv[1]);
    EXPECT(C_Initialize(NULL), CKR_OK);
    session = open_session();
    use(session);

    child = fork();
    if (child == 0)
        in_child(session, 3);
    use(session);
    wait_for(child);
    use(session);

    /* A child that only ends, with its exit handlers. */
    child = fork();
    if (child == 0)
        exit(0);
    wait_for(child);
    use(session);

    EXPECT(C_Finalize(NULL), CKR_OK);
    EXPECT(C_Initialize(NULL), CKR_OK);
    use(open_session());
    EXPECT(C_Finalize(NULL), CKR_OK);
    return 0;
}
