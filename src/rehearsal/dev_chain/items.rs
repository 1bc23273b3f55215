//! The storage items of the dev chain beside the well-known ones: by the names and in
//! the shapes of a DKG chain, each of which can do what it should not.

/// `DKG::DKGPublicKey`: set id and key, another one in every session.
const DKG_PUBLIC_KEY: &str = "0x20aa99ba01034cdf4a896398c6d91dcf01b26a4776b30cdea1a65356833e6c02";
/// `DKG::RefreshNonce`: as many as there were rotations.
const REFRESH_NONCE: &str = "0x20aa99ba01034cdf4a896398c6d91dcf5eae92323a4c02bea047494d15dddac0";
/// `DKG::LastSessionRotationBlock`.
const LAST_ROTATION: &str = "0x20aa99ba01034cdf4a896398c6d91dcf3b4fc9c399cbaa5acc2d9bfb16403015";
/// `DKG::NextPublicKeySignature`: there in the last block of a session.
const NEXT_SIGNATURE: &str = "0x20aa99ba01034cdf4a896398c6d91dcfea52e5ea447f61d8476c0375c862f6a5";
/// `DKG::AuthoritySetId`.
const AUTHORITY_SET_ID: &str = "0x20aa99ba01034cdf4a896398c6d91dcf6a136153e50dcf81f96b163b2066df2a";
/// `DKG::JailedKeygenAuthorities`, a map.
const JAILED: &str = "0x20aa99ba01034cdf4a896398c6d91dcf740586941c7e852efa1f643354f990d5";
/// `Session::Validators`.
const VALIDATORS: &str = "0xcec5070d609dd3497f72bde07fc96ba088dcde934c658227ee1dfafcd6e16903";

/// The code of the runtime in that version, of which nodes tell the hash.
#[must_use]
pub fn runtime_code(version: u32) -> String {
    format!("the dev chain's runtime {version}")
}

/// A storage item that can do what it should not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// `DKG::DKGPublicKey` stays the same.
    Key,
    /// `DKG::RefreshNonce` stays the same.
    Nonce,
    /// `DKG::LastSessionRotationBlock` grows by a thousand.
    LastRotation,
    /// `DKG::NextPublicKeySignature` no longer comes.
    NextSignature,
    /// `DKG::AuthoritySetId` is another one.
    AuthoritySetId,
    /// `DKG::JailedKeygenAuthorities` has an entry.
    Jailed,
    /// `Session::Validators` has one less.
    Validators,
}

/// The moment at which items are read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) session: u32,
    /// The session's first block.
    pub(super) begun: u32,
    /// It is the session's last block.
    pub(super) ends: bool,
    /// The item that does what it should not after that session.
    pub(super) breaks: Option<(Item, u32)>,
}

impl Moment {
    /// The bytes of the item with this key.
    pub(super) fn value(self, key: &str) -> Option<Vec<u8>> {
        let broken = |item| self.breaks.is_some_and(|(which, last)| which == item && self.session > last);
        let last = |item| match self.breaks {
            Some((which, last)) if which == item => self.session.min(last),
            _ => self.session,
        };
        match key {
            DKG_PUBLIC_KEY => {
                let set = last(Item::Key);
                let mut bytes = u64::from(set).to_le_bytes().to_vec();
                bytes.push(33 << 2);
                bytes.extend(std::iter::repeat_n(u8::try_from(set % 251).unwrap_or_default(), 33));
                Some(bytes)
            }
            REFRESH_NONCE if self.session > 0 => Some(last(Item::Nonce).to_le_bytes().to_vec()),
            LAST_ROTATION if self.session > 0 => {
                let wrong = if broken(Item::LastRotation) { 1_000 } else { 0 };
                Some((self.begun + wrong).to_le_bytes().to_vec())
            }
            NEXT_SIGNATURE if self.ends && !broken(Item::NextSignature) => {
                let mut bytes = vec![4 << 2];
                bytes.extend(self.session.to_le_bytes());
                Some(bytes)
            }
            AUTHORITY_SET_ID => {
                let wrong = u64::from(broken(Item::AuthoritySetId));
                Some((u64::from(self.session) + wrong).to_le_bytes().to_vec())
            }
            VALIDATORS => {
                let count = if broken(Item::Validators) { 3 } else { 4 };
                let mut bytes = vec![count << 2];
                bytes.extend((0..count).flat_map(|validator| [validator; 32]));
                Some(bytes)
            }
            _ => self.entries().find(|entry| entry == key).map(|_| vec![1, 0, 0, 0]),
        }
    }

    /// The keys that begin like that, of items that are maps.
    pub(super) fn keys(self, prefix: &str) -> Vec<String> {
        self.entries().filter(|entry| entry.starts_with(prefix)).collect()
    }

    fn entries(self) -> impl Iterator<Item = String> {
        let jailed = self.breaks.is_some_and(|(item, last)| item == Item::Jailed && self.session > last);
        jailed.then(|| format!("{JAILED}{:032x}{}", 0, "07".repeat(32))).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::storage_key;

    #[test]
    fn keys_are_those_of_the_names() {
        for (name, key) in [
            ("DKGPublicKey", DKG_PUBLIC_KEY),
            ("RefreshNonce", REFRESH_NONCE),
            ("LastSessionRotationBlock", LAST_ROTATION),
            ("NextPublicKeySignature", NEXT_SIGNATURE),
            ("AuthoritySetId", AUTHORITY_SET_ID),
            ("JailedKeygenAuthorities", JAILED),
        ] {
            assert_eq!(storage_key("DKG", name), key);
        }
        assert_eq!(storage_key("Session", "Validators"), VALIDATORS);
    }

    #[test]
    fn a_map_has_an_entry_where_it_should_have_none() {
        let moment = |session| Moment { session, begun: 0, ends: false, breaks: Some((Item::Jailed, 4)) };
        assert!(moment(4).keys(JAILED).is_empty());
        let keys = moment(5).keys(JAILED);
        assert_eq!(keys.len(), 1);
        assert_eq!(moment(5).value(&keys[0]), Some(vec![1, 0, 0, 0]));
        assert_eq!((moment(5).value(JAILED), moment(5).keys(VALIDATORS).len()), (None, 0));
    }
}
