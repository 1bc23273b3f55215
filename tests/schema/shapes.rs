//! The shapes of the policy, read off their own source: keys, types and doc comments,
//! and what serde's attributes make of them. What it does not know it refuses.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, Fields, GenericArgument, Item, Lit, Meta, PathArguments, Type};

/// A table of the policy.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) doc: String,
    pub(crate) keys: Vec<Key>,
}

/// A key of a table.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) kind: Kind,
    pub(crate) required: bool,
}

/// What the value of a key is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Text,
    Flag,
    Duration,
    /// A whole number, up to the greatest of its type; none where TOML has no greater one.
    Whole(Option<u64>),
    Number,
    /// Variables with their values.
    Texts,
    /// A word, with what each means.
    Word(Vec<(String, String)>),
    /// A word, or something else.
    WordOr(Vec<(String, String)>, Box<Kind>),
    List(Box<Kind>),
    Table(Table),
    Tables(Table),
}

/// The items of the policy's module by their names.
pub(crate) struct Source {
    items: BTreeMap<String, Item>,
}

impl Source {
    /// Reads every file of the module.
    pub(crate) fn read() -> Self {
        let mut items = BTreeMap::new();
        for file in files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/policy")) {
            for item in syn::parse_file(&fs::read_to_string(&file).unwrap()).unwrap().items {
                let name = match &item {
                    Item::Struct(item) => item.ident.to_string(),
                    Item::Enum(item) => item.ident.to_string(),
                    _ => continue,
                };
                let twice = items.insert(name, item);
                assert!(twice.is_none(), "{}: two shapes of one name", file.display());
            }
        }
        Self { items }
    }

    /// The table that the struct `name` stands for.
    pub(crate) fn table(&self, name: &str) -> Table {
        let Some(Item::Struct(item)) = self.items.get(name) else { panic!("there is no struct {name}") };
        let serde = Serde::of(&item.attrs);
        let mut keys = Vec::new();
        let Fields::Named(fields) = &item.fields else { panic!("{name} has no keys") };
        for field in &fields.named {
            let own = Serde::of(&field.attrs);
            let plain = field.ident.as_ref().unwrap().to_string();
            let optional = own.with.is_none() && last(&field.ty).0 == "Option";
            keys.push(Key {
                name: own.rename.clone().unwrap_or(plain),
                doc: doc(&field.attrs),
                kind: self.kind(&field.ty, own.with.as_deref()),
                required: !(serde.default || own.default || optional),
            });
        }
        // What is written is the other struct; what is said of it stands here.
        if let Some(file) = serde.from {
            let told = keys;
            keys = self.table(&file).keys;
            for key in &mut keys {
                let same = told.iter().find(|told| told.name == key.name);
                key.doc.clone_from(&same.unwrap_or_else(|| panic!("{file} has {}", key.name)).doc);
            }
            assert_eq!(told.len(), keys.len(), "{name} and {file}");
        }
        Table { doc: doc(&item.attrs), keys }
    }

    fn kind(&self, ty: &Type, with: Option<&str>) -> Kind {
        let (name, inner) = last(ty);
        match (name.as_str(), with) {
            ("Option", with) => self.kind(inner.unwrap(), with.map(|with| with.trim_end_matches("::option"))),
            ("Duration", Some("duration")) => Kind::Duration,
            (_, Some(with)) => panic!("what `with = \"{with}\"` makes of {name} is not known"),
            ("String", _) => Kind::Text,
            ("bool", _) => Kind::Flag,
            ("u8", _) => Kind::Whole(Some(u8::MAX.into())),
            ("u16", _) => Kind::Whole(Some(u16::MAX.into())),
            ("u32", _) => Kind::Whole(Some(u32::MAX.into())),
            ("u64" | "usize", _) => Kind::Whole(None),
            ("f64", _) => Kind::Number,
            ("BTreeMap", _) => Kind::Texts,
            ("Vec", _) => match self.kind(inner.unwrap(), None) {
                Kind::Table(table) => Kind::Tables(table),
                kind => Kind::List(Box::new(kind)),
            },
            (name, _) => match self.items.get(name) {
                Some(Item::Struct(_)) => Kind::Table(self.table(name)),
                Some(Item::Enum(item)) => self.words(item),
                _ => panic!("{name} is no shape of the policy"),
            },
        }
    }

    fn words(&self, item: &syn::ItemEnum) -> Kind {
        assert!(Serde::of(&item.attrs).kebab, "{} has words of its own", item.ident);
        let (mut words, mut other) = (Vec::new(), None);
        for variant in &item.variants {
            match &variant.fields {
                Fields::Unit => words.push((kebab(&variant.ident.to_string()), doc(&variant.attrs))),
                Fields::Unnamed(fields) if Serde::of(&variant.attrs).untagged => {
                    other = Some(self.kind(&fields.unnamed.first().unwrap().ty, None));
                }
                _ => panic!("{}::{} is neither a word nor a value", item.ident, variant.ident),
            }
        }
        match other {
            Some(other) => Kind::WordOr(words, Box::new(other)),
            None => Kind::Word(words),
        }
    }
}

/// What serde's attributes say.
#[derive(Default)]
struct Serde {
    default: bool,
    kebab: bool,
    untagged: bool,
    rename: Option<String>,
    with: Option<String>,
    from: Option<String>,
}

impl Serde {
    fn of(attributes: &[Attribute]) -> Self {
        let mut found = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            let read = attribute.parse_nested_meta(|meta| {
                let key = meta.path.get_ident().unwrap().to_string();
                let value = match meta.value() {
                    Ok(value) => Some(value.parse::<syn::LitStr>()?.value()),
                    Err(_) => None,
                };
                match key.as_str() {
                    "default" => found.default = true,
                    "untagged" => found.untagged = true,
                    "rename" => found.rename = value,
                    "with" => found.with = value,
                    "from" => found.from = value,
                    "rename_all" => found.kebab = value.as_deref() == Some("kebab-case"),
                    "skip_serializing_if" => {}
                    other => panic!("what `{other}` means for the schema is not known"),
                }
                Ok(())
            });
            read.unwrap();
        }
        found
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        // What is checked between the values has no shapes, and its tests have some.
        match path.is_dir() {
            true if path.ends_with("check") || path.ends_with("monitoring_check") => {}
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// The last part of a type's path, and the type in its brackets.
fn last(ty: &Type) -> (String, Option<&Type>) {
    let Type::Path(path) = ty else { panic!("no type of a key") };
    let last = path.path.segments.last().unwrap();
    let inner = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            })
        }
        _ => None,
    };
    (last.ident.to_string(), inner)
}

/// The doc comment in one line.
fn doc(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(lit) => match &lit.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    });
    lines.collect::<Vec<_>>().join(" ").trim().to_owned()
}

fn kebab(name: &str) -> String {
    let mut word = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !word.is_empty() {
            word.push('-');
        }
        word.push(c.to_ascii_lowercase());
    }
    word
}
