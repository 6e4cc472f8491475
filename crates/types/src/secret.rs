//! Bytes that must not be printed and are wiped when dropped.

use std::{
    fmt,
    hash::{Hash, Hasher},
};

use zeroize::{Zeroize, Zeroizing};

/// Secret bytes: wiped on drop, printed as their length only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over `bytes`.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl Drop for SecretBytes {
    /// As [`Zeroizing`] does it, which wipes byte by byte, and calls for the room behind them if there is
    /// none too: an object has many.
    fn drop(&mut self) {
        self.0.as_mut_slice().zeroize();
        if self.0.capacity() > self.0.len() {
            self.0.spare_capacity_mut().zeroize();
        }
    }
}

impl std::ops::Deref for SecretBytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(mut bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(std::mem::take(&mut bytes))
    }
}

impl Hash for SecretBytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_slice().hash(state);
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.0.len())
    }
}

/// A PIN as given to `C_Login` and its kin: UTF-8 by the standard, any bytes in practice.
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(SecretBytes);

impl Pin {
    /// Takes over the PIN's bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(SecretBytes::new(bytes.into()))
    }

    /// The bytes, for key derivation.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_no_secret() {
        assert_eq!(format!("{:?}", Pin::new("12345678")), "Pin(..)");
        assert_eq!(format!("{:?}", SecretBytes::new(vec![0x41; 3])), "SecretBytes(3 bytes)");
    }
}
