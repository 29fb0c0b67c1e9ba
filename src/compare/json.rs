//! JSON values side by side: what differs and where, whatever the order of keys and the way numbers are written.

use serde_json::Value;

use super::finding::Differences;

/// Most differences that are looked for in one value.
const MOST: usize = 1_000;

/// Notes where two values differ, below `path`.
pub(super) fn compare(path: &str, left: &Value, right: &Value, differences: &mut Differences<'_>) {
    let mut left_to_note = MOST;
    walk(path, left, right, differences, &mut left_to_note);
}

/// Whether two values say the same.
pub(super) fn equal(left: &Value, right: &Value, tolerance: f64) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64().zip(right.as_f64()).is_some_and(|(left, right)| near(left, right, tolerance))
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right, tolerance))
        }
        (Value::Object(left), Value::Object(right)) => {
            let same =
                |(key, left): (&String, &Value)| right.get(key).is_some_and(|right| equal(left, right, tolerance));
            left.len() == right.len() && left.iter().all(same)
        }
        _ => left == right,
    }
}

/// Whether two numbers are the same within a relative tolerance.
pub(super) fn near(left: f64, right: f64, tolerance: f64) -> bool {
    (left - right).abs() <= tolerance * left.abs().max(right.abs())
}

fn walk(path: &str, left: &Value, right: &Value, differences: &mut Differences<'_>, room: &mut usize) {
    if *room == 0 || equal(left, right, differences.tolerance()) {
        return;
    }
    match (left, right) {
        (Value::Object(before), Value::Object(now)) => {
            let added = now.iter().filter(|(key, _)| !before.contains_key(*key));
            for (key, value) in before {
                match now.get(key) {
                    Some(other) => walk(&below(path, key), value, other, differences, room),
                    None => alone(&below(path, key), value, true, differences, room),
                }
            }
            for (key, value) in added {
                alone(&below(path, key), value, false, differences, room);
            }
        }
        (Value::Array(before), Value::Array(now)) => {
            for place in 0..before.len().max(now.len()) {
                let path = below(path, &place.to_string());
                match (before.get(place), now.get(place)) {
                    (Some(left), Some(right)) => walk(&path, left, right, differences, room),
                    (Some(value), None) => alone(&path, value, true, differences, room),
                    (None, Some(value)) => alone(&path, value, false, differences, room),
                    (None, None) => {}
                }
            }
        }
        _ => {
            *room -= 1;
            differences.note(path, &written(left), &written(right));
        }
    }
}

/// Notes every leaf of a value that one side alone has, so that ignored ones among them are ignored here too.
fn alone(path: &str, value: &Value, is_left: bool, differences: &mut Differences<'_>, room: &mut usize) {
    match value {
        _ if *room == 0 => {}
        Value::Object(fields) if !fields.is_empty() => {
            for (key, field) in fields {
                alone(&below(path, key), field, is_left, differences, room);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (place, item) in items.iter().enumerate() {
                alone(&below(path, &place.to_string()), item, is_left, differences, room);
            }
        }
        leaf => {
            *room -= 1;
            let leaf = written(leaf);
            let (left, right) = if is_left { (leaf.as_str(), "") } else { ("", leaf.as_str()) };
            differences.note(path, left, right);
        }
    }
}

fn below(path: &str, step: &str) -> String {
    if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }
}

/// A value as a person would write it; texts keep their quotes, so that `"5"` is not `5`.
fn written(value: &Value) -> String {
    value.to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::super::{Path, Settings};
    use super::*;

    fn paths(left: &Value, right: &Value, settings: &Settings) -> Vec<String> {
        let mut differences = Differences::new("m", settings);
        compare("", left, right, &mut differences);
        differences.finding().differences.into_iter().map(|difference| difference.path).collect()
    }

    #[test]
    fn order_of_keys_and_writing_of_numbers_do_not_matter() {
        let left: Value = serde_json::from_str(r#"{"a":1.0,"b":[100,{"c":null}]}"#).unwrap();
        let right: Value = serde_json::from_str(r#"{"b":[1e2,{"c":null}],"a":1}"#).unwrap();
        assert!(paths(&left, &right, &Settings::default()).is_empty());
    }

    #[test]
    fn what_differs_is_named_by_its_path() {
        let left = json!({"a": 1, "b": {"c": [1, 2]}, "d": "5"});
        let right = json!({"a": 2, "b": {"c": [1, 3, 4]}, "d": 5});
        assert_eq!(paths(&left, &right, &Settings::default()), ["a", "b.c.1", "b.c.2", "d"]);
    }

    #[test]
    fn a_whole_object_that_is_missing_is_looked_into_for_what_is_ignored() {
        let settings = Settings { ignore: vec![("m".into(), Path::new("trace.id"))], ..Settings::default() };
        assert!(paths(&json!({"trace": {"id": 7}}), &json!({}), &settings).is_empty());
        assert_eq!(paths(&json!({"trace": {"id": 7, "at": 1}}), &json!({}), &settings), ["trace.at"]);
    }

    #[test]
    fn near_numbers_are_the_same_within_the_tolerance() {
        let settings = Settings { tolerance: 0.01, ..Settings::default() };
        assert!(paths(&json!([100.0]), &json!([100.9]), &settings).is_empty());
        assert_eq!(paths(&json!([100.0]), &json!([101.2]), &settings), ["0"]);
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[a-c]{0,3}".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-c]", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn equal_values_have_no_differences_and_unlike_ones_have_some(left in value(), right in value()) {
            let settings = Settings::default();
            prop_assert!(paths(&left, &left, &settings).is_empty());
            prop_assert_eq!(paths(&left, &right, &settings).is_empty(), left == right);
        }
    }
}
