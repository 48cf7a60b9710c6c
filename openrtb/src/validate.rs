//! What a request must contain, for the fields decoded (OpenRTB 2.6 §3.2; the specification's structural rules only,
//! no policy of an exchange).

use std::borrow::Cow;
use std::fmt;

use crate::media::{Audio, Banner, Format, Video};
use crate::request::{BidRequest, Imp};

/// The rule broken and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The value at fault, such as `imp[3].video.mimes`.
    pub path: String,
    /// The rule, for a person.
    pub message: Cow<'static, str>,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for Invalid {}

#[cold]
fn refuse(path: impl Into<String>, message: impl Into<Cow<'static, str>>) -> Result<(), Invalid> {
    Err(Invalid { path: path.into(), message: message.into() })
}

/// The first rule broken inside an object: the path from there, and the rule.
type Broken = Option<(Cow<'static, str>, &'static str)>;

/// Checks the structural rules; the first one broken is the answer.
///
/// Unknown list values, unlikely numbers and whatever the specification only recommends pass.
///
/// # Errors
/// [`Invalid`] with the path of the value and the rule.
pub fn validate_request(request: &BidRequest<'_>) -> Result<(), Invalid> {
    if request.id.is_empty() {
        return refuse("id", "required");
    }
    if request.imp.is_empty() {
        return refuse("imp", "at least one impression is required");
    }
    if let Some((path, message)) = check_context(request) {
        return refuse(path, message);
    }
    for (index, imp) in request.imp.iter().enumerate() {
        if let Some((path, message)) = check_imp(imp) {
            return refuse(format!("imp[{index}].{path}"), message);
        }
        if let Some(first) = request.imp.iter().take(index).position(|other| other.id == imp.id) {
            return refuse(format!("imp[{index}].id"), format!("the same as that of imp[{first}]"));
        }
    }
    Ok(())
}

fn broken(path: &'static str, message: &'static str) -> Broken {
    Some((Cow::Borrowed(path), message))
}

fn check_context(request: &BidRequest<'_>) -> Broken {
    let contexts = [request.site.is_some(), request.app.is_some(), request.dooh.is_some()];
    if contexts.iter().filter(|present| **present).count() > 1 {
        let second = if request.dooh.is_some() { "dooh" } else { "app" };
        return broken(second, "only one of site, app and dooh may be present");
    }
    if !request.wseat.is_empty() && !request.bseat.is_empty() {
        return broken("bseat", "not together with wseat");
    }
    if !request.acat.is_empty() && !request.bcat.is_empty() {
        return broken("bcat", "not together with acat");
    }
    if let Some(regs) = request.regs {
        let flags = [
            ("regs.coppa", regs.coppa),
            ("regs.gdpr", regs.gdpr),
            ("regs.ext.gdpr", regs.ext.and_then(|ext| ext.gdpr)),
        ];
        for (path, flag) in flags {
            if flag.is_some_and(|flag| flag != 0 && flag != 1) {
                return broken(path, "must be 0 or 1");
            }
        }
    }
    let device = request.device;
    negative(&[
        ("tmax", request.tmax),
        ("device.w", device.and_then(|device| device.w)),
        ("device.h", device.and_then(|device| device.h)),
    ])
}

fn negative(values: &[(&'static str, Option<i32>)]) -> Broken {
    let (path, _) = values.iter().find(|(_, value)| value.is_some_and(|value| value < 0))?;
    broken(path, "must not be negative")
}

fn below(object: &str, inner: Broken) -> Broken {
    inner.map(|(path, message)| (Cow::Owned(format!("{object}.{path}")), message))
}

fn check_imp(imp: &Imp<'_>) -> Broken {
    if imp.id.is_empty() {
        return broken("id", "required");
    }
    if imp.banner.is_none() && imp.video.is_none() && imp.audio.is_none() && imp.native.is_none() {
        return broken("banner", "one of banner, video, audio and native is required");
    }
    if imp.bidfloor.is_some_and(|floor| floor.0 < 0) {
        return broken("bidfloor", "must not be negative");
    }
    if imp.native.is_some_and(|native| native.request.is_empty()) {
        return broken("native.request", "required");
    }
    let media = imp.banner.and_then(|banner| below("banner", check_banner(banner)));
    let media = media.or_else(|| imp.video.and_then(|video| below("video", check_video(video))));
    let media = media.or_else(|| imp.audio.and_then(|audio| below("audio", check_audio(audio))));
    media.or_else(|| negative(&[("exp", imp.exp)])).or_else(|| check_deals(imp))
}

fn check_deals(imp: &Imp<'_>) -> Broken {
    let deals = imp.pmp?.deals;
    deals.iter().enumerate().find_map(|(index, deal)| {
        let (field, message) = if deal.id.is_empty() {
            ("id", "required")
        } else if deal.bidfloor.is_some_and(|floor| floor.0 < 0) {
            ("bidfloor", "must not be negative")
        } else {
            return None;
        };
        Some((Cow::Owned(format!("pmp.deals[{index}].{field}")), message))
    })
}

fn check_banner(banner: &Banner<'_>) -> Broken {
    let sizes = negative(&[("w", banner.w), ("h", banner.h)]);
    if sizes.is_some() {
        return sizes;
    }
    if banner.format.is_empty() && (banner.w.is_none() || banner.h.is_none()) {
        return broken("format", "format, or w and h, is required");
    }
    banner
        .format
        .iter()
        .enumerate()
        .find_map(|(index, format)| below(&format!("format[{index}]"), check_format(format)))
}

fn check_format(format: &Format<'_>) -> Broken {
    let exact = format.w.is_some() && format.h.is_some();
    let flexible = format.wratio.is_some() && format.hratio.is_some() && format.wmin.is_some();
    if !exact && !flexible {
        return broken("w", "w and h, or wratio, hratio and wmin, are required");
    }
    negative(&[
        ("w", format.w),
        ("h", format.h),
        ("wratio", format.wratio),
        ("hratio", format.hratio),
        ("wmin", format.wmin),
    ])
}

fn check_video(video: &Video<'_>) -> Broken {
    if video.mimes.is_empty() {
        return broken("mimes", "required");
    }
    negative(&[
        ("w", video.w),
        ("h", video.h),
        ("minduration", video.minduration),
        ("maxduration", video.maxduration),
        ("maxseq", video.maxseq),
        ("poddur", video.poddur),
        ("sequence", video.sequence),
        ("minbitrate", video.minbitrate),
        ("maxbitrate", video.maxbitrate),
    ])
}

fn check_audio(audio: &Audio<'_>) -> Broken {
    if audio.mimes.is_empty() {
        return broken("mimes", "required");
    }
    negative(&[
        ("minduration", audio.minduration),
        ("maxduration", audio.maxduration),
        ("maxseq", audio.maxseq),
        ("poddur", audio.poddur),
        ("sequence", audio.sequence),
        ("minbitrate", audio.minbitrate),
        ("maxbitrate", audio.maxbitrate),
    ])
}
