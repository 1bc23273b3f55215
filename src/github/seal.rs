//! Secrets on their way to GitHub: in a libsodium sealed box that only GitHub opens.
//!
//! Source: <https://docs.github.com/rest/guides/encrypting-secrets-for-the-rest-api>.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crypto_box::PublicKey;
use crypto_box::aead::OsRng;

/// Seals `secret` for the holder of `key`; both `key` and the box are base64.
/// Nothing where the key is none.
pub(super) fn seal(key: &str, secret: &str) -> Option<String> {
    let key: [u8; 32] = STANDARD.decode(key.trim()).ok()?.try_into().ok()?;
    let sealed = PublicKey::from(key).seal(&mut OsRng, secret.as_bytes()).ok()?;
    Some(STANDARD.encode(sealed))
}

#[cfg(test)]
mod tests {
    use crypto_box::SecretKey;

    use super::*;

    #[test]
    fn only_the_holder_of_the_key_opens_the_box() {
        let holder = SecretKey::generate(&mut OsRng);
        let key = STANDARD.encode(holder.public_key().as_bytes());
        let sealed = STANDARD.decode(seal(&key, "a secret").unwrap()).unwrap();
        assert_eq!(sealed.len(), 48 + "a secret".len());
        assert_eq!(holder.unseal(&sealed).unwrap(), b"a secret");
        assert!(SecretKey::generate(&mut OsRng).unseal(&sealed).is_err());
        assert_ne!(seal(&key, "a secret"), seal(&key, "a secret"), "every box has a key of its own");
        for wrong in ["", "AAAA", "no base64!", &key[1..]] {
            assert_eq!(seal(wrong, "a secret"), None, "{wrong:?}");
        }
    }

    /// A box that libsodium sealed (through PyNaCl 1.6.2) for the key 0, 1, ... 31.
    #[test]
    fn a_box_of_libsodium_is_opened() {
        let holder = SecretKey::from(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let key = STANDARD.encode(holder.public_key().as_bytes());
        assert_eq!(key, "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=");
        let sealed =
            "BAANdwjddVeGh+F2UbyVyDYI8sJ5QaRv9h3g4MPkOFEGbUSU8kr7LF+v+VmCw6oY6e0Tw3ULDMJtfDtH7Yq2npXQ5Q==";
        let opened = holder.unseal(&STANDARD.decode(sealed).unwrap()).unwrap();
        assert_eq!(opened, b"sealed by libsodium");
    }
}
