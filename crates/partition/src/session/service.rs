//! What a request will occupy an engine with, asked before it is handled.

use hsmsim_crypto::ec::Curve;
use hsmsim_sim_config::ServiceClass;
use hsmsim_types::{Mechanism, ObjectId, Template, ck::*};

use super::Session;
use crate::{
    api::{OperationKind, Request},
    attributes::template::checked,
    mechanisms::{
        Scheme,
        service::{Service, Side, service, service_of_part},
    },
    object::key::curve_of,
};

impl Session {
    /// What the request occupies an engine with. `None`: nothing, because it is no cryptography, or
    /// because it will be refused.
    pub fn service(&self, request: &Request) -> Option<Service> {
        let mechanisms = &self.partition.personality().mechanisms;
        match request {
            Request::OnePart { operation, .. } => {
                let side = Side::of(operation.kind.act());
                self.keyed(&operation.mechanism, side, operation.key.as_ref())
            }
            Request::Begin { operation, .. } => {
                mechanisms.get(operation.mechanism.kind).ok().map(service_of_part)
            }
            Request::Update { kind, .. } => self.active_service(*kind, false),
            Request::Final { kind, .. } => self.active_service(*kind, true),
            Request::DigestKey { .. } | Request::SeedRandom => {
                Some(Service::plain(ServiceClass::Digest))
            }
            Request::Random { .. } => Some(Service::plain(ServiceClass::Random)),
            Request::GenerateKey { mechanism, template } => {
                let made = self.keyed(mechanism, Side::Private, None)?;
                // Domain parameters: what their primes are to have.
                let bits =
                    checked(template.clone()).ok().and_then(|given| given.ulong(CKA_PRIME_BITS));
                Some(Service { size: bits.unwrap_or(made.size), ..made })
            }
            Request::GenerateKeyPair { mechanism, public, .. } => self.pair(mechanism, public),
            Request::Wrap { mechanism, wrapping_key, .. } => {
                self.keyed(mechanism, Side::Public, Some(wrapping_key))
            }
            Request::Unwrap { mechanism, unwrapping_key, .. } => {
                self.keyed(mechanism, Side::Private, Some(unwrapping_key))
            }
            Request::Encapsulate { mechanism, public_key, .. } => {
                self.keyed(mechanism, Side::Public, Some(public_key))
            }
            Request::Decapsulate { mechanism, private_key, .. } => {
                self.keyed(mechanism, Side::Private, Some(private_key))
            }
            Request::Derive { mechanism, base_key, .. } => {
                self.keyed(mechanism, Side::Private, Some(base_key))
            }
            _ => None,
        }
    }

    fn keyed(&self, mechanism: &Mechanism, side: Side, key: Option<&ObjectId>) -> Option<Service> {
        let entry = self.partition.personality().mechanisms.get(mechanism.kind).ok()?;
        let Some(id) = key else { return Some(service(entry, side, None)) };
        let key = self.partition.object(&self.application, id, CKR_KEY_HANDLE_INVALID).ok()?;
        Some(service(entry, side, Some(key.material().ok()?)))
    }

    fn active_service(&self, kind: OperationKind, last: bool) -> Option<Service> {
        Some(self.active.get(kind)?.service(last))
    }

    /// A pair's size stands in the public key's template.
    fn pair(&self, mechanism: &Mechanism, public: &Template) -> Option<Service> {
        let entry = self.partition.personality().mechanisms.get(mechanism.kind).ok()?;
        let mut made = service(entry, Side::Private, None);
        let given = checked(public.clone()).ok()?;
        let size = match entry.scheme {
            Scheme::RsaKeyPairGen | Scheme::RsaX931KeyPairGen => given.ulong(CKA_MODULUS_BITS)?,
            Scheme::DsaKeyPairGen | Scheme::DhKeyPairGen | Scheme::X942DhKeyPairGen => {
                8 * given.bytes(CKA_PRIME)?.len() as u64
            }
            Scheme::EcKeyPairGen => {
                let curve = curve_of(given.bytes(CKA_EC_PARAMS)?).ok()?;
                if curve == Curve::Secp256k1 {
                    made.class = ServiceClass::GenerateEcKoblitz;
                }
                curve.field_bits().into()
            }
            _ => 0,
        };
        Some(Service { size, ..made })
    }
}
