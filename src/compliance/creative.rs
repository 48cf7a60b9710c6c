//! A creative as it is submitted and as it is known: the form of its body in the docket.

mod form;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::files::Named;
use super::finding::Finding;
use crate::event::{Subject, SubjectKind};
use crate::market::supply::{Format, Size};

/// What a buyer submits (R-REVIEW): one version of a creative. It never changes; another version is another submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// The buyer's ACCOUNT ID.
    pub account: String,
    /// The advertiser whose content it is, by its id (R-OWN).
    pub advertiser: String,
    /// Its id on the wire: `bid.crid`.
    pub crid: String,
    /// From 1; one more for each change.
    pub version: u32,
    /// What kind of ad it is.
    #[serde(with = "format_name")]
    pub format: Format,
    /// For banners and videos: `WIDTHxHEIGHT`, in pixels.
    #[serde(default, with = "size_words", skip_serializing_if = "Vec::is_empty")]
    pub sizes: Vec<Size>,
    /// For videos and audio: its length in whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u32>,
    /// Content categories beside the advertiser's (R-CATEGORY).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub categories: Vec<String>,
    /// Creative attributes (AdCOM 1.0, list Creative Attributes).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<i32>,
    /// The page that its link opens.
    pub landing_page: String,
    /// What will be served: `bid.adm`, with its macros.
    pub markup: String,
    /// Files that it shows, which were uploaded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileOf>,
    /// Who counts it besides the exchange (R-STATS).
    #[serde(default, skip_serializing_if = "Told::is_empty")]
    pub monitors: Told,
    /// The app that it leads to (R-APP).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// What it says of its offer, for the comparison with its landing page (R-LANDING-MATCH).
    #[serde(default)]
    pub offer: Offer,
    /// When it is first shown, Unix ms; left out: when it is approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_from_ms: Option<u64>,
    /// Until when, Unix ms: then it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_until_ms: Option<u64>,
}

/// A file that was uploaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileOf {
    /// Its URL in the markup.
    pub url: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// URLs of monitors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Told {
    /// Told of each impression.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub impression: Vec<String>,
    /// Told of each click.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub click: Vec<String>,
}

impl Told {
    /// Whether nobody is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.impression.is_empty() && self.click.is_empty()
    }
}

/// What a creative says that its landing page must say too (R-LANDING-MATCH).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Offer {
    /// The brand.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brand: Option<String>,
    /// The product or service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Prices and terms, as they stand in the ad.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<String>,
}

/// Where a submission came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The buyer submitted it.
    #[default]
    Submitted,
    /// A DSP bid with it before it was approved.
    Bid,
}

/// All that is known of a version of a creative: the body of its steps in the docket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// As it was submitted.
    pub submission: Submission,
    /// Where it came from.
    #[serde(default)]
    pub origin: Origin,
    /// What the last checks found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// Why it was rejected or suspended, by the names of the reasons' list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// The files that its markup names by URL, as far as they were fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub named: Vec<Named>,
}

impl Submission {
    /// Its name in the docket: `ACCOUNT/CRID`, as operators' switches name it.
    #[must_use]
    pub fn subject(&self) -> Subject {
        let name = format!("{}/{}", self.account, self.crid);
        Subject { kind: SubjectKind::Creative, name, version: self.version }
    }
}

mod format_name {
    use super::*;

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(super) fn serialize<S: Serializer>(format: &Format, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(format.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Format, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let found = Format::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| serde::de::Error::custom(format!("{text:?} is none of banner, video, audio, native")))
    }
}

mod size_words {
    use super::*;

    pub(super) fn serialize<S: Serializer>(sizes: &[Size], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(sizes.iter().map(|size| format!("{}x{}", size.w, size.h)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Size>, D::Error> {
        let read = |text: &String| {
            let (w, h) = text.split_once('x')?;
            let size = Size { w: w.parse().ok()?, h: h.parse().ok()? };
            (size.w > 0 && size.h > 0).then_some(size)
        };
        let texts = Vec::<String>::deserialize(deserializer)?;
        let wrong = |text: &String| {
            serde::de::Error::custom(format!("{text:?} is no size: write WIDTHxHEIGHT in pixels, 1 to 65535 each"))
        };
        texts.iter().map(|text| read(text).ok_or_else(|| wrong(text))).collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// A banner that is as it should be.
    pub(crate) fn banner() -> Submission {
        let text = r#"{
            "account": "80010001", "advertiser": "qinghe-dairy", "crid": "milk-9", "version": 1, "format": "banner",
            "sizes": ["640x360"], "landing_page": "https://qinghe.example/spring",
            "markup": "<a href=\"__CLICK_URL__\"><img src=\"https://cdn.qinghe.example/9.jpg\" alt=\"广告 青禾乳业\"></a>",
            "offer": {"brand": "青禾", "product": "鲜牛奶", "terms": ["9.9元"]}
        }"#;
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_submission_is_read_as_it_is_written() {
        let banner = banner();
        assert_eq!(banner.sizes, [Size { w: 640, h: 360 }]);
        assert_eq!(banner.subject().name, "80010001/milk-9");
        let text = serde_json::to_string(&banner).unwrap();
        assert_eq!(serde_json::from_str::<Submission>(&text).unwrap(), banner);
        for (right, wrong) in [("640x360", "640*360"), ("640x360", "0x360"), (r#""banner""#, r#""poster""#)] {
            let refused = serde_json::from_str::<Submission>(&text.replacen(right, wrong, 1)).unwrap_err();
            assert!(refused.to_string().contains(wrong.trim_matches('"')), "{refused}");
        }
    }
}
