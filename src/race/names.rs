//! Which jobs a name in the policy stands for.

use wildmatch::WildMatchPattern;

/// `*` is any characters; no other character is special.
type Glob = WildMatchPattern<'*', '\0'>;

/// Whether `pattern` of the policy stands for the job called `name`.
///
/// It stands for the job of that name, for what it matches as a glob, for
/// `NAME (matrix values)` and for `NAME / called job`. GitHub gives a job no other
/// identity than its name: the job's key in the workflow file is not in the API.
#[must_use]
pub fn stands_for(pattern: &str, name: &str) -> bool {
    ["", " (*)", " / *", " (*) / *"]
        .iter()
        .any(|suffix| Glob::new(&format!("{pattern}{suffix}")).matches(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_for_itself_its_matrix_and_its_called_jobs() {
        for (pattern, name, expected) in [
            ("testnet", "testnet", true),
            ("testnet", "testnet (arana, 4)", true),
            ("testnet", "testnet / soak", true),
            ("testnet", "testnet (arana) / soak", true),
            ("testnet", "testnet-prepare", false),
            ("testnet", "my testnet", false),
            ("testnet", "testnet (", false),
            ("testnet", "Testnet", false),
            ("soak-*", "soak-2", true),
            ("soak-*", "soak-", true),
            ("soak-*", "soak", false),
            ("* / testnet", "deploy / testnet", true),
            ("what?", "what?", true),
            ("what?", "whats", false),
            ("", "testnet", false),
        ] {
            assert_eq!(stands_for(pattern, name), expected, "{pattern:?} for {name:?}");
        }
    }
}
