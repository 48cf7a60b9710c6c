//! What of a page is shown, which blocks part its lines, and which places are marked off for ads.

use std::collections::BTreeSet;

use crate::compliance::html::{Document, Element};

/// Elements that stand inside a line.
const INLINE: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd",
    "label", "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
    "wbr",
];
/// Classes and ids of places for rotated ads.
const MARKED_OFF: &[&str] = &[
    "ad",
    "ads",
    "advert",
    "advertisement",
    "adsbygoogle",
    "ad-slot",
    "ad-container",
    "ad-banner",
    "ad-box",
    "adbox",
    "sponsored",
    "guanggao",
];
/// The end of a declaration that hides.
const HIDING: &[&str] =
    &["display:none", "visibility:hidden", "visibility:collapse", "opacity:0", "font-size:0", "font-size:0px"];

/// Whether text before and behind an element is of two lines.
pub(in crate::compliance) fn is_block(element: Element<'_>) -> bool {
    !INLINE.contains(&element.name())
}

/// What the page's own styles hide: simple selectors only, `.class` and `#id`. What scripts and foreign sheets hide is not known.
#[derive(Debug, Default)]
pub(super) struct Styles {
    classes: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Styles {
    pub(super) fn of(document: &Document) -> Self {
        let mut styles = Self::default();
        for style in document.elements().filter(|element| element.name() == "style") {
            for rule in style.text().split('}') {
                let Some((selectors, body)) = rule.split_once('{') else { continue };
                if !hides(body) {
                    continue;
                }
                for selector in selectors.split(',').map(str::trim) {
                    let simple = |name: &str| name.chars().all(|it| it.is_alphanumeric() || matches!(it, '-' | '_'));
                    if let Some(class) = selector.strip_prefix('.').filter(|it| simple(it)) {
                        styles.classes.insert(class.to_owned());
                    } else if let Some(id) = selector.strip_prefix('#').filter(|it| simple(it)) {
                        styles.ids.insert(id.to_owned());
                    }
                }
            }
        }
        styles
    }

    /// Whether an element is not shown, and so nothing in it.
    pub(super) fn hide(&self, element: Element<'_>) -> bool {
        let classes = element.attribute("class").unwrap_or_default();
        matches!(element.name(), "template" | "noscript" | "datalist")
            || element.attribute("hidden").is_some()
            || element.attribute("style").is_some_and(hides)
            || classes.split_ascii_whitespace().any(|class| self.classes.contains(class))
            || element.attribute("id").is_some_and(|id| self.ids.contains(id))
    }
}

/// Whether declarations hide what they are of.
fn hides(declarations: &str) -> bool {
    declarations.split(';').any(|declaration| {
        let plain: String = declaration.chars().filter(|it| !it.is_whitespace()).collect();
        let plain = plain.to_ascii_lowercase();
        HIDING.contains(&plain.trim_end_matches("!important"))
    })
}

/// The name of a place that is marked off for rotated ads: `div#top.ad`.
pub(super) fn place(element: Element<'_>) -> Option<String> {
    let classes = element.attribute("class").unwrap_or_default();
    let id = element.attribute("id").unwrap_or_default();
    let marks = |name: &str| MARKED_OFF.contains(&name.to_ascii_lowercase().replace('_', "-").as_str());
    let marked =
        classes.split_ascii_whitespace().any(marks) || marks(id) || element.attribute("data-ad-slot").is_some();
    (marked && !matches!(element.name(), "body" | "html" | "main" | "form")).then(|| {
        let slot = element.attribute("data-ad-slot").unwrap_or_default();
        format!("{}#{id}.{}/{slot}", element.name(), classes.split_ascii_whitespace().collect::<Vec<_>>().join("."))
    })
}
