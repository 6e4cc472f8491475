"""PyKCS11: keys made, wrapped, used and destroyed, while the primary loses its power."""

import os
import subprocess

import PyKCS11 as p11
from PyKCS11 import LowLevel as low

TEXT = b"the words that are signed"
P256 = (0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07)


def main() -> None:
    library = p11.PyKCS11Lib()
    library.load(os.environ["MODULE"])
    slots = [slot for slot in library.getSlotList(tokenPresent=True)
             if library.getTokenInfo(slot).label.strip() == os.environ["LABEL"]]
    session = library.openSession(slots[0], low.CKF_SERIAL_SESSION | low.CKF_RW_SESSION)
    session.login(os.environ["PIN"])
    public = [(low.CKA_TOKEN, True), (low.CKA_VERIFY, True), (low.CKA_LABEL, "ec"), (low.CKA_ID, (1,)),
              (low.CKA_EC_PARAMS, P256)]
    private = [(low.CKA_TOKEN, True), (low.CKA_SIGN, True), (low.CKA_LABEL, "ec"), (low.CKA_ID, (1,))]
    ec_public, ec = session.generateKeyPair(
        public, private, mecha=p11.Mechanism(low.CKM_EC_KEY_PAIR_GEN, None))
    secret = [(low.CKA_CLASS, low.CKO_SECRET_KEY), (low.CKA_KEY_TYPE, low.CKK_AES), (low.CKA_TOKEN, True),
              (low.CKA_VALUE_LEN, 32), (low.CKA_ENCRYPT, True), (low.CKA_DECRYPT, True),
              (low.CKA_WRAP, True), (low.CKA_UNWRAP, True), (low.CKA_LABEL, "aes")]
    aes = session.generateKey(secret, mecha=p11.MechanismAESGENERATEKEY)
    moved = session.generateKey(
        [entry for entry in secret if entry[0] not in (low.CKA_TOKEN, low.CKA_LABEL)]
        + [(low.CKA_EXTRACTABLE, True), (low.CKA_SENSITIVE, False)], mecha=p11.MechanismAESGENERATEKEY)
    value = session.getAttributeValue(moved, [low.CKA_VALUE])[0]

    def use() -> None:
        mechanism = p11.Mechanism(low.CKM_ECDSA_SHA256, None)
        signature = session.sign(ec, TEXT, mechanism)
        assert session.verify(ec_public, TEXT, signature, mechanism)
        assert not session.verify(ec_public, TEXT + b"!", signature, mechanism)
        gcm = p11.AES_GCM_Mechanism(bytes(range(12)), b"beside", 128)
        hidden = bytes(session.encrypt(aes, TEXT, gcm))
        assert len(hidden) == len(TEXT) + 16
        assert bytes(session.decrypt(aes, hidden, gcm)) == TEXT
        wrapping = p11.Mechanism(low.CKM_AES_KEY_WRAP_PAD, None)
        wrapped = session.wrapKey(aes, moved, wrapping)
        back = session.unwrapKey(aes, wrapped, [
            (low.CKA_CLASS, low.CKO_SECRET_KEY), (low.CKA_KEY_TYPE, low.CKK_AES),
            (low.CKA_SENSITIVE, False), (low.CKA_EXTRACTABLE, True)], wrapping)
        assert session.getAttributeValue(back, [low.CKA_VALUE])[0] == value
        session.destroyObject(back)
        assert len(session.generateRandom(40)) == 40
        assert len(session.digest(TEXT, p11.Mechanism(low.CKM_SHA256, None))) == 32

    use()
    subprocess.run(["hsmsim", "fault", "add", "device.power_loss", "hsm-eus-1"], check=True)
    use()
    found = session.findObjects([(low.CKA_LABEL, "ec"), (low.CKA_CLASS, low.CKO_PRIVATE_KEY)])
    assert len(found) == 1
    session.destroyObject(found[0])
    try:
        session.sign(ec, TEXT, p11.Mechanism(low.CKM_ECDSA_SHA256, None))
    except p11.PyKCS11Error as error:
        assert error.value == low.CKR_KEY_HANDLE_INVALID, error
    else:
        raise AssertionError("a destroyed key signs")
    session.logout()
    session.closeSession()
    print("PyKCS11 is content")


main()
