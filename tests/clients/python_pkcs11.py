"""python-pkcs11: keys made, used and found again, while the primary loses its power."""

import os
import subprocess
from datetime import datetime

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_ec_public_key, encode_ecdsa_signature, encode_named_curve_parameters
from pkcs11.util.rsa import encode_rsa_public_key

TEXT = b"the words that are signed"


def verified(key: bytes, signature: bytes, *options: str) -> None:
    """Verifies a SHA-256 signature over TEXT with OpenSSL."""
    for name, content in (("key.der", key), ("signature", signature), ("text", TEXT)):
        with open(name, "wb") as file:
            file.write(content)
    public = subprocess.run(
        ["openssl", "dgst", "-sha256", "-verify", "key.der", "-keyform", "DER",
         "-signature", "signature", *options, "text"],
        capture_output=True, text=True, timeout=20)
    assert public.returncode == 0, public.stderr


def main() -> None:
    library = pkcs11.lib(os.environ["MODULE"])
    token = library.get_token(token_label=os.environ["LABEL"])
    print("mechanisms", len(token.slot.get_mechanisms()))
    with token.open(rw=True, user_pin=os.environ["PIN"]) as session:
        rsa_public, rsa = session.generate_keypair(KeyType.RSA, 2048, store=True, label="rsa")
        parameters = session.create_domain_parameters(
            KeyType.EC, {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}, local=True)
        ec_public, ec = parameters.generate_keypair(store=True, label="ec")
        aes = session.generate_key(KeyType.AES, 256, store=True, label="aes")

        def use() -> None:
            signature = rsa.sign(TEXT, mechanism=Mechanism.SHA256_RSA_PKCS)
            verified(encode_rsa_public_key(rsa_public), signature)
            assert rsa_public.verify(TEXT, signature, mechanism=Mechanism.SHA256_RSA_PKCS)
            raw = ec.sign(TEXT, mechanism=Mechanism.ECDSA_SHA256)
            verified(encode_ec_public_key(ec_public), encode_ecdsa_signature(raw))
            iv = session.generate_random(128)
            hidden = aes.encrypt(TEXT, mechanism_param=iv)
            assert aes.decrypt(hidden, mechanism_param=iv) == TEXT
            chunks = b"".join(aes.encrypt((TEXT, TEXT), mechanism_param=iv))
            assert b"".join(aes.decrypt([chunks], mechanism_param=iv)) == TEXT * 2
            assert rsa.decrypt(rsa_public.encrypt(TEXT)) == TEXT
            assert session.digest(TEXT, mechanism=Mechanism.SHA256)

        use()
        subprocess.run(["hsmsim", "fault", "add", "device.power_loss", "hsm-eus-1"], check=True)
        use()

    with token.open(user_pin=os.environ["PIN"]) as session:
        names = sorted(key.label for key in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}))
        assert names == ["ec", "rsa"], names
        assert session.get_key(label="aes", key_type=KeyType.AES).key_length == 256
    print("python-pkcs11 is content")


main()
