//! NSS: keys and certificates of the token in a database.

use hsmsim_tests::programs::required;

use super::{pair, script};

#[test]
fn nss_makes_keys_and_signs_mail_while_the_primary_is_lost() {
    required(&["modutil", "certutil", "cmsutil", "openssl"]);
    script(
        &pair(),
        r#"
        mkdir db
        certutil -N -d sql:db --empty-password
        modutil -dbdir sql:db -add hsmsim -libfile "$MODULE" -force
        modutil -dbdir sql:db -list hsmsim
        echo "$LABEL:$PIN" > pin
        head -c 64 /dev/urandom > noise
        cert() { certutil "$@" -d sql:db -h "$LABEL" -f pin; }
        make() { cert -S -n $1 -s CN=$1 -x -t CT,CT,CT -z noise -Z SHA256 "${@:2}"; }
        make rsa -k rsa -g 2048
        make ec -k ec -q nistp256
        cert -L
        cert -K
        cert -R -k ec -q nistp384 -s CN=request -z noise -a -o request.pem
        openssl req -in request.pem -verify -noout
        cert -L -n "$LABEL:rsa" -a > rsa.pem
        echo 'the words that are signed' > words
        sign() {
            cmsutil -S -d sql:db -N "$LABEL:rsa" -f pin -G -H SHA256 -i words -o signed
            openssl cms -verify -inform DER -in signed -CAfile rsa.pem -purpose any -binary -out read
            cmp words read
            cmsutil -D -d sql:db -f pin -i signed
        }
        sign
        lose_the_primary
        sign
        noticed
        cert -D -n "$LABEL:ec"
        cert -L
        "#,
    )
    .says(&["Token Name: hsmsim-0", "verify OK", "hsmsim-0:rsa", "the words that are signed"]);
}
