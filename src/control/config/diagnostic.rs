//! What is wrong with a config folder, where, in words that an operator can act on.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::path::{Path, PathBuf};

/// A file of the config folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum File {
    Buyers,
    Content,
    Creatives,
    Currencies,
    Deals,
    Dsps,
    Exchange,
    Landing,
    Media,
    Operators,
    RateCard,
    Settlement,
    Words,
}

impl File {
    /// Every file, by name.
    pub(super) const ALL: [Self; 13] = [
        Self::Buyers,
        Self::Content,
        Self::Creatives,
        Self::Currencies,
        Self::Deals,
        Self::Dsps,
        Self::Exchange,
        Self::Landing,
        Self::Media,
        Self::Operators,
        Self::RateCard,
        Self::Settlement,
        Self::Words,
    ];

    /// Whether a folder may be without it: then what this program ships applies. Folders of earlier versions do not have it.
    pub(super) const fn is_optional(self) -> bool {
        matches!(self, Self::Content | Self::Landing | Self::Operators | Self::Words)
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Buyers => "buyers.toml",
            Self::Content => "content.toml",
            Self::Creatives => "creatives.toml",
            Self::Currencies => "currencies.toml",
            Self::Deals => "deals.toml",
            Self::Dsps => "dsps.toml",
            Self::Exchange => "exchange.toml",
            Self::Landing => "landing.toml",
            Self::Media => "media.toml",
            Self::Operators => "operators.toml",
            Self::RateCard => "rate_card.toml",
            Self::Settlement => "settlement.toml",
            Self::Words => "words.toml",
        }
    }
}

/// Where something stands in the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) file: File,
    /// From 1.
    pub(super) line: u32,
}

/// A value and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

/// One problem, shown as `FILE:LINE: message`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Diagnostic {
    /// The file, under the folder as it was given.
    pub file: PathBuf,
    /// The line, from 1. A problem of the whole file stands on its first line.
    pub line: u32,
    /// What is wrong, with the rule that refuses it.
    pub message: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

/// Everything that is wrong, sorted by file and line; never empty. Displays one problem a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostics {
    problems: Vec<Diagnostic>,
    omitted: usize,
}

impl Diagnostics {
    /// More problems than these are counted, not kept.
    pub const MOST: usize = 1_000;

    pub(super) fn new(mut problems: Vec<Diagnostic>, omitted: usize) -> Self {
        problems.sort();
        problems.dedup();
        Self { problems, omitted }
    }

    /// The problems, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.problems.iter()
    }

    /// How many there are, with those that were not kept.
    #[must_use]
    pub fn count(&self) -> usize {
        self.problems.len() + self.omitted
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            fmt::Display::fmt(problem, f)?;
        }
        if self.omitted > 0 {
            write!(f, "\n… and {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// A moment of a report.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    errors: usize,
    warnings: usize,
    omitted: usize,
}

/// Collects problems while a folder is read and judged.
#[derive(Debug, Default)]
pub(super) struct Report {
    errors: RefCell<Vec<(Place, String)>>,
    warnings: RefCell<Vec<(Place, String)>>,
    omitted: Cell<usize>,
}

impl Report {
    /// Suggestions search every name; after that many problems they are not worth it.
    const SUGGESTIONS_UNTIL: usize = 100;
    /// That many names are listed where none is near.
    const FEW: usize = 6;

    /// How much has been told.
    pub(super) fn mark(&self) -> Mark {
        Mark { errors: self.errors.borrow().len(), warnings: self.warnings.borrow().len(), omitted: self.omitted.get() }
    }

    /// Takes back what was told since.
    pub(super) fn undo(&self, mark: Mark) {
        self.errors.borrow_mut().truncate(mark.errors);
        self.warnings.borrow_mut().truncate(mark.warnings);
        self.omitted.set(mark.omitted);
    }

    /// What refuses the folder.
    pub(super) fn error(&self, place: Place, message: impl Into<String>) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < Diagnostics::MOST {
            errors.push((place, one_line(message.into())));
        } else {
            self.omitted.set(self.omitted.get() + 1);
        }
    }

    /// What is served, but should be looked at.
    pub(super) fn warning(&self, place: Place, message: impl Into<String>) {
        let mut warnings = self.warnings.borrow_mut();
        if warnings.len() < Diagnostics::MOST {
            warnings.push((place, one_line(message.into())));
        }
    }

    /// Whether so much is wrong that looking for what was meant instead is not worth it.
    pub(super) fn is_crowded(&self) -> bool {
        self.errors.borrow().len() > Self::SUGGESTIONS_UNTIL
    }

    /// `; did you mean …?` for a name that is not known; the known ones if they are few.
    pub(super) fn suggestion<'a>(&self, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
        if self.is_crowded() {
            return String::new();
        }
        if let Some(near) = nearest(name, known.clone()) {
            return format!("; did you mean `{near}`?");
        }
        let mut few: Vec<_> = known.take(Self::FEW + 1).collect();
        few.sort_unstable();
        if few.is_empty() || few.len() > Self::FEW { String::new() } else { format!("; known: {}", few.join(", ")) }
    }

    /// The warnings, or the errors if there are any.
    pub(super) fn finish(self, folder: &Path) -> Result<Vec<Diagnostic>, Diagnostics> {
        let shown = |problems: RefCell<Vec<(Place, String)>>| -> Vec<Diagnostic> {
            let placed = problems.into_inner().into_iter();
            let full = |(place, message): (Place, String)| Diagnostic {
                file: folder.join(place.file.name()),
                line: place.line,
                message,
            };
            placed.map(full).collect()
        };
        let errors = shown(self.errors);
        if errors.is_empty() {
            let mut warnings = shown(self.warnings);
            warnings.sort();
            Ok(warnings)
        } else {
            Err(Diagnostics::new(errors, self.omitted.get()))
        }
    }
}

/// A message as one line of bounded length, whatever the names in it hold.
fn one_line(message: String) -> String {
    const MOST: usize = 1_000;
    if message.len() <= MOST && !message.contains(char::is_control) {
        return message;
    }
    let shown = message.chars().take(MOST);
    shown.map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect()
}

/// The longest name that is compared: the comparison takes time and memory by the product of the lengths.
const LONGEST_COMPARED: usize = 128;

/// The candidate that differs least, if it is close enough to be meant; ties go by the alphabet.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST_COMPARED {
        return None;
    }
    let tolerated = (name.chars().count() / 3).max(1);
    candidates
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 4 * tolerated)
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= tolerated)
        .min()
        .map(|(_, candidate)| candidate)
}
