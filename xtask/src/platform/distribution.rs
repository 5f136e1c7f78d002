//! The Collector, built by its own builder of the components in `builder.yaml`.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use super::COLLECTOR;
use crate::{
    run,
    test::{report::Report, tools},
    tree,
};

const BUILDER: &str = "go.opentelemetry.io/collector/cmd/builder";
const MANIFEST: &str = "builder.yaml";

/// Components that not every module proxy serves, or not with all that they need. Where
/// they are not served, what configures them is held against a schema instead.
const NOT_EVERYWHERE: [&str; 8] = [
    "connector/failoverconnector",
    "connector/servicegraphconnector",
    "exporter/azuremonitorexporter",
    "exporter/elasticsearchexporter",
    "exporter/prometheusexporter",
    "extension/basicauthextension",
    "extension/sigv4authextension",
    "receiver/kubeletstatsreceiver",
];

/// What the Collector reads and no proof runs, and what takes longest to build: a quick run
/// leaves it out. The component, and its layer.
const ONLY_READ: [(&str, &str); 3] = [
    ("exporter/googlecloudexporter", "export-gcp.yaml"),
    (
        "exporter/prometheusremotewriteexporter",
        "export-remote-write.yaml",
    ),
    ("receiver/prometheusreceiver", "receive-prometheus.yaml"),
];

/// A program, and what is not in it.
pub struct Distribution {
    pub binary: PathBuf,
    /// Components of the manifest that are not served: `exporter/prometheusexporter`.
    pub missing: Vec<String>,
    is_quick: bool,
}

/// A line of the manifest.
#[derive(Clone)]
struct Module {
    name: String,
    version: String,
}

impl Distribution {
    /// Builds it, unless this manifest has been built before.
    pub fn have(report: &mut Report, is_quick: bool) -> Result<Self> {
        let manifest = tree::read(&tree::root().join(COLLECTOR).join(MANIFEST))?;
        let manifest = match is_quick {
            true => without(&manifest, &ONLY_READ.map(|(component, _)| component)),
            false => manifest,
        };
        let folder = folder_of(&manifest);
        let told = folder.join("missing.json");
        let binary = folder.join("otelcol");
        if !told.exists() || !binary.exists() {
            let go = tools::go(report)?;
            tree::fresh(&folder)?;
            let step = "asking which components are served here";
            let missing = report.check(step, || missing(&go, &manifest, &folder))?;
            let step = "building the Collector into target/tools; the first time takes minutes";
            report.check(step, || build(&go, &manifest, &missing, &folder))?;
            fs::write(&told, serde_json::to_string(&missing)?)?;
        }
        let missing: Vec<String> = serde_json::from_str(&tree::read(&told)?)?;
        for component in &missing {
            report.skip(format!(
                "{component} is not served by this module proxy: its layers are held against a schema, and not run"
            ));
        }
        if is_quick {
            let layers = ONLY_READ.map(|(_, layer)| layer).join(", ");
            report.skip(format!(
                "{layers}: cargo xtask platform builds what reads them, which takes minutes more"
            ));
        }
        Ok(Self {
            binary,
            missing,
            is_quick,
        })
    }

    /// Whether a layer is for another run.
    pub fn leaves_out(&self, layer: &str) -> bool {
        self.is_quick && ONLY_READ.iter().any(|(_, of)| *of == layer)
    }

    /// Whether a module of the manifest is in it.
    pub fn has(&self, component: &str) -> bool {
        !self.missing.iter().any(|missing| missing == component)
    }
}

fn folder_of(manifest: &str) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    manifest.hash(&mut hasher);
    let name = format!("otelcol-{:016x}", hasher.finish());
    tree::target().join("tools").join(name)
}

/// Components that cannot be had. Others than those that are known for it are a failure.
fn missing(go: &str, manifest: &str, folder: &Path) -> Result<Vec<String>> {
    let scratch = folder.join("scratch");
    tree::fresh(&scratch)?;
    fs::write(scratch.join("go.mod"), "module scratch\n\ngo 1.25.0\n")?;
    let mut modules = modules(manifest)?;
    let mut missing = Vec::new();
    // One is missing itself, another lacks something: the second is seen without the first.
    while let Err(error) = get(go, &modules, &scratch) {
        let said = format!("{error:#}");
        let is_lacking = |module: &&Module| lacks(&said, &module.name);
        let lacking: Vec<_> = modules.iter().filter(is_lacking).cloned().collect();
        let known = |module: &Module| NOT_EVERYWHERE.contains(&module.component());
        ensure!(!lacking.is_empty() && lacking.iter().all(known), "{said}");
        modules.retain(|module| !lacking.iter().any(|it| it.name == module.name));
        missing.extend(lacking.iter().map(|module| module.component().to_owned()));
    }
    Ok(missing)
}

