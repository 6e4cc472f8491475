//! Keys and domain parameters that are made: from a seed what it gives, else what belongs together.

use cryptoki_sys::*;

use super::*;

#[rustfmt::skip]
pub(super) const ROWS: &[&[Row]] = &[
    answers!("mechanism.generate", "6.2", CKF_GENERATE;
        CKM_DSA_PARAMETER_GEN parameters, CKM_DSA_PROBABILISTIC_PARAMETER_GEN parameters,
        CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN parameters, CKM_DH_PKCS_PARAMETER_GEN parameters,
        CKM_X9_42_DH_PARAMETER_GEN parameters),
    answers!("mechanism.generate", "5.18.2", CKF_GENERATE_KEY_PAIR;
        CKM_DSA_KEY_PAIR_GEN signing_pair, CKM_RSA_X9_31_KEY_PAIR_GEN signing_pair,
        CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS signing_pair,
        CKM_ML_DSA_KEY_PAIR_GEN signing_pair, CKM_SLH_DSA_KEY_PAIR_GEN signing_pair,
        CKM_DH_PKCS_KEY_PAIR_GEN agreeing_pairs, CKM_X9_42_DH_KEY_PAIR_GEN agreeing_pairs,
        CKM_ML_KEM_KEY_PAIR_GEN capsule_pair),
    answers!("mechanism.generate", "6.26", CKF_GENERATE;
        CKM_TLS_PRE_MASTER_KEY_GEN premaster),
    answers!("mechanism.generate", "5.18.1", CKF_GENERATE;
        CKM_HKDF_KEY_GEN secrets, CKM_HOTP_KEY_GEN secrets, CKM_SHA512_T_KEY_GEN secrets),
];

fn parameters(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let of_seed = |hash, seed: Vec<u8>| {
        let (pSeed, ulSeedLen) = raw(&seed);
        let params = CK_DSA_PARAMETER_GEN_PARAM { hash, pSeed, ulSeedLen, ulIndex: 0 };
        Mechanism::structure(kind, params, vec![seed])
    };
    let template = Template::new().flag(CKA_TOKEN, false);
    let (mechanism, bits, wanted) = match kind {
        CKM_DSA_PROBABILISTIC_PARAMETER_GEN => {
            (of_seed(CKM_SHA256, known("dsa_primes.seed")), 2048, Some("dsa_primes"))
        }
        CKM_DSA_SHAWE_TAYLOR_PARAMETER_GEN => {
            (of_seed(CKM_SHA384, known("gnutls.seed")), 2048, Some("gnutls"))
        }
        CKM_DH_PKCS_PARAMETER_GEN => (Mechanism::plain(kind), 512, None),
        _ => (Mechanism::plain(kind), 1024, None),
    };
    let template = template.number(CKA_PRIME_BITS, bits);
    let template = match kind {
        CKM_X9_42_DH_PARAMETER_GEN => template.number(CKA_SUBPRIME_BITS, 160),
        _ => template,
    };
    let (rv, made) = s.generate(&mechanism, &template);
    ok(rv, "C_GenerateKey")?;
    let (p, g) = (s.value(made, CKA_PRIME)?, s.value(made, CKA_BASE)?);
    hold(p.len() as CK_ULONG == bits / 8, || format!("a prime of {} bytes", p.len()))?;
    hold(p[p.len() - 1] & 1 == 1 && !g.is_empty(), || "no prime and base".into())?;
    if let Some(name) = wanted {
        let q = s.value(made, CKA_SUBPRIME)?;
        let same = p == known(&format!("{name}.p")) && q == known(&format!("{name}.q"));
        hold(same, || "other primes than the seed gives".into())?;
    }
    hold(s.value(made, CKA_LOCAL)? == [1], || "CKA_LOCAL is false".into())
}

/// What the private half signs, the public half verifies.
fn signing_pair(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
    let s = b.user()?;
    let public = Template::new().flag(CKA_VERIFY, true);
    let (public, scheme) = match kind {
        CKM_DSA_KEY_PAIR_GEN => {
            let public = public
                .bytes(CKA_PRIME, &known("dsa.p"))
                .bytes(CKA_SUBPRIME, &known("dsa.q"))
                .bytes(CKA_BASE, &known("dsa.g"));
            (public, CKM_DSA)
        }
        CKM_RSA_X9_31_KEY_PAIR_GEN => {
            let public = public.number(CKA_MODULUS_BITS, 2048);
            (public.bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]), CKM_RSA_PKCS)
        }
        CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS => (public.bytes(CKA_EC_PARAMS, P256), CKM_ECDSA),
        CKM_ML_DSA_KEY_PAIR_GEN => (public.number(CKA_PARAMETER_SET, CKP_ML_DSA_65), CKM_ML_DSA),
        _ => (public.number(CKA_PARAMETER_SET, CKP_SLH_DSA_SHA2_128F), CKM_SLH_DSA),
    };
    let private = Template::new().flag(CKA_SIGN, true);
    let (rv, public, private) = s.generate_pair(&Mechanism::plain(kind), &public, &private);
    ok(rv, "C_GenerateKeyPair")?;
    let scheme = Mechanism::plain(scheme);
    let digest = known("digest.sha256");
    let made = signature(&s, &scheme, private, &digest)?;
    verifies(&s, &scheme, public, &digest, &made)
}

