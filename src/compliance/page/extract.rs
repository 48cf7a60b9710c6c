//! A page's parts, from its tree.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use url::Url;

use super::code::Script;
use super::visible::{Styles, is_block, place};
use super::{Page, Part, mask};
use crate::clock::ShanghaiDay;
use crate::compliance::html::{Document, Element, Kind, Node};

/// Ends of what is downloaded.
const PROGRAMS: &[&str] = &[
    ".apk",
    ".aab",
    ".xapk",
    ".ipa",
    ".exe",
    ".msi",
    ".dmg",
    ".pkg",
    ".deb",
    ".rpm",
    ".zip",
    ".rar",
    ".7z",
    ".jar",
    ".bat",
    ".cmd",
    ".scr",
    ".vbs",
    ".hap",
    ".mobileconfig",
];
/// Hosts where apps are had.
const STORES: &[&str] =
    &["apps.apple.com", "itunes.apple.com", "play.google.com", "appgallery.huawei.com", "a.app.qq.com", "sj.qq.com"];
/// Types of fields whose value is shown.
const BUTTONS: &[&str] = &["submit", "button", "reset"];

pub(super) fn read(document: &Document, url: &Url, day: Option<ShanghaiDay>) -> Page {
    let declared = document.named("base").find_map(|base| base.attribute("href"));
    let base = declared.and_then(|href| url.join(href.trim()).ok()).unwrap_or_else(|| url.clone());
    let mut reader = Reader {
        styles: Styles::of(document),
        base,
        day,
        line: String::new(),
        place: None,
        hidden: false,
        page: Page {
            url: mask::url(url, ""),
            digest: [0; 32],
            text: Vec::new(),
            hidden: Vec::new(),
            links: Vec::new(),
            media: Vec::new(),
            frames: Vec::new(),
            styles: Vec::new(),
            forms: Vec::new(),
            downloads: Vec::new(),
            redirects: Vec::new(),
            scripts: Vec::new(),
            code: Vec::new(),
            places: Vec::new(),
        },
    };
    if let Some(href) = declared {
        reader.page.redirects.push(format!("base {}", mask::url(url, href)));
    }
    reader.walk(document.root());
    reader.end_line();
    reader.fields_without_form(document);
    reader.page
}

struct Reader {
    styles: Styles,
    base: Url,
    day: Option<ShanghaiDay>,
    /// The line that is being read.
    line: String,
    place: Option<usize>,
    hidden: bool,
    page: Page,
}

/// What stands before an element's content, to go on with behind it.
struct Left<'d> {
    node: Node<'d>,
    place: Option<usize>,
    hidden: bool,
    block: bool,
}

