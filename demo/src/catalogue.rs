//! Finding incidents.

use std::{
    io,
    path::{Path, PathBuf},
};

use mainstay_incidents::format::{FormatError, Incident};

/// The incident that is played when none is named.
const MAIN: &str = "mews-secret-changed";

/// Why there is nothing to play.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotFound {
    #[error("there is no incident `{name}`{}; --list shows what there is, and a path to a file works too",
        nearest.as_ref().map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default())]
    Name { name: String, nearest: Option<String> },
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error("the catalogue cannot be read: {}: {error}", folder.display())]
    Catalogue { folder: PathBuf, error: io::Error },
}

/// Those that are told in full where all are told: one of each that Mainstay exists for.
const IN_FULL: [&str; 3] = [MAIN, "cachetur-shared-dashboard", "uniflow-right-after-sign-in"];

/// A folder of incidents.
pub(crate) struct Catalogue(PathBuf);

impl Catalogue {
    /// The folder that somebody named, or the repository's own.
    pub(crate) fn new(folder: Option<PathBuf>) -> Self {
        Self(folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/incidents")))
    }

    /// Every incident: those that are told in full first, then the others of the founding ones, then by name.
    pub(crate) fn all(&self) -> Result<Vec<Incident>, NotFound> {
        let mut incidents = self.files()?.iter().map(|file| Incident::read(file)).collect::<Result<Vec<_>, _>>()?;
        incidents.sort_by_key(|incident| {
            let place = IN_FULL.iter().position(|name| *name == incident.name).unwrap_or(IN_FULL.len());
            (place, !incident.about.founding, incident.name.clone())
        });
        Ok(incidents)
    }

    /// The one that is meant by a name or a path.
    pub(crate) fn find(&self, name_or_path: Option<&str>) -> Result<Incident, NotFound> {
        let wanted = name_or_path.unwrap_or(MAIN);
        let path = Path::new(wanted);
        if path.is_file() || wanted.ends_with(".toml") || path.components().count() > 1 {
            return Ok(Incident::read(path)?);
        }
        let file = self.0.join(wanted).with_extension("toml");
        if file.is_file() {
            return Ok(Incident::read(&file)?);
        }
        Err(NotFound::Name { name: wanted.to_owned(), nearest: self.nearest(wanted)? })
    }

    fn files(&self) -> Result<Vec<PathBuf>, NotFound> {
        let entries = || -> io::Result<Vec<PathBuf>> {
            let paths =
                self.0.read_dir()?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
            Ok(paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "toml")).collect())
        };
        entries().map_err(|error| NotFound::Catalogue { folder: self.0.clone(), error })
    }

    fn nearest(&self, wanted: &str) -> Result<Option<String>, NotFound> {
        let names = self.files()?.into_iter().filter_map(|file| Some(file.file_stem()?.to_string_lossy().into_owned()));
        let closest = names.min_by_key(|name| strsim::damerau_levenshtein(wanted, name));
        Ok(closest.filter(|name| strsim::damerau_levenshtein(wanted, name) <= name.len() / 2))
    }
}

/// Whether this one is told in full where all are told.
pub(crate) fn is_told_in_full(incident: &Incident) -> bool {
    IN_FULL.contains(&incident.name.as_str())
}
