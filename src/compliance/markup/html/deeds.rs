//! What follows from what scripts do.

use super::super::behaviour::{Deed, deeds};
use super::super::urls::{CLICK, Target, UNKNOWN, leads_to_app};
use super::super::{Spot, checks};
use super::{Page, fragment};

/// Namespaces look like URLs and load nothing.
const NAMESPACES: &str = "http://www.w3.org/";

/// Elements that show or run what is elsewhere.
const FRAMES: [&str; 7] = ["iframe", "frame", "object", "embed", "applet", "portal", "link"];

impl Page<'_, '_> {
    /// Checks a script that begins at the spot.
    pub(super) fn deeds(&mut self, code: &str, spot: Spot<'_>, by_user: bool) {
        let found = deeds(code, by_user);
        let makes = |what: &dyn Fn(&str) -> bool| {
            found.iter().any(|(deed, _)| matches!(deed, Deed::Makes(name) if what(&name.to_ascii_lowercase())))
        };
        let runs = makes(&|name| name == "script" || FRAMES.contains(&name) || name.contains(UNKNOWN));
        for (deed, byte) in found.iter().cloned() {
            self.deed(deed, (spot, byte), runs);
        }
    }

    fn deed(&mut self, deed: Deed, (spot, byte): (Spot<'_>, usize), runs: bool) {
        let place = || spot.place(byte);
        match deed {
            Deed::Navigates { to, by_user, within } => self.navigates(&to, by_user, within, &place),
            Deed::Runs(name) => {
                self.runs.insert(name);
            }
            Deed::Writes(html) => self.writes(&html, &place),
            Deed::Code(code) => {
                self.unreadable(("it runs a string", "执行字符串中的代码"), &code, &place);
                if self.depth < super::DEEPEST {
                    self.depth += 1;
                    self.deeds(
                        &code,
                        Spot { at: spot.at + if spot.exact { byte } else { 0 }, exact: false, ..spot },
                        false,
                    );
                    self.depth -= 1;
                }
            }
            Deed::Makes(name) if name.contains(UNKNOWN) => {
                self.unreadable(("the element that it makes is computed", "所创建的元素由运算得出"), &name, &place);
            }
            Deed::Makes(name) if matches!(&*name.to_ascii_lowercase(), "object" | "embed" | "applet") => {
                self.checker.say(checks::PLUGIN.at(place(), &name));
            }
            Deed::Makes(_) => {}
            Deed::Loads(url) => self.loads(&url, runs, &place),
            Deed::Links(url) if url.contains(UNKNOWN) => {
                self.unreadable(("a link is computed", "链接由运算得出"), &url, &place);
            }
            Deed::Links(url) if runs && Target::of(&url).host().is_some() => {
                self.checker.foreign(&checks::FOREIGN_STYLE, &url, &place);
            }
            Deed::Links(url) => self.checker.link(&url, &place),
            Deed::Sends(url) => {
                if is_known(&url) {
                    self.checker.tracker(&url, &place);
                } else {
                    self.address(&url, &place);
                }
            }
            Deed::Clicks => self.checker.say(checks::FORCED_CLICK.at(place(), "")),
            Deed::Traps => self.checker.say(checks::TRAP.at(place(), "")),
            Deed::Dialog => self.checker.say(checks::DIALOG.at(place(), "")),
            Deed::Reads => self.checker.say(checks::DEVICE.at(place(), "")),
            Deed::Downloads => self.checker.say(checks::DOWNLOAD.at(place(), "")),
            Deed::Handles => self.checker.say(checks::HANDLER.at(place(), "setAttribute")),
            Deed::Unreadable(en, zh) => self.unreadable((en, zh), "", &place),
            Deed::Holds(text) => self.holds(&text, &place),
        }
    }

    fn navigates(&mut self, to: &str, by_user: bool, within: Option<String>, place: &dyn Fn() -> String) {
        match within {
            _ if by_user && is_known(to) => self.checker.link(to, place),
            _ if by_user => self.address(to, place),
            Some(name) => {
                if is_known(to) {
                    self.checker.link(to, place);
                }
                self.opens.push((name, place(), to.to_owned()));
            }
            None => self.checker.say(checks::REDIRECT.at(place(), to)),
        }
    }

    /// What a script writes is checked like what stands in the markup.
    fn writes(&mut self, html: &str, place: &dyn Fn() -> String) {
        if html.contains(UNKNOWN) {
            self.unreadable(("what it writes into the page is computed", "写入页面的内容由运算得出"), html, place);
        }
        if !html.contains('<') {
            return;
        }
        let lower = html.to_ascii_lowercase();
        let foreign = ["<script", "<iframe", "<frame", "<object", "<embed"].iter().any(|tag| lower.contains(tag));
        let before = self.checker.findings.refused();
        let within = format!("{} written", place());
        fragment(self.checker, html, &within, self.depth + 1);
        if foreign && self.checker.findings.refused() > before {
            self.checker.say(checks::FOREIGN_WRITE.at(place(), html));
        }
    }

    fn loads(&mut self, url: &str, runs: bool, place: &dyn Fn() -> String) {
        if !is_known(url) {
            self.address(url, place);
        } else if runs {
            // A script that makes scripts or frames and gives addresses: each may be theirs.
            self.checker.foreign(&checks::FOREIGN_SCRIPT, url, place);
        } else {
            let is_file = |path: &str| {
                [".jpg", ".jpeg", ".png", ".gif", ".webp", ".mp4", ".mp3"].iter().any(|it| path.ends_with(it))
            };
            match Target::of(url) {
                Target::Secure(read) if !is_file(&read.path().to_ascii_lowercase()) => self.checker.tracker(url, place),
                _ => self.checker.file(url, place),
            }
        }
    }

    fn holds(&mut self, text: &str, place: &dyn Fn() -> String) {
        self.checker.click |= text.contains(CLICK);
        let text = text.trim();
        let lower = text.get(..7).unwrap_or_default().to_ascii_lowercase();
        if lower == "http://" && text.len() > 7 && !text.starts_with(NAMESPACES) {
            self.checker.say(checks::INSECURE_TEXT.at(place(), text));
        }
        if text.contains("://") && leads_to_app(text) {
            self.checker.app(text, place);
        }
    }

    fn address(&mut self, url: &str, place: &dyn Fn() -> String) {
        self.unreadable(("an address is computed", "地址由运算得出"), url, place);
    }

    fn unreadable(&mut self, (en, zh): (&str, &str), found: &str, place: &dyn Fn() -> String) {
        let mut finding = checks::UNREADABLE.over(place(), found, en);
        finding.zh = checks::UNREADABLE.over("", "", zh).zh;
        self.checker.say(finding);
    }

    /// What can only be said when all scripts have been read.
    pub(super) fn ends(self) {
        for (name, place, to) in self.opens {
            let check = if self.runs.contains(&name) { checks::REDIRECT } else { checks::NAVIGATES };
            self.checker.say(check.at(place, &format!("{name}: {to}")));
        }
    }
}

/// Whether enough of an address is known to tell where it leads.
fn is_known(url: &str) -> bool {
    !url.contains(UNKNOWN) || Target::of(url).host().is_some()
}
