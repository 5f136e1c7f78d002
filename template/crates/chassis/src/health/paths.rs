use super::report::Probe;

/// Where the probes are.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    paths: [String; 3],
    /// The first letters: by one look almost every other path is told apart.
    letters: [u8; 3],
}

impl Default for Paths {
    fn default() -> Self {
        Self::new(Probe::ALL.map(|probe| format!("/{}", probe.name())))
    }
}

impl Paths {
    fn new(paths: [String; 3]) -> Self {
        let letters = paths.each_ref().map(|path| first_letter(path));
        Self { paths, letters }
    }

    pub(super) fn with(&self, probe: Probe, path: String) -> Self {
        let mut paths = self.paths.clone();
        // A path of a request always begins so: without it the probe would never be found.
        paths[probe as usize] = match path.starts_with('/') {
            true => path,
            false => format!("/{path}"),
        };
        Self::new(paths)
    }

    /// The probe at this path, and the check below it that is asked for alone.
    pub(super) fn find<'a>(&self, path: &'a str) -> Option<(Probe, Option<&'a str>)> {
        if !self.letters.contains(&first_letter(path)) {
            return None;
        }
        let probes = || Probe::ALL.into_iter().zip(&self.paths);
        if let Some((probe, _)) = probes().find(|(_, own)| *own == path) {
            return Some((probe, None));
        }
        probes().find_map(|(probe, own)| {
            let check = path.strip_prefix(own.as_str())?.strip_prefix('/')?;
            Some((probe, Some(check)))
        })
    }
}

/// What comes after the slash; 0 for nothing.
fn first_letter(path: &str) -> u8 {
    path.as_bytes().get(1).copied().unwrap_or_default()
}
