//! Java's own provider, SunPKCS11: keytool, jarsigner, and programs of our own.

use std::time::Duration;

use hsmsim_tests::{Sandbox, build, programs::required};

use super::{pair, script, source};
use crate::faults::strike;

/// keytool and jarsigner on the token.
const TOOLS: &str = r#"
store="-keystore NONE -storetype PKCS11 -storepass $PIN"
store+=' -providerClass sun.security.pkcs11.SunPKCS11 -providerArg hsm.cfg'
key() { keytool -genkeypair $store -dname CN=localhost -validity 2 "$@"; }
"#;

/// A sandbox with the provider's configuration.
fn java() -> Sandbox {
    required(&["java", "keytool", "jarsigner", "openssl"]);
    let sandbox = pair();
    let module = build::module_path().display().to_string();
    // What a key agreement gives has to be readable, or Java counts its value as empty; what is
    // generated has to be extractable, or it cannot be wrapped.
    let lines = [
        "name = hsmsim",
        &format!("library = {module}"),
        "slotListIndex = 0",
        "attributes(*, CKO_SECRET_KEY, *) = {",
        "    CKA_SENSITIVE = false",
        "    CKA_EXTRACTABLE = true",
        "}",
        "",
    ];
    sandbox.write("hsm.cfg", lines.join("\n"));
    sandbox
}

#[test]
fn keytool_makes_keys_and_requests_and_jarsigner_signs_while_the_primary_is_lost() {
    let sandbox = java();
    script(
        &sandbox,
        &format!(
            r#"{TOOLS}
            key -alias web -keyalg RSA -keysize 2048
            key -alias ec -keyalg EC -groupname secp256r1
            keytool -genseckey $store -alias data -keyalg AES -keysize 256
            keytool -certreq $store -alias ec -file ec.csr
            openssl req -in ec.csr -verify -noout
            echo content > content
            jar cf signed.jar content
            lose_the_primary
            jarsigner $store signed.jar web
            noticed
            jarsigner -verify -strict $store signed.jar
            keytool -delete $store -alias data
            keytool -list $store
            "#
        ),
    )
    .says(&["verify OK", "jar verified.", "2 entries", "web, PrivateKeyEntry"]);
}

#[test]
fn the_token_computes_what_java_computes_itself() {
    let sandbox = java();
    let run = [&source("Algorithms.java"), "hsm.cfg", hsmsim_tests::sandbox::USER_PIN];
    sandbox.run("java", &run).succeeded().says(&["compared 62"]);
}

/// Keys "rsa" and "ec" on the token, a key of OpenSSL's, and the certificates of all three.
const FOR_HANDSHAKES: &str = r#"
key -alias rsa -keyalg RSA -keysize 2048
key -alias ec -keyalg EC -groupname secp256r1
openssl req -x509 -newkey rsa:2048 -nodes -keyout outside.key -out outside.pem -subj /CN=outside \
    -days 2
for alias in rsa ec; do keytool -exportcert $store -rfc -alias $alias; done > trusted.pem
cat outside.pem >> trusted.pem
"#;

#[test]
fn the_token_serves_as_the_first_provider_of_a_program() {
    let sandbox = java();
    script(&sandbox, &format!("{TOOLS}{FOR_HANDSHAKES}"));
    let run = [&source("FirstProvider.java"), "hsm.cfg", hsmsim_tests::sandbox::USER_PIN];
    sandbox.start("java", &run).end(super::BOUND).succeeded().says(&[
        "digests done",
        "macs done",
        "randomness done",
        "signatures done",
        "agreements done",
        "keyStore done",
        "handshakes done",
    ]);
}

#[test]
fn the_token_serves_as_the_first_provider_of_the_tools_while_the_primary_is_lost() {
    script(
        &java(),
        r#"
        home=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java.home = //p')
        # As java.security has them, each one place later.
        {
            echo "security.provider.1=SunPKCS11 $PWD/hsm.cfg"
            sed -n 's/^security\.provider\.\([0-9]*\)=\(.*\)/\1 \2/p' "$home/conf/security/java.security" |
                while read -r number name; do echo "security.provider.$((number + 1))=$name"; done
        } > first.security
        cat first.security
        options="-J-Djava.security.properties=first.security -keystore NONE -storetype PKCS11"
        options="$options -storepass $PIN"
        keytool -genkeypair $options -alias web -keyalg RSA -keysize 2048 -dname CN=web -validity 2
        keytool -genkeypair $options -alias ec -keyalg EC -groupname secp384r1 -dname CN=ec -validity 2
        keytool -certreq $options -alias web -file web.csr
        openssl req -in web.csr -verify -noout
        echo content > content
        jar cf signed.jar content
        lose_the_primary
        jarsigner $options signed.jar web
        jarsigner $options signed.jar ec
        noticed
        jarsigner -verify -strict $options signed.jar
        # and by a Java that has never heard of the token
        keytool -exportcert $options -rfc -alias web > web.pem
        keytool -exportcert $options -rfc -alias ec > ec.pem
        for name in web ec; do
            keytool -importcert -noprompt -keystore own.p12 -storepass 12345678 -alias $name -file $name.pem
        done
        jarsigner -verify -strict -keystore own.p12 -storepass 12345678 signed.jar
        "#,
    )
    .says(&["security.provider.2=SUN", "verify OK", "jar verified."]);
}

#[test]
fn a_java_tls_server_on_token_keys_goes_on_while_the_primary_is_lost() {
    let sandbox = java();
    script(
        &sandbox,
        &format!(
            r#"{TOOLS}
            key -alias rsa -keyalg RSA -keysize 2048
            key -alias ec -keyalg EC -groupname secp256r1
            for alias in rsa ec; do keytool -exportcert $store -rfc -alias $alias; done > trusted.pem
            "#
        ),
    );
    let run = [&source("TlsServer.java"), "hsm.cfg", hsmsim_tests::sandbox::USER_PIN];
    let mut server = sandbox.start("java", &run);
    let connect = format!("127.0.0.1:{}", server.line("port ", 0, Duration::from_secs(40)));
    let handshakes = || {
        for options in [
            // The second is for the signature in the certificate: TLS 1.3 makes none with PKCS#1 v1.5.
            ["-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256"],
            ["-tls1_3", "-sigalgs", "ecdsa_secp256r1_sha256"],
            ["-tls1_2", "-sigalgs", "RSA+SHA256"],
            ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"],
        ] {
            let client = ["s_client", "-connect", &connect, "-CAfile", "trusted.pem"];
            let checks = ["-verify_return_error", "-ign_eof"];
            let ended = sandbox.run("openssl", &[&client[..], &checks, &options].concat());
            ended.says(&["Verification: OK", "served TLS_"]);
        }
    };
    handshakes();
    strike(&sandbox, "device.power_loss", "hsm-eus-1");
    handshakes();
    assert!(sandbox.log().contains("member lost"), "the fault never bit: {}", sandbox.log());
    let ended = server.kill();
    assert!(!ended.stderr.contains("Exception"), "{ended}");
}
