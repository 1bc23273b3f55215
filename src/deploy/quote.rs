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

    #[test]
    fn what_is_plain_stays_readable() {
        let words = ["--as=a-7.2", "/usr/bin/x", "it's", ""].map(str::to_owned);
        assert_eq!(quoted(&words), r"--as=a-7.2 /usr/bin/x 'it'\''s' ''");
    }
}
