//! Whether an ad fits a place: format, size, duration, attributes.

use openrtb::request::Imp;
use openrtb::response::Bid;

use super::admission::OfferedImp;
use crate::market::deal::Deal;
use crate::market::demand::Creative;
use crate::market::supply::{Format, Size};
use crate::money::CpmMicroYuan;

/// Whether an ad of that size fits the imp and its placement. Players scale video; audio and native have no size.
pub(super) fn takes_size(offered: &OfferedImp<'_>, format: Format, size: Size) -> bool {
    if format != Format::Banner {
        return true;
    }
    let placed = offered.placement.sizes.is_empty() || offered.placement.sizes.contains(&size);
    placed && asks_for(offered.imp, size)
}

fn asks_for(imp: &Imp<'_>, size: Size) -> bool {
    let Some(banner) = &imp.banner else { return false };
    let same = |w: Option<i32>, h: Option<i32>| w == Some(size.w.into()) && h == Some(size.h.into());
    same(banner.w, banner.h) || banner.format.iter().any(|format| same(format.w, format.h))
}

/// The sizes that an imp and its placement take for a banner; for other formats one entry without a size.
pub(super) fn sizes_for<'o>(offered: &'o OfferedImp<'_>, format: Format) -> impl Iterator<Item = Option<Size>> + 'o {
    let banner = offered.imp.banner.as_ref().filter(|_| format == Format::Banner);
    let told = banner.into_iter().flat_map(|banner| {
        let formats = banner.format.iter().map(|format| (format.w, format.h));
        std::iter::once((banner.w, banner.h)).chain(formats)
    });
    let side = |side: Option<i32>| side.and_then(|side| u16::try_from(side).ok());
    let sizes = told.filter_map(move |(w, h)| Some(Size { w: side(w)?, h: side(h)? }));
    let placed = |size: &Size| offered.placement.sizes.is_empty() || offered.placement.sizes.contains(size);
    sizes.filter(placed).map(Some).chain((format != Format::Banner).then_some(None))
}

/// The sizes that an imp says it takes, for banner and video, within its placement's; native and audio have none.
pub(super) fn asked_sizes<'o>(offered: &'o OfferedImp<'_>) -> impl Iterator<Item = Size> + 'o {
    let banner = sizes_for(offered, Format::Banner).flatten();
    let side = |side: Option<i32>| side.and_then(|side| u16::try_from(side).ok());
    let video = offered.imp.video.as_ref().and_then(|video| Some(Size { w: side(video.w)?, h: side(video.h)? }));
    banner.chain(video)
}

/// The first approved size of a creative that fits imp and deal; `None` when none does. Formats without sizes give the creative's first.
pub(super) fn fitting_size(offered: &OfferedImp<'_>, deal: &Deal, creative: &Creative) -> Option<Option<Size>> {
    let mut sizes = creative.sizes.iter().copied().filter(|size| deal.targeting.takes_size(*size));
    if creative.format != Format::Banner {
        return if creative.sizes.is_empty() { Some(None) } else { sizes.next().map(Some) };
    }
    sizes.find(|size| takes_size(offered, creative.format, *size)).map(Some)
}

/// Whether a duration in seconds is within what the imp takes (OpenRTB 2.6 §3.2.7: `rqddurs`, else minimum and maximum).
pub(super) fn takes_duration(imp: &Imp<'_>, format: Format, seconds: Option<u32>) -> bool {
    let (required, least, most) = match (format, &imp.video, &imp.audio) {
        (Format::Video, Some(video), _) => (&video.rqddurs, video.minduration, video.maxduration),
        (Format::Audio, _, Some(audio)) => (&audio.rqddurs, audio.minduration, audio.maxduration),
        _ => return true,
    };
    let Some(seconds) = seconds.and_then(|seconds| i32::try_from(seconds).ok()) else { return false };
    if !required.is_empty() {
        return required.contains(&seconds);
    }
    least.is_none_or(|least| seconds >= least) && most.is_none_or(|most| seconds <= most)
}

/// The shortest ad that the imp takes of a format, s; at least one.
pub(super) fn shortest(imp: &Imp<'_>, format: Format) -> u32 {
    let (required, least) = match (format, &imp.video, &imp.audio) {
        (Format::Video, Some(video), _) => (&video.rqddurs, video.minduration),
        (Format::Audio, _, Some(audio)) => (&audio.rqddurs, audio.minduration),
        _ => return 1,
    };
    let least = required.iter().copied().min().or(least).unwrap_or(1);
    u32::try_from(least).unwrap_or(1).max(1)
}

/// Whether what the media earns meets its floor per second (`mincpmpersec`) for an ad of that length: net, in the currency of the
/// imp's floors. Other floors do not filter deals (interfaces.md, "From media").
pub(super) fn meets_floor(offered: &OfferedImp<'_>, creative: &Creative, earning: CpmMicroYuan) -> bool {
    let floor = match creative.format {
        Format::Video => offered.imp.video.and_then(|video| video.mincpmpersec),
        Format::Audio => offered.imp.audio.and_then(|audio| audio.mincpmpersec),
        Format::Banner | Format::Native => None,
    };
    let Some(floor) = floor.filter(|floor| floor.0 > 0) else { return true };
    let least = i128::from(floor.0) * i128::from(creative.duration_s.unwrap_or(0));
    // Without a rate nobody can say that it is met.
    offered.floor_rate.is_some_and(|rate| i128::from(earning.converted_down(rate).millionths()) >= least)
}

/// Whether the imp takes every API and the protocol that a bid says its markup needs; an unlisted API is not supported
/// (OpenRTB 2.6 §3.2.6 to §3.2.9 `api`, `protocols`).
pub(super) fn takes_interfaces(imp: &Imp<'_>, format: Format, bid: &Bid<'_>) -> bool {
    let (api, protocols) = match format {
        Format::Banner => (imp.banner.map(|banner| banner.api), &[][..]),
        Format::Video => (imp.video.map(|video| video.api), imp.video.map_or(&[][..], |video| video.protocols)),
        Format::Audio => (imp.audio.map(|audio| audio.api), imp.audio.map_or(&[][..], |audio| audio.protocols)),
        Format::Native => (imp.native.map(|native| native.api), &[][..]),
    };
    let api = api.unwrap_or_default();
    let needed = bid.apis.iter().copied().chain(bid.api).filter(|api| *api != 0);
    needed.into_iter().all(|needed| api.contains(&needed))
        && bid.protocol.is_none_or(|protocol| protocols.is_empty() || protocols.contains(&protocol))
}

/// The creative attributes that the imp blocks for a format (OpenRTB 2.6 `battr`).
pub(super) fn blocked_attributes<'i>(imp: &'i Imp<'_>, format: Format) -> &'i [i32] {
    match format {
        Format::Banner => imp.banner.as_ref().map_or(&[], |banner| banner.battr),
        Format::Video => imp.video.as_ref().map_or(&[], |video| video.battr),
        Format::Audio => imp.audio.as_ref().map_or(&[], |audio| audio.battr),
        Format::Native => imp.native.as_ref().map_or(&[], |native| native.battr),
    }
}
