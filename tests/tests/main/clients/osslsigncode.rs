//! osslsigncode: a program for Windows, signed with a token key.

use hsmsim_tests::programs::{OPENSSL_ENGINE, required};

use super::{pair, script};

/// The smallest that passes for a program: headers, and one section with a return in it (Microsoft's
/// "PE Format").
pub(crate) fn program() -> Vec<u8> {
    let mut bytes = vec![0; 1024];
    let mut put = |at: usize, what: &[u8]| bytes[at..at + what.len()].copy_from_slice(what);
    put(0x00, b"MZ");
    put(0x3c, &0x40_u32.to_le_bytes()); // where the header is
    put(0x40, b"PE\0\0");
    put(0x44, &0x014c_u16.to_le_bytes()); // Intel 386
    put(0x46, &1_u16.to_le_bytes()); // one section
    put(0x54, &224_u16.to_le_bytes()); // size of the optional header
    put(0x56, &0x0102_u16.to_le_bytes()); // executable, 32 bits
    put(0x58, &0x010b_u16.to_le_bytes()); // PE32
    put(0x68, &0x1000_u32.to_le_bytes()); // entry point
    put(0x74, &0x0040_0000_u32.to_le_bytes()); // base of the image
    put(0x78, &0x1000_u32.to_le_bytes()); // alignment of sections
    put(0x7c, &0x0200_u32.to_le_bytes()); // alignment in the file
    put(0x88, &4_u16.to_le_bytes()); // version of the subsystem
    put(0x90, &0x2000_u32.to_le_bytes()); // size of the image
    put(0x94, &0x0200_u32.to_le_bytes()); // size of the headers
    put(0x9c, &3_u16.to_le_bytes()); // a program for the console
    put(0xb4, &16_u32.to_le_bytes()); // directories, all empty
    put(0x138, b".text");
    put(0x140, &0x0200_u32.to_le_bytes()); // size in memory
    put(0x144, &0x1000_u32.to_le_bytes()); // address in memory
    put(0x148, &0x0200_u32.to_le_bytes()); // size in the file
    put(0x14c, &0x0200_u32.to_le_bytes()); // place in the file
    put(0x15c, &0x6000_0020_u32.to_le_bytes()); // code that can be read and run
    put(0x200, &[0xc3]);
    bytes
}

#[test]
fn a_program_for_windows_is_signed_while_the_primary_is_lost() {
    required(&["osslsigncode", "openssl", "pkcs11-tool", OPENSSL_ENGINE]);
    let sandbox = pair();
    sandbox.write("plain.exe", program());
    script(
        &sandbox,
        r#"
        user --keypairgen --key-type rsa:3072 --label code --id 01 > /dev/null
        key="pkcs11:token=$LABEL;object=code;type=private;pin-value=$PIN"
        openssl req -x509 -engine pkcs11 -keyform engine -key "$key" -subj /CN=publisher -days 2 \
            -addext extendedKeyUsage=codeSigning -out code.pem
        lose_the_primary
        osslsigncode sign -pkcs11engine "$(find /usr/lib -path '*/engines-3/pkcs11.so' | head -n 1)" \
            -pkcs11module "$MODULE" -certs code.pem -key "$key" -h sha256 -in plain.exe -out signed.exe
        noticed
        osslsigncode verify -CAfile code.pem -in signed.exe
        # one byte of the code changed
        printf '\x90' | dd of=signed.exe bs=1 seek=512 conv=notrunc status=none
        if osslsigncode verify -CAfile code.pem -in signed.exe; then exit 1; fi
        "#,
    )
    .says(&["Signature verification: ok", "Signature verification: failed"]);
}
