//! Banners, and HTML inside of other markup: each element by what it loads, opens, runs or hides.

mod deeds;

use std::collections::HashSet;

use super::super::html::{Document, Element, Kind, Node, Space};
use super::behaviour;
use super::css::{Style, styles};
use super::urls::Target;
use super::{Checker, Spot, checks};

/// HTML that writes HTML that writes HTML: deeper nobody writes by hand.
const DEEPEST: u8 = 4;
/// Pieces of HTML that the scripts of one creative write.
const MOST_FRAGMENTS: usize = 200;

/// Checks a banner.
pub(super) fn banner(checker: &mut Checker<'_>) {
    let markup = &checker.submission.markup;
    fragment(checker, markup, "adm", 0);
    if !checker.click {
        checker.say(checks::NO_CLICK.at("adm", ""));
    }
    let text = checker.text.to_lowercase();
    let word = |label: &String| {
        let label = label.to_lowercase();
        text.match_indices(&label).any(|(at, _)| {
            let letter = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric());
            let (before, behind) =
                (text.get(..at).unwrap_or_default(), text.get(at + label.len()..).unwrap_or_default());
            !label.is_ascii() || !letter(before.chars().next_back()) && !letter(behind.chars().next())
        })
    };
    if !checker.rules.labels.iter().any(word) {
        let labels = checker.rules.labels.join(", ");
        checker.say(checks::NO_LABEL.over("adm", "", labels));
    }
}

/// Checks HTML that stands in `within`.
pub(super) fn fragment(checker: &mut Checker<'_>, source: &str, within: &str, depth: u8) {
    checker.fragments += 1;
    if depth > DEEPEST || checker.fragments > MOST_FRAGMENTS {
        return checker.say(checks::TOO_MUCH.over(within, source, "HTML in HTML in HTML"));
    }
    let document = match Document::read(source, &checker.rules.limits) {
        Ok(document) => document,
        Err(excess) => {
            return checker.say(checks::TOO_MUCH.over(format!("{within}:{}", excess.position), "", excess));
        }
    };
    let mut page = Page {
        checker,
        within,
        document: &document,
        depth,
        opens: Vec::new(),
        runs: HashSet::new(),
        hidden: Vec::new(),
    };
    for node in document.nodes() {
        match node.kind() {
            Kind::Element(element) => page.element(element),
            Kind::Text(text) if node.parent().and_then(|it| it.element()).is_none_or(|it| !holds_code(it)) => {
                page.checker.show(text);
            }
            _ => {}
        }
    }
    page.ends();
}

fn holds_code(element: Element<'_>) -> bool {
    matches!(element.name(), "script" | "style" | "noscript" | "noembed" | "noframes" | "iframe" | "xmp" | "template")
}

struct Page<'p, 'c> {
    checker: &'p mut Checker<'c>,
    within: &'p str,
    document: &'p Document,
    depth: u8,
    /// Functions that open a page, and where.
    opens: Vec<(String, String, String)>,
    /// Names that run by themselves.
    runs: HashSet<String>,
    /// The elements around the present one, and whether they or one around them hide what is in them.
    hidden: Vec<(Node<'p>, bool)>,
}

impl<'p> Page<'p, '_> {
    fn element(&mut self, element: Element<'p>) {
        let place = || format!("{}:{}", self.within, element.position());
        let checker = &mut *self.checker;
        let get = |name: &str| element.attribute(name);
        for name in ["alt", "title", "aria-label", "placeholder", "label"] {
            checker.show(get(name).unwrap_or_default());
        }
        match element.name() {
            "script" => return self.script(element),
            "a" | "area" => {
                for link in [get("href"), get("xlink:href")].into_iter().flatten() {
                    checker.link(link, &place);
                }
                if get("download").is_some() {
                    checker.say(checks::DOWNLOAD.at(place(), get("href").unwrap_or_default()));
                }
                for url in get("ping").unwrap_or_default().split_ascii_whitespace() {
                    checker.tracker(url, &place);
                }
            }
            "img" | "image" | "input" | "video" | "audio" | "source" | "track" | "feImage" => self.media(element),
            "iframe" | "frame" | "portal" | "fencedframe" => {
                checker.foreign(&checks::FRAME, get("src").unwrap_or_default(), &place);
                if let Some(inner) = get("srcdoc") {
                    checker.say(checks::FRAME.at(place(), inner));
                }
                if element.name() != "iframe" && element.name() != "frame" {
                    checker.say(checks::FRAME.at(place(), element.name()));
                }
            }
            "object" | "embed" | "applet" => checker.say(checks::PLUGIN.at(place(), element.name())),
            "base" => checker.say(checks::BASE.at(place(), get("href").unwrap_or_default())),
            "meta" => self.meta(element),
            "link" => {
                let url = get("href").unwrap_or_default();
                if !get("rel").unwrap_or_default().eq_ignore_ascii_case("canonical") {
                    checker.foreign(&checks::FOREIGN_STYLE, url, &place);
                }
            }
            "form" => {
                checker.say(checks::FORM.at(place(), get("action").unwrap_or_default()));
                self.action(element, "action");
            }
            "button" => self.action(element, "formaction"),
            "noscript" => {
                // Shown where scripts do not run: checked as a document of its own, as which it is read there.
                let inner = element.text();
                let within = format!("{} noscript", place());
                fragment(checker, &inner, &within, self.depth + 1);
            }
            "style" => self.style(&element.text(), self.spot_of_text(element)),
            _ => {}
        }
        self.svg(element);
        self.all(element);
    }

