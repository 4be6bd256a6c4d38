//! As much of JSON Schema as `openapi.json` uses. A keyword that is not known here fails the test, so that nothing in the
//! file goes unchecked.

use serde_json::Value;

/// Says where `value` breaks `schema`; `file` resolves references.
pub fn check(file: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$ref" => check(file, resolve(file, rule), value)?,
            "type" => expect(is_type(value, rule.as_str().unwrap()), value, rule)?,
            "enum" => expect(rule.as_array().unwrap().contains(value), value, rule)?,
            "const" => expect(rule == value, value, rule)?,
            "minimum" => expect(value.as_i64().is_none_or(|n| n >= rule.as_i64().unwrap()), value, rule)?,
            "maximum" => expect(value.as_i64().is_none_or(|n| n <= rule.as_i64().unwrap()), value, rule)?,
            "minItems" => {
                expect(value.as_array().is_none_or(|a| a.len() as u64 >= rule.as_u64().unwrap()), value, rule)?
            }
            "allOf" => rule.as_array().unwrap().iter().try_for_each(|each| check(file, each, value))?,
            "anyOf" => expect(matching(file, rule, value) >= 1, value, rule)?,
            "oneOf" => expect(matching(file, rule, value) == 1, value, rule)?,
            "items" => {
                value.as_array().into_iter().flatten().try_for_each(|item| check(file, rule, item))?;
            }
            "required" => {
                for name in rule.as_array().unwrap() {
                    expect(value.get(name.as_str().unwrap()).is_some(), value, name)?;
                }
            }
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    value
                        .get(name)
                        .map_or(Ok(()), |member| check(file, schema, member))
                        .map_err(|e| format!("{name}: {e}"))?;
                }
            }
            "propertyNames" => {
                value
                    .as_object()
                    .into_iter()
                    .flatten()
                    .try_for_each(|(name, _)| check(file, rule, &name.as_str().into()))?;
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others = value.as_object().into_iter().flatten();
                for (name, member) in others.filter(|(name, _)| known.is_none_or(|known| !known.contains_key(*name))) {
                    match rule {
                        Value::Bool(allowed) => expect(*allowed, value, &name.as_str().into())?,
                        schema => check(file, schema, member)?,
                    }
                }
            }
            "description" | "default" => {}
            other => return Err(format!("the schema keyword {other} is not known")),
        }
    }
    Ok(())
}

fn matching(file: &Value, rule: &Value, value: &Value) -> usize {
    rule.as_array().unwrap().iter().filter(|each| check(file, each, value).is_ok()).count()
}

fn expect(holds: bool, value: &Value, rule: &Value) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{value} breaks {rule}")) }
}

fn is_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// What a reference within the file points to.
pub fn resolve<'a>(file: &'a Value, reference: &Value) -> &'a Value {
    let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
    file.pointer(pointer).unwrap_or_else(|| panic!("{pointer} points nowhere"))
}
