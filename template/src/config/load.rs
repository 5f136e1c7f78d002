use std::{collections::BTreeSet, fmt, fs, path::Path};

use config::{
    Config as Sources, ConfigBuilder, ConfigError, File, FileFormat, FileSourceFile, Map, Source,
    Value, ValueKind, builder::DefaultState,
};
use serde_json::Value as Json;
use serde_path_to_error::Segment;

use super::{Config, Environment, Faults, Log, Otlp};

const FILE_VARIABLE: &str = "APP_CONFIG_FILE";
const PREFIX: &str = "APP_";
const ENVIRONMENT: &str = "the environment";
pub(super) const DEVELOPMENT: &str = include_str!("development.toml");

/// A configuration, and where each of its values came from.
#[derive(Clone)]
pub struct Loaded {
    /// The configuration itself.
    pub config: Config,
    /// What the sources have said.
    pub(super) given: Map<String, Value>,
    /// The keys whose new values wait for a restart.
    pub(super) waiting: BTreeSet<String>,
    /// What the file held just before it was read.
    pub(super) contents: Option<Vec<u8>>,
    pub(super) environment: Environment,
}

pub(super) fn load(environment: &Environment) -> Result<Loaded, Faults> {
    let mut faults = Faults::default();
    let contents = contents(environment);
    let (config, given) = read(environment, &mut faults);
    config.validate(&mut faults);

    let loaded = Loaded {
        config,
        given,
        waiting: BTreeSet::new(),
        contents,
        environment: environment.clone(),
    };
    faults.locate(|field| loaded.source(field));
    faults.into_result(loaded)
}

/// What the file holds; nothing if there is none, or none that can be read.
fn contents(environment: &Environment) -> Option<Vec<u8>> {
    fs::read(environment.get(FILE_VARIABLE)?).ok()
}

/// All that fits of what the sources say; the rest is faults.
pub(super) fn read(environment: &Environment, faults: &mut Faults) -> (Config, Map<String, Value>) {
    for name in environment.unreadable(PREFIX) {
        faults.add_hidden(name, "is not Unicode: write its value in UTF-8");
    }
    let mut given = merge(environment, faults);
    reject_unknown(&mut given, &tree(&Config::default()), "", faults);
    let mut config = deserialize(&mut given, faults);
    config.otlp = Otlp::read(environment, faults);
    Log::validate_variable(environment, faults);
    (config, given)
}

/// The sources, each over the one before: development profile, file, environment.
fn merge(environment: &Environment, faults: &mut Faults) -> Map<String, Value> {
    let variables = config::Environment::with_prefix("APP")
        .prefix_separator("_")
        .separator("__")
        .source(Some(environment.settings()));
    let said = Sources::builder()
        .add_source(file(environment, faults))
        .add_source(variables);
    let said = collect(said, faults);
    match said.get_string("profile").as_deref() {
        Ok("development") => {
            let profile = File::from_str(DEVELOPMENT, FileFormat::Toml);
            let sources = Sources::builder().add_source(profile).add_source(said);
            collect(sources, faults)
        }
        _ => said,
    }
    .cache
    .into_table()
    .unwrap_or_default()
}

/// The file, if one is named and it is TOML.
fn file(environment: &Environment, faults: &mut Faults) -> Vec<File<FileSourceFile, FileFormat>> {
    let Some(path) = environment.get(FILE_VARIABLE) else {
        return Vec::new();
    };
    let file = File::from(Path::new(path)).format(FileFormat::Toml);
    match file.collect() {
        Ok(_) => vec![file],
        Err(error) => {
            faults.add(FILE_VARIABLE, path, reason(error));
            Vec::new()
        }
    }
}

fn collect(sources: ConfigBuilder<DefaultState>, faults: &mut Faults) -> Sources {
    sources.build().unwrap_or_else(|error| {
        faults.add_hidden("APP_*", reason(error));
        Sources::default()
    })
}

/// What a configuration looks like as a tree: all keys, secrets masked.
pub(super) fn tree(config: &Config) -> serde_json::Map<String, Json> {
    match serde_json::to_value(config) {
        Ok(Json::Object(fields)) => fields,
        other => unreachable!("a configuration is a tree of keys, not {other:?}"),
    }
}

fn reject_unknown(
    given: &mut Map<String, Value>,
    known: &serde_json::Map<String, Json>,
    path: &str,
    faults: &mut Faults,
) {
    given.retain(|key, value| {
        let path = join(path, key);
        match (known.get(key), &mut value.kind) {
            (None, _) => {
                let known: Vec<_> = known.keys().map(String::as_str).collect();
                let reason = format!("is no setting; those here are: {}", known.join(", "));
                let (value, leaf) = leaf(value, path);
                faults.add_from(origin(value, &leaf), &leaf, None, reason);
                return false;
            }
            // One without keys of its own has names that the user gives; what they hold
            // is looked at when it is deserialised.
            (Some(Json::Object(known)), ValueKind::Table(given)) if !known.is_empty() => {
                reject_unknown(given, known, &path, faults);
            }
            _ => {}
        }
        true
    });
}

/// Some value within a section that does not exist: it knows where it came from.
fn leaf(value: &Value, path: String) -> (&Value, String) {
    match &value.kind {
        ValueKind::Table(fields) => match fields.iter().next() {
            Some((key, value)) => leaf(value, join(&path, key)),
            None => (value, path),
        },
        _ => (value, path),
    }
}

