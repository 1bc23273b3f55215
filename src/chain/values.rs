//! Values as a node writes them: hashes, numbers in hexadecimal, SCALE.

use serde_json::Value;

use crate::soak::Hash;

/// Storage key of `Session::CurrentIndex`: `twox128("Session") ++ twox128("CurrentIndex")`.
pub(super) const CURRENT_INDEX: &str = "0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6";

/// A block's hash: `0x` and 64 hexadecimal digits.
pub(super) fn hash(value: &Value) -> Option<Hash> {
    value.as_str()?.parse().ok()
}

/// A header's `number`: hexadecimal, with or without leading zeros. Some nodes
/// write a JSON number.
pub(super) fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => {
            let digits = text.strip_prefix("0x")?;
            // `from_str_radix` takes a sign, a block's number has none.
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten()
        }
        value => value.as_u64(),
    }
}

/// A SCALE `u32`, four bytes in little-endian order. `null` is an absent item,
/// which stands for 0.
pub(super) fn u32_or_absent(value: &Value) -> Option<u32> {
    match value {
        Value::Null => Some(0),
        Value::String(text) => {
            let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 8)?;
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten().map(u32::swap_bytes)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_padded_and_unpadded() {
        for (value, expected) in [
            (json!("0x1a"), Some(26)),
            (json!("0x0000001a"), Some(26)),
            (json!("0x0"), Some(0)),
            (json!(26), Some(26)),
            (json!("1a"), None),
            (json!("0x+1"), None),
            (json!("0x"), None),
            (json!("0xfffffffffffffffff"), None),
            (json!(null), None),
            (json!(-1), None),
        ] {
            assert_eq!(number(&value), expected, "{value}");
        }
    }

    #[test]
    fn an_absent_index_is_zero_and_a_damaged_one_is_none() {
        for (value, expected) in [
            (json!(null), Some(0)),
            (json!("0x01000000"), Some(1)),
            (json!("0xf9010000"), Some(505)),
            (json!("0xffffffff"), Some(u32::MAX)),
            (json!("0x01"), None),
            (json!("0x0100000000000000"), None),
            (json!("0x0100000g"), None),
            (json!(1), None),
        ] {
            assert_eq!(u32_or_absent(&value), expected, "{value}");
        }
    }

    #[test]
    fn a_hash_has_its_length() {
        assert!(hash(&json!(format!("0x{}", "ab".repeat(32)))).is_some());
        for value in
            [json!(null), json!("0xab"), json!(format!("0x{}", "xy".repeat(32))), json!("é".repeat(33))]
        {
            assert_eq!(hash(&value), None, "{value}");
        }
    }
}
