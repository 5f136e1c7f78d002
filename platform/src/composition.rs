//! What is shipped for a mode: the layers in their order, and the settings.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// Where a host or a pod has the layers.
pub const INSTALLED: &str = "/etc/otelcol/layers/";

/// A file of `deploy/collector/host`, with the layers as they are in this repository.
#[derive(Clone, Debug)]
pub struct Composition {
    pub layers: Vec<PathBuf>,
    pub settings: BTreeMap<String, String>,
}

impl Composition {
    pub fn read(deploy: &Path, mode: &str) -> Result<Self> {
        let file = deploy.join("host").join(format!("{mode}.env"));
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let mut settings = variables(&text)?;
        let layers = settings.remove("LAYERS");
        let layers = layers.with_context(|| format!("{mode}.env sets no LAYERS"))?;
        let layers = layers.split_whitespace().map(|argument| {
            let name = name_of_layer(argument)?;
            Ok(deploy.join("layers").join(name))
        });
        Ok(Self {
            layers: layers.collect::<Result<_>>()?,
            settings,
        })
    }

    /// With one more layer, as an operator would switch it on.
    pub fn and(mut self, layer: &str) -> Self {
        let folder = self.layers[0].parent().map(Path::to_owned);
        self.layers.push(folder.unwrap_or_default().join(layer));
        self
    }

    /// What the Collector is started with.
    pub fn arguments(&self) -> impl Iterator<Item = String> {
        let argument = |layer: &PathBuf| format!("--config={}", layer.display());
        self.layers.iter().map(argument)
    }
}

/// `receive-otlp.yaml` of `--config=/etc/otelcol/layers/receive-otlp.yaml`.
pub fn name_of_layer(argument: &str) -> Result<&str> {
    let path = argument.strip_prefix("--config=");
    let name = path.and_then(|path| path.strip_prefix(INSTALLED));
    name.with_context(|| format!("{argument} names no layer"))
}

/// A file of variables as systemd and kustomize read it; lines may go on behind a `\`.
pub fn variables(text: &str) -> Result<BTreeMap<String, String>> {
    let text = text.replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.map(|line| {
        let (name, value) = line.split_once('=').with_context(|| line.to_owned())?;
        Ok((name.to_owned(), value.to_owned()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_behind_a_backslash() {
        let read = variables("# why\nA=1 \\\n  2\n\nB=[x, y]\n").unwrap();
        assert_eq!(read["A"].split_whitespace().collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!(read["B"], "[x, y]");
    }

    #[test]
    fn an_argument_that_is_no_layer_is_refused() {
        assert!(name_of_layer("--config=/etc/passwd").is_err());
        let name = name_of_layer("--config=/etc/otelcol/layers/a.yaml");
        assert_eq!(name.unwrap(), "a.yaml");
    }
}
