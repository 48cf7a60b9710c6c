//! Rules of a native request (Native 1.2 §4).

use super::{Check, each, inside, not_negative, refuse, required};
use crate::lists::creative_subtype;
use crate::native::NativeRequest;
use crate::native::request::{Asset, Data, EventTracker, Image, Request, Title, Video};

pub(super) fn check(sent: &NativeRequest<'_>) -> Check {
    match sent {
        NativeRequest::Absent => refuse("", "required"),
        NativeRequest::Unreadable { path, message, .. } => refuse(*path, message.to_string()),
        NativeRequest::Asked { request, .. } => whole(request),
    }
}

fn whole(request: &Request<'_>) -> Check {
    required("assets", request.assets.is_empty())?;
    not_negative(&[("plcmtcnt", request.plcmtcnt), ("seq", request.seq)])?;
    each("assets", request.assets, asset)?;
    for (index, asset) in request.assets.iter().enumerate() {
        // Ids are required, and yet many leave them all out and mean the assets' order.
        let same = |other: &Asset<'_>| asset.id.is_some() && other.id == asset.id;
        if let Some(first) = request.assets.iter().take(index).position(same) {
            return refuse(format!("assets[{index}].id"), format!("the same as that of assets[{first}]"));
        }
    }
    each("eventtrackers", request.eventtrackers, tracker)
}

fn asset(asset: &Asset<'_>) -> Check {
    let kinds = [asset.title.is_some(), asset.img.is_some(), asset.video.is_some(), asset.data.is_some()];
    if kinds.iter().filter(|there| **there).count() != 1 {
        return refuse("", "exactly one of title, img, video and data is required");
    }
    inside("title", asset.title, title)?;
    inside("img", asset.img, image)?;
    inside("video", asset.video, video)?;
    inside("data", asset.data, data)
}

fn title(title: &Title<'_>) -> Check {
    required("len", title.len.is_none())?;
    not_negative(&[("len", title.len)])
}

fn image(image: &Image<'_>) -> Check {
    not_negative(&[("w", image.w), ("wmin", image.wmin), ("h", image.h), ("hmin", image.hmin)])
}

fn video(video: &Video<'_>) -> Check {
    required("mimes", video.mimes.is_empty())?;
    required("minduration", video.minduration.is_none())?;
    required("maxduration", video.maxduration.is_none())?;
    required("protocols", video.protocols.is_empty())?;
    not_negative(&[("minduration", video.minduration), ("maxduration", video.maxduration)])?;
    // The one list without room for vendors' own values: a player cannot play what no standard describes.
    let known = creative_subtype::VAST_1..=creative_subtype::VAST_4_3_WRAPPER;
    match video.protocols.iter().position(|protocol| !known.contains(protocol)) {
        Some(index) => refuse(format!("protocols[{index}]"), "no such protocol"),
        None => Ok(()),
    }
}

fn data(data: &Data<'_>) -> Check {
    required("type", data.kind.is_none())?;
    not_negative(&[("len", data.len)])
}

fn tracker(tracker: &EventTracker<'_>) -> Check {
    required("event", tracker.event.is_none())?;
    required("methods", tracker.methods.is_empty())
}
