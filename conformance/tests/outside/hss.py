"""Keys and signatures of pyhsslms. Each argument is LEVELS:LMS:LMOTS:COUNT, the types by their numbers in
IANA's registry: a key of so many levels of one kind signs so many messages. One line for each says what
came of the last: the public key, the message and the signature, in hexadecimal."""

import sys

import pyhsslms

for argument in sys.argv[1:]:
    levels, lms, lmots, count = map(int, argument.split(":"))
    key = pyhsslms.HssPrivateKey(
        levels=levels,
        lms_type=lms.to_bytes(4, "big"),
        lmots_type=lmots.to_bytes(4, "big"),
    )
    public = key.publicKey().serialize()
    for number in range(count):
        message = b"message %d" % number
        signature = key.sign(message)
    print(public.hex(), message.hex(), signature.hex())
