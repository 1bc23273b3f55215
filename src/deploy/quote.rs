//! Arguments as a POSIX shell has to be given them.

use std::borrow::Cow;

/// Words that a shell reads as exactly these arguments of a command, whatever they
/// hold but NUL. A word may contain line breaks.
#[must_use]
pub fn quoted(argv: &[String]) -> String {
    argv.iter().map(|argument| quote(argument)).collect::<Vec<_>>().join(" ")
}

fn quote(argument: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        Cow::Borrowed(argument)
    } else {
        Cow::Owned(format!("'{}'", argument.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a real `sh` makes of `words`, each argument ended by NUL.
    fn read_by_sh(words: &str) -> Vec<String> {
        let program = format!("printf '%s\\0' {words}");
        let output = std::process::Command::new("sh").args(["-c", &program]).output().unwrap();
        assert!(output.status.success(), "{program}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn every_character_survives_a_shell() {
        let mut words: Vec<String> = (1_u8..128).map(|byte| char::from(byte).to_string()).collect();
        words.extend(
            ["", "-n", "--", "é", "a\nb\n", "'", "''", "$(id)", "`id`", "~", "a=b", "\u{202e}"]
                .map(str::to_owned),
        );
        assert_eq!(read_by_sh(&quoted(&words)), words);
    }

    #[test]
    fn what_is_plain_stays_readable() {
        let words = ["--as=a-7.2", "/usr/bin/x", "it's", ""].map(str::to_owned);
        assert_eq!(quoted(&words), r"--as=a-7.2 /usr/bin/x 'it'\''s' ''");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]
        #[test]
        fn any_words_survive_a_shell(words in proptest::collection::vec("[^\0]{0,12}", 1..6)) {
            proptest::prop_assert_eq!(read_by_sh(&quoted(&words)), words);
        }
    }
}
