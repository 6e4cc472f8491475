//! `junit.xml`: one test case for each expectation, in the form that CI servers read (the schema of
//! Jenkins' xUnit plug-in). An inconclusive drill is an error, not a failure: nothing was refuted.

use std::fmt::Write;

use crate::{report::Report, verdict::Verdict};

/// The file's text.
pub(super) fn xml(report: &Report) -> String {
    let failures = report.expectations.iter().filter(|expectation| !expectation.met).count();
    let inconclusive = report.verdict == Verdict::Inconclusive;
    let (tests, errors) = (report.expectations.len() + 1, u8::from(inconclusive));
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
    let suite = escape(&format!("drill {}", report.drill));
    let seconds = report.duration_ms / report.time_scale / 1000.0;
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(xml, "<testsuites name=\"hsmsim\" {counts} time=\"{seconds:.3}\">");
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{suite}\" {counts} skipped=\"0\" time=\"{seconds:.3}\">\n    \
         <properties>"
    );
    for (name, value) in [
        ("topology", report.topology.as_str()),
        ("tier", report.tier.as_str()),
        ("seed", &report.seed.to_string()),
        ("replay", &report.replay),
    ] {
        let value = escape(value);
        let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{value}\"/>");
    }
    xml.push_str("    </properties>\n");
    let class = escape(&format!("hsmsim.drill.{}", report.drill));
    let case = |name: &str| format!("    <testcase classname=\"{class}\" name=\"{name}\"");
    let verdict = case("verdict");
    if inconclusive {
        let message = "inconclusive: the fault never bit, or nobody called";
        let _ = writeln!(
            xml,
            "{verdict} time=\"{seconds:.3}\">\n      \
             <error type=\"inconclusive\" message=\"{message}\">{}</error>\n    </testcase>",
            escape(&report.replay)
        );
    } else {
        let _ = writeln!(xml, "{verdict} time=\"{seconds:.3}\"/>");
    }
    let mut names: Vec<String> = Vec::new();
    for expectation in &report.expectations {
        // `sometimes` comes once for each event, and names must differ.
        let mut name = match expectation.name.as_str() {
            name if name.ends_with("sometimes") => format!("{name} {}", expectation.wanted),
            name => name.to_owned(),
        };
        let same = names.iter().filter(|other| **other == name).count();
        names.push(name.clone());
        if same > 0 {
            name = format!("{name} #{}", same + 1);
        }
        let case = case(&escape(&name));
        if expectation.met {
            let _ = writeln!(xml, "{case} time=\"0\"/>");
            continue;
        }
        let (wanted, measured) = (escape(&expectation.wanted), escape(&expectation.measured));
        let _ = writeln!(
            xml,
            "{case} time=\"0\">\n      <failure type=\"expectation\" message=\"wanted {wanted}, \
             measured {measured}\">{}</failure>\n    </testcase>",
            escape(&report.replay)
        );
    }
    xml.push_str("  </testsuite>\n</testsuites>\n");
    xml
}

/// Text for an element or an attribute. Characters that XML 1.0 does not have become U+FFFD.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            '\t' | '\n' | '\r' => {
                let _ = write!(escaped, "&#{};", character as u32);
            }
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::html::testing::report;

    #[test]
    fn each_expectation_is_a_case_and_one_that_is_not_met_a_failure() {
        let report = report("[expect]\nstall_max = \"1ms\"\nunknown_max = 0");
        let text = xml(&report);
        let cases = text.matches("<testcase").count();
        assert_eq!(cases, report.expectations.len() + 1);
        assert_eq!(text.matches("<failure").count(), 1);
        assert!(text.contains("name=\"stall_max\""), "{text}");
        assert!(text.contains("failures=\"1\""), "{text}");
    }

    #[test]
    fn nothing_that_a_name_holds_can_end_an_attribute_or_be_no_xml() {
        assert_eq!(
            escape("<a b=\"c\">&'\u{1}\n"),
            "&lt;a b=&quot;c&quot;&gt;&amp;&apos;\u{fffd}&#10;"
        );
    }
}
