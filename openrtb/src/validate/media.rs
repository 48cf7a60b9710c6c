//! Rules of an impression, its media objects and its deals.

use super::{Check, Within, each, exclusive, inside, native, not_negative, refuse, required};
use crate::deal::{Deal, DurFloors};
use crate::lists::multiplier_source;
use crate::media::{Audio, Banner, Format, Video};
use crate::number::WirePrice;
use crate::request::{Imp, Qty};

pub(super) fn check(imp: &Imp<'_>) -> Check {
    required("id", imp.id.is_empty())?;
    if imp.banner.is_none() && imp.video.is_none() && imp.audio.is_none() && imp.native.is_none() {
        return refuse("banner", "one of banner, video, audio and native is required");
    }
    price("bidfloor", imp.bidfloor)?;
    not_negative(&[("exp", imp.exp)])?;
    each("metric", imp.metric, |metric| {
        required("type", metric.kind.is_none_or(|kind| kind.is_empty()))?;
        required("value", metric.value.is_none())
    })?;
    inside("qty", imp.qty, qty)?;
    inside("refresh", imp.refresh, |refresh| {
        each("refsettings", refresh.refsettings, |settings| not_negative(&[("minint", settings.minint)]))?;
        not_negative(&[("count", refresh.count)])
    })?;
    inside("banner", imp.banner, banner)?;
    inside("video", imp.video, video)?;
    inside("audio", imp.audio, audio)?;
    inside("native", imp.native, |native| native::check(&native.request).within("request"))?;
    inside("pmp", imp.pmp, |pmp| each("deals", pmp.deals, deal))
}

fn price(field: &'static str, price: Option<WirePrice>) -> Check {
    if price.is_some_and(|price| price.0 < 0) { refuse(field, "must not be negative") } else { Ok(()) }
}

fn qty(qty: &Qty<'_>) -> Check {
    required("multiplier", qty.multiplier.is_none())?;
    if qty.multiplier.is_some_and(|multiplier| multiplier.0 < 0) {
        return refuse("multiplier", "must not be negative");
    }
    let vendor = qty.sourcetype == Some(multiplier_source::MEASUREMENT_VENDOR);
    if vendor && qty.vendor.is_none_or(|vendor| vendor.is_empty()) {
        return refuse("vendor", "required where sourcetype is 1");
    }
    Ok(())
}

/// One form of floor for a deal; a `bidfloor` of 0, the default, is none.
fn deal(deal: &Deal<'_>) -> Check {
    required("id", deal.id.is_empty())?;
    price("bidfloor", deal.bidfloor)?;
    price("mincpmpersec", deal.mincpmpersec)?;
    let floor = deal.bidfloor.is_some_and(|floor| floor.0 > 0);
    let per_second = ("mincpmpersec", deal.mincpmpersec.is_some());
    let by_duration = ("durfloors", !deal.durfloors.is_empty());
    exclusive(("bidfloor", floor), per_second)?;
    exclusive(("bidfloor", floor), by_duration)?;
    exclusive(per_second, by_duration)?;
    each("durfloors", deal.durfloors, duration_floor)
}

/// The text wants one end of a band, "but not both"; its own examples have both. One is required here, both may be there.
fn duration_floor(band: &DurFloors<'_>) -> Check {
    if band.mindur.is_none() && band.maxdur.is_none() {
        return refuse("mindur", "mindur or maxdur is required");
    }
    not_negative(&[("mindur", band.mindur), ("maxdur", band.maxdur)])?;
    price("bidfloor", band.bidfloor)
}

fn banner(banner: &Banner<'_>) -> Check {
    sizes(banner)?;
    if banner.format.is_empty() && (banner.w.is_none() || banner.h.is_none()) {
        return refuse("format", "format, or w and h, is required");
    }
    Ok(())
}

fn sizes(banner: &Banner<'_>) -> Check {
    not_negative(&[("w", banner.w), ("h", banner.h)])?;
    each("format", banner.format, format)
}

fn format(format: &Format<'_>) -> Check {
    let exact = format.w.is_some() && format.h.is_some();
    let flexible = format.wratio.is_some() && format.hratio.is_some() && format.wmin.is_some();
    if !exact && !flexible {
        return refuse("w", "w and h, or wratio, hratio and wmin, are required");
    }
    not_negative(&[
        ("w", format.w),
        ("h", format.h),
        ("wratio", format.wratio),
        ("hratio", format.hratio),
        ("wmin", format.wmin),
    ])
}

fn video(video: &Video<'_>) -> Check {
    required("mimes", video.mimes.is_empty())?;
    not_negative(&[
        ("w", video.w),
        ("h", video.h),
        ("minduration", video.minduration),
        ("maxduration", video.maxduration),
        ("maxseq", video.maxseq),
        ("poddur", video.poddur),
        ("sequence", video.sequence),
        ("skipmin", video.skipmin),
        ("skipafter", video.skipafter),
        ("minbitrate", video.minbitrate),
        ("maxbitrate", video.maxbitrate),
    ])?;
    pod(&Pod {
        durations: video.rqddurs,
        range: (video.minduration, video.maxduration),
        most: video.maxseq,
        length: video.poddur,
        per_second: video.mincpmpersec,
        floors: video.durfloors,
    })?;
    each("companionad", video.companionad, sizes)
}

fn audio(audio: &Audio<'_>) -> Check {
    required("mimes", audio.mimes.is_empty())?;
    not_negative(&[
        ("minduration", audio.minduration),
        ("maxduration", audio.maxduration),
        ("maxseq", audio.maxseq),
        ("poddur", audio.poddur),
        ("sequence", audio.sequence),
        ("minbitrate", audio.minbitrate),
        ("maxbitrate", audio.maxbitrate),
    ])?;
    pod(&Pod {
        durations: audio.rqddurs,
        range: (audio.minduration, audio.maxduration),
        most: audio.maxseq,
        length: audio.poddur,
        per_second: audio.mincpmpersec,
        floors: audio.durfloors,
    })?;
    each("companionad", audio.companionad, sizes)
}

/// What video and audio share: durations, pods, and floors by duration.
struct Pod<'v, 'a> {
    durations: &'v [i32],
    range: (Option<i32>, Option<i32>),
    most: Option<i32>,
    length: Option<i32>,
    per_second: Option<WirePrice>,
    floors: &'v [DurFloors<'a>],
}

/// A `minduration` of 0, the default, stands beside `rqddurs` without harm.
fn pod(pod: &Pod<'_, '_>) -> Check {
    let exact = ("rqddurs", !pod.durations.is_empty());
    exclusive(exact, ("minduration", pod.range.0.is_some_and(|least| least > 0)))?;
    exclusive(exact, ("maxduration", pod.range.1.is_some()))?;
    if pod.durations.iter().any(|seconds| *seconds < 0) {
        return refuse("rqddurs", "must not be negative");
    }
    if pod.most.is_some() && pod.length.is_none() {
        return refuse("poddur", "required with maxseq: the dynamic part of a pod has a length");
    }
    price("mincpmpersec", pod.per_second)?;
    exclusive(("mincpmpersec", pod.per_second.is_some()), ("durfloors", !pod.floors.is_empty()))?;
    each("durfloors", pod.floors, duration_floor)
}
