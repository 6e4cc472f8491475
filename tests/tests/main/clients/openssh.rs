//! OpenSSH: keys of the token in an agent, and logins with them.

use hsmsim_tests::programs::required;

use super::{pair, script};

/// A server for one login each, behind the client's pipe instead of a port.
const SERVER: &str = r#"
for key in 'rsa:2048 01' 'EC:secp256r1 02' 'EC:secp384r1 03'; do
    set -- $key
    user --keypairgen --key-type "$1" --id "$2" --label "key $2" > /dev/null
done
ssh-keygen -D "$MODULE" > authorized
[ "$(wc -l < authorized)" = 3 ]
ssh-keygen -q -t ed25519 -N '' -f host
printf 'server %s\n' "$(cut -d' ' -f1,2 host.pub)" > known
cat > sshd_config <<EOF
HostKey $PWD/host
AuthorizedKeysFile $PWD/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
EOF
# A server of root confines itself to this folder while it does not know who calls.
[ "$(id -u)" != 0 ] || mkdir -p /run/sshd
cat > ssh_config <<EOF
User $(id -un)
UserKnownHostsFile $PWD/known
StrictHostKeyChecking yes
PreferredAuthentications publickey
ProxyCommand $(command -v sshd) -i -e -f $PWD/sshd_config 2>> sshd.log
EOF
printf '#!/bin/sh\necho %s\n' "$PIN" > askpass
chmod +x askpass
export SSH_ASKPASS=$PWD/askpass SSH_ASKPASS_REQUIRE=force
login() { ssh -F ssh_config "$@"; }
"#;

#[test]
fn an_agent_logs_in_with_token_keys_and_goes_on_while_the_primary_is_lost() {
    required(&["pkcs11-tool", "ssh", "ssh-add", "ssh-agent", "ssh-keygen", "sshd"]);
    script(
        &pair(),
        &format!(
            r#"{SERVER}
            ssh-agent -D -P "$MODULE" -a "$PWD/agent" > agent.log 2>&1 &
            agent=$!
            trap 'kill $agent' EXIT
            soon test -S agent
            export SSH_AUTH_SOCK=$PWD/agent
            ssh-add -s "$MODULE"
            ssh-add -T authorized
            for key in 1 2 3; do
                sed -n ${{key}}p authorized > $key.pub
                login -o IdentitiesOnly=yes -i $key.pub server echo "in with key $key"
            done
            lose_the_primary
            for key in 1 2 3; do
                login -o IdentitiesOnly=yes -i $key.pub server echo "still in with key $key"
            done
            noticed
            ssh-add -e "$MODULE"
            if login server echo 'in without a key'; then exit 1; fi
            "#
        ),
    )
    .says(&[
        "in with key 3",
        "still in with key 1",
        "still in with key 3",
        "Permission denied",
    ]);
}

#[test]
fn a_client_logs_in_through_the_module_itself() {
    required(&["pkcs11-tool", "ssh", "ssh-keygen", "sshd"]);
    script(&pair(), &format!("{SERVER} login -I \"$MODULE\" server echo 'in by the module'"))
        .says(&["in by the module"]);
}

#[test]
fn an_authority_on_the_token_certifies_who_may_log_in() {
    required(&["pkcs11-tool", "ssh", "ssh-keygen", "sshd"]);
    script(
        &pair(),
        &format!(
            r#"{SERVER}
            sed -n 2p authorized > authority.pub
            printf 'TrustedUserCAKeys %s\n' "$PWD/authority.pub" >> sshd_config
            : > authorized
            ssh-keygen -q -t ed25519 -N '' -f person
            if login -i person server echo 'in without a certificate'; then exit 1; fi
            lose_the_primary
            ssh-keygen -D "$MODULE" -s authority.pub -I person -n "$(id -un)" -V +1h person.pub
            noticed
            ssh-keygen -L -f person-cert.pub
            login -i person server echo 'in with a certificate'
            "#
        ),
    )
    .says(&["Permission denied", "ecdsa-sha2-nistp256", "in with a certificate"]);
}
