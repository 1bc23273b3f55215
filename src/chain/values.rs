//! Values as a node writes them: hashes, numbers in hexadecimal, SCALE.

use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::soak::{self, Hash};

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

/// Bytes in hexadecimal.
pub(super) fn bytes(value: &Value) -> Option<Vec<u8>> {
    let digits = value.as_str()?.strip_prefix("0x")?.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect();
    if rest.is_empty() { bytes } else { None }
}

/// The same in hexadecimal again.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold("0x".to_owned(), |text, byte| text + &format!("{byte:02x}"))
}

/// A storage item without its bytes: `None` where nothing is there.
pub(super) fn stored(value: &Value) -> Option<soak::Value> {
    let bytes = bytes(value)?;
    let mut first = [0; 8];
    for (place, byte) in first.iter_mut().zip(&bytes) {
        *place = *byte;
    }
    Some(soak::Value {
        digest: Hash(Sha256::digest(&bytes).into()),
        length: bytes.len() as u64,
        number: (!bytes.is_empty()).then(|| u64::from_le_bytes(first)),
    })
}

/// A SCALE `u64` of milliseconds since the Unix epoch. The first block has none.
pub(super) fn moment(value: &Value) -> Option<Timestamp> {
    let bytes: [u8; 8] = bytes(value)?.try_into().ok()?;
    milliseconds(u64::from_le_bytes(bytes))
}

/// A moment, so many milliseconds after the Unix epoch.
pub(super) fn milliseconds(milliseconds: u64) -> Option<Timestamp> {
    Timestamp::from_millisecond(i64::try_from(milliseconds).ok().filter(|time| *time > 0)?).ok()
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
    fn stored_values_begin_with_a_number() {
        let value = |text: &str| stored(&json!(text)).map(|value| (value.length, value.number));
        assert_eq!(value("0x"), Some((0, None)));
        assert_eq!(value("0x0102"), Some((2, Some(0x0201))));
        assert_eq!(value(&format!("0x0500000000000000{}", "ff".repeat(34))), Some((42, Some(5))));
        assert_eq!((value("0x1"), value("0xgg"), stored(&json!(null))), (None, None, None));
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
