//! nginx with several workers, each of which is forked from a process that has the module loaded.

use hsmsim_tests::programs::{OPENSSL_ENGINE, required};

use super::{pair, script};

/// A server with an EC and an RSA key, and a client that says which worker it met.
const SERVER: &str = r#"
key() { echo "pkcs11:token=$LABEL;object=$1;type=private;pin-value=$PIN"; }
certify() { # label, key type, ID
    user --keypairgen --key-type "$2" --label "$1" --id "$3" > /dev/null
    openssl req -x509 -engine pkcs11 -keyform engine -key "$(key "$1")" -subj /CN=localhost \
        -days 1 -out "$1.pem"
}
certify ec EC:secp256r1 01
certify rsa rsa:2048 02
cat ec.pem rsa.pem > trusted.pem

# nginx uses an engine that OpenSSL has initialised before.
cat > openssl.cnf <<EOF
openssl_conf = openssl
[openssl]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
MODULE_PATH = $MODULE
init = 1
EOF
cat > nginx.conf <<EOF
daemon off;
user $(id -un) $(id -gn);
worker_processes 3;
pid $PWD/nginx.pid;
error_log $PWD/error.log info;
$(env | sed -n 's/^\(HSMSIM_[A-Z_]*\)=.*/env \1;/p')
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $PWD/body;
    proxy_temp_path $PWD/proxy;
    fastcgi_temp_path $PWD/fastcgi;
    uwsgi_temp_path $PWD/uwsgi;
    scgi_temp_path $PWD/scgi;
    ssl_session_cache off;
    ssl_session_tickets off;
    server {
        listen unix:$PWD/socket ssl;
        ssl_certificate $PWD/ec.pem;
        ssl_certificate_key "engine:pkcs11:$(key ec)";
        ssl_certificate $PWD/rsa.pem;
        ssl_certificate_key "engine:pkcs11:$(key rsa)";
        location / { return 200 "worker \$pid\n"; }
    }
}
EOF
OPENSSL_CONF=$PWD/openssl.cnf nginx -p "$PWD" -c "$PWD/nginx.conf" &
nginx=$!
trap 'kill $nginx' EXIT
get() {
    curl -sS -m 20 --unix-socket socket --cacert trusted.pem "$@" https://localhost/ |
        tee -a workers
}
# As many requests at the same time for each kind of key; all have to be answered.
gets() {
    local clients=() client
    for ((n = 0; n < $1; n++)); do
        get --tls-max 1.2 --ciphers ECDHE-ECDSA-AES128-GCM-SHA256 & clients+=($!)
        get --tls-max 1.2 --ciphers ECDHE-RSA-AES128-GCM-SHA256 & clients+=($!)
        get & clients+=($!)
    done
    for client in "${clients[@]}"; do wait "$client"; done
}
workers() { sort -u workers | grep -c worker; }
# Whether more than one worker has answered, which is up to the kernel.
several() { gets 2; [ "$(workers)" -gt 1 ]; }
"#;

#[test]
fn the_workers_of_nginx_serve_on_through_the_loss_of_the_primary_and_a_reload() {
    required(&["pkcs11-tool", "openssl", "nginx", "curl", OPENSSL_ENGINE]);
    let sandbox = pair();
    script(
        &sandbox,
        &format!(
            r#"{SERVER}
            soon get
            soon several
            lose_the_primary
            gets 4
            noticed
            cp workers before
            : > workers
            kill -HUP $nginx
            # at first the old workers may still answer
            renewed() {{ : > workers; gets 2; ! grep -qFx -f before workers; }}
            soon renewed
            soon several
            gets 4
            if grep -Fx -f before workers; then exit 1; fi
            kill -QUIT $nginx
            wait $nginx
            trap - EXIT
            if grep -E '\[(emerg|alert|crit|error)\]' error.log; then exit 1; fi
            echo "served by $(workers) workers"
            "#
        ),
    )
    .says(&["served by "]);
}
