//! The JSON Schema of drill files for editors, made of the tables that the reader uses.

use serde_json::{Map, Value, json};

use super::keys::{self, DRILL, EXPECT_CALLS, EXPECT_END, Key, SELECTOR, START, Shape, WHEN};
use super::{BUILT_IN_STEPS, SOMETIMES};
use crate::call_fault::{CALL_FUNCTIONS, CALL_KEYS, CallKeyKind};
use crate::fault::{
    Direction, ERROR_CODES, FAULTS, FaultSpec, ParamKind, ParamSpec, Pick, TargetKind,
};
use crate::region::RegionCode;

/// A duration as the reader takes it.
const DURATION: &str = r"^(0|([0-9]+(\.[0-9]+)?(h|m|s|ms|us|µs|ns))+)$";

/// The schema, in the form of draft 2020-12.
pub fn schema() -> Value {
    let mut schema = table(&DRILL);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "https://hsmsim.dev/schema/drill-1.json",
        "title": "hsmsim drill",
        "description": "A failure on schedule under a load, with a sentence that it proves or refutes.",
    });
    let mut root = Map::new();
    for part in [head, schema.take()] {
        if let Value::Object(part) = part {
            root.extend(part);
        }
    }
    // What many keys have in common is said once.
    let definitions = json!({
        "step": step(true),
        "part": step(false),
        "duration": { "type": "string", "pattern": DURATION },
        "event": { "enum": SOMETIMES.map(|(word, _)| word) },
        "region": { "enum": RegionCode::all().map(RegionCode::as_str).collect::<Vec<_>>() },
        "when": { "anyOf": [{ "type": "string" }, table(&WHEN)] },
        "selector": selector(),
        "call": call_fault(),
        "calls": table(&EXPECT_CALLS),
        "end": table(&EXPECT_END),
    });
    root.insert("$defs".to_owned(), definitions);
    Value::Object(root)
}

