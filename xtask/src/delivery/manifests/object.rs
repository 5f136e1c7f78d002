//! What is rendered, as a tree.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// One object of Kubernetes.
#[derive(Clone, Debug)]
pub struct Object(Value);

/// Reads all objects of a text.
pub fn read(text: &str) -> Result<Vec<Object>> {
    let documents = serde_yaml_ng::Deserializer::from_str(text);
    let objects = documents.map(|document| Ok(Object(Value::deserialize(document)?)));
    objects.collect::<Result<_>>().context("no YAML")
}

impl Object {
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// `Deployment/my-service-api`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// What is at a JSON pointer; empty if nothing is.
    pub fn text(&self, pointer: &str) -> &str {
        let found = self.0.pointer(pointer).and_then(Value::as_str);
        found.unwrap_or_default()
    }

    pub fn number(&self, pointer: &str) -> Option<u64> {
        number(self.at(pointer))
    }

    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or(&Value::Null)
    }

    pub fn list(&self, pointer: &str) -> &[Value] {
        list(self.at(pointer))
    }

    pub fn table(&self, pointer: &str) -> Map<String, Value> {
        self.at(pointer).as_object().cloned().unwrap_or_default()
    }

    /// The template of its pods, if it has some.
    pub fn pods(&self) -> Option<&Value> {
        let at = match self.kind() {
            "DaemonSet" | "Deployment" | "Job" | "StatefulSet" => "/spec/template",
            "CronJob" => "/spec/jobTemplate/spec/template",
            _ => return None,
        };
        self.0.pointer(at)
    }

    /// An annotation, whatever characters its name has.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.at("/metadata/annotations").get(name)?.as_str()
    }
}

pub fn of_kind<'a>(objects: &'a [Object], kind: &str) -> impl Iterator<Item = &'a Object> {
    objects.iter().filter(move |object| object.kind() == kind)
}

/// The one of a kind and of the end of a name.
pub fn find<'a>(objects: &'a [Object], kind: &str, name: &str) -> Option<&'a Object> {
    of_kind(objects, kind).find(|object| object.name().ends_with(name))
}

/// A number, written as one or as a text.
pub fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

pub fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// `45s` or `2m`, as Gateway API and the service write it.
pub fn duration(text: &str) -> Option<Duration> {
    let parts = text.split_whitespace().map(|part| {
        let digits = part.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = part[..digits].parse().ok()?;
        Some(match &part[digits..] {
            "ms" => Duration::from_millis(count),
            "s" => Duration::from_secs(count),
            "m" => Duration::from_secs(60 * count),
            "h" => Duration::from_secs(3600 * count),
            _ => return None,
        })
    });
    parts.sum()
}