fn get(go: &str, modules: &[Module], scratch: &Path) -> Result<String> {
    // Those that are not there are told all at once.
    let mut download = command(go, scratch);
    download.args(["mod", "download", "-json"]);
    let arguments = modules
        .iter()
        .map(|it| format!("{}@v{}", it.name, it.version));
    let arguments: Vec<_> = arguments.collect();
    run::output(download.args(&arguments))?;
    run::output(command(go, scratch).arg("get").args(&arguments))
}

/// Whether Go complains of this module, or of what it imports.
fn lacks(said: &str, name: &str) -> bool {
    let path = format!("\"Path\": \"{name}\"");
    let has_error = said
        .split("\n}\n")
        .any(|module| module.contains(&path) && module.contains("\"Error\":"));
    has_error || said.contains(&format!("go: {name} imports"))
}

fn build(go: &str, manifest: &str, missing: &[String], folder: &Path) -> Result<()> {
    let output = folder.join("build");
    let mut text = without(manifest, missing);
    let place = "output_path: ./otelcol";
    ensure!(text.contains(place), "{MANIFEST} has no {place:?} any more");
    text = text.replace(place, &format!("output_path: {}", output.display()));
    let file = folder.join(MANIFEST);
    fs::write(&file, text)?;
    let version = field(manifest, "version: ").context("no version")?;
    let mut builder = command(go, folder);
    builder
        .args(["run", &format!("{BUILDER}@v{version}"), "--config"])
        .arg(&file);
    run::output(&mut builder)?;
    fs::rename(output.join("otelcol"), folder.join("otelcol"))?;
    Ok(())
}

fn command(go: &str, folder: &Path) -> Command {
    let mut command = Command::new(go);
    command
        .current_dir(folder)
        // The module may want a newer one than is here.
        .env("GOTOOLCHAIN", "auto")
        .env("GOFLAGS", "-p=2");
    command
}

/// The manifest without these components.
fn without(manifest: &str, components: &[impl AsRef<str>]) -> String {
    let names = |line: &str, component: &str| line.contains(&format!("/{component} v"));
    let is_left = |line: &&str| !components.iter().any(|it| names(line, it.as_ref()));
    manifest
        .lines()
        .filter(is_left)
        .map(|line| format!("{line}\n"))
        .collect()
}

fn modules(manifest: &str) -> Result<Vec<Module>> {
    let lines = manifest
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- gomod: "));
    let modules = lines.map(|line| {
        let (name, version) = line.split_once(" v").with_context(|| line.to_owned())?;
        Ok(Module {
            name: name.to_owned(),
            version: version.to_owned(),
        })
    });
    let modules = modules.collect::<Result<Vec<_>>>()?;
    if modules.is_empty() {
        bail!("{MANIFEST} names no component");
    }
    Ok(modules)
}

fn field<'a>(manifest: &'a str, name: &str) -> Option<&'a str> {
    manifest
        .lines()
        .find_map(|line| line.trim().strip_prefix(name))
}

impl Module {
    /// `exporter/otlpexporter`.
    fn component(&self) -> &str {
        let mut slashes = self.name.rmatch_indices('/').skip(1);
        let place = slashes.next().map_or(0, |(place, _)| place + 1);
        &self.name[place..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> String {
        tree::read(&tree::root().join(COLLECTOR).join(MANIFEST)).unwrap()
    }

    #[test]
    fn all_components_are_of_one_release() {
        let manifest = manifest();
        let release = field(&manifest, "version: ").unwrap();
        for module in modules(&manifest).unwrap() {
            let is_provider = module.name.contains("/confmap/provider/");
            assert!(is_provider || module.version == release, "{}", module.name);
        }
    }

    #[test]
    fn the_image_is_of_the_same_release() {
        let release = field(&manifest(), "version: ").unwrap().to_owned();
        let folder = tree::root().join(COLLECTOR).join("kubernetes");
        let mut images = 0;
        for file in tree::files(&folder).unwrap() {
            let text = tree::read(&folder.join(file)).unwrap();
            for image in text.lines().filter_map(|line| line.split_once("image: ")) {
                assert!(image.1.ends_with(&format!(":{release}")), "{}", image.1);
                images += 1;
            }
        }
        assert!(images > 2);
    }

    #[test]
    fn a_component_that_is_missing_is_one_of_the_manifest() {
        let all = modules(&manifest()).unwrap();
        let read = ONLY_READ.map(|(component, _)| component);
        for name in NOT_EVERYWHERE.into_iter().chain(read) {
            let is_there = all.iter().any(|module| module.component() == name);
            assert!(is_there, "{name}");
        }
    }

    #[test]
    fn what_go_complains_of_is_found() {
        let said = "{\n\t\"Path\": \"a/x\",\n\t\"Error\": \"no\"\n}\n{\n\t\"Path\": \"a/y\"\n}\ngo: a/z imports\n\tb: 403\n";
        assert!(lacks(said, "a/x") && lacks(said, "a/z"));
        assert!(!lacks(said, "a/y"));
    }
}