fn defined(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// A table with these keys and no other.
fn table(keys: &[Key]) -> Value {
    object(keys.iter().map(|key| (key.name, with_help(shape(key.shape), key.help))), required(keys))
}

fn required(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().filter(|key| key.required).map(|key| key.name).collect()
}

fn object(
    properties: impl IntoIterator<Item = (&'static str, Value)>,
    required: Vec<&str>,
) -> Value {
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn with_help(mut schema: Value, help: &str) -> Value {
    schema["description"] = json!(help);
    schema
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Whole(low, u64::MAX) => json!({ "type": "integer", "minimum": low }),
        Shape::Whole(low, high) => json!({ "type": "integer", "minimum": low, "maximum": high }),
        Shape::Number(low, high) => json!({ "type": "number", "minimum": low, "maximum": high }),
        Shape::Duration => defined("duration"),
        Shape::Region => defined("region"),
        Shape::Event => defined("event"),
        Shape::Events => json!({ "type": "array", "items": defined("event") }),
        Shape::When => defined("when"),
        Shape::CallPhase => defined("calls"),
        Shape::EndPhase => defined("end"),
        Shape::Rate => json!({ "type": "string", "pattern": r"^[0-9.]+\s*/s$" }),
        Shape::Percent => json!({ "type": "string", "pattern": r"^[0-9.]+\s*%?$" }),
        Shape::Range => json!({ "type": "string", "pattern": r"^[0-9]+(\.\.[0-9]*)?$" }),
        Shape::Word(words) => word(&words()),
        Shape::Words(words) => json!({ "type": "array", "items": word(&words()) }),
        Shape::Codes => {
            json!({ "type": "array", "items": { "type": "string", "pattern": "^CKR_" } })
        }
        Shape::Conditions => {
            let gauges = keys::gauges().join("|");
            let pattern = format!(r"^\s*(({gauges})\s+(<|<=|=|==|!=|>=|>)\s|\S+ is (up|down)$)");
            json!({
                "type": "array", "minItems": 1, "items": { "type": "string", "pattern": pattern },
            })
        }
        Shape::Latencies => {
            let pattern = r"^(p50|p90|p99|p999|max) (<|<=|>=|>) \S+$";
            json!({ "type": "array", "items": { "type": "string", "pattern": pattern } })
        }
        Shape::Seed => {
            json!({ "anyOf": [{ "type": "integer", "minimum": 0 }, { "const": "random" }] })
        }
        Shape::Weights(words) => {
            let weight = json!({ "type": "integer", "minimum": 1, "maximum": 1_000_000 });
            let mut table = object(words().into_iter().map(|word| (word, weight.clone())), vec![]);
            table["minProperties"] = json!(1);
            table
        }
        Shape::Table(keys) => table(keys),
        Shape::DurationOr(keys) => json!({ "anyOf": [self::shape(Shape::Duration), table(keys)] }),
        Shape::Tables(keys) => json!({ "type": "array", "minItems": 1, "items": table(keys) }),
        Shape::Call => defined("call"),
        Shape::Steps => json!({ "type": "array", "items": { "$ref": "#/$defs/step" } }),
    }
}

fn word(words: &[&str]) -> Value {
    json!({ "enum": words })
}

/// A call fault. The reader takes every number as a text too.
fn call_fault() -> Value {
    let functions: Vec<&str> = CALL_FUNCTIONS.iter().map(|function| function.name).collect();
    let several = json!({ "type": "array", "minItems": 1, "items": word(&functions) });
    // As text: one name, several with commas between them, or `any`.
    let function = json!({ "anyOf": [{ "type": "string" }, several] });
    let function = with_help(function, "The functions that are meant.");
    let keys = CALL_KEYS.iter().map(|key| (key.name, with_help(call_value(key.kind), key.help)));
    object([("function", function)].into_iter().chain(keys), vec!["function"])
}

fn call_value(kind: CallKeyKind) -> Value {
    match kind {
        CallKeyKind::Text => json!({ "type": ["string", "integer"] }),
        CallKeyKind::Number(least) => shape(Shape::Whole(least, u64::MAX)),
        CallKeyKind::Range => {
            json!({ "type": ["string", "integer"], "pattern": r"^[0-9]+(\.\.[0-9]*)?$", "minimum": 1 })
        }
        CallKeyKind::Probability => shape(Shape::Number(0.0, 1.0)),
        CallKeyKind::Duration => shape(Shape::Duration),
        CallKeyKind::DurationOrForever => {
            json!({ "anyOf": [shape(Shape::Duration), word(&["forever"])] })
        }
        CallKeyKind::Code => {
            json!({ "type": ["string", "integer"], "pattern": "^(CKR_|0x|[0-9])" })
        }
        CallKeyKind::Word(known) => word(known),
    }
}

/// A step, or a part of a parallel group, which says nothing about when it begins.
fn step(stands_alone: bool) -> Value {
    let common: &[Key] = if stands_alone { &START } else { &START[..1] };
    let mut kinds: Vec<Value> =
        FAULTS.iter().map(|spec| kind(common, spec.id, spec.effect, &fault(spec))).collect();
    for (id, own, help) in BUILT_IN_STEPS {
        let own: Vec<_> = own
            .iter()
            .map(|key| (key.name, with_help(shape(key.shape), key.help), key.required))
            .collect();
        kinds.push(kind(common, id, help, &own));
    }
    if stands_alone {
        let parts = json!({ "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/part" } });
        let mut group = table(&START);
        group["title"] = json!("parallel");
        group["description"] = json!("Steps that start together; `after` waits for all of them.");
        group["properties"]["parallel"] = parts;
        group["required"] = json!(["name", "parallel"]);
        kinds.push(group);
    }
    for kind in &mut kinds {
        if stands_alone {
            kind["oneOf"] = json!([{ "required": ["at"] }, { "required": ["after"] }, { "required": ["when"] }]);
        }
    }
    json!({ "oneOf": kinds })
}

/// A key of a step: name, schema, whether it must be there.
type Own = (&'static str, Value, bool);

fn kind(common: &[Key], id: &'static str, help: &str, own: &[Own]) -> Value {
    let mut properties: Vec<(&'static str, Value)> = vec![("do", json!({ "const": id }))];
    properties.extend(common.iter().map(|key| (key.name, with_help(shape(key.shape), key.help))));
    properties.extend(own.iter().map(|(name, schema, _)| (*name, schema.clone())));
    let mut required = vec!["do"];
    required.extend(own.iter().filter(|(.., required)| *required).map(|(name, ..)| *name));
    let mut kind = object(properties, required);
    kind["title"] = json!(id);
    kind["description"] = json!(help);
    kind
}

fn fault(spec: &FaultSpec) -> Vec<Own> {
    let mut own = vec![("target", with_help(target(spec.target), "What it strikes."), true)];
    if spec.lasts {
        let help = "How long it lasts; until it is healed if absent.";
        own.push(("for", with_help(shape(Shape::Duration), help), false));
    }
    own.extend(spec.params.iter().map(|param| (param.name, parameter(param), param.required)));
    own
}

fn parameter(param: &ParamSpec) -> Value {
    let words = |words: Vec<&str>| word(&words);
    let schema = match param.kind {
        ParamKind::Duration => shape(Shape::Duration),
        ParamKind::Direction => words(Direction::ALL.map(|(word, _)| word).to_vec()),
        ParamKind::Probability => shape(Shape::Number(0.0, 1.0)),
        ParamKind::Count => shape(Shape::Whole(0, u64::MAX)),
        ParamKind::Code => words(ERROR_CODES.iter().map(|(word, _)| *word).collect()),
        ParamKind::Mechanisms => shape(Shape::Text),
        ParamKind::Word(known) => words(known.to_vec()),
    };
    with_help(schema, param.help)
}

fn target(kind: TargetKind) -> Value {
    let text = json!({ "type": "string" });
    let selector = defined("selector");
    match kind {
        TargetKind::Device => json!({ "anyOf": [text, selector] }),
        TargetKind::Link => {
            let end = json!({ "anyOf": [text, selector] });
            let ends = object([("from", end.clone()), ("to", end)], vec!["from"]);
            json!({ "anyOf": [text, selector, ends] })
        }
        _ => text,
    }
}

fn selector() -> Value {
    let mut selector = table(&SELECTOR);
    let words: Vec<&str> = Pick::ALL.iter().map(|(word, _)| *word).collect();
    selector["properties"]["pick"] = json!({
        "description": "Which members: a word, a number of them, or a part of them.",
        "anyOf": [
            word(&words),
            { "type": "integer", "minimum": 1 },
            { "type": "string", "pattern": "^([0-9]+|[0-9]+%)$" },
        ],
    });
    selector
}
