//! HSS/LMS, stateful hash-based signatures (RFC 8554, NIST SP 800-208): `CKM_HSS`.
//!
//! Every leaf of a tree may sign once. A private key counts its leaves, and its owner must store the
//! new state before a signature leaves, or two messages may be signed with one leaf, which gives the
//! key away.
//!
//! A key keeps all nodes of its trees, and they are computed when it is made or read from its state:
//! with a Winternitz parameter of 8 a tree of 5 levels takes 0.1 s, of 10 levels 3 s, of 15 levels some
//! minutes. Higher ones are verified, but not generated.

mod lms;
mod parameters;

use std::fmt;

use zeroize::Zeroizing;

use self::lms::{ID_LEN, LmsPublic, LmsTree, Reader};
use self::parameters::{OneTimeType, TreeType};
use crate::{Error, Result, random};

/// The largest number of levels (RFC 8554, 6).
pub const LEVELS_MAX: usize = 8;
/// The highest tree that is generated, in levels.
pub const GENERATED_HEIGHT_MAX: u32 = 15;

/// The types of one level: `CKA_HSS_LMS_TYPE` and `CKA_HSS_LMOTS_TYPE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// LMS type: SHA-256 with 32 bytes 5 to 9, with 24 bytes 10 to 14, SHAKE256 with 32 bytes 15 to
    /// 19, with 24 bytes 20 to 24; five heights each, of 5, 10, 15, 20 and 25.
    pub lms_type: u32,
    /// LM-OTS type: the same functions, 1 to 16; four Winternitz parameters each, of 1, 2, 4, 8.
    pub lmots_type: u32,
}

impl Level {
    fn types(self) -> Option<(TreeType, OneTimeType)> {
        let (tree, one_time) = (TreeType::new(self.lms_type)?, OneTimeType::new(self.lmots_type)?);
        (tree.function == one_time.function).then_some((tree, one_time))
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HssPublicKey {
    levels: usize,
    top: LmsPublic,
}

impl HssPublicKey {
    /// Imports a public key as RFC 8554, 6.1 has it (`CKA_VALUE`).
    ///
    /// # Errors
    /// [`Error::InvalidKey`], also for types that are unknown or do not belong together.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader(bytes);
        let levels = reader.number().ok_or(Error::InvalidKey)? as usize;
        let top = LmsPublic::read(&mut reader).ok_or(Error::InvalidKey)?;
        if !(1..=LEVELS_MAX).contains(&levels) || !reader.0.is_empty() {
            return Err(Error::InvalidKey);
        }
        Ok(HssPublicKey { levels, top })
    }

    /// The public key as RFC 8554, 6.1 has it.
    pub fn to_bytes(&self) -> Vec<u8> {
        // There are at most eight levels.
        [&(self.levels as u32).to_be_bytes()[..], &self.top.write()].concat()
    }

    /// Number of levels (`CKA_HSS_LEVELS`).
    pub fn levels(&self) -> usize {
        self.levels
    }

    /// The types of the top level.
    pub fn top_level(&self) -> Level {
        Level { lms_type: self.top.tree.number, lmots_type: self.top.one_time.number }
    }

    /// Verifies a signature of a message (RFC 8554, 6.3).
    ///
    /// # Errors
    /// [`Error::SignatureLength`] for a signature that ends too soon or goes on too long,
    /// [`Error::VerifyFailed`] for everything else.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<()> {
        let mut reader = Reader(signature);
        let signed_keys = reader.number().ok_or(Error::SignatureLength)? as usize;
        if signed_keys + 1 != self.levels {
            return Err(Error::VerifyFailed);
        }
        let mut key = self.top.clone();
        for _ in 0..signed_keys {
            let mut ahead = Reader(reader.0);
            ahead.bytes(key.signature_len()).ok_or(Error::SignatureLength)?;
            let child_at = ahead.0;
            let child = LmsPublic::read(&mut ahead).ok_or(Error::VerifyFailed)?;
            let child_bytes = &child_at[..child_at.len() - ahead.0.len()];
            if key.verify(child_bytes, &mut reader) != Some(true) {
                return Err(Error::VerifyFailed);
            }
            reader = ahead;
            key = child;
        }
        if reader.0.len() != key.signature_len() {
            return Err(Error::SignatureLength);
        }
        match key.verify(message, &mut reader) {
            Some(true) => Ok(()),
            _ => Err(Error::VerifyFailed),
        }
    }
}

/// A private key with its state: how many signatures it has made.
pub struct HssPrivateKey {
    levels: Vec<Level>,
    id: [u8; ID_LEN],
    seed: Zeroizing<Vec<u8>>,
    /// Signatures made so far.
    used: u64,
    /// The trees on the way to the leaf that signs next, from the top.
    trees: Vec<LmsTree>,
}

impl HssPrivateKey {
    /// Generates a key pair with these levels, from the top (`CKM_HSS_KEY_PAIR_GEN`).
    ///
    /// # Errors
    /// [`Error::InvalidParameter`] for no level, more than [`LEVELS_MAX`], or types that are unknown,
    /// do not belong together or are higher than [`GENERATED_HEIGHT_MAX`]; [`Error::Internal`]
    /// without random numbers.
    pub fn generate(levels: &[Level]) -> Result<Self> {
        check_levels(levels).ok_or(Error::InvalidParameter)?;
        let (_, one_time) = levels[0].types().ok_or(Error::InvalidParameter)?;
        let mut id = [0; ID_LEN];
        random::fill(&mut id)?;
        let mut seed = Zeroizing::new(vec![0; one_time.function.len]);
        random::fill(&mut seed)?;
        Self::new(levels.to_vec(), id, seed, 0)
    }