    fn action(&mut self, element: Element<'_>, name: &str) {
        let place = || format!("{}:{}", self.within, element.position());
        if let Some(action) = element.attribute(name).filter(|it| !it.is_empty()) {
            self.checker.link(action, &place);
        }
    }

    fn meta(&mut self, element: Element<'_>) {
        let kind = element.attribute("http-equiv").unwrap_or_default().trim().to_ascii_lowercase();
        let place = format!("{}:{}", self.within, element.position());
        let content = element.attribute("content").unwrap_or_default();
        match &*kind {
            "refresh" => self.checker.say(checks::REDIRECT.at(place, content)),
            "set-cookie" => self.checker.say(checks::DEVICE.at(place, content)),
            _ => {}
        }
    }

    fn media(&mut self, element: Element<'_>) {
        let place = || format!("{}:{}", self.within, element.position());
        let get = |name: &str| element.attribute(name);
        let tiny = |name: &str| get(name).and_then(|it| it.trim_end_matches("px").trim().parse::<u32>().ok());
        let (w, h) = (tiny("width"), tiny("height"));
        let seen = !hides(get("style").unwrap_or_default()) && get("hidden").is_none();
        let counts = element.name() == "img" && (w.is_some_and(|w| w <= 1) || h.is_some_and(|h| h <= 1) || !seen);
        let sets = get("srcset").unwrap_or_default().split(',').filter_map(|it| it.split_ascii_whitespace().next());
        let direct = ["src", "poster", "xlink:href", "lowsrc", "dynsrc"].into_iter().filter_map(get);
        let svg = get("href").filter(|_| element.space() == Space::Svg);
        // A comma inside of a `data:` URL splits it: what such a list holds is looked at where it is whole.
        let sets = if get("srcset").is_some_and(|it| it.contains("data:")) { Vec::new() } else { sets.collect() };
        for url in direct.chain(svg).chain(sets) {
            if counts { self.checker.tracker(url, &place) } else { self.checker.file(url, &place) }
        }
        if get("srcset").is_some_and(|it| it.contains("data:")) {
            self.checker.say(checks::OTHER_SCHEME.at(place(), get("srcset").unwrap_or_default()));
        }
        if get("autoplay").is_some() && get("muted").is_none() {
            self.checker.say(checks::SOUND.at(place(), element.name()));
        }
        let sizes = &self.checker.submission.sizes;
        let over = |size: &crate::market::supply::Size| {
            w.is_none_or(|w| w <= size.w.into()) && h.is_none_or(|h| h <= size.h.into())
        };
        if !sizes.is_empty() && element.space() == Space::Html && !sizes.iter().any(over) {
            let (found, limit) = (format!("{}x{}", w.unwrap_or(0), h.unwrap_or(0)), super::sizes(sizes));
            self.checker.say(checks::LARGER.over(place(), &found, limit.trim()));
        }
        self.action(element, "formaction");
    }

    fn svg(&mut self, element: Element<'_>) {
        if element.space() == Space::Html {
            return;
        }
        let place = || format!("{}:{}", self.within, element.position());
        let name = element.name();
        let moves = matches!(name, "animate" | "set" | "animateTransform" | "animateMotion")
            && element.attribute("attributeName").is_some_and(|it| {
                it.to_ascii_lowercase().ends_with("href") || it.to_ascii_lowercase().starts_with("on")
            });
        if matches!(name, "foreignObject" | "script" | "handler" | "annotation-xml" | "maction") || moves {
            self.checker.say(checks::SVG_SCRIPT.at(place(), name));
        }
        let link = element.attribute("href").or(element.attribute("xlink:href"));
        if let Some(link) = link.filter(|_| !matches!(name, "a" | "image" | "feImage")) {
            if name == "use" || element.space() == Space::Svg {
                if Target::of(link) != Target::Nothing {
                    self.checker.say(checks::SVG_SCRIPT.at(place(), link));
                }
            } else {
                self.checker.link(link, &place);
            }
        }
    }

