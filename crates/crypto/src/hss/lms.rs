//! One LMS tree and its one-time signatures (RFC 8554, 4 and 5).

use zeroize::Zeroizing;

use super::parameters::{OneTimeType, TreeType};
use crate::{Error, Result};

/// Separators of what is hashed (RFC 8554, 7.1).
const D_PBLC: [u8; 2] = [0x80, 0x80];
const D_MESG: [u8; 2] = [0x81, 0x81];
const D_LEAF: [u8; 2] = [0x82, 0x82];
const D_INTR: [u8; 2] = [0x83, 0x83];

/// Length of a tree's identifier in bytes.
pub(super) const ID_LEN: usize = 16;

/// Reads numbers and strings from the front.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (first, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn number(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }
}

/// A tree's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LmsPublic {
    pub(super) tree: TreeType,
    pub(super) one_time: OneTimeType,
    pub(super) id: [u8; ID_LEN],
    pub(super) root: Vec<u8>,
}

impl LmsPublic {
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let tree = TreeType::new(reader.number()?)?;
        let one_time = OneTimeType::new(reader.number()?)?;
        // One function for both (SP 800-208, 4).
        if tree.function != one_time.function {
            return None;
        }
        let id = reader.bytes(ID_LEN)?.try_into().ok()?;
        Some(LmsPublic { tree, one_time, id, root: reader.bytes(tree.function.len)?.to_vec() })
    }

    pub(super) fn write(&self) -> Vec<u8> {
        let numbers = [self.tree.number.to_be_bytes(), self.one_time.number.to_be_bytes()];
        [&numbers.concat()[..], &self.id, &self.root].concat()
    }

    /// Length of a signature of this tree in bytes.
    pub(super) fn signature_len(&self) -> usize {
        8 + self.one_time.signature_len() + self.tree.height as usize * self.tree.function.len
    }

    /// Takes a signature from the reader and verifies it; `None` if it is not one of this tree.
    pub(super) fn verify(&self, message: &[u8], reader: &mut Reader<'_>) -> Option<bool> {
        let (tree, one_time, function) = (self.tree, self.one_time, self.tree.function);
        let leaf = reader.number()?;
        if reader.number()? != one_time.number {
            return None;
        }
        let randomizer = reader.bytes(function.len)?;
        let chains = reader.bytes(function.len * one_time.digits())?;
        if reader.number()? != tree.number || leaf >= 1 << tree.height {
            return None;
        }
        let path = reader.bytes(function.len * tree.height as usize)?;

        let q = leaf.to_be_bytes();
        let digest = function.hash(&[&self.id, &q, &D_MESG, randomizer, message]);
        let ends: Vec<u8> = one_time
            .digits_of(&digest)
            .into_iter()
            .zip(chains.chunks_exact(function.len))
            .enumerate()
            .flat_map(|(index, (digit, start))| {
                chain(one_time, &self.id, leaf, index, digit, last_digit(one_time), start)
            })
            .collect();
        let key = function.hash(&[&self.id, &q, &D_PBLC, &ends]);

        let mut number = (1 << tree.height) + leaf;
        let mut node = leaf_node(self.tree, &self.id, number, &key);
        for sibling in path.chunks_exact(function.len) {
            let (left, right) =
                if number % 2 == 1 { (sibling, &node[..]) } else { (&node[..], sibling) };
            number /= 2;
            node = inner_node(self.tree, &self.id, number, left, right);
        }
        Some(node == self.root)
    }
}

fn leaf_node(tree: TreeType, id: &[u8], number: u32, key: &[u8]) -> Vec<u8> {
    tree.function.hash(&[id, &number.to_be_bytes(), &D_LEAF, key])
}

fn inner_node(tree: TreeType, id: &[u8], number: u32, left: &[u8], right: &[u8]) -> Vec<u8> {
    tree.function.hash(&[id, &number.to_be_bytes(), &D_INTR, left, right])
}

fn last_digit(one_time: OneTimeType) -> u8 {
    ((1u32 << one_time.w) - 1) as u8
}

