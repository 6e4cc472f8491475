//! CRC-64 of ECMA-182: not reflected, begun with zero.

const POLYNOMIAL: u64 = 0x42F0_E1EB_A9EA_3693;

/// What each byte at the top does to the sum.
const TABLE: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u64) << 56;
        let mut bit = 0;
        while bit < 8 {
            let out = sum >> 63;
            sum = sum << 1 ^ if out == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

/// The sum, most significant byte first.
pub(super) fn crc64(bytes: &[u8]) -> [u8; 8] {
    let add = |sum: u64, byte: &u8| sum << 8 ^ TABLE[usize::from((sum >> 56) as u8 ^ byte)];
    bytes.iter().fold(0, add).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogues_check_value_comes_out() {
        assert_eq!(crc64(b"123456789"), 0x6C40_DF5F_0B49_7347_u64.to_be_bytes());
        assert_eq!(crc64(b""), [0; 8]);
    }
}