    /// Attributes that any element has.
    fn all(&mut self, element: Element<'p>) {
        let at = element.node().offset();
        let spot = Spot { within: self.within, document: self.document, at, exact: false };
        for attribute in element.attributes() {
            let (name, value) = (attribute.name(), attribute.value());
            if let Some(event) = name.strip_prefix("on").filter(|event| !event.is_empty()) {
                let by_user = behaviour::is_act(event);
                if !by_user {
                    self.checker.say(checks::HANDLER.at(spot.place(0), &format!("{name}=\"{value}\"")));
                }
                self.deeds(value, spot, by_user);
            }
            match name {
                "style" => self.style(value, spot),
                "background" => {
                    let place = || spot.place(0);
                    self.checker.file(value, &place);
                }
                _ => {}
            }
        }
        let clickable = matches!(element.name(), "a" | "area" | "button" | "iframe" | "video" | "audio" | "form");
        while self.hidden.last().is_some_and(|(around, _)| element.node().parent() != Some(*around)) {
            self.hidden.pop();
        }
        let hides = element.attribute("hidden").is_some() || element.attribute("style").is_some_and(hides);
        let hidden = hides || self.hidden.last().is_some_and(|(_, hidden)| *hidden);
        self.hidden.push((element.node(), hidden));
        if clickable && hidden {
            self.checker.say(checks::HIDDEN.at(spot.place(0), element.name()));
        }
    }

    /// Where the code of a `script` or `style` begins.
    fn spot_of_text(&self, element: Element<'_>) -> Spot<'p> {
        let at = element.node().children().next().map_or(element.node().offset(), |text| text.offset());
        // Line ends are made one; then bytes of the code are not those of the source any more.
        let exact = self.document.source().get(at..).is_some_and(|it| it.starts_with(&element.text()));
        Spot { within: self.within, document: self.document, at, exact }
    }

    fn style(&mut self, css: &str, spot: Spot<'_>) {
        for (style, byte) in styles(css) {
            let place = || spot.place(byte);
            match style {
                Style::Loads(url) => self.checker.file(&url, &place),
                Style::Imports(url) => {
                    self.checker.foreign(&checks::FOREIGN_STYLE, &url, &place);
                    self.checker.say(checks::CSS_CODE.at(place(), &url));
                }
                Style::Runs(what) => self.checker.say(checks::CSS_CODE.at(place(), &what)),
                Style::Declares(name, value) => {
                    let level = value.trim_end_matches("!important").parse::<i64>().unwrap_or(0);
                    if name == "position" && value.starts_with("fixed") || name == "z-index" && level > 1_000_000 {
                        self.checker.say(checks::STACKED.at(place(), &format!("{name}: {value}")));
                    }
                }
            }
        }
    }

    fn script(&mut self, element: Element<'_>) {
        let place = || format!("{}:{}", self.within, element.position());
        if element.space() != Space::Html {
            self.checker.say(checks::SVG_SCRIPT.at(place(), "script"));
        }
        for url in ["src", "href", "xlink:href"].into_iter().filter_map(|name| element.attribute(name)) {
            self.checker.foreign(&checks::FOREIGN_SCRIPT, url, &place);
        }
        let kind = element.attribute("type").unwrap_or_default().trim().to_ascii_lowercase();
        // A block of data does not run.
        if !matches!(&*kind, "application/ld+json" | "application/json" | "text/template" | "text/html") {
            let spot = self.spot_of_text(element);
            self.deeds(&element.text(), spot, false);
        }
    }
}

/// Whether declarations of an element make it invisible.
fn hides(style: &str) -> bool {
    styles(style).into_iter().any(|(style, _)| match style {
        Style::Declares(name, value) => {
            let value = value.trim_end_matches("!important");
            let nothing =
                || value.trim_end_matches(|it: char| !it.is_ascii_digit()).parse::<f32>().is_ok_and(|it| it <= 0.05);
            let far = || {
                value
                    .strip_prefix('-')
                    .is_some_and(|it| it.trim_end_matches("px").parse::<f32>().is_ok_and(|it| it >= 500.0))
            };
            match &*name {
                "display" => value == "none",
                "visibility" => value == "hidden" || value == "collapse",
                "opacity" => nothing(),
                "width" | "height" | "font-size" => value.starts_with(|it: char| it.is_ascii_digit()) && nothing(),
                "left" | "top" | "text-indent" | "margin-left" | "margin-top" => far(),
                _ => false,
            }
        }
        _ => false,
    })
}
