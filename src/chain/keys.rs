//! Storage keys: the well-known ones, and those of pallets and items by their names.

use twox_hash::XxHash64;

/// `Session::CurrentIndex`.
pub(super) const CURRENT_INDEX: &str = "0xcec5070d609dd3497f72bde07fc96ba072763800a36a99fdfc7c10f6415f6ee6";
/// `Timestamp::Now`, milliseconds since the Unix epoch.
pub(super) const NOW: &str = "0xf0c365c3cf59d671eb72da0e7a4113c49f1f0515f462cdcf84e0f1d6045dfcbb";
/// The runtime's code, `:code`.
pub(super) const CODE: &str = "0x3a636f6465";

/// The key of a pallet's item, or the prefix of its keys where the item is a map:
/// `twox128(pallet) ++ twox128(item)`.
#[must_use]
pub fn storage_key(pallet: &str, item: &str) -> String {
    let mut key = "0x".to_owned();
    for name in [pallet, item] {
        for seed in [0, 1] {
            for byte in XxHash64::oneshot(seed, name.as_bytes()).to_le_bytes() {
                key.push_str(&format!("{byte:02x}"));
            }
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_a_real_chain() {
        assert_eq!(storage_key("Session", "CurrentIndex"), CURRENT_INDEX);
        assert_eq!(storage_key("Timestamp", "Now"), NOW);
        assert_eq!(
            storage_key("DKG", "DKGPublicKey"),
            "0x20aa99ba01034cdf4a896398c6d91dcf01b26a4776b30cdea1a65356833e6c02"
        );
    }
}