/// Both sides derive the same.
fn agreeing_pairs(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let x942 = kind == CKM_X9_42_DH_KEY_PAIR_GEN;
    let group = Template::new().bytes(CKA_PRIME, &known("dh.p")).bytes(CKA_BASE, &[2]);
    let group = if x942 { group.bytes(CKA_SUBPRIME, &known("dh.q")) } else { group };
    let private = Template::new().flag(CKA_DERIVE, true);
    let mut pairs = Vec::new();
    for _ in 0..2 {
        let (rv, public, private) = s.generate_pair(&Mechanism::plain(kind), &group, &private);
        ok(rv, "C_GenerateKeyPair")?;
        pairs.push((s.value(public, CKA_VALUE)?, private));
    }
    let agree = |peer: &[u8]| {
        if !x942 {
            return Mechanism::bytes(CKM_DH_PKCS_DERIVE, peer);
        }
        let peer = peer.to_vec();
        let (pPublicData, ulPublicDataLen) = raw(&peer);
        let params = CK_X9_42_DH1_DERIVE_PARAMS {
            kdf: CKD_NULL,
            ulOtherInfoLen: 0,
            pOtherInfo: std::ptr::null_mut(),
            ulPublicDataLen,
            pPublicData,
        };
        Mechanism::structure(CKM_X9_42_DH_DERIVE, params, vec![peer])
    };
    let template = readable(256);
    let mut secrets = Vec::new();
    for (mine, theirs) in [(0, 1), (1, 0)] {
        let mechanism = agree(&pairs[theirs].0);
        let (rv, key) = s.derive(&mechanism, pairs[mine].1, &template);
        ok(rv, "C_DeriveKey")?;
        secrets.push(s.value(key, CKA_VALUE)?);
    }
    hold(secrets[0] == secrets[1], || "two secrets".into())
}

/// What one side encapsulates, the other side has.
fn capsule_pair(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let public =
        Template::new().number(CKA_PARAMETER_SET, CKP_ML_KEM_768).flag(CKA_ENCAPSULATE, true);
    let private = Template::new().flag(CKA_DECAPSULATE, true);
    let (rv, public, private) = s.generate_pair(&Mechanism::plain(kind), &public, &private);
    ok(rv, "C_GenerateKeyPair")?;
    let (template, mechanism) = (readable(0), Mechanism::plain(CKM_ML_KEM));
    let (rv, ciphertext, one) = s.encapsulate(&mechanism, public, &template);
    ok(rv, "C_EncapsulateKey")?;
    hold(ciphertext.len() == 1088, || format!("{} bytes", ciphertext.len()))?;
    let (rv, other) = s.decapsulate(&mechanism, private, &ciphertext, &template);
    ok(rv, "C_DecapsulateKey")?;
    hold(s.value(one, CKA_VALUE)? == s.value(other, CKA_VALUE)?, || "two secrets".into())
}

fn premaster(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let mechanism = Mechanism::structure(kind, CK_VERSION { major: 3, minor: 2 }, vec![]);
    let (rv, key) = s.generate(&mechanism, &readable(48));
    ok(rv, "C_GenerateKey")?;
    let value = s.value(key, CKA_VALUE)?;
    hold(value.len() == 48 && value[..2] == [3, 2], || "no version at the beginning".into())
}

fn secrets(b: &Bench, kind: CK_MECHANISM_TYPE) -> Check {
    let s = b.user()?;
    let template = Template::new()
        .number(CKA_VALUE_LEN, 32)
        .flag(CKA_SENSITIVE, false)
        .flag(CKA_EXTRACTABLE, true);
    let mut values = Vec::new();
    for _ in 0..2 {
        let (rv, key) = s.generate(&Mechanism::plain(kind), &template);
        ok(rv, "C_GenerateKey")?;
        values.push(s.value(key, CKA_VALUE)?);
    }
    hold(values.iter().all(|value| value.len() == 32), || "another length".into())?;
    hold(values[0] != values[1], || "twice the same key".into())
}
