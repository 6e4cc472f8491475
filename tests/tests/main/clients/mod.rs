//! Programs that people use with an HSM, each as its manual says. `scripts/test` installs them; where
//! one is missing its test fails.

mod java;
mod languages;
mod nginx;
mod nss;
mod openssh;
pub(crate) mod osslsigncode;
mod p11_kit;
pub(crate) mod registry;

use std::time::Duration;

use hsmsim_tests::{Sandbox, process::Ended};

/// Bound of a script that starts many programs, on a machine that does other things.
const BOUND: Duration = Duration::from_secs(120);

/// A cluster whose primary can be lost for little: the receive timeout of 20 s is 0.2 s here.
fn pair() -> Sandbox {
    Sandbox::scaled("ha-pair", 100)
}

/// Functions of bash for the scripts: pkcs11-tool on the provisioned token, and a loss of power that
/// has to be noticed.
const FUNCTIONS: &str = r#"
user() { pkcs11-tool --module "$MODULE" --token-label "$LABEL" --login --pin "$PIN" "$@"; }
lose_the_primary() { hsmsim fault add device.power_loss hsm-eus-1; }
noticed() { grep -q 'member lost' "$HSMSIM_LOG_FILE" || { echo 'the fault never bit'; exit 1; }; }
# tries a command until it succeeds, for at most 20 seconds
soon() {
    local end=$((SECONDS + 20))
    until "$@" > /dev/null 2>&1; do
        if ((SECONDS > end)); then echo "never: $*"; return 1; fi
        sleep 0.02
    done
}
"#;

/// Runs a script to its end; each command of it has to succeed.
fn script(sandbox: &Sandbox, script: &str) -> Ended {
    sandbox.sh_within(&format!("{FUNCTIONS}{script}"), BOUND).succeeded()
}

/// A file of `tests/clients`.
fn source(name: &str) -> String {
    hsmsim_tests::build::root().join("tests/clients").join(name).display().to_string()
}

/// The same script by somebody who is not root, where root runs it. He may see neither the clone nor root's
/// folders, so the module and the command become his.
pub(crate) fn not_as_root(script: &str) -> String {
    format!(
        r#"cat > own <<'SCRIPT'
set -euo pipefail
{script}
SCRIPT
mkdir own-bin && cp "$MODULE" "$(command -v hsmsim)" own-bin
export PATH=$PWD/own-bin:$PATH MODULE=$PWD/own-bin/$(basename "$MODULE")
if [ "$(id -u)" = 0 ]; then
    chown -R 65534:65534 .
    setpriv --reuid=65534 --regid=65534 --clear-groups bash own
else
    bash own
fi
"#
    )
}