impl Reader {
    /// Walks the tree without recursion: a page may be as deep as its limits.
    fn walk<'d>(&mut self, root: Node<'d>) {
        let mut open: Vec<(Left<'d>, Vec<Node<'d>>)> = Vec::new();
        let children = |node: Node<'d>| {
            let mut list: Vec<_> = node.children().collect();
            list.reverse();
            list
        };
        let none = Left { node: root, place: None, hidden: false, block: true };
        open.push((none, children(root)));
        while let Some((_, rest)) = open.last_mut() {
            let Some(node) = rest.pop() else {
                if let Some((left, _)) = open.pop() {
                    self.leave(&left);
                }
                continue;
            };
            match node.kind() {
                Kind::Text(text) => self.line.push_str(text),
                Kind::Element(element) => {
                    let left = self.enter(element);
                    let code = matches!(element.name(), "script" | "style" | "svg" | "math");
                    open.push((left, if code { Vec::new() } else { children(node) }));
                }
                Kind::Document | Kind::Doctype(_) | Kind::Comment(_) => {}
            }
        }
    }

    fn enter<'d>(&mut self, element: Element<'d>) -> Left<'d> {
        let place = if self.place.is_none() { place(element) } else { None };
        let hidden = !self.hidden && self.styles.hide(element);
        let block = is_block(element) || place.is_some() || hidden;
        if block {
            self.end_line();
        }
        let left = Left { node: element.node(), place: self.place, hidden: self.hidden, block };
        if let Some(key) = place {
            self.page.places.push((key, 0));
            self.place = Some(self.page.places.len() - 1);
        }
        self.hidden |= hidden;
        self.attributes(element);
        left
    }

    fn leave(&mut self, left: &Left<'_>) {
        if left.block {
            self.end_line();
        }
        if let Some(form) = left.node.element().filter(|element| element.is("form")) {
            let fields = left.node.descendants().filter_map(Node::element);
            let form = self.form(element_target(form), fields);
            self.page.forms.push(form);
        }
        (self.place, self.hidden) = (left.place, left.hidden);
    }

    /// Ends the line that is being read.
    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        self.say(&line);
    }

    fn say(&mut self, text: &str) {
        let is = mask::text(text, self.day);
        if is.is_empty() {
            return;
        }
        if let Some((_, shown)) = self.place.and_then(|place| self.page.places.get_mut(place)) {
            *shown += is.chars().count();
        }
        let part = Part { is, place: self.place };
        if self.hidden { self.page.hidden.push(part) } else { self.page.text.push(part) }
    }

    fn url(&self, raw: &str) -> String {
        mask::url(&self.base, raw)
    }

    fn part(&self, is: String) -> Part {
        Part { is, place: self.place }
    }

    /// What an element's tag says and does.
    fn attributes(&mut self, element: Element<'_>) {
        for attribute in element.attributes() {
            match attribute.name() {
                "alt" | "title" | "placeholder" | "aria-label" | "label" => {
                    self.say(&format!("[{}] {}", attribute.name(), attribute.value()));
                }
                name if name.starts_with("on") => {
                    let handler = Script::read(name, attribute.value(), self.day);
                    self.page.code.push(handler);
                }
                _ => {}
            }
        }
        let value = |name: &str| element.attribute(name);
        match element.name() {
            "a" | "area" => {
                if let Some(href) = value("href") {
                    self.link(href, value("download").is_some());
                }
            }
            "img" | "source" | "video" | "audio" | "track" | "image" => {
                let sources = [value("src"), value("srcset"), value("poster"), value("data-src"), value("href")];
                for source in sources.into_iter().flatten() {
                    let part = self.part(self.media(source));
                    self.page.media.push(part);
                }
            }
            "iframe" | "frame" | "embed" | "object" => self.frame(element),
            "script" => self.script(element),
            "style" => {
                let plain: String = element.text().split_whitespace().collect();
                let part = self.part(format!("style {}", digest(&plain)));
                self.page.styles.push(part);
            }
            "link" => self.linked(element),
            "meta" => self.meta(element),
            "input" if value("type").is_some_and(|kind| BUTTONS.contains(&kind.to_ascii_lowercase().as_str())) => {
                self.say(&format!("[button] {}", value("value").unwrap_or_default()));
            }
            _ => {}
        }
    }

    fn link(&mut self, href: &str, downloads: bool) {
        let scheme = href.trim().split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
        if let (Some("javascript"), Some((_, code))) = (scheme.as_deref(), href.split_once(':')) {
            let code = Script::read("javascript:", code, self.day);
            self.page.code.push(code);
            return;
        }
        let url = self.url(href);
        let opens =
            scheme.is_some_and(|scheme| !matches!(scheme.as_str(), "http" | "https" | "tel" | "mailto" | "sms"));
        let parsed = Url::parse(&url).ok();
        let path = parsed.as_ref().map(|url| url.path().to_ascii_lowercase()).unwrap_or_default();
        let store = parsed.as_ref().and_then(Url::host_str).is_some_and(|host| STORES.contains(&host));
        if downloads || opens || store || PROGRAMS.iter().any(|end| path.ends_with(end)) {
            self.page.downloads.push(url);
        } else {
            let part = self.part(url);
            self.page.links.push(part);
        }
    }

    /// A file, or the digest of one that stands in the page.
    fn media(&self, source: &str) -> String {
        if source.trim_start().starts_with("data:") { format!("data {}", digest(source)) } else { self.url(source) }
    }

    fn frame(&mut self, element: Element<'_>) {
        for source in [element.attribute("src"), element.attribute("data")].into_iter().flatten() {
            let part = self.part(self.media(source));
            self.page.frames.push(part);
        }
        if let Some(document) = element.attribute("srcdoc") {
            self.page.frames.push(Part { is: format!("srcdoc {}", digest(document)), place: None });
        }
    }

    fn script(&mut self, element: Element<'_>) {
        match element.attribute("src").or(element.attribute("href")) {
            Some(source) => {
                let source = self.media(source);
                self.page.scripts.push(source);
            }
            None => {
                let kind = element.attribute("type").unwrap_or("script").to_ascii_lowercase();
                let code = Script::read(&kind, &element.text(), self.day);
                if code.tokens.len() > 1 {
                    self.page.code.push(code);
                }
            }
        }
    }

    fn linked(&mut self, element: Element<'_>) {
        let (Some(href), Some(rel)) = (element.attribute("href"), element.attribute("rel")) else { return };
        let rel = rel.to_ascii_lowercase();
        let is = |name: &str| rel.split_ascii_whitespace().any(|it| it == name);
        if is("stylesheet") {
            let part = self.part(self.media(href));
            self.page.styles.push(part);
        } else if is("manifest") || is("modulepreload") {
            let script = self.media(href);
            self.page.scripts.push(script);
        }
    }

    fn meta(&mut self, element: Element<'_>) {
        let content = element.attribute("content").unwrap_or_default();
        let name = element.attribute("name").or(element.attribute("property")).unwrap_or_default().to_ascii_lowercase();
        if matches!(name.as_str(), "description" | "keywords" | "og:title" | "og:description") {
            self.say(&format!("[{name}] {content}"));
        }
        if element.attribute("http-equiv").is_some_and(|it| it.eq_ignore_ascii_case("refresh")) {
            let (delay, target) = content.split_once([';', ',']).unwrap_or((content, ""));
            let target = target.trim();
            let bare = target.get(..3).filter(|it| it.eq_ignore_ascii_case("url")).map_or(target, |_| &target[3..]);
            let bare = bare.trim_start_matches([' ', '=']).trim_matches(['"', '\'']);
            let redirect = format!("refresh {} {}", delay.trim(), self.url(bare));
            self.page.redirects.push(redirect);
        }
    }

    /// A form: where it sends, and its fields in order of name.
    fn form<'d>(&self, (method, action): (String, &str), fields: impl Iterator<Item = Element<'d>>) -> String {
        let mut told = BTreeSet::new();
        for field in fields {
            let value = |name: &str| field.attribute(name).unwrap_or_default();
            let name = value("name");
            let kind = match field.name() {
                "input" if value("type").is_empty() => "text".to_owned(),
                "input" | "button" => value("type").to_ascii_lowercase(),
                other @ ("select" | "textarea") => other.to_owned(),
                _ => continue,
            };
            let given = value("value");
            let kept = match kind.as_str() {
                "hidden" if !(mask::is_varying(name) && mask::is_opaque(given)) => {
                    format!("={}", mask::text(given, self.day))
                }
                "radio" | "checkbox" => format!("={given}"),
                _ => String::new(),
            };
            let elsewhere =
                field.attribute("formaction").map(|action| format!(" to {}", self.url(action))).unwrap_or_default();
            told.insert(format!("{kind}:{name}{kept}{elsewhere}"));
        }
        let fields: Vec<_> = told.into_iter().collect();
        format!("{method} {} [{}]", self.url(action), fields.join(" "))
    }

    /// Fields that stand in no form: scripts send them.
    fn fields_without_form(&mut self, document: &Document) {
        let fields: Vec<_> = document
            .elements()
            .filter(|it| {
                matches!(it.name(), "input" | "select" | "textarea") && !it.node().ancestors().any(|up| up.is("form"))
            })
            .collect();
        if !fields.is_empty() {
            let form = self.form(("NONE".to_owned(), ""), fields.into_iter());
            self.page.forms.push(form);
        }
    }
}

/// How and where a form sends.
fn element_target(form: Element<'_>) -> (String, &str) {
    let method = form.attribute("method").unwrap_or("get").to_ascii_uppercase();
    (method, form.attribute("action").unwrap_or_default())
}

/// 24 hexadecimal digits of a SHA-256.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().take(12).fold(String::new(), |all, byte| all + &format!("{byte:02x}"))
}
