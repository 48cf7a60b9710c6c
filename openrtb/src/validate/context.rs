//! Rules of everything but the impressions.

use super::{Check, each, exclusive, flags, inside, not_negative, refuse, required};
use crate::device::{Device, Geo, UserAgent};
use crate::inventory::Content;
use crate::request::BidRequest;
use crate::source::{Regs, Source, SupplyChain};
use crate::user::User;

pub(super) fn check(request: &BidRequest<'_>) -> Check {
    not_negative(&[("tmax", request.tmax)])?;
    let contexts = [request.site.is_some(), request.app.is_some(), request.dooh.is_some()];
    if contexts.iter().filter(|present| **present).count() > 1 {
        let second = if request.dooh.is_some() { "dooh" } else { "app" };
        return refuse(second, "only one of site, app and dooh may be present");
    }
    exclusive(("wseat", !request.wseat.is_empty()), ("bseat", !request.bseat.is_empty()))?;
    exclusive(("acat", !request.acat.is_empty()), ("bcat", !request.bcat.is_empty()))?;
    exclusive(("wlang", !request.wlang.is_empty()), ("wlangb", !request.wlangb.is_empty()))?;
    inside("site", request.site, |site| {
        exclusive(("keywords", site.keywords.is_some()), ("kwarray", !site.kwarray.is_empty()))?;
        inside("content", site.content, content)
    })?;
    inside("app", request.app, |app| {
        exclusive(("keywords", app.keywords.is_some()), ("kwarray", !app.kwarray.is_empty()))?;
        inside("content", app.content, content)
    })?;
    inside("dooh", request.dooh, |dooh| inside("content", dooh.content, content))?;
    inside("device", request.device, device)?;
    inside("user", request.user, user)?;
    inside("source", request.source, source)?;
    inside("regs", request.regs, regs)?;
    inside("ext", request.ext, |ext| inside("schain", ext.schain, supply_chain))
}

fn content(content: &Content<'_>) -> Check {
    not_negative(&[("len", content.len)])?;
    exclusive(("keywords", content.keywords.is_some()), ("kwarray", !content.kwarray.is_empty()))?;
    exclusive(("language", content.language.is_some()), ("langb", content.langb.is_some()))
}

fn device(device: &Device<'_>) -> Check {
    not_negative(&[("w", device.w), ("h", device.h), ("ppi", device.ppi)])?;
    if device.pxratio.is_some_and(|ratio| ratio < 0.0) {
        return refuse("pxratio", "must not be negative");
    }
    exclusive(("language", device.language.is_some()), ("langb", device.langb.is_some()))?;
    inside("geo", device.geo, geo)?;
    inside("sua", device.sua, user_agent)
}

fn user_agent(agent: &UserAgent<'_>) -> Check {
    let missing = |brand: Option<_>| required("brand", brand.is_none());
    each("browsers", agent.browsers, |browser| missing(browser.brand))?;
    inside("platform", agent.platform, |platform| missing(platform.brand))
}

fn geo(geo: &Geo<'_>) -> Check {
    for (field, degrees, most) in [("lat", geo.lat, 90.0), ("lon", geo.lon, 180.0)] {
        if degrees.is_some_and(|degrees| degrees.abs() > most) {
            return refuse(field, format!("must be -{most} to {most}"));
        }
    }
    not_negative(&[("accuracy", geo.accuracy), ("lastfix", geo.lastfix)])
}

fn user(user: &User<'_>) -> Check {
    exclusive(("keywords", user.keywords.is_some()), ("kwarray", !user.kwarray.is_empty()))?;
    inside("geo", user.geo, geo)
}

fn source(source: &Source<'_>) -> Check {
    inside("schain", source.schain, supply_chain)?;
    inside("ext", source.ext, |ext| inside("schain", ext.schain, supply_chain))
}

/// All three fields of a chain are required, and `asi` and `sid` of each node; `hp` may be left out (its own document
/// asks for it, the specification does not).
fn supply_chain(chain: &SupplyChain<'_>) -> Check {
    required("complete", chain.complete.is_none())?;
    flags(&[("complete", chain.complete)])?;
    required("nodes", chain.nodes.is_empty())?;
    required("ver", chain.ver.is_none_or(|ver| ver.is_empty()))?;
    each("nodes", chain.nodes, |node| {
        required("asi", node.asi.is_none_or(|asi| asi.is_empty()))?;
        required("sid", node.sid.is_none_or(|sid| sid.is_empty()))
    })
}

fn regs(regs: &Regs<'_>) -> Check {
    flags(&[("coppa", regs.coppa), ("gdpr", regs.gdpr)])?;
    inside("ext", regs.ext, |ext| flags(&[("gdpr", ext.gdpr)]))
}
