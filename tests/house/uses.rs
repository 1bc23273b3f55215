//! Which paths a Rust file names, and where: read off its tokens, so that paths
//! inside macros and attributes count too.

use std::collections::HashMap;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path that a file names, as far as it can be told without a compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Use {
    /// The path from the root of a crate: `crate::race::decide`, `std::fs::read`.
    pub(super) path: Vec<String>,
    /// The line it begins in.
    pub(super) line: usize,
    /// It stands in a `use` item.
    pub(super) imported: bool,
}

impl Use {
    /// The module of our library that it names. `Some("")` is its root.
    pub(super) fn module(&self) -> Option<&str> {
        match self.path.first()?.as_str() {
            "crate" | "testnet_deployer" => {
                Some(self.path.get(1).filter(|name| *name != "*").map_or("", String::as_str))
            }
            _ => None,
        }
    }

    /// Whether it names `other` or something inside of it, or imports all that is beside it.
    pub(super) fn reaches(&self, other: &str) -> bool {
        let other: Vec<&str> = other.split("::").collect();
        let all = self.path.last().is_some_and(|last| last == "*");
        let own = &self.path[..self.path.len() - usize::from(all)];
        let common = own.len().min(other.len());
        own.iter().zip(&other).all(|(own, other)| own == other)
            && (own.len() >= other.len() || all && common > 0)
    }
}

/// Every path that `tokens`, the content of `module`, names; those that begin with
/// a name which the file imports are completed.
pub(super) fn uses(tokens: TokenStream, module: &[String]) -> Vec<Use> {
    let mut found = Found::default();
    found.walk(tokens, module);
    let Found { mut paths, names } = found;
    for used in paths.iter_mut().filter(|used| !used.imported) {
        if let Some(start) = used.path.first().and_then(|first| names.get(first)) {
            used.path.splice(..1, start.iter().cloned());
        }
    }
    paths
}

#[derive(Default)]
struct Found {
    paths: Vec<Use>,
    /// What `use` items call by which name.
    names: HashMap<String, Vec<String>>,
}

impl Found {
    fn walk(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = match &tokens[at] {
                TokenTree::Ident(word) if *word == "use" => {
                    self.tree(&tokens, at + 1, module, &[], word.span().start().line)
                }
                TokenTree::Ident(word) if *word == "mod" => match tokens.get(at + 1..at + 3) {
                    Some([TokenTree::Ident(name), TokenTree::Group(body)]) => {
                        let inner = [module, &[name.to_string()]].concat();
                        self.walk(body.stream(), &inner);
                        at + 3
                    }
                    _ => at + 2,
                },
                TokenTree::Ident(_) => self.path(&tokens, at, module),
                TokenTree::Group(group) => {
                    self.walk(group.stream(), module);
                    at + 1
                }
                _ => at + 1,
            };
        }
    }

    /// Takes the path that begins at `at`, and says where it ends.
    fn path(&mut self, tokens: &[TokenTree], mut at: usize, module: &[String]) -> usize {
        let line = tokens[at].span().start().line;
        let mut path = vec![tokens[at].to_string()];
        while let (true, Some(TokenTree::Ident(word))) = (is_separator(tokens, at + 1), tokens.get(at + 3)) {
            path.push(word.to_string());
            at += 3;
        }
        if path.len() > 1 {
            self.paths.push(Use { path: absolute(path, module), line, imported: false });
        }
        at + 1
    }

    /// Takes one tree of a `use` item, beginning at `at`, and says where it ends.
    fn tree(
        &mut self,
        tokens: &[TokenTree],
        mut at: usize,
        module: &[String],
        prefix: &[String],
        line: usize,
    ) -> usize {
        let mut path = prefix.to_vec();
        loop {
            match tokens.get(at) {
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    let trees: Vec<TokenTree> = group.stream().into_iter().collect();
                    let mut inner = 0;
                    while inner < trees.len() {
                        let line = trees[inner].span().start().line;
                        inner = self.tree(&trees, inner, module, &path, line) + 1;
                    }
                    return at + 1;
                }
                Some(TokenTree::Ident(word)) if *word == "as" => {
                    let name = tokens.get(at + 1).map(ToString::to_string);
                    self.import(path, module, name, line);
                    return at + 2;
                }
                Some(TokenTree::Ident(word)) if *word == "self" && !path.is_empty() => at += 1,
                Some(TokenTree::Ident(word)) => {
                    path.push(word.to_string());
                    at += 1;
                }
                Some(TokenTree::Punct(mark)) if mark.as_char() == '*' => {
                    path.push("*".to_owned());
                    at += 1;
                }
                Some(TokenTree::Punct(mark)) if mark.as_char() == ':' => at += 1,
                _ => {
                    self.import(path, module, None, line);
                    return at;
                }
            }
        }
    }

    fn import(&mut self, path: Vec<String>, module: &[String], name: Option<String>, line: usize) {
        if path.is_empty() {
            return;
        }
        let path = absolute(path, module);
        if let Some(name) = name.or_else(|| path.last().cloned()) {
            self.names.insert(name, path.clone());
        }
        self.paths.push(Use { path, line, imported: true });
    }
}

fn is_separator(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at..at + 2), Some([TokenTree::Punct(first), TokenTree::Punct(second)])
        if first.as_char() == ':' && second.as_char() == ':')
}

/// Replaces `self` and `super` at the beginning of `path` by what they mean in `module`.
fn absolute(path: Vec<String>, module: &[String]) -> Vec<String> {
    let up = path.iter().take_while(|name| *name == "super" || *name == "self").count();
    if up == 0 {
        return path;
    }
    let levels = path[..up].iter().filter(|name| *name == "super").count();
    let kept = module.len().saturating_sub(levels);
    let mut whole = vec!["crate".to_owned()];
    whole.extend_from_slice(&module[..kept]);
    whole.extend_from_slice(&path[up..]);
    whole
}
