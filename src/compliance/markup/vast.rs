//! VAST 2 to 4 and DAAST 1: media files, links, trackers, scripts and what is fetched from elsewhere.

use super::super::check::Check;
use super::urls::{Target, same_page};
use super::xml::{self, Element};
use super::{Checker, checks, html, sizes};
use crate::market::supply::Format;
use crate::markup::{Display, Unfit};

/// Checks a document that stands in `within`.
pub(super) fn document(checker: &mut Checker<'_>, source: &str, within: &str) {
    let elements = match xml::read(source) {
        Ok(elements) => elements,
        Err((en, zh)) => return checker.say(malformed(within, en, zh)),
    };
    let mut document = Document { checker, elements: &elements, within };
    document.billable(source);
    document.root();
    for element in &elements {
        document.element(element);
    }
    for (at, element) in elements.iter().enumerate().filter(|(_, it)| it.name == "InLine") {
        document.in_line(at, element);
    }
    document.checker.say(checks::LABEL_UNSEEN.at(within, ""));
}

fn malformed(place: &str, en: &str, zh: &str) -> super::Finding {
    let mut finding = checks::MALFORMED.over(place, "", en);
    finding.zh = checks::MALFORMED.over("", "", zh).zh;
    finding
}

struct Document<'d, 'c> {
    checker: &'d mut Checker<'c>,
    elements: &'d [Element],
    within: &'d str,
}

impl Document<'_, '_> {
    fn say(&mut self, check: &Check, element: &Element, found: &str) {
        self.checker.say(check.at(format!("{} {}", self.within, element.path), found));
    }

    /// What the exchange could not put its beacon into would be rejected at each bid.
    fn billable(&mut self, source: &str) {
        let display =
            Display { format: Format::Video, beacon: true, minimum_ms: 0, duration_ms: None, size: None, native: None };
        let (en, zh) = match crate::markup::check(source, &display) {
            Ok(()) => return,
            Err(Unfit::Malformed) => {
                ("the exchange cannot read it as VAST or DAAST", "交易平台无法将其作为 VAST 或 DAAST 读取")
            }
            Err(Unfit::Unbillable | Unfit::TooShort) => ("it holds no ad", "其中没有广告"),
        };
        self.checker.say(malformed(self.within, en, zh));
    }

    fn root(&mut self) {
        let Some(root) = self.elements.first() else { return };
        let version = root.attribute("version").unwrap_or("2.0");
        let major = version.split('.').next().unwrap_or_default();
        let audio = self.checker.submission.format == Format::Audio;
        let fits = match &*root.name {
            "VAST" => matches!(major, "2" | "3" | "4"),
            "DAAST" => audio && major == "1",
            _ => false,
        };
        if !fits {
            let found = format!("{} {version}", root.name);
            self.say(&checks::VERSION, root, &found);
        }
    }

    fn element(&mut self, element: &Element) {
        let within = self.within;
        let place = || format!("{within} {}", element.path);
        let checker = &mut *self.checker;
        match &*element.name {
            "Impression"
            | "Error"
            | "Tracking"
            | "ClickTracking"
            | "NonLinearClickTracking"
            | "CompanionClickTracking"
            | "CustomClick"
            | "IconViewTracking"
            | "IconClickTracking"
            | "Viewable"
            | "NotViewable"
            | "ViewUndetermined"
            | "Survey" => checker.tracker(&element.text, &place),
            "ClickThrough" | "NonLinearClickThrough" | "CompanionClickThrough" => self.through(element),
            "IconClickThrough" => {
                if !same_page(&element.text, &checker.submission.landing_page) {
                    checker.say(checks::UNCOUNTED.at(place(), &element.text));
                }
                checker.app(&element.text, place);
            }
            "VASTAdTagURI" | "DAASTAdTagURI" => {
                let Some(url) = checker.loaded(&element.text, &place) else { return };
                let allowed = checker.rules.wrapper_hosts.have(url.host_str().unwrap_or_default());
                let check = if allowed { checks::WRAPPED } else { checks::WRAPPER };
                checker.say(check.at(place(), &element.text));
            }
            "JavaScriptResource" | "ExecutableResource" | "FlashResource" => {
                let allowed = checker.foreign(&checks::FOREIGN_SCRIPT, &element.text, &place);
                if allowed {
                    checker.say(checks::VERIFICATION.at(place(), &element.text));
                }
            }
            "IFrameResource" => {
                checker.foreign(&checks::FRAME, &element.text, &place);
            }
            "HTMLResource" => html::fragment(checker, &element.text, &place(), 1),
            "StaticResource" => {
                let kind = element.attribute("creativeType").unwrap_or_default().to_ascii_lowercase();
                if kind.contains("script") || kind.contains("flash") {
                    checker.foreign(&checks::FOREIGN_SCRIPT, &element.text, &place);
                    checker.say(checks::VPAID.at(place(), &kind));
                } else {
                    checker.file(&element.text, &place);
                }
            }
            "MediaFile" | "Mezzanine" | "ClosedCaptionFile" => self.media_file(element),
            "InteractiveCreativeFile" => {
                self.framework(element);
                self.checker.foreign(&checks::FOREIGN_SCRIPT, &element.text, &place);
            }
            "Duration" => self.duration(element),
            "AdTitle" | "Description" | "Advertiser" | "AltText" | "AdServingId" => checker.show(&element.text),
            _ => {}
        }
        self.framework_of(element);
    }

    fn framework_of(&mut self, element: &Element) {
        if matches!(&*element.name, "MediaFile" | "NonLinear" | "Companion" | "Icon" | "JavaScriptResource") {
            self.framework(element);
        }
    }

