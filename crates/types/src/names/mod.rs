//! Names of numbers, for logs, reports and profile files.

mod tables;

use std::{collections::HashMap, sync::LazyLock};

/// The entries in order of their numbers, so that a name is found without a table being made first: a process that
/// starts looks some up, and one that has forked may not wait for another thread's table.
const fn sorted<const N: usize>(table: &[(u64, &'static str)]) -> [(u64, &'static str); N] {
    let mut all = [(0, ""); N];
    let mut len = 0;
    while len < N {
        let mut at = len;
        while at > 0 && all[at - 1].0 > table[len].0 {
            all[at] = all[at - 1];
            at -= 1;
        }
        all[at] = table[len];
        len += 1;
    }
    all
}

macro_rules! lookups {
    ($($(#[$doc:meta])* $by_number:ident, $by_name:ident, $table:ident;)*) => {
        $(
            $(#[$doc])*
            pub fn $by_number(number: u64) -> Option<&'static str> {
                static SORTED: [(u64, &str); tables::$table.len()] = sorted(tables::$table);
                let at = SORTED.binary_search_by_key(&number, |entry| entry.0).ok()?;
                Some(SORTED[at].1)
            }

            /// The number behind a name, `None` for a name nobody knows.
            pub fn $by_name(name: &str) -> Option<u64> {
                static INDEX: LazyLock<HashMap<&str, u64>> = LazyLock::new(|| {
                    tables::$table.iter().map(|&(number, name)| (name, number)).collect()
                });
                INDEX.get(name).copied()
            }
        )*
    };
}

lookups! {
    /// The name of a return value (CKR_).
    return_value, return_value_number, RETURN_VALUES;
    /// The name of a mechanism (CKM_).
    mechanism, mechanism_number, MECHANISMS;
    /// The name of an attribute (CKA_).
    attribute, attribute_number, ATTRIBUTES;
    /// The name of a key type (CKK_).
    key_type, key_type_number, KEY_TYPES;
    /// The name of an object class (CKO_).
    object_class, object_class_number, OBJECT_CLASSES;
}

/// Whether there is a mechanism of that number that has a name: what is asked at every init, and so found without a
/// search for those of the standard.
pub fn is_mechanism(number: u64) -> bool {
    const STANDARD: usize = 0x5000;
    static NAMED: [u64; STANDARD / 64] = {
        let mut named = [0; STANDARD / 64];
        let mut at = 0;
        while at < tables::MECHANISMS.len() {
            let number = tables::MECHANISMS[at].0 as usize;
            if number < STANDARD {
                named[number / 64] |= 1 << (number % 64);
            }
            at += 1;
        }
        named
    };
    match usize::try_from(number) {
        Ok(number) if number < STANDARD => NAMED[number / 64] >> (number % 64) & 1 == 1,
        _ => mechanism(number).is_some(),
    }
}

/// Every return value's name, in the order of the table.
pub fn return_values() -> impl Iterator<Item = &'static str> + Clone {
    tables::RETURN_VALUES.iter().map(|&(_, name)| name)
}

/// Every mechanism's name, in the order of the table.
pub fn mechanisms() -> impl Iterator<Item = &'static str> + Clone {
    tables::MECHANISMS.iter().map(|&(_, name)| name)
}

/// Every attribute's number, in the order of the table.
pub fn attributes() -> impl Iterator<Item = u64> + Clone {
    tables::ATTRIBUTES.iter().map(|&(number, _)| number)
}

/// The name of `number` as `lookup` knows it, else the number in hexadecimal.
pub fn or_hex(lookup: fn(u64) -> Option<&'static str>, number: u64) -> String {
    lookup(number).map_or_else(|| format!("0x{number:08X}"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::ck::*;

    #[test]
    fn no_number_has_two_names() {
        for table in [
            tables::RETURN_VALUES,
            tables::MECHANISMS,
            tables::ATTRIBUTES,
            tables::KEY_TYPES,
            tables::OBJECT_CLASSES,
        ] {
            let numbers: HashSet<_> = table.iter().map(|entry| entry.0).collect();
            assert_eq!(numbers.len(), table.len());
        }
    }

    #[test]
    fn a_mechanism_is_one_if_it_has_a_name() {
        let listed = tables::MECHANISMS.iter().flat_map(|&(number, _)| [number, number + 1]);
        for number in (0..0x6000).chain(listed).chain([u64::MAX]) {
            assert_eq!(is_mechanism(number), mechanism(number).is_some(), "{number:#x}");
        }
    }

    #[test]
    fn names_lead_to_their_numbers_and_back() {
        assert_eq!(mechanism(CKM_RSA_PKCS), Some("CKM_RSA_PKCS"));
        assert_eq!(mechanism_number("CKM_AES_GCM"), Some(CKM_AES_GCM));
        assert_eq!(return_value(CKR_USER_NOT_AUTHORIZED), Some("CKR_USER_NOT_AUTHORIZED"));
        assert_eq!(or_hex(attribute, 0x1234_5678), "0x12345678");
    }
}
