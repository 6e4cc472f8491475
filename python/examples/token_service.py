"""A service that signs tokens with a key in an HSM, with a mistake that only a failover shows.

It keeps one session, as it should: opening one for every signature is slow. `StaleTokenService` keeps
it for ever. When all members of its group were lost and are back, the library answers
CKR_SESSION_HANDLE_INVALID until it is initialised anew, so the service is broken until somebody
restarts it. `TokenService` begins anew.
"""

from __future__ import annotations

from pathlib import Path

import PyKCS11
from PyKCS11 import LowLevel as p11

# The session or the library's connection is gone for good.
_GONE = {
    p11.CKR_SESSION_HANDLE_INVALID,
    p11.CKR_SESSION_CLOSED,
    p11.CKR_DEVICE_REMOVED,
    p11.CKR_DEVICE_ERROR,
    p11.CKR_TOKEN_NOT_PRESENT,
    p11.CKR_USER_NOT_LOGGED_IN,
    p11.CKR_CRYPTOKI_NOT_INITIALIZED,
}


class Unavailable(Exception):
    """No signature now; the caller may try again later (HTTP 503)."""


class StaleTokenService:
    """Signs with a session that is opened once. This is the mistake."""

    def __init__(self, module: Path, label: str, pin: str, key: str) -> None:
        self._module, self._label, self._pin, self._key_label = str(module), label, pin, key
        self._library: PyKCS11.PyKCS11Lib | None = None
        self._open()

    def _open(self) -> None:
        self._library = PyKCS11.PyKCS11Lib().load(self._module)
        slots = self._library.getSlotList(tokenPresent=True)
        ours = [
            slot
            for slot in slots
            if self._library.getTokenInfo(slot).label.strip("\0 ") == self._label
        ]
        if not ours:
            raise Unavailable(f"there is no token {self._label}")
        self._session = self._library.openSession(
            ours[0], p11.CKF_SERIAL_SESSION | p11.CKF_RW_SESSION
        )
        self._session.login(self._pin)
        template = [(p11.CKA_CLASS, p11.CKO_PRIVATE_KEY), (p11.CKA_LABEL, self._key_label)]
        self._key = self._session.findObjects(template)[0]

    def close(self) -> None:
        """Finalises the library."""
        if self._library is not None:
            self._library.unload()
            self._library = None

    def _sign(self, claims: bytes) -> bytes:
        mechanism = PyKCS11.Mechanism(p11.CKM_SHA256_RSA_PKCS, None)
        return bytes(self._session.sign(self._key, claims, mechanism))

    def sign(self, claims: bytes) -> bytes:
        """A signature, RSA PKCS#1 v1.5 with SHA-256; `Unavailable` if there is none now."""
        try:
            return self._sign(claims)
        except PyKCS11.PyKCS11Error as error:
            raise Unavailable(str(error)) from error


class TokenService(StaleTokenService):
    """Signs with a session that is opened anew when it is gone."""

    def sign(self, claims: bytes) -> bytes:
        """As `StaleTokenService.sign`."""
        try:
            if self._library is None:
                self._open()
            return self._sign(claims)
        except PyKCS11.PyKCS11Error as error:
            if error.value in _GONE:
                # The next call initialises the library and opens a session.
                self.close()
            raise Unavailable(str(error)) from error
        except Unavailable:
            self.close()
            raise