    fn framework(&mut self, element: &Element) {
        match element.attribute("apiFramework") {
            None | Some("") => {}
            Some(name) if name.eq_ignore_ascii_case("vpaid") || name.eq_ignore_ascii_case("flash") => {
                self.say(&checks::VPAID, element, name);
            }
            Some(name) => self.say(&checks::FRAMEWORK, element, name),
        }
    }

    /// R-LANDING-MATCH: the exchange opens the registered page; an ad that names another means another.
    fn through(&mut self, element: &Element) {
        self.checker.names(&element.text);
        let landing = &self.checker.submission.landing_page;
        let place = format!("{} {}", self.within, element.path);
        let target = Target::of(&element.text);
        let fits = target == Target::Click || target == Target::Nothing || same_page(&element.text, landing);
        if !fits {
            self.checker.say(checks::ELSEWHERE.over(place.clone(), &element.text, landing));
        }
        self.checker.app(&element.text, || place.clone());
    }

    fn media_file(&mut self, element: &Element) {
        let within = self.within;
        let place = || format!("{within} {}", element.path);
        let checker = &mut *self.checker;
        let side = |name: &str| element.attribute(name).and_then(|it| it.parse::<u64>().ok());
        let size = side("width").zip(side("height"));
        checker.file_of(&element.text, &place, (size, element.name == "MediaFile"));
        if element.name != "MediaFile" {
            return;
        }
        let kind = element.attribute("type").unwrap_or_default().to_ascii_lowercase();
        if kind.contains("script") || kind.contains("flash") {
            return checker.say(checks::VPAID.at(place(), &kind));
        }
        let audio = checker.submission.format == Format::Audio;
        let family = if audio { "audio/" } else { "video/" };
        let stream =
            matches!(&*kind, "application/x-mpegurl" | "application/vnd.apple.mpegurl" | "application/dash+xml");
        let wrong = |checker: &mut Checker<'_>, found: &str, (en, zh): (&str, &str)| {
            let mut finding = checks::MEDIA_FILE.over(place(), found, en);
            finding.zh = checks::MEDIA_FILE.over("", "", zh).zh;
            checker.say(finding);
        };
        if !kind.starts_with(family) && !stream {
            wrong(checker, &kind, ("its type is none of this format", "类型与广告形式不符"));
        }
        let delivery = element.attribute("delivery").unwrap_or_default();
        if !matches!(delivery, "progressive" | "streaming") {
            wrong(
                checker,
                delivery,
                ("`delivery` is progressive or streaming", "delivery 应为 progressive 或 streaming"),
            );
        }
        let rate =
            ["bitrate", "maxBitrate"].into_iter().filter_map(|name| element.attribute(name)?.parse::<u32>().ok()).max();
        if let Some(rate) = rate.filter(|rate| *rate > checker.rules.bitrate_kbps) {
            let most = checker.rules.bitrate_kbps;
            let (en, zh) = (format!("more than {most} kbit/s"), format!("码率超过 {most} kbit/s"));
            wrong(checker, &rate.to_string(), (&en, &zh));
        }
        let asked = &checker.submission.sizes;
        if let (Some((w, h)), false, false) = (size, asked.is_empty(), audio) {
            // Renditions have the same proportions, to a hundredth: widths are rounded to even pixels.
            let same = |size: &crate::market::supply::Size| {
                let (one, other) = (w.saturating_mul(size.h.into()), h.saturating_mul(size.w.into()));
                one.abs_diff(other).saturating_mul(100) <= one.max(other)
            };
            if w == 0 || h == 0 || !asked.iter().any(same) {
                let limit = sizes(asked);
                checker.say(checks::MEDIA_SIZE.over(place(), &format!("{w}x{h}"), limit.trim()));
            }
        }
    }

    fn duration(&mut self, element: &Element) {
        let Some(seconds) = self.checker.submission.duration_s else { return };
        let told = milliseconds(&element.text);
        if told.is_none_or(|ms| ms.abs_diff(u64::from(seconds) * 1_000) >= 1_000) {
            let place = format!("{} {}", self.within, element.path);
            self.checker.say(checks::DURATION.over(place, &element.text, seconds));
        }
    }

    fn in_line(&mut self, at: usize, in_line: &Element) {
        let inside = |element: &Element| {
            let mut above = element.parent;
            while let Some(parent) = above.filter(|parent| *parent > at) {
                above = self.elements.get(parent).and_then(|it| it.parent);
            }
            above == Some(at)
        };
        let has = |name: &str| self.elements.iter().any(|it| it.name == name && inside(it));
        let (linear, media, through) = (has("Linear"), has("MediaFile"), has("ClickThrough"));
        let other = has("NonLinear") || has("Companion");
        if linear && !media || !linear && !other {
            self.say(&checks::NO_MEDIA, in_line, "");
        }
        if linear && !through {
            self.say(&checks::NO_THROUGH, in_line, "");
        }
    }
}

/// What the first duration of a document says.
pub(super) fn duration_ms(source: &str) -> Option<u64> {
    let elements = xml::read(source).ok()?;
    elements.iter().find(|element| element.name == "Duration").and_then(|element| milliseconds(&element.text))
}

/// Milliseconds of `HH:MM:SS` or `HH:MM:SS.mmm`.
fn milliseconds(text: &str) -> Option<u64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |it: &str| !it.is_empty() && it.len() <= 4 && it.bytes().all(|it| it.is_ascii_digit());
    let parts: Vec<u64> = clock.split(':').map(|it| it.parse().ok().filter(|_| digits(it))).collect::<Option<_>>()?;
    let [hours, minutes, seconds] = parts.as_slice() else { return None };
    let ms: u64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(((hours * 60 + minutes) * 60 + seconds) * 1_000 + ms)
}