/// Takes out each value that does not fit, with its fault, until the rest does:
/// so one start shows all faults, not the first.
fn deserialize(given: &mut Map<String, Value>, faults: &mut Faults) -> Config {
    let defaults = Json::from(tree(&Config::default()));
    loop {
        let tree = Value::from(given.clone());
        let error = match serde_path_to_error::deserialize::<_, Config>(tree) {
            Ok(config) => return config,
            Err(error) => error,
        };
        let keys: Vec<_> = error.path().iter().map_while(key).collect();
        let field = keys.join(".");
        let Some(value) = remove(given, &keys) else {
            faults.add_hidden(&field, reason(error.into_inner()));
            return Config::default();
        };
        let example = defaults.pointer(&format!("/{}", keys.join("/")));
        let is_section = is_section(&defaults, &keys);
        let said = reason(error.into_inner());
        // What is in the place of a section, or has a name that is misspelled, was meant for
        // another key: maybe a secret's.
        let is_elsewhere = is_section || said.starts_with("unknown field");
        let shown = (!is_elsewhere && !is_secret(&field)).then(|| value.to_string());
        let reason = match example.filter(|example| !example.is_null()) {
            // The parser has said the value, too.
            _ if is_section => "is a section, and no value: set its keys, each alone".to_owned(),
            Some(example) => format!("{said}; the default is {example}"),
            None => said,
        };
        faults.add_from(origin(&value, &field), &field, shown, reason);
    }
}

/// Whether there are keys below this one. Where the default has none, names are the user's,
/// and have keys below them.
fn is_section(defaults: &Json, keys: &[&str]) -> bool {
    let section = |keys: &[&str]| {
        let value = defaults.pointer(&format!("/{}", keys.join("/")));
        value.and_then(Json::as_object)
    };
    let above = keys.split_last().and_then(|(_, above)| section(above));
    section(keys).is_some() || above.is_some_and(serde_json::Map::is_empty)
}

fn key(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Map { key } => Some(key),
        _ => None,
    }
}

fn remove(tree: &mut Map<String, Value>, keys: &[&str]) -> Option<Value> {
    match keys {
        [] => None,
        [last] => tree.remove(*last),
        [first, rest @ ..] => match &mut tree.get_mut(*first)?.kind {
            ValueKind::Table(table) => remove(table, rest),
            _ => None,
        },
    }
}

/// The value of a field such as `http.address`.
pub(super) fn get<'a>(tree: &'a Map<String, Value>, field: &str) -> Option<&'a Value> {
    let mut keys = field.split('.');
    let first = tree.get(keys.next()?)?;
    keys.try_fold(first, |value, key| match &value.kind {
        ValueKind::Table(table) => table.get(key),
        _ => None,
    })
}

/// Gives a field another value, or none.
pub(super) fn put(tree: &mut Map<String, Value>, field: &str, value: Option<Value>) {
    let Some((section, rest)) = field.split_once('.') else {
        match value {
            Some(value) => tree.insert(field.to_owned(), value),
            None => tree.remove(field),
        };
        return;
    };
    let table = || Value::from(Map::<String, Value>::new());
    let section = tree.entry(section.to_owned()).or_insert_with(table);
    if let ValueKind::Table(table) = &mut section.kind {
        put(table, rest, value);
    }
}

/// What went wrong, without what the fault says already: the key and the source.
fn reason(error: ConfigError) -> String {
    match error {
        ConfigError::At { error, .. } => reason(*error),
        ConfigError::Type { expected, .. } => format!("must be {expected}"),
        ConfigError::FileParse { cause, .. } => unquoted(&cause.to_string()),
        ConfigError::Foreign(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// What a parser says, without the line of the file that it quotes beside `|`: a secret may
/// stand there.
fn unquoted(said: &str) -> String {
    let is_quote = |line: &&str| {
        let margin = |c: char| c == ' ' || c.is_ascii_digit();
        line.trim_start_matches(margin).starts_with('|')
    };
    let lines = said.lines().filter(|line| !is_quote(line));
    lines.collect::<Vec<_>>().join(": ")
}

/// Whether a value that did not fit may yet be a secret, and so must not be shown.
fn is_secret(field: &str) -> bool {
    ["secret", "password", "token", "url"]
        .iter()
        .any(|word| field.contains(word))
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The variable that sets a field: `http.address` is `APP_HTTP__ADDRESS`.
fn variable(field: &str) -> String {
    format!("{PREFIX}{}", field.to_uppercase().replace('.', "__"))
}

/// Where a value came from: the variable that has it, or that names the file.
fn origin(value: &Value, field: &str) -> String {
    match value.origin() {
        None => "development profile".to_owned(),
        Some(ENVIRONMENT) => variable(field),
        Some(_) => FILE_VARIABLE.to_owned(),
    }
}

/// Without what the sources have said: there are secrets in it.
impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded")
            .field("config", &self.config)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl Loaded {
    /// Where a field's value came from; `None` if nobody set it.
    pub(super) fn source(&self, field: &str) -> Option<String> {
        Some(origin(get(&self.given, field)?, field))
    }

    /// What the file that the environment names held just before this was read from it:
    /// nothing if there is none, or none that can be read.
    pub fn contents(&self) -> Option<&[u8]> {
        self.contents.as_deref()
    }

    /// What it holds now.
    pub fn contents_now(&self) -> Option<Vec<u8>> {
        contents(&self.environment)
    }

    /// Reads all sources once more. The environment of a process never changes; its
    /// file may.
    ///
    /// # Errors
    ///
    /// All faults at once, as at the start.
    pub fn read_again(&self) -> Result<Self, Faults> {
        load(&self.environment)
    }
}

impl Environment {
    /// The variables that are settings, as the `config` crate takes them.
    fn settings(&self) -> Map<String, String> {
        self.with_prefix(PREFIX)
            .filter(|(name, value)| *name != FILE_VARIABLE && !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }
}
