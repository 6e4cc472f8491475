//! Playing a sequence: which function, which session and which object, and what must hold after it.

use std::{ffi::CStr, ptr::null_mut};

use cryptoki_sys::*;
use hsmsim_types::names;

use super::{arena::Arena, decode::Choices};
use crate::{
    call,
    module::{Module, name},
};

/// Codes that no argument of a caller's may lead to.
const NEVER: &[CK_RV] = &[
    CKR_GENERAL_ERROR,
    CKR_FUNCTION_FAILED,
    CKR_DEVICE_ERROR,
    CKR_DEVICE_REMOVED,
    CKR_TOKEN_NOT_PRESENT,
];
/// Mechanisms whose keys take seconds to make.
const SLOW: &[&str] = &[
    "SLH_DSA",
    "DH_PKCS_PARAMETER",
    "DSA_PARAMETER",
    "DSA_PROBABILISTIC",
    "DSA_SHAWE",
    "PBKD2",
    "PBE",
];

/// What became of a sequence.
#[derive(Clone, Debug)]
pub struct Played {
    /// How many calls there were.
    pub calls: u64,
    /// A rule that was broken.
    pub broken: Option<String>,
}

struct Player<'m> {
    module: &'m mut Module,
    arena: Arena,
    kinds: Vec<CK_MECHANISM_TYPE>,
    sessions: Vec<CK_SESSION_HANDLE>,
    objects: Vec<CK_OBJECT_HANDLE>,
    /// The operation begun last, by its Init's place, and its session: what follows is likely for it.
    begun: Option<(usize, CK_SESSION_HANDLE)>,
}

/// Init functions, the places in `work` (or with 100 added in `messages`) that go with them, and
/// mechanisms that fit the keys of [`Player::begin`].
const WORKS: [&[usize]; 12] = [
    &[0, 1, 2, 1, 18, 20, 30],
    &[3, 4, 5, 4, 19, 21],
    &[6, 7, 9, 7, 8, 18],
    &[10, 11, 12, 11, 20],
    &[13, 14, 15, 14, 21],
    &[16],
    &[17],
    &[22, 23, 24],
    &[100, 101, 102, 102, 103],
    &[108, 109, 110, 110, 111],
    &[104, 105, 106, 106, 107],
    &[112, 113, 114, 114, 115],
];
const CIPHERS: &[CK_MECHANISM_TYPE] = &[
    CKM_AES_ECB,
    CKM_AES_CBC,
    CKM_AES_CBC_PAD,
    CKM_AES_CTR,
    CKM_AES_GCM,
    CKM_AES_CCM,
    CKM_AES_CFB8,
    CKM_AES_CTS,
];
const HASHES: &[CK_MECHANISM_TYPE] = &[CKM_SHA256, CKM_SHA_1, CKM_SHA512];
const SIGNERS: [&[CK_MECHANISM_TYPE]; 4] = [
    &[CKM_AES_CMAC, CKM_AES_CMAC_GENERAL, CKM_AES_MAC],
    &[CKM_SHA256_HMAC, CKM_SHA_1_HMAC, CKM_SHA256_HMAC_GENERAL],
    &[CKM_ECDSA, CKM_ECDSA_SHA256],
    &[CKM_ECDSA, CKM_ECDSA_SHA256],
];

/// Plays the calls that the bytes mean, closes all sessions and looks for what was left behind.
///
/// # Errors
/// The module could not be initialised.
pub fn play(module: &mut Module, bytes: &[u8]) -> Result<Played, String> {
    module.initialise()?;
    let mut kinds = module.mechanisms();
    kinds.retain(|&kind| {
        let name = names::or_hex(names::mechanism, kind);
        !SLOW.iter().any(|slow| name.contains(slow))
    });
    let mut player = Player {
        module,
        arena: Arena::new(),
        kinds,
        sessions: Vec::new(),
        objects: Vec::new(),
        begun: None,
    };
    let mut choices = Choices::new(bytes);
    let mut played = Played { calls: 0, broken: None };
    player.begin();
    while !choices.is_empty() && played.broken.is_none() {
        let (function, rv) = player.step(&mut choices);
        played.calls += 1;
        if NEVER.contains(&rv) || names::return_value(rv).is_none() {
            played.broken = Some(format!("call {}: {function}: {}", played.calls, name(rv)));
        }
    }
    if played.broken.is_none() {
        played.broken = player.leftovers();
    }
    Ok(played)
}

