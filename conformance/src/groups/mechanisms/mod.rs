//! Mechanisms: what each computes beside OpenSSL, at its limits and beyond. One table says what a
//! mechanism is; a file for each sort of mechanism says what is asked of it.

mod answers;
mod asymmetric;
mod keys;
mod symmetric;
mod table;

use cryptoki_sys::*;

use self::table::{ROWS, What};
use crate::{
    case::{Bench, Case, Check, Session, Stop},
    module::Module,
};

/// Whether a row is about the mechanism.
pub(super) fn asks_about(kind: CK_MECHANISM_TYPE) -> bool {
    ROWS.iter().any(|row| row.0 == kind) || answers::rows().any(|row| row.0 == kind)
}

/// Whether a row compares each of the mechanism's values with OpenSSL's.
pub(super) fn compares(kind: CK_MECHANISM_TYPE) -> bool {
    use What::*;
    let chance = |what| matches!(what, RsaSign(..) | Ecdsa(_) | Eddsa | RsaCrypt(_) | Agrees);
    ROWS.iter().any(|row| row.0 == kind && !chance(row.2))
}

/// The cases of a group. What the module does not list is unsupported, once for each case, so that the
/// numbers of modules can be compared.
pub(super) fn cases(group: &str, _module: &Module) -> Vec<Case> {
    let mut all = Vec::new();
    for &(kind, name, what) in ROWS {
        let (own, cases) = match what {
            What::Digest(_) | What::DigestOf(_) => ("digest", symmetric::digest(kind, what)),
            What::Mac(..) => ("mac", symmetric::mac(kind, what)),
            What::Cipher(..) => ("cipher", symmetric::cipher(kind, what)),
            What::RsaSign(..) | What::Ecdsa(_) | What::Eddsa => {
                ("sign", asymmetric::sign(kind, what))
            }
            What::RsaCrypt(padding) => ("crypt", asymmetric::crypt(kind, padding)),
            What::Generate(..) | What::Pair(_) => ("generate", keys::generate(kind, what)),
            What::Wrap(lens, cipher) => ("wrap", keys::wrap(kind, lens, cipher)),
            What::Encrypts(..) | What::Hashes(_) | What::Agrees => {
                ("derive", keys::derive(kind, what))
            }
        };
        if group != format!("mechanism.{own}") {
            continue;
        }
        let variant = match what {
            What::Pair(pair) => pair().variant(),
            _ => "",
        };
        for Asked { id, chapter, statement, flag, body } in cases {
            let id = format!("{group}.{name}{variant}.{id}");
            all.push(super::case(id, chapter, statement, move |b| {
                listed(b, kind, name, flag)?;
                body(b)
            }));
        }
    }
    for &(kind, name, of, chapter, flags, ask) in answers::rows().filter(|row| row.2 == group) {
        let id = format!("{of}.{name}.answer");
        let statement = "it gives the known answer, or what belongs together";
        all.push(super::case(id, chapter, statement, move |b| {
            listed(b, kind, name, flags)?;
            ask(b, kind)
        }));
    }
    all
}

/// Whether the module lists a mechanism for these uses; else it is unsupported.
fn listed(b: &Bench, kind: CK_MECHANISM_TYPE, name: &str, flags: CK_FLAGS) -> Check {
    match b.module.mechanism_info(kind) {
        Some(info) if info.flags & flags == flags => Ok(()),
        _ => Err(Stop::Unsupported(format!("{name} is not listed for this use"))),
    }
}

/// A case of one mechanism, asked only if the module lists it with that flag.
struct Asked {
    id: &'static str,
    chapter: &'static str,
    statement: &'static str,
    flag: CK_FLAGS,
    body: Box<dyn Fn(&Bench) -> Check>,
}

fn asked(
    id: &'static str,
    chapter: &'static str,
    statement: &'static str,
    flag: CK_FLAGS,
    body: impl Fn(&Bench) -> Check + 'static,
) -> Asked {
    Asked { id, chapter, statement, flag, body: Box::new(body) }
}

/// OpenSSL's name for a key of so many bytes.
fn named(pattern: &str, key_len: usize) -> String {
    pattern.replace("{}", &(key_len * 8).to_string())
}

/// Runs a function with the two-call convention's second call alone: room for all there can be.
fn taken(room: usize, call: impl FnOnce(*mut u8, *mut CK_ULONG) -> CK_RV) -> (CK_RV, Vec<u8>) {
    let (mut out, mut len) = (vec![0; room], room as CK_ULONG);
    let rv = call(out.as_mut_ptr(), &mut len);
    out.truncate(if rv == CKR_OK { len as usize } else { 0 });
    (rv, out)
}

/// Data, as the C functions want it.
fn raw(data: &[u8]) -> (*mut u8, CK_ULONG) {
    (data.as_ptr().cast_mut(), data.len() as CK_ULONG)
}

/// Lengths of data: none, around the blocks of digests and ciphers, more.
const LENGTHS: [usize; 9] = [0, 1, 15, 16, 17, 63, 64, 65, 300];

type Key<'a> = (Session<'a>, CK_OBJECT_HANDLE);
