//! One-time passwords: the elements of CK_OTP_PARAMS and of CK_OTP_SIGNATURE_INFO (PKCS#11 3.1, 6.45).
//!
//! What C_Sign gives here is a structure with pointers into itself. On its way it is an image of that
//! structure in which pointers are distances from its beginning; only the C boundary knows where it will lie.

use std::fmt;

/// CK_OTP_PARAM. The value may be a PIN or a password: it is printed as its length only.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct OtpParam {
    /// CK_OTP_ number of what it is.
    pub kind: u64,
    /// The value.
    pub value: Vec<u8>,
}

/// Bytes of a word: a CK_ULONG, and a pointer.
const WORD: usize = 8;
/// Bytes of CK_OTP_SIGNATURE_INFO, and of a CK_OTP_PARAM.
const HEAD: usize = 2 * WORD;
const ITEM: usize = 3 * WORD;

impl OtpParam {
    /// Bytes that an image of elements with values of these lengths has.
    pub fn image_len(values: &[usize]) -> usize {
        HEAD + values.iter().map(|len| ITEM + len).sum::<usize>()
    }

    /// The image of a CK_OTP_SIGNATURE_INFO.
    pub fn image(params: &[Self]) -> Vec<u8> {
        let mut words = vec![HEAD, params.len()];
        let mut at = HEAD + ITEM * params.len();
        for param in params {
            words.extend([param.kind as usize, at, param.value.len()]);
            at += param.value.len();
        }
        let mut image: Vec<u8> = words.into_iter().flat_map(usize::to_ne_bytes).collect();
        params.iter().for_each(|param| image.extend_from_slice(&param.value));
        image
    }

    /// The elements of an image; `None` for what is none.
    pub fn of_image(image: &[u8]) -> Option<Vec<Self>> {
        let word = |at: usize| -> Option<usize> {
            let bytes = image.get(at..at.checked_add(WORD)?)?;
            Some(usize::from_ne_bytes(bytes.try_into().ok()?))
        };
        if word(0)? != HEAD || word(WORD)? > image.len() / ITEM {
            return None;
        }
        (0..word(WORD)?)
            .map(|index| {
                let item = HEAD + ITEM * index;
                let (at, len) = (word(item + WORD)?, word(item + 2 * WORD)?);
                let value = image.get(at..at.checked_add(len)?)?.to_vec();
                Some(Self { kind: word(item)? as u64, value })
            })
            .collect()
    }

    /// Makes an image a structure that lies at `address`.
    pub fn settle(image: &mut [u8], address: usize) {
        let count = image.len().saturating_sub(HEAD) / ITEM;
        let listed = match image.get(WORD..HEAD).and_then(|bytes| bytes.try_into().ok()) {
            Some(bytes) => usize::from_ne_bytes(bytes).min(count),
            None => return,
        };
        for at in std::iter::once(0).chain((0..listed).map(|index| HEAD + ITEM * index + WORD)) {
            if let Some(place) = image[at..].first_chunk_mut() {
                *place = usize::from_ne_bytes(*place).wrapping_add(address).to_ne_bytes();
            }
        }
    }
}

impl fmt::Debug for OtpParam {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} bytes", self.kind, self.value.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Vec<OtpParam> {
        let param = |kind, value: &[u8]| OtpParam { kind, value: value.to_vec() };
        vec![param(0, b"755224"), param(4, &[0; 8]), param(9, b"")]
    }

    #[test]
    fn an_image_tells_its_elements() {
        let image = OtpParam::image(&params());
        assert_eq!(image.len(), OtpParam::image_len(&[6, 8, 0]));
        assert_eq!(OtpParam::of_image(&image), Some(params()));
        assert_eq!(OtpParam::of_image(&OtpParam::image(&[])), Some(vec![]));
    }

    #[test]
    fn values_are_not_printed() {
        assert_eq!(format!("{:?}", params()), "[0: 6 bytes, 4: 8 bytes, 9: 0 bytes]");
    }

    #[test]
    fn what_is_no_image_is_none() {
        let image = OtpParam::image(&params());
        for len in 0..image.len() {
            assert_eq!(OtpParam::of_image(&image[..len]), None, "{len}");
        }
        for at in (0..HEAD + 3 * ITEM).step_by(WORD) {
            let mut wild = image.clone();
            wild[at..at + WORD].copy_from_slice(&[0xff; WORD]);
            // A number may be anything; places and lengths may not.
            assert!(
                OtpParam::of_image(&wild).is_none() || (at - HEAD).is_multiple_of(ITEM),
                "{at}"
            );
        }
    }

    #[test]
    fn a_structure_at_its_place_points_into_itself() {
        let mut image = OtpParam::image(&params());
        let before = image.clone();
        OtpParam::settle(&mut image, 1000);
        let word = |image: &[u8], at: usize| {
            usize::from_ne_bytes(image[at..at + WORD].try_into().unwrap())
        };
        for at in (0..HEAD + 3 * ITEM).step_by(WORD) {
            let moved = at == 0 || at >= HEAD && (at - HEAD) % ITEM == WORD;
            let by = if moved { 1000 } else { 0 };
            assert_eq!(word(&image, at), word(&before, at) + by, "{at}");
        }
    }
}