impl Player<'_> {
    /// A session of the user, with two keys to begin with.
    fn begin(&mut self) {
        self.open(CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let session = self.sessions.first().copied().unwrap_or(0);
        self.login(session, CKU_USER);
        for key_type in [CKK_AES, CKK_GENERIC_SECRET] {
            let mut template = crate::case::Template::new()
                .number(CKA_CLASS, CKO_SECRET_KEY)
                .number(CKA_KEY_TYPE, key_type)
                .bytes(CKA_VALUE, &[9; 16])
                .flag(CKA_EXTRACTABLE, true);
            for used in
                [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE]
            {
                template = template.flag(used, true);
            }
            let (mut raw, mut key) = (template.raw(), 0);
            let count = raw.len() as CK_ULONG;
            if call!(self.module, C_CreateObject(session, raw.as_mut_ptr(), count, &mut key))
                == CKR_OK
            {
                self.objects.push(key);
            }
        }
        self.begin_pair(session);
    }

    /// A key pair on P-256, behind the secret keys.
    fn begin_pair(&mut self, session: CK_SESSION_HANDLE) {
        let public = crate::case::Template::new()
            .bytes(CKA_EC_PARAMS, &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7])
            .flag(CKA_VERIFY, true);
        let private = crate::case::Template::new().flag(CKA_SIGN, true).flag(CKA_DERIVE, true);
        let (mut rows, mut private_rows, mut pair) = (public.raw(), private.raw(), [0; 2]);
        let (count, private_count) = (rows.len() as CK_ULONG, private_rows.len() as CK_ULONG);
        let mut kind = CK_MECHANISM {
            mechanism: CKM_EC_KEY_PAIR_GEN,
            pParameter: null_mut(),
            ulParameterLen: 0,
        };
        let [one, other] = &mut pair;
        let rv = call!(
            self.module,
            C_GenerateKeyPair(
                session,
                &mut kind,
                rows.as_mut_ptr(),
                count,
                private_rows.as_mut_ptr(),
                private_count,
                one,
                other
            )
        );
        if rv == CKR_OK {
            self.objects.extend(pair);
        }
    }

    fn open(&mut self, flags: CK_FLAGS) -> CK_RV {
        let (slot, mut handle) = (self.module.slot, 0);
        let rv = call!(self.module, C_OpenSession(slot, flags, null_mut(), None, &mut handle));
        if rv == CKR_OK {
            self.sessions.push(handle);
        }
        rv
    }

    fn pin(&self, user: CK_USER_TYPE) -> Vec<u8> {
        let target = &self.module.target;
        let pin = if user == CKU_SO {
            target.so_pin.clone().unwrap_or_default()
        } else {
            target.pin.clone()
        };
        pin.into_bytes()
    }

    fn login_user(&mut self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE, name: &CStr) -> CK_RV {
        let (mut pin, mut name) = (self.pin(user), name.to_bytes().to_vec());
        let (pin_len, name_len) = (pin.len() as CK_ULONG, name.len() as CK_ULONG);
        let (pin, name) = (pin.as_mut_ptr(), name.as_mut_ptr());
        call!(self.module, C_LoginUser(session, user, pin, pin_len, name, name_len))
    }

    fn login(&mut self, session: CK_SESSION_HANDLE, user: CK_USER_TYPE) -> CK_RV {
        let mut pin = self.pin(user);
        call!(self.module, C_Login(session, user, pin.as_mut_ptr(), pin.len() as CK_ULONG))
    }

    fn session(&self, c: &mut Choices<'_>) -> CK_SESSION_HANDLE {
        if self.sessions.is_empty() || c.rarely(24) {
            c.of(&[0, CK_ULONG::MAX, 77])
        } else {
            c.of(&self.sessions)
        }
    }

    fn object(&self, c: &mut Choices<'_>) -> CK_OBJECT_HANDLE {
        if self.objects.is_empty() || c.rarely(12) {
            c.of(&[0, CK_ULONG::MAX, 77])
        } else {
            c.of(&self.objects)
        }
    }

    fn learn(&mut self, rv: CK_RV, object: CK_OBJECT_HANDLE) {
        if rv == CKR_OK && self.objects.len() < 64 {
            self.objects.push(object);
        }
    }

    /// One call: its name and its code.
    fn step(&mut self, c: &mut Choices<'_>) -> (&'static str, CK_RV) {
        self.arena.renew(c);
        if let Some((init, session)) = self.begun
            && c.mostly()
        {
            if c.rarely(6) {
                self.begun = None;
            }
            let place = c.of(WORKS[init]);
            let called = if place < 100 {
                self.work(c, session, place)
            } else {
                self.messages(c, session, place - 100)
            };
            if called.1 == CKR_OPERATION_NOT_INITIALIZED {
                self.begun = None;
            }
            return called;
        }
        let s = self.session(c);
        match c.below(14) {
            0 => self.library(c),
            1 => self.sessions_and_logins(c, s),
            2..=4 => self.objects(c, s),
            5..=7 => self.init(c, s),
            8..=10 => {
                let place = c.below(31);
                self.work(c, s, place)
            }
            11 | 12 => self.keys(c, s),
            _ => {
                let place = c.below(16);
                self.messages(c, s, place)
            }
        }
    }

    fn library(&mut self, c: &mut Choices<'_>) -> (&'static str, CK_RV) {
        let slot = if c.rarely(6) { 999 } else { self.module.slot };
        let (place, _) = self.arena.data(c);
        let count = c.below(64) as CK_ULONG;
        let number = self.arena.number(c, count);
        let kind = c.of(&[CKM_SHA256, CKM_AES_GCM, 0x8FFF_FFF1, CK_ULONG::MAX]);
        let m = &mut *self.module;
        match c.byte() % 12 {
            0 => ("C_GetInfo", call!(m, C_GetInfo(place.cast()))),
            1 => ("C_GetSlotList", call!(m, C_GetSlotList(c.byte(), place.cast(), number))),
            2 => ("C_GetSlotInfo", call!(m, C_GetSlotInfo(slot, place.cast()))),
            3 => ("C_GetTokenInfo", call!(m, C_GetTokenInfo(slot, place.cast()))),
            4 => ("C_GetMechanismList", call!(m, C_GetMechanismList(slot, place.cast(), number))),
            5 => ("C_GetMechanismInfo", call!(m, C_GetMechanismInfo(slot, kind, place.cast()))),
            6 => (
                "C_WaitForSlotEvent",
                call!(m, C_WaitForSlotEvent(CKF_DONT_BLOCK, number, place.cast())),
            ),
            7 => ("C_GetInterfaceList", call!(m, C_GetInterfaceList(place.cast(), number))),
            8 => ("C_Initialize", call!(m, C_Initialize(null_mut()))),
            9 if !place.is_null() => ("C_Finalize", call!(m, C_Finalize(place.cast()))),
            10 if c.rarely(8) => {
                let rv = call!(m, C_Finalize(null_mut()));
                self.sessions.clear();
                self.objects.clear();
                if m.initialise().is_err() {
                    return ("C_Initialize", CKR_GENERAL_ERROR);
                }
                self.begin();
                ("C_Finalize", rv)
            }
            _ => ("C_GetFunctionList", call!(m, C_GetFunctionList(place.cast()))),
        }
    }

    fn sessions_and_logins(
        &mut self,
        c: &mut Choices<'_>,
        s: CK_SESSION_HANDLE,
    ) -> (&'static str, CK_RV) {
        let (place, len) = self.arena.data(c);
        let (name, name_len) = self.arena.data(c);
        let choice = c.byte() % 14;
        let all = CKF_ENCRYPT | CKF_DECRYPT | CKF_DIGEST | CKF_SIGN | CKF_VERIFY | CKF_FIND_OBJECTS;
        match choice {
            0 | 1 if self.sessions.len() < 12 => {
                ("C_OpenSession", self.open(c.of(&[6, 4, 14, 2, 0, CK_ULONG::MAX])))
            }
            2 => {
                self.sessions.retain(|&known| known != s);
                ("C_CloseSession", call!(self.module, C_CloseSession(s)))
            }
            3 if c.rarely(4) => {
                self.sessions.clear();
                ("C_CloseAllSessions", call!(self.module, C_CloseAllSessions(self.module.slot)))
            }
            4 => ("C_GetSessionInfo", call!(self.module, C_GetSessionInfo(s, place.cast()))),
            5 => ("C_Logout", call!(self.module, C_Logout(s))),
            6 => (
                "C_Login",
                call!(self.module, C_Login(s, c.of(&[CKU_CONTEXT_SPECIFIC, 77]), place, len)),
            ),
            7 => ("C_Login", call!(self.module, C_Login(s, CKU_USER, null_mut(), len))),
            8 => ("C_InitPIN", call!(self.module, C_InitPIN(s, null_mut(), len))),
            9 => (
                "C_SessionCancel",
                call!(self.module, C_SessionCancel(s, c.of(&[all, CKF_DIGEST, 0, CK_ULONG::MAX]))),
            ),
            10 => ("C_SeedRandom", call!(self.module, C_SeedRandom(s, place, len))),
            11 => {
                let user = c.of(&[CKU_USER, CKU_CONTEXT_SPECIFIC, 77]);
                (
                    "C_LoginUser",
                    call!(self.module, C_LoginUser(s, user, place, len, name, name_len)),
                )
            }
            12 => {
                let name = c.of(&[c"", c"co", c"cu", c"so", c"nobody"]);
                ("C_LoginUser", self.login_user(s, c.of(&[CKU_USER, CKU_USER, CKU_SO]), name))
            }
            _ => ("C_Login", self.login(s, c.of(&[CKU_USER, CKU_USER, CKU_SO]))),
        }
    }

    fn objects(&mut self, c: &mut Choices<'_>, s: CK_SESSION_HANDLE) -> (&'static str, CK_RV) {
        let object = self.object(c);
        let (rows, count) = self.arena.template(c);
        let mut made = 0;
        let made_at: *mut CK_OBJECT_HANDLE = if c.rarely(24) { null_mut() } else { &mut made };
        let max = c.below(40) as CK_ULONG;
        let number = self.arena.number(c, 0);
        let (place, len) = self.arena.data(c);
        let m = &*self.module;
        match c.byte() % 10 {
            0 | 1 => {
                let rv = call!(m, C_CreateObject(s, rows, count, made_at));
                self.learn(rv, made);
                ("C_CreateObject", rv)
            }
            2 => {
                let rv = call!(m, C_CopyObject(s, object, rows, count, made_at));
                self.learn(rv, made);
                ("C_CopyObject", rv)
            }
            3 => ("C_DestroyObject", call!(m, C_DestroyObject(s, object))),
            4 => ("C_GetObjectSize", call!(m, C_GetObjectSize(s, object, number))),
            5 => ("C_GetAttributeValue", call!(m, C_GetAttributeValue(s, object, rows, count))),
            6 => ("C_SetAttributeValue", call!(m, C_SetAttributeValue(s, object, rows, count))),
            7 => ("C_FindObjectsInit", call!(m, C_FindObjectsInit(s, rows, count))),
            8 => ("C_FindObjects", call!(m, C_FindObjects(s, place.cast(), max, number))),
            _ if c.rarely(2) => ("C_FindObjectsFinal", call!(m, C_FindObjectsFinal(s))),
            _ => {
                // It would be filled to its end, so the length has to be true.
                let len = if len > 600 { CK_ULONG::MAX } else { len };
                let place = if len > 600 { null_mut() } else { place };
                ("C_GenerateRandom", call!(m, C_GenerateRandom(s, place, len)))
            }
        }
    }

    fn init(&mut self, c: &mut Choices<'_>, s: CK_SESSION_HANDLE) -> (&'static str, CK_RV) {
        let init = c.below(WORKS.len());
        let (mut key, mut kinds) = (self.object(c), self.kinds.as_slice());
        // Most of the time mechanism and key should fit.
        if c.mostly() && self.objects.len() >= 4 {
            (key, kinds) = match init {
                0 | 1 | 8 | 10 => (self.objects[0], CIPHERS),
                2 => (0, HASHES),
                _ => {
                    let at = c.below(4);
                    (self.objects[at], SIGNERS[at])
                }
            };
        }
        let kind = self.arena.mechanism(c, kinds);
        let (place, len) = self.arena.data(c);
        let m = &*self.module;
        let (name, rv) = match init {
            0 => ("C_EncryptInit", call!(m, C_EncryptInit(s, kind, key))),
            1 => ("C_DecryptInit", call!(m, C_DecryptInit(s, kind, key))),
            2 => ("C_DigestInit", call!(m, C_DigestInit(s, kind))),
            3 => ("C_SignInit", call!(m, C_SignInit(s, kind, key))),
            4 => ("C_VerifyInit", call!(m, C_VerifyInit(s, kind, key))),
            5 => ("C_SignRecoverInit", call!(m, C_SignRecoverInit(s, kind, key))),
            6 => ("C_VerifyRecoverInit", call!(m, C_VerifyRecoverInit(s, kind, key))),
            7 => {
                ("C_VerifySignatureInit", call!(m, C_VerifySignatureInit(s, kind, key, place, len)))
            }
            8 => ("C_MessageEncryptInit", call!(m, C_MessageEncryptInit(s, kind, key))),
            9 => ("C_MessageSignInit", call!(m, C_MessageSignInit(s, kind, key))),
            10 => ("C_MessageDecryptInit", call!(m, C_MessageDecryptInit(s, kind, key))),
            _ => ("C_MessageVerifyInit", call!(m, C_MessageVerifyInit(s, kind, key))),
        };
        if rv == CKR_OK {
            self.begun = Some((init, s));
        }
        (name, rv)
    }

    fn work(
        &mut self,
        c: &mut Choices<'_>,
        s: CK_SESSION_HANDLE,
        place: usize,
    ) -> (&'static str, CK_RV) {
        let (data, len) = self.arena.data(c);
        let (signature, signature_len) = self.arena.data(c);
        let (out, room) = self.arena.out(c);
        let key = self.object(c);
        let m = &*self.module;
        match place {
            0 => ("C_Encrypt", call!(m, C_Encrypt(s, data, len, out, room))),
            1 => ("C_EncryptUpdate", call!(m, C_EncryptUpdate(s, data, len, out, room))),
            2 => ("C_EncryptFinal", call!(m, C_EncryptFinal(s, out, room))),
            3 => ("C_Decrypt", call!(m, C_Decrypt(s, data, len, out, room))),
            4 => ("C_DecryptUpdate", call!(m, C_DecryptUpdate(s, data, len, out, room))),
            5 => ("C_DecryptFinal", call!(m, C_DecryptFinal(s, out, room))),
            6 => ("C_Digest", call!(m, C_Digest(s, data, len, out, room))),
            7 => ("C_DigestUpdate", call!(m, C_DigestUpdate(s, data, len))),
            8 => ("C_DigestKey", call!(m, C_DigestKey(s, key))),
            9 => ("C_DigestFinal", call!(m, C_DigestFinal(s, out, room))),
            10 => ("C_Sign", call!(m, C_Sign(s, data, len, out, room))),
            11 => ("C_SignUpdate", call!(m, C_SignUpdate(s, data, len))),
            12 => ("C_SignFinal", call!(m, C_SignFinal(s, out, room))),
            13 => ("C_Verify", call!(m, C_Verify(s, data, len, signature, signature_len))),
            14 => ("C_VerifyUpdate", call!(m, C_VerifyUpdate(s, data, len))),
            15 => ("C_VerifyFinal", call!(m, C_VerifyFinal(s, signature, signature_len))),
            16 => ("C_SignRecover", call!(m, C_SignRecover(s, data, len, out, room))),
            17 => (
                "C_VerifyRecover",
                call!(m, C_VerifyRecover(s, signature, signature_len, out, room)),
            ),
            18 => {
                ("C_DigestEncryptUpdate", call!(m, C_DigestEncryptUpdate(s, data, len, out, room)))
            }
            19 => {
                ("C_DecryptDigestUpdate", call!(m, C_DecryptDigestUpdate(s, data, len, out, room)))
            }
            20 => ("C_SignEncryptUpdate", call!(m, C_SignEncryptUpdate(s, data, len, out, room))),
            21 => {
                ("C_DecryptVerifyUpdate", call!(m, C_DecryptVerifyUpdate(s, data, len, out, room)))
            }
            22 => ("C_VerifySignature", call!(m, C_VerifySignature(s, data, len))),
            23 => ("C_VerifySignatureUpdate", call!(m, C_VerifySignatureUpdate(s, data, len))),
            24 => ("C_VerifySignatureFinal", call!(m, C_VerifySignatureFinal(s))),
            25 => ("C_GetOperationState", call!(m, C_GetOperationState(s, out, room))),
            26 => ("C_SetOperationState", call!(m, C_SetOperationState(s, data, len, key, key))),
            27 => {
                ("C_GetSessionValidationFlags", call!(m, C_GetSessionValidationFlags(s, len, room)))
            }
            28 => ("C_GetFunctionStatus", call!(m, C_GetFunctionStatus(s))),
            29 => ("C_CancelFunction", call!(m, C_CancelFunction(s))),
            _ => ("C_EncryptUpdate", call!(m, C_EncryptUpdate(s, data, len, data, room))),
        }
    }

    fn keys(&mut self, c: &mut Choices<'_>, s: CK_SESSION_HANDLE) -> (&'static str, CK_RV) {
        let kind = self.arena.mechanism(c, &self.kinds);
        let (one, other) = (self.object(c), self.object(c));
        let (rows, count) = self.arena.template(c);
        let (private, private_count) = self.arena.template(c);
        let (data, len) = self.arena.data(c);
        let (aad, aad_len) = self.arena.data(c);
        let (out, room) = self.arena.out(c);
        let (mut made, mut second) = (0, 0);
        let made_at: *mut CK_OBJECT_HANDLE = if c.rarely(24) { null_mut() } else { &mut made };
        let m = &*self.module;
        let (name, rv) = match c.byte() % 11 {
            0 | 1 => ("C_GenerateKey", call!(m, C_GenerateKey(s, kind, rows, count, made_at))),
            2 => (
                "C_GenerateKeyPair",
                call!(
                    m,
                    C_GenerateKeyPair(
                        s,
                        kind,
                        rows,
                        count,
                        private,
                        private_count,
                        made_at,
                        &mut second
                    )
                ),
            ),
            3 => ("C_WrapKey", call!(m, C_WrapKey(s, kind, one, other, out, room))),
            4 => (
                "C_UnwrapKey",
                call!(m, C_UnwrapKey(s, kind, one, data, len, rows, count, made_at)),
            ),
            5 | 6 => ("C_DeriveKey", call!(m, C_DeriveKey(s, kind, one, rows, count, made_at))),
            7 => (
                "C_EncapsulateKey",
                call!(m, C_EncapsulateKey(s, kind, one, rows, count, out, room, made_at)),
            ),
            8 => (
                "C_DecapsulateKey",
                call!(m, C_DecapsulateKey(s, kind, one, rows, count, data, len, made_at)),
            ),
            9 => (
                "C_UnwrapKeyAuthenticated",
                call!(
                    m,
                    C_UnwrapKeyAuthenticated(
                        s, kind, one, data, len, rows, count, aad, aad_len, made_at
                    )
                ),
            ),
            _ => (
                "C_WrapKeyAuthenticated",
                call!(m, C_WrapKeyAuthenticated(s, kind, one, other, aad, aad_len, out, room)),
            ),
        };
        if made != 0 {
            self.learn(rv, made);
        }
        if second != 0 {
            self.learn(rv, second);
        }
        (name, rv)
    }

    fn messages(
        &mut self,
        c: &mut Choices<'_>,
        s: CK_SESSION_HANDLE,
        place: usize,
    ) -> (&'static str, CK_RV) {
        let (p, p_len) = self.arena.message(c);
        let (data, len) = self.arena.data(c);
        let (aad, aad_len) = self.arena.data(c);
        let (out, room) = self.arena.out(c);
        let flags = c.of(&[0, CKF_END_OF_MESSAGE, CK_ULONG::MAX]);
        let m = &*self.module;
        match place {
            0 => (
                "C_EncryptMessage",
                call!(m, C_EncryptMessage(s, p, p_len, aad, aad_len, data, len, out, room)),
            ),
            1 => (
                "C_EncryptMessageBegin",
                call!(m, C_EncryptMessageBegin(s, p, p_len, aad, aad_len)),
            ),
            2 => (
                "C_EncryptMessageNext",
                call!(m, C_EncryptMessageNext(s, p, p_len, data, len, out, room, flags)),
            ),
            3 => ("C_MessageEncryptFinal", call!(m, C_MessageEncryptFinal(s))),
            4 => (
                "C_DecryptMessage",
                call!(m, C_DecryptMessage(s, p, p_len, aad, aad_len, data, len, out, room)),
            ),
            5 => (
                "C_DecryptMessageBegin",
                call!(m, C_DecryptMessageBegin(s, p, p_len, aad, aad_len)),
            ),
            6 => (
                "C_DecryptMessageNext",
                call!(m, C_DecryptMessageNext(s, p, p_len, data, len, out, room, flags)),
            ),
            7 => ("C_MessageDecryptFinal", call!(m, C_MessageDecryptFinal(s))),
            8 => ("C_SignMessage", call!(m, C_SignMessage(s, null_mut(), 0, data, len, out, room))),
            9 => ("C_SignMessageBegin", call!(m, C_SignMessageBegin(s, null_mut(), 0))),
            10 => (
                "C_SignMessageNext",
                call!(m, C_SignMessageNext(s, null_mut(), 0, data, len, out, room)),
            ),
            11 => ("C_MessageSignFinal", call!(m, C_MessageSignFinal(s))),
            12 => (
                "C_VerifyMessage",
                call!(m, C_VerifyMessage(s, null_mut(), 0, data, len, aad, aad_len)),
            ),
            13 => ("C_VerifyMessageBegin", call!(m, C_VerifyMessageBegin(s, null_mut(), 0))),
            14 => (
                "C_VerifyMessageNext",
                call!(m, C_VerifyMessageNext(s, null_mut(), 0, data, len, aad, aad_len)),
            ),
            _ => ("C_MessageVerifyFinal", call!(m, C_MessageVerifyFinal(s))),
        }
    }

    /// Destroys what can be, closes all sessions, and says what is left.
    fn leftovers(&mut self) -> Option<String> {
        let slot = self.module.slot;
        call!(self.module, C_CloseAllSessions(slot));
        // SAFETY: plain numbers and bytes, for which zero is a value.
        let mut info: CK_TOKEN_INFO = unsafe { std::mem::zeroed() };
        let rv = call!(self.module, C_GetTokenInfo(slot, &mut info));
        let count = info.ulSessionCount;
        if rv != CKR_OK || (count != 0 && count != CK_UNAVAILABLE_INFORMATION) {
            return Some(format!("{count} sessions after C_CloseAllSessions ({})", name(rv)));
        }
        self.sessions.clear();
        self.open(CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let session = *self.sessions.first()?;
        if self.login(session, CKU_USER) != CKR_OK {
            return Some("the user's PIN does not work any more".to_owned());
        }
        let mut kept = 0;
        call!(self.module, C_FindObjectsInit(session, null_mut(), 0));
        loop {
            let (mut some, mut found) = ([0; 32], 0);
            call!(self.module, C_FindObjects(session, some.as_mut_ptr(), 32, &mut found));
            for &object in &some[..found as usize] {
                let mut token = 0_u8;
                let mut asked = CK_ATTRIBUTE {
                    type_: CKA_TOKEN,
                    pValue: (&raw mut token).cast(),
                    ulValueLen: 1,
                };
                call!(self.module, C_GetAttributeValue(session, object, &mut asked, 1));
                kept += u64::from(token == 0);
                call!(self.module, C_DestroyObject(session, object));
            }
            if found == 0 {
                break;
            }
        }
        call!(self.module, C_CloseAllSessions(slot));
        self.sessions.clear();
        (kept > 0).then(|| format!("{kept} session objects outlived their sessions"))
    }
}
