//! Native 1.2 (§5): assets, links, trackers. A key that stands twice is refused: who shows the ad may read the other one.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::urls::{Target, same_page};
use super::{Checker, checks, vast};
use crate::market::supply::Format;
use crate::markup::Display;

/// Checks a native ad.
pub(super) fn ad(checker: &mut Checker<'_>) {
    let markup = &checker.submission.markup;
    let malformed = |why: &str| checks::MALFORMED.over("adm", "", why);
    if let Err(error) = serde_json::from_str::<Unique>(markup) {
        return checker.say(malformed(&error.to_string()));
    }
    let Ok(whole) = serde_json::from_str::<Value>(markup) else { return checker.say(malformed("not JSON")) };
    let display =
        Display { format: Format::Native, beacon: true, minimum_ms: 0, duration_ms: None, size: None, native: None };
    if crate::markup::check(markup, &display).is_err() {
        checker.say(malformed("not a native ad with a link (Native 1.2 §5)"));
    }
    let ad = whole.get("native").filter(|it| it.is_object()).unwrap_or(&whole);
    let mut native = Native { checker };
    native.whole(ad);
    native.assets(ad);
}

struct Native<'n, 'c> {
    checker: &'n mut Checker<'c>,
}

impl Native<'_, '_> {
    fn whole(&mut self, ad: &Value) {
        match ad.get("link") {
            Some(link) => self.link(link, "adm link"),
            None => self.checker.say(checks::NO_CLICK.at("adm", "")),
        }
        for name in ["assetsurl", "dcourl"] {
            if let Some(url) = ad.get(name).filter(|it| !it.is_null()) {
                self.checker.say(checks::UNSEEN.at(format!("adm {name}"), text(url)));
            }
        }
        if let Some(script) = ad.get("jstracker").filter(|it| !it.is_null()) {
            self.checker.say(checks::SCRIPT_TRACKER.at("adm jstracker", text(script)));
        }
        for (n, url) in list(ad, "imptrackers").enumerate() {
            self.checker.tracker(text(url), &|| format!("adm imptrackers[{n}]"));
        }
        for (n, tracker) in list(ad, "eventtrackers").enumerate() {
            let place = || format!("adm eventtrackers[{n}]");
            let url = tracker.get("url").map_or("", text);
            match tracker.get("method").and_then(Value::as_i64) {
                Some(1) => self.checker.tracker(url, &place),
                _ => self.checker.say(checks::SCRIPT_TRACKER.at(place(), url)),
            }
        }
        if let Some(privacy) = ad.get("privacy").filter(|it| !it.is_null()) {
            self.checker.loaded(text(privacy), &|| "adm privacy".to_owned());
        }
    }

    fn link(&mut self, link: &Value, within: &str) {
        let landing = &self.checker.submission.landing_page;
        let url = link.get("url").map_or("", text);
        let fallback = link.get("fallback").filter(|it| !it.is_null()).map(text);
        let page = |url: &str| Target::of(url) == Target::Click || same_page(url, landing);
        for (name, url) in [("url", Some(url)), ("fallback", fallback)] {
            let Some(url) = url else { continue };
            self.checker.names(url);
            let place = format!("{within}.{name}");
            let opens_app = name == "url" && matches!(Target::of(url), Target::App(_));
            if !page(url) && !opens_app {
                self.checker.say(checks::ELSEWHERE.over(place.clone(), url, landing));
            }
            // An app that is not there must lead somewhere too.
            if opens_app && !fallback.is_some_and(page) {
                self.checker.say(checks::ELSEWHERE.over(
                    format!("{within}.fallback"),
                    fallback.unwrap_or_default(),
                    landing,
                ));
            }
            self.checker.app(url, || place.clone());
        }
        for (n, url) in list(link, "clicktrackers").enumerate() {
            self.checker.tracker(text(url), &|| format!("{within}.clicktrackers[{n}]"));
        }
    }

    fn assets(&mut self, ad: &Value) {
        let (mut titles, mut pictures, mut sponsored) = (0, 0, false);
        for (n, asset) in list(ad, "assets").enumerate() {
            let within = format!("adm assets[{n}]");
            if let Some(link) = asset.get("link").filter(|it| !it.is_null()) {
                self.link(link, &format!("{within}.link"));
            }
            if let Some(title) = asset.get("title") {
                titles += 1;
                self.words(title, "text", &format!("{within}.title"));
            } else if let Some(data) = asset.get("data") {
                sponsored |= data.get("type").and_then(Value::as_i64).is_none_or(|kind| kind == 1);
                self.words(data, "value", &format!("{within}.data"));
            } else if let Some(image) = asset.get("img") {
                let main = image.get("type").and_then(Value::as_i64).is_none_or(|kind| kind == 3);
                pictures += usize::from(main);
                self.image(image, main, &format!("{within}.img"));
            } else if let Some(video) = asset.get("video") {
                pictures += 1;
                vast::document(self.checker, video.get("vasttag").map_or("", text), &format!("{within}.video.vasttag"));
            } else {
                self.asset(&within, "", ("none of title, img, video, data", "缺少 title、img、video 或 data"));
            }
        }
        if titles == 0 {
            self.asset("adm assets", "", ("there is no title", "缺少标题"));
        }
        if pictures == 0 {
            self.asset("adm assets", "", ("there is no main image or video", "缺少主图或视频"));
        }
        if !sponsored {
            let labels = "data, type 1: sponsored".to_owned();
            self.checker.say(checks::NO_LABEL.over("adm assets", "", labels));
        }
    }

    fn asset(&mut self, place: &str, found: &str, (en, zh): (&str, &str)) {
        let mut finding = checks::ASSET.over(place, found, en);
        finding.zh = checks::ASSET.over("", "", zh).zh;
        self.checker.say(finding);
    }

    fn words(&mut self, asset: &Value, key: &str, place: &str) {
        let words = asset.get(key).map_or("", text);
        if words.trim().is_empty() {
            self.asset(place, words, ("it has no text", "没有文字"));
        }
        let told = asset.get("len").and_then(Value::as_u64);
        let length = words.chars().count() as u64;
        if told.is_some_and(|told| told != length) {
            self.asset(place, words, ("`len` is not its length", "len 与文字长度不符"));
        }
        self.checker.show(words);
    }

    fn image(&mut self, image: &Value, main: bool, place: &str) {
        let side = |name: &str| image.get(name).and_then(Value::as_u64);
        let (w, h) = (side("w"), side("h"));
        let url = image.get("url").map_or("", text);
        self.checker.file_of(url, &|| format!("{place}.url"), (w.zip(h), false));
        let (Some(w), Some(h)) = (w, h) else {
            return self.asset(place, "", ("its width and height are missing", "缺少宽和高"));
        };
        let sizes = &self.checker.submission.sizes;
        let fits = sizes.is_empty() || sizes.iter().any(|size| u64::from(size.w) == w && u64::from(size.h) == h);
        if main && !fits {
            let limit = super::sizes(sizes);
            self.checker.say(checks::MEDIA_SIZE.over(place, &format!("{w}x{h}"), limit.trim()));
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// JSON in which no object has a key twice.
struct Unique;

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value::<Self>()?;
            if let Some(twice) = keys.replace(key) {
                return Err(A::Error::custom(format!("the key {twice:?} stands twice")));
            }
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E: Error>(self) -> Result<Self, E> {
        Ok(self)
    }
}
