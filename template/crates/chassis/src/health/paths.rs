use super::report::Probe;

/// Where the probes are.
#[derive(Clone, Debug)]
pub(super) struct Paths([String; 3]);

impl Default for Paths {
    fn default() -> Self {
        Self(Probe::ALL.map(|probe| format!("/{}", probe.name())))
    }
}

impl Paths {
    pub(super) fn set(&mut self, probe: Probe, path: String) {
        self.0[probe as usize] = path;
    }

    /// The probe at this path, and the check below it that is asked for alone.
    pub(super) fn find<'a>(&self, path: &'a str) -> Option<(Probe, Option<&'a str>)> {
        let probes = || Probe::ALL.into_iter().zip(&self.0);
        if let Some((probe, _)) = probes().find(|(_, own)| *own == path) {
            return Some((probe, None));
        }
        probes().find_map(|(probe, own)| {
            let check = path.strip_prefix(own.as_str())?.strip_prefix('/')?;
            Some((probe, Some(check)))
        })
    }
}
