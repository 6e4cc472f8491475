//! `docs/ha.md` names a test for each statement; names are promises.

use std::{fs, path::PathBuf};

fn text(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = text("docs/ha.md");
    let named = page.split('`').filter_map(|word| word.split_once(".rs::"));
    let mut count = 0;
    for (file, test) in named {
        let folder = if file.contains('/') { "" } else { "crates/client/tests/suite/" };
        let source = text(&format!("{folder}{file}.rs"));
        let definition = format!("#[test]\nfn {test}()");
        let nested = format!("#[test]\n    fn {test}()");
        assert!(source.contains(&definition) || source.contains(&nested), "{file}.rs::{test}");
        count += 1;
    }
    assert!(count > 100, "{count} tests named");
}

#[test]
fn every_difference_that_the_page_names_is_a_row() {
    let (page, differences) = (text("docs/ha.md"), text("docs/differences.md"));
    let mut rows =
        page.split("differs: row \"").skip(1).map(|rest| rest.split_once('"').unwrap().0);
    let missing = rows.find(|row| !differences.contains(&format!("\n| {row} |")));
    assert_eq!(missing, None);
}

#[test]
fn every_line_of_the_page_s_tables_has_a_proof_or_a_reason() {
    let page = text("docs/ha.md");
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.contains("| proof |"));
    for row in rows.filter(|row| !row.starts_with("| story |")) {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let rest = cells[1..].concat();
        assert!(rest.split_whitespace().count() > 0, "{row}");
    }
}