/// Hashes on from one digit's place in a chain to another's.
fn chain(
    one_time: OneTimeType,
    id: &[u8],
    leaf: u32,
    index: usize,
    from: u8,
    to: u8,
    start: &[u8],
) -> Vec<u8> {
    // There are at most 265 chains.
    let (q, index) = (leaf.to_be_bytes(), (index as u16).to_be_bytes());
    let mut value = start.to_vec();
    for step in from..to {
        value = one_time.function.hash(&[id, &q, &index, &[step], &value]);
    }
    value
}

/// A tree with its seed, all nodes computed.
pub(super) struct LmsTree {
    pub(super) public: LmsPublic,
    seed: Zeroizing<Vec<u8>>,
    /// Node `n` (RFC 8554, 5.3) at `n`; the first is nobody's.
    nodes: Vec<Vec<u8>>,
}

impl LmsTree {
    /// Computes the tree of an identifier and a seed (RFC 8554, appendix A).
    pub(super) fn new(
        tree: TreeType,
        one_time: OneTimeType,
        id: [u8; ID_LEN],
        seed: Zeroizing<Vec<u8>>,
    ) -> Self {
        let leaves = 1usize << tree.height;
        let mut nodes = vec![Vec::new(); 2 * leaves];
        for leaf in 0..leaves as u32 {
            let ends: Vec<u8> = (0..one_time.digits())
                .flat_map(|index| {
                    let start = secret(one_time, &id, leaf, index, &seed);
                    chain(one_time, &id, leaf, index, 0, last_digit(one_time), &start)
                })
                .collect();
            let key = one_time.function.hash(&[&id, &leaf.to_be_bytes(), &D_PBLC, &ends]);
            let number = leaves as u32 + leaf;
            nodes[number as usize] = leaf_node(tree, &id, number, &key);
        }
        for number in (1..leaves).rev() {
            let (left, right) = (&nodes[2 * number], &nodes[2 * number + 1]);
            nodes[number] = inner_node(tree, &id, number as u32, left, right);
        }
        let public = LmsPublic { tree, one_time, id, root: nodes[1].clone() };
        LmsTree { public, seed, nodes }
    }

    /// Signs with one leaf. The randomizer is a function of leaf and seed, so that the signature of
    /// one message by one leaf is always the same; no leaf may ever sign two messages.
    pub(super) fn sign(&self, leaf: u32, message: &[u8]) -> Result<Vec<u8>> {
        let LmsPublic { tree, one_time, id, .. } = &self.public;
        if leaf >= 1 << tree.height {
            return Err(Error::KeySize);
        }
        let q = leaf.to_be_bytes();
        let randomizer = one_time.function.hash(&[id, &q, &[0xff, 0xfd, 0xff], &self.seed]);
        let digest = one_time.function.hash(&[id, &q, &D_MESG, &randomizer, message]);
        let mut out = [q, one_time.number.to_be_bytes()].concat();
        out.extend(&randomizer);
        for (index, digit) in one_time.digits_of(&digest).into_iter().enumerate() {
            let start = secret(*one_time, id, leaf, index, &self.seed);
            out.extend(chain(*one_time, id, leaf, index, 0, digit, &start));
        }
        out.extend(tree.number.to_be_bytes());
        let mut number = (1usize << tree.height) + leaf as usize;
        while number > 1 {
            out.extend(&self.nodes[number ^ 1]);
            number /= 2;
        }
        Ok(out)
    }

    /// Identifier and seed of the tree below a leaf.
    pub(super) fn child(&self, leaf: u32) -> ([u8; ID_LEN], Zeroizing<Vec<u8>>) {
        let LmsPublic { one_time, id, .. } = &self.public;
        let derive = |purpose: u8| {
            let parts = [id, &leaf.to_be_bytes()[..], &[0xff, purpose, 0xff], &self.seed];
            Zeroizing::new(one_time.function.hash(&parts))
        };
        let mut child_id = [0; ID_LEN];
        child_id.copy_from_slice(&derive(0xfe)[..ID_LEN]);
        (child_id, derive(0xfc))
    }
}

/// The start of one chain (RFC 8554, appendix A).
fn secret(
    one_time: OneTimeType,
    id: &[u8],
    leaf: u32,
    index: usize,
    seed: &[u8],
) -> Zeroizing<Vec<u8>> {
    let (q, index) = (leaf.to_be_bytes(), (index as u16).to_be_bytes());
    Zeroizing::new(one_time.function.hash(&[id, &q, &index, &[0xff], seed]))
}
