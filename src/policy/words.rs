//! Which words are safe as a name, a user, a variable, a path: said once, for the
//! policy's check and for the plan.

/// A name of letters, digits, `.`, `_` and `-` that can stand alone as an argument
/// and as a file.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && text.len() <= 100
}

/// A name for people: any text of one line.
#[must_use]
pub fn is_title(text: &str) -> bool {
    !text.trim().is_empty() && !text.chars().any(char::is_control) && text.len() <= 200
}

/// The name of a user or group on a host, or its number.
#[must_use]
pub fn is_user(text: &str) -> bool {
    is_name(text)
}

/// `user` or `user:group`.
#[must_use]
pub fn is_owner(text: &str) -> bool {
    match text.split_once(':') {
        Some((user, group)) => is_user(user) && is_user(group),
        None => is_user(text),
    }
}

/// The name of an environment variable.
#[must_use]
pub fn is_variable(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A host name or an IP address. ssh reads a destination that begins with `-` as
/// an option.
#[must_use]
pub fn is_address(text: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-:[]%".contains(c);
    !text.is_empty() && text.chars().all(legal) && !text.starts_with('-')
}

/// An absolute path to something in a directory: not `/`, no `.` or `..` in it.
#[must_use]
pub fn is_absolute(text: &str) -> bool {
    text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| !matches!(part, "" | "." | "..")) && !text.chars().any(char::is_control)
    })
}

/// A program that `sudo` and `env` take for neither an option nor a variable.
#[must_use]
pub fn is_program(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('-') && !text.contains(['=', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(rule: fn(&str) -> bool, yes: &[&str], no: &[&str]) {
        yes.iter().for_each(|text| assert!(rule(text), "{text:?}"));
        no.iter().for_each(|text| assert!(!rule(text), "{text:?}"));
    }

    #[test]
    fn each_kind_of_word_is_known() {
        hold(
            is_name,
            &["a", "validator-1", "_x", "node.log", "7"],
            &["", ".", "..", ".a", "-a", "a b", "a/b", "é"],
        );
        hold(is_title, &["new chain", "it's"], &["", "  ", "a\nb", "a\u{1b}[31m"]);
        hold(is_owner, &["root", "root:root", "1000:1000"], &["", ":", "root:", ":root", "a:b:c", "-r"]);
        hold(is_variable, &["A", "_a1"], &["", "1A", "A-B", "A=B", "Ä"]);
        hold(is_address, &["203.0.113.10", "[fe80::1%eth0]", "a.example"], &["", "-oProxyCommand=x", "a b"]);
        hold(
            is_absolute,
            &["/a", "/usr/local/bin/node", "/a/.b/c..d"],
            &["", "/", "//", "a", "/a/", "/a//b", "/a/../b", "/.", "/a\nb", "~/a"],
        );
        hold(is_program, &["systemctl", "/usr/bin/true", "./x"], &["", "-x", "A=b"]);
    }
}
