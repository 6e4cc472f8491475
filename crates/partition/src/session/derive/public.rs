//! CKM_PUB_KEY_FROM_PRIV_KEY (PKCS#11 3.2, 6.43.8): the public half of a private key as an object.

use hsmsim_types::{Attribute, Params, Result, ck::*, error::fail};

use super::{
    super::{Session, wrap::plain_key},
    derived, no_parameter,
};
use crate::{
    api::Reply,
    attributes::{
        Rule, Shape, Way,
        build::{Origin, build},
    },
    mechanisms::Entry,
    object::{Attributes, Object, private_key::PrivateKey},
    operation::{KEY_CODES, check_fit, check_type},
};

/// Attributes that say the same of both halves.
const SAME: [CK_ATTRIBUTE_TYPE; 6] =
    [CKA_LABEL, CKA_ID, CKA_SUBJECT, CKA_START_DATE, CKA_END_DATE, CKA_DERIVE];

/// Usages of a private key, and what the public half does for it.
const USAGES: [(CK_ATTRIBUTE_TYPE, CK_ATTRIBUTE_TYPE); 5] = [
    (CKA_DECRYPT, CKA_ENCRYPT),
    (CKA_SIGN, CKA_VERIFY),
    (CKA_SIGN_RECOVER, CKA_VERIFY_RECOVER),
    (CKA_UNWRAP, CKA_WRAP),
    (CKA_DECAPSULATE, CKA_ENCAPSULATE),
];

impl Session {
    /// CKA_DERIVE of the private key does not matter here: nothing secret is derived.
    pub(super) fn derive_public(
        &self,
        entry: &Entry,
        params: &Params,
        base: &Object,
        mut given: Attributes,
    ) -> Result<Reply> {
        check_type(base, entry, &KEY_CODES)?;
        if base.class != CKO_PRIVATE_KEY {
            return fail(CKR_KEY_TYPE_INCONSISTENT, "the key is no private key");
        }
        check_fit(base, entry, &KEY_CODES)?;
        no_parameter(params)?;

        let shape = Shape::of(CKO_PUBLIC_KEY, base.key_type)?;
        // Through its PrivateKeyInfo, which every kind of private key has.
        let private = PrivateKey::from_pkcs8(&plain_key(base)?).map_err(derived)?;
        let known = private.public(base.attributes.bytes(CKA_EC_PARAMS))?;
        for (from, to) in SAME.map(|kind| (kind, kind)).into_iter().chain(USAGES) {
            if let Some(value) = base.attributes.get(from)
                && Rule::find(to, shape).is_some()
            {
                given.set_default(Attribute { kind: to, value: value.clone() });
            }
        }
        self.check_write_of(&given, CKO_PUBLIC_KEY, base.key_type)?;
        let mut origin = Origin::of(Way::Derive, known, self.maker());
        origin.key = Some(private.public_key()?);
        if base.attributes.flag(CKA_LOCAL) {
            origin.generated_by = base.attributes.ulong(CKA_KEY_GEN_MECHANISM);
        }
        let id = self.partition.new_id()?;
        self.add([build(origin, given, id)?])
    }
}
