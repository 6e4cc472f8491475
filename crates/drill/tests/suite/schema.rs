//! `result.json` of real runs against the schema that is published beside the docs.

use std::{fs, path::Path};

use hsmsim_drill::{
    Compare,
    simulate::{VirtualOptions, run_virtual},
};
use serde_json::{Value, json};

fn docs(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
    fs::read_to_string(path).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&docs("result.schema.json")).unwrap()
}

/// The part of JSON Schema that the schema uses; a keyword that is not known here is a fault of the
/// test, not of the document.
fn check(root: &Value, schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let mut demand = |good: bool, what: &str| {
        if !good {
            wrong.push(format!("{at}: {what}: {value}"));
        }
    };
    let keywords = schema.as_object().unwrap();
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "description" | "title" | "$schema" | "$defs" | "properties" => {}
            "type" => {
                let names: Vec<&Value> =
                    wanted.as_array().map_or(vec![wanted], |it| it.iter().collect());
                demand(
                    names.iter().any(|name| is(name.as_str().unwrap(), value)),
                    "is of no such type",
                );
            }
            "const" => demand(value == wanted, "is another"),
            "enum" => demand(wanted.as_array().unwrap().contains(value), "is none of those"),
            "minimum" => {
                demand(value.as_f64() >= wanted.as_f64() || value.is_null(), "is too small")
            }
            "exclusiveMinimum" => demand(value.as_f64() > wanted.as_f64(), "is too small"),
            "pattern" => {
                assert_eq!(wanted, "^[0-9a-f]+$");
                let good =
                    |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_hexdigit());
                demand(value.as_str().is_none_or(good), "is no hash");
            }
            "required" => {
                for name in wanted.as_array().unwrap() {
                    demand(value.get(name.as_str().unwrap()).is_some(), &format!("lacks {name}"));
                }
            }
            "additionalProperties" | "items" | "$ref" | "anyOf" => {}
            other => panic!("{at}: this test does not know the keyword {other}"),
        }
    }
    if let Some(name) = keywords.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(name.strip_prefix('#').unwrap()).unwrap();
        check(root, target, value, at, wrong);
    }
    if let Some(choices) = keywords.get("anyOf").and_then(Value::as_array) {
        let tried = choices.iter().map(|choice| {
            let mut wrong = Vec::new();
            check(root, choice, value, at, &mut wrong);
            wrong
        });
        let least = tried.min_by_key(Vec::len).unwrap();
        wrong.extend(least);
    }
    if let (Some(items), Some(values)) = (keywords.get("items"), value.as_array()) {
        for (index, value) in values.iter().enumerate() {
            check(root, items, value, &format!("{at}[{index}]"), wrong);
        }
    }
    let none = serde_json::Map::new();
    let properties = keywords.get("properties").and_then(Value::as_object).unwrap_or(&none);
    for (name, value) in value.as_object().unwrap_or(&none) {
        let at = format!("{at}.{name}");
        match (properties.get(name), keywords.get("additionalProperties")) {
            (Some(schema), _) => check(root, schema, value, &at, wrong),
            (None, Some(Value::Bool(false))) => {
                wrong.push(format!("{at}: nobody knows this field"))
            }
            (None, Some(schema)) if schema.is_object() => check(root, schema, value, &at, wrong),
            (None, _) => {}
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("there is no type {other}"),
    }
}

fn faults_of(result: &Value) -> Vec<String> {
    let (schema, mut wrong) = (schema(), Vec::new());
    check(&schema, &schema, result, "result", &mut wrong);
    wrong
}

/// What a shipped drill leaves in its folder.
fn result(drill: &str, folder: &Path, compare: Compare) -> Value {
    let options = VirtualOptions {
        drill: drill.to_owned(),
        seed: None,
        report: Some(folder.to_owned()),
        compare,
    };
    run_virtual(&options, &mut std::io::sink()).unwrap();
    serde_json::from_slice(&fs::read(folder.join("result.json")).unwrap()).unwrap()
}

#[test]
fn what_drills_write_is_what_the_schema_says_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    for (drill, compare) in [
        ("brown-out", Compare::Control),
        ("error-rate", Compare::Nothing),
        ("device-loss", Compare::Baseline(folder.path().join("brown-out"))),
    ] {
        let result = result(drill, &folder.path().join(drill), compare);
        assert_eq!(faults_of(&result), Vec::<String>::new(), "{drill}");
        let mut spoilt = result.clone();
        spoilt["more"] = json!(1);
        spoilt["seed"] = json!("one");
        spoilt["phases"][0]["phase"] = json!("later");
        spoilt["expectations"][0]["margin"] = json!({"limit": 1});
        spoilt.as_object_mut().unwrap().remove("verdict");
        assert!(faults_of(&spoilt).len() >= 5, "{:?}", faults_of(&spoilt));
    }
}

#[test]
fn every_field_of_the_schema_is_explained() {
    fn names(schema: &Value, all: &mut Vec<String>) {
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            all.extend(properties.keys().cloned());
        }
        let parts = schema.as_object().into_iter().flatten().map(|(_, part)| part);
        parts.chain(schema.as_array().into_iter().flatten()).for_each(|part| names(part, all));
    }
    let mut all = Vec::new();
    names(&schema(), &mut all);
    assert!(all.len() > 60, "{}", all.len());
    let text = docs("reports.md");
    let missing: Vec<String> = all.into_iter().filter(|name| !explained(&text, name)).collect();
    assert_eq!(missing, Vec::<String>::new());
}

fn explained(text: &str, name: &str) -> bool {
    text.contains(&format!("`{name}`")) || text.contains(&format!("`{name}[]`"))
}

#[test]
fn a_control_run_is_the_same_load_without_the_faults() {
    let folder = tempfile::tempdir().unwrap();
    let first = result("brown-out", &folder.path().join("first"), Compare::Control);
    let phases = |result: &Value, name: &str| -> Vec<Value> {
        let rows = result.pointer(name).and_then(Value::as_array).unwrap();
        rows.clone()
    };
    let (own, control) = (phases(&first, "/phases"), phases(&first, "/control/phases"));
    assert_eq!((own.len(), control.len()), (3, 3));
    // Nothing had struck yet, so the two are the same run.
    assert_eq!(own[0], control[0]);
    assert_ne!(first["trace_hash"], first["control"]["trace_hash"]);
    assert!(own[1]["p50_ms"].as_f64() > Some(100.0), "{}", own[1]);
    assert!(control[1]["p50_ms"].as_f64() < Some(10.0), "{}", control[1]);

    // A report read back says what the run itself said.
    let baseline = Compare::Baseline(folder.path().join("first"));
    let second = result("brown-out", &folder.path().join("second"), baseline);
    assert_eq!(second["control"]["phases"], first["phases"]);
    assert_eq!(second["control"]["trace_hash"], first["trace_hash"]);

    let nowhere = VirtualOptions {
        drill: "brown-out".to_owned(),
        seed: None,
        report: None,
        compare: Compare::Baseline(folder.path().join("nowhere")),
    };
    let refused = run_virtual(&nowhere, &mut std::io::sink()).unwrap_err().to_string();
    assert!(refused.contains("nowhere"), "{refused}");
}