    fn new(
        levels: Vec<Level>,
        id: [u8; ID_LEN],
        seed: Zeroizing<Vec<u8>>,
        used: u64,
    ) -> Result<Self> {
        let mut key = HssPrivateKey { levels, id, seed, used, trees: Vec::new() };
        key.plant()?;
        Ok(key)
    }

    /// Reads what [`state`](Self::state) wrote and computes the trees anew.
    ///
    /// # Errors
    /// [`Error::InvalidKey`].
    pub fn from_state(state: &[u8]) -> Result<Self> {
        let read = || {
            let mut reader = Reader(state);
            let count = reader.number()? as usize;
            if !(1..=LEVELS_MAX).contains(&count) {
                return None;
            }
            let mut levels = Vec::with_capacity(count);
            for _ in 0..count {
                let (lms_type, lmots_type) = (reader.number()?, reader.number()?);
                levels.push(Level { lms_type, lmots_type });
            }
            check_levels(&levels)?;
            let used = u64::from(reader.number()?) << 32 | u64::from(reader.number()?);
            let id = reader.bytes(ID_LEN)?.try_into().ok()?;
            let seed = Zeroizing::new(reader.0.to_vec());
            let (_, one_time) = levels[0].types()?;
            let fits = seed.len() == one_time.function.len && used <= capacity(&levels);
            fits.then_some((levels, id, seed, used))
        };
        let (levels, id, seed, used) = read().ok_or(Error::InvalidKey)?;
        Self::new(levels, id, seed, used)
    }

    /// The key with its state, in this crate's own form (`CKA_VALUE` is vendor defined): number and
    /// types of levels, signatures made, identifier, seed.
    pub fn state(&self) -> Zeroizing<Vec<u8>> {
        let mut out = Zeroizing::new(Vec::new());
        out.extend((self.levels.len() as u32).to_be_bytes());
        for level in &self.levels {
            out.extend([level.lms_type.to_be_bytes(), level.lmots_type.to_be_bytes()].concat());
        }
        out.extend(self.used.to_be_bytes());
        out.extend(self.id);
        out.extend(&self.seed[..]);
        out
    }

    /// The types of the levels, from the top.
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// How many signatures are left. `CKA_HSS_KEYS_REMAINING` is this or 2^32 - 1, whichever is less.
    pub fn remaining(&self) -> u64 {
        capacity(&self.levels) - self.used
    }

    /// The public key of this private key.
    pub fn public(&self) -> HssPublicKey {
        HssPublicKey { levels: self.levels.len(), top: self.trees[0].public.clone() }
    }

    /// Signs a message (RFC 8554, 6.2) and moves on to the next leaf. Store [`state`](Self::state)
    /// before the signature is given to anybody.
    ///
    /// # Errors
    /// [`Error::KeySize`] when no leaf is left (`CKR_KEY_EXHAUSTED`).
    pub fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        if self.remaining() == 0 {
            return Err(Error::KeySize);
        }
        self.plant()?;
        let leaves = leaves(&self.levels, self.used);
        let mut out = (self.levels.len() as u32 - 1).to_be_bytes().to_vec();
        for (depth, pair) in self.trees.windows(2).enumerate() {
            let child = pair[1].public.write();
            out.extend(pair[0].sign(leaves[depth], &child)?);
            out.extend(child);
        }
        let last = self.trees.last().ok_or(Error::Internal)?;
        out.extend(last.sign(leaves[self.levels.len() - 1], message)?);
        self.used += 1;
        Ok(out)
    }

    /// Computes the trees on the way to the next leaf that are not there yet.
    fn plant(&mut self) -> Result<()> {
        let leaves = leaves(&self.levels, self.used.min(capacity(&self.levels) - 1));
        let (mut id, mut seed) = (self.id, self.seed.clone());
        for (depth, leaf) in leaves.into_iter().enumerate() {
            if self.trees.get(depth).is_none_or(|tree| tree.public.id != id) {
                self.trees.truncate(depth);
                let (tree, one_time) = self.levels[depth].types().ok_or(Error::InvalidKey)?;
                seed.truncate(one_time.function.len);
                self.trees.push(LmsTree::new(tree, one_time, id, seed));
            }
            (id, seed) = self.trees[depth].child(leaf);
        }
        Ok(())
    }
}

impl fmt::Debug for HssPrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HssPrivateKey")
            .field("levels", &self.levels)
            .field("used", &self.used)
            .finish_non_exhaustive()
    }
}

/// Levels that can be generated: known types of one length, and not too high each and together.
fn check_levels(levels: &[Level]) -> Option<()> {
    let types: Vec<_> = levels.iter().map(|level| level.types()).collect::<Option<_>>()?;
    let (first, _) = types.first()?;
    let heights: u32 = types.iter().map(|(tree, _)| tree.height).sum();
    // One function throughout (SP 800-208, 4), and a count of leaves that 64 bits hold.
    let taken = types.len() <= LEVELS_MAX
        && heights < 64
        && types.iter().all(|(tree, _)| {
            tree.height <= GENERATED_HEIGHT_MAX && tree.function == first.function
        });
    taken.then_some(())
}

/// How many signatures a key with these levels can make.
fn capacity(levels: &[Level]) -> u64 {
    let height = |level: &Level| level.types().map_or(0, |(tree, _)| tree.height);
    1 << levels.iter().map(height).sum::<u32>()
}

/// The leaf of each level with which signature number `used` is made.
fn leaves(levels: &[Level], used: u64) -> Vec<u32> {
    let mut rest = used;
    let mut out: Vec<u32> = levels
        .iter()
        .rev()
        .map(|level| {
            let height = level.types().map_or(0, |(tree, _)| tree.height);
            let leaf = rest & ((1 << height) - 1);
            rest >>= height;
            leaf as u32
        })
        .collect();
    out.reverse();
    out
}
