/* A host that logs in, rightly and wrongly. */

#include "host.h"

int main(int argc, char **argv)
{
    unsigned long session;
    if (argc != 2)
        return 1;
    load(argv[1]);
    EXPECT(C_Initialize(NULL), CKR_OK);
    session = open_session();
    C_Login(session, CKU_USER, "wrong-pin", 9);
    EXPECT(C_Login(session, CKU_USER, "12345678", 8), CKR_OK);
    EXPECT(C_Login(session, CKU_USER, NULL, 0), CKR_ARGUMENTS_BAD);
    EXPECT(C_Finalize(NULL), CKR_OK);
    return 0;
}
