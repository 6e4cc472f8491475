//! The sections and keys that a Luna client's file is known to have (Luna guide, "Configuration File
//! Summary", and published files), and which of them mean something here.

/// A section: its name, the keys that mean something here, and those that do not. `##` stands for two
/// or more digits; a section whose list of others is `*` may hold any key.
pub(super) struct KnownSection {
    pub(super) name: &'static str,
    pub(super) used: &'static [&'static str],
    pub(super) others: &'static [&'static str],
}

const ANY: &[&str] = &["*"];

/// The table.
pub(super) const SECTIONS: &[KnownSection] = &[
    KnownSection { name: "Chrystoki2", used: &[], others: &["LibUNIX", "LibUNIX64"] },
    KnownSection {
        name: "Luna",
        used: &[],
        others: &[
            "DefaultTimeOut",
            "PEDTimeout1",
            "PEDTimeout2",
            "PEDTimeout3",
            "KeypairGenTimeOut",
            "CloningCommandTimeOut",
            "CommandTimeOutPedSet",
        ],
    },
    KnownSection { name: "CardReader", used: &[], others: &["RemoteCommand", "LunaG5Slots"] },
    KnownSection {
        name: "Misc",
        used: &[],
        others: &[
            "ToolsDir",
            "PE1746Enabled",
            "PartitionPolicyTemplatePath",
            "ProtectedAuthenticationPathFlagStatus",
            "LoginAllowedOnFMEnabledHSMs",
            "RSAKeyGenMechRemap",
            "AppIdMajor",
            "AppIdMinor",
        ],
    },
    KnownSection {
        name: "LunaSA Client",
        used: &["ReceiveTimeout", "TCPKeepAlive", "ServerName##"],
        others: &[
            "SSLConfigFile",
            "ClientPrivKeyFile",
            "ClientCertFile",
            "ServerCAFile",
            "NetClient",
            // As some published files write them.
            "TCPKeepAlive",
            "ServerName##",
            "HtlDir",
            "ProbeTimeout",
            "ServerPort##",
            "ServerHtl##",
        ],
    },
    KnownSection {
        name: "Secure Trusted Channel",
        used: &[],
        others: &[
            "ClientTokenLib",
            "SoftTokenDir",
            "ClientIdentitiesDir",
            "PartitionIdentitiesDir",
        ],
    },
    KnownSection {
        name: "VirtualToken",
        used: &[
            "VirtualToken##Label",
            "VirtualToken##SN",
            "VirtualToken##Members",
            "VirtualTokenActiveRecovery",
        ],
        others: &[],
    },
    // One key for each group, its label.
    KnownSection { name: "HASynchronize", used: ANY, others: &[] },
    KnownSection {
        name: "HAConfiguration",
        used: &[
            "HAOnly",
            "haLogPath",
            "haLogStatus",
            "logLen",
            "reconnAtt",
            "AutoReconnectInterval",
            "failover_on_deactivation",
        ],
        others: &["statusTimeout", "ProbeTimeout", "haLogToStdout"],
    },
    KnownSection { name: "HARecovery", used: &[], others: ANY },
    KnownSection {
        name: "CkLog2",
        used: &[],
        others: &[
            "Enabled",
            "File",
            "Error",
            "NewFormat",
            "LoggingMask",
            "LogToStreams",
            "LibUNIX",
            "LibUNIX64",
        ],
    },
    KnownSection { name: "Presentation", used: &[], others: ANY },
    KnownSection { name: "REST", used: &[], others: ANY },
    KnownSection { name: "XTC", used: &[], others: ANY },
    KnownSection { name: "GemEngine", used: &[], others: ANY },
];

/// Whether a key is the one of the table. What means nothing may be written in any case, since
/// published files do.
pub(super) fn is(key: &str, known: &str, any_case: bool) -> bool {
    let same = |a: &str, b: &str| if any_case { a.eq_ignore_ascii_case(b) } else { a == b };
    match known.split_once("##") {
        None => known == "*" || same(key, known),
        Some((before, after)) => numbered(key, before, after, any_case).is_some(),
    }
}

/// The digits between `before` and `after`, two or more of them.
pub(super) fn numbered<'k>(
    key: &'k str,
    before: &str,
    after: &str,
    any_case: bool,
) -> Option<&'k str> {
    let same = |a: &str, b: &str| if any_case { a.eq_ignore_ascii_case(b) } else { a == b };
    let head = key.get(..before.len()).filter(|head| same(head, before))?;
    let rest = &key[head.len()..];
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    (digits >= 2 && same(&rest[digits..], after)).then(|| &rest[..digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_keys_have_two_digits_or_more() {
        assert!(is("ServerName00", "ServerName##", false));
        assert!(is("ServerName100", "ServerName##", false));
        assert!(!is("ServerName0", "ServerName##", false));
        assert!(!is("ServerName00x", "ServerName##", false));
        assert!(is("VirtualToken07Members", "VirtualToken##Members", false));
        assert!(!is("VirtualToken07Label", "VirtualToken##Members", false));
        assert_eq!(numbered("VirtualToken07SN", "VirtualToken", "SN", false), Some("07"));
        assert!(is("servername00", "ServerName##", true) && !is("haonly", "HAOnly", false));
        // Cut within a letter.
        assert!(!is("Servernä00", "ServerName##", true));
    }
}
