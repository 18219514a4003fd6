//! The fingerprint that single-object encoding carries: CRC-64-AVRO of a schema's parsing canonical form.

use apache_avro::Schema;
use serde_json::Value;

/// Of nothing; also the polynomial.
const EMPTY: u64 = 0xC15D_213A_A4D7_A795;

/// Little-endian, as it stands behind the two marker bytes.
pub(super) fn fingerprint(schema: &Schema) -> [u8; 8] {
    let crc = canonical(schema).bytes().fold(EMPTY, |crc, byte| {
        (0..8).fold(crc ^ u64::from(byte), |crc, _| (crc >> 1) ^ (EMPTY & (crc & 1).wrapping_neg()))
    });
    crc.to_le_bytes()
}

/// The form that the specification describes. apache-avro's own keeps attributes of a field that are named like a
/// keyword, and does not reduce a primitive that had a logical type: a writer in another language would not be understood.
fn canonical(schema: &Schema) -> String {
    serde_json::to_value(schema).map_or_else(|_| String::new(), |json| form(&json))
}

fn form(schema: &Value) -> String {
    let kind = match schema {
        Value::Array(branches) => return list(branches, form),
        Value::Object(about) => match about.get("type") {
            Some(Value::String(kind)) => kind.as_str(),
            Some(inner) => return form(inner),
            None => "",
        },
        name => return name.to_string(),
    };
    let of = |name: &str| schema.get(name).unwrap_or(&Value::Null);
    match kind {
        "record" | "error" => {
            let field = |field: &Value| {
                let name = field.get("name").unwrap_or(&Value::Null);
                format!("{{\"name\":{name},\"type\":{}}}", form(field.get("type").unwrap_or(&Value::Null)))
            };
            let fields = list(of("fields").as_array().map_or(&[][..], Vec::as_slice), field);
            named(schema, kind, &format!("\"fields\":{fields}"))
        }
        "enum" => named(schema, kind, &format!("\"symbols\":{}", of("symbols"))),
        "fixed" => named(schema, kind, &format!("\"size\":{}", of("size"))),
        "array" => format!("{{\"type\":\"array\",\"items\":{}}}", form(of("items"))),
        "map" => format!("{{\"type\":\"map\",\"values\":{}}}", form(of("values"))),
        primitive => format!("\"{primitive}\""),
    }
}

fn named(schema: &Value, kind: &str, rest: &str) -> String {
    let text = |name| schema.get(name).and_then(Value::as_str).unwrap_or_default();
    let (name, space) = (text("name"), text("namespace"));
    let dot = if space.is_empty() || name.contains('.') { "" } else { "." };
    let space = if dot.is_empty() { "" } else { space };
    format!("{{\"name\":\"{space}{dot}{name}\",\"type\":\"{kind}\",{rest}}}")
}

fn list(items: &[Value], each: impl Fn(&Value) -> String) -> String {
    format!("[{}]", items.iter().map(each).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: &str) -> u64 {
        u64::from_le_bytes(fingerprint(&Schema::parse_str(schema).expect("a schema")))
    }

    #[test]
    fn fingerprints_are_those_of_the_specification() {
        // From share/test/data/schema-tests.txt of Apache Avro.
        for (schema, expected) in [
            (r#""null""#, 7_195_948_357_588_979_594),
            (r#"{"type": "boolean"}"#, -6_970_731_678_124_411_036),
            (r#""int""#, 8_247_732_601_305_521_295),
        ] {
            let expected: i64 = expected;
            assert_eq!(of(schema), expected.cast_unsigned(), "{schema}");
        }
    }

    #[test]
    fn names_are_whole_and_the_order_is_fixed() {
        let schema = r#"{"type":"record","name":"R","namespace":"a.b","doc":"d","fields":[
            {"type":{"type":"enum","symbols":["x"],"name":"E"},"name":"e","default":"x"},
            {"name":"again","type":["null","E"]},
            {"name":"days","type":{"items":{"type":"int","logicalType":"date"},"type":"array"}},
            {"name":"by","type":{"type":"map","values":{"type":"fixed","size":2,"name":"c.F"}}}]}"#;
        let expected = concat!(
            r#"{"name":"a.b.R","type":"record","fields":[{"name":"e","type":{"name":"a.b.E","type":"enum","symbols":["x"]}},"#,
            r#"{"name":"again","type":["null","a.b.E"]},{"name":"days","type":{"type":"array","items":"int"}},"#,
            r#"{"name":"by","type":{"type":"map","values":{"name":"c.F","type":"fixed","size":2}}}]}"#
        );
        assert_eq!(canonical(&Schema::parse_str(schema).expect("a schema")), expected);
    }

    #[test]
    fn what_readers_do_not_need_does_not_count() {
        let record = |kind: &str| {
            of(&format!(r#"{{"type":"record","name":"a.R","fields":[{{"name":"x","type":{kind}}}]}}"#))
        };
        assert_eq!(record(r#"{"type":"int","logicalType":"date"}"#), record(r#""int""#));
        assert_eq!(record(r#""int","values":{"1":"eins"},"doc":"d""#), record(r#""int""#));
        assert_ne!(record(r#""int""#), record(r#""long""#));
    }
}
