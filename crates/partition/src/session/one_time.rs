//! C_Sign and C_Verify with CKM_HOTP: each password that is given, or found right, counts its key on
//! (PKCS#11 3.1, 6.45.7; RFC 4226, 7.2).

use std::time::Duration;

use hsmsim_types::{Attribute, ObjectId, Params, Result, ck::*, error::fail};

use super::{Session, objects::CHANGE_TRIES};
use crate::{api::Reply, operation::otp::Password};

impl Session {
    /// `signature` is what is to be verified, `None` to sign. The counter is the token's business: neither
    /// CKA_MODIFIABLE nor a read-only session keeps it from going on.
    pub(super) fn one_time(
        &self,
        id: &ObjectId,
        params: &Params,
        data: &[u8],
        signature: Option<&[u8]>,
        now: Duration,
    ) -> Result<Reply> {
        if !data.is_empty() {
            return fail(CKR_DATA_LEN_RANGE, "a one-time password is made of no data");
        }
        for _ in 0..CHANGE_TRIES {
            let key = self.partition.object(&self.application, id, CKR_KEY_HANDLE_INVALID)?;
            let password = Password::new(&key, params)?;
            let reply = match signature {
                None => Reply::Bytes(password.sign(&key)?),
                Some(signature) => {
                    password.verify(&key, signature)?;
                    Reply::Done
                }
            };
            if !password.counts {
                return Ok(reply);
            }
            let mut all = key.attributes.clone();
            let next = password.counter.wrapping_add(1).to_be_bytes();
            all.set(Attribute::bytes(CKA_OTP_COUNTER, next));
            match self.replace(&key, all, now) {
                Ok(_) => return Ok(reply),
                // Somebody else had this password: the next is another.
                Err(error) if error.rv() == CKR_OBJECT_HANDLE_INVALID => {
                    self.partition.cache.remove(id);
                }
                Err(error) => return Err(error),
            }
        }
        fail(CKR_DEVICE_ERROR, "the key counts faster than it can be read")
    }
}
