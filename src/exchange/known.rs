//! What a request tells the macros of an ad.

use crate::auction::admission::Admitted;
use crate::auction::outcome::Contender;
use crate::clock::UnixMillis;
use crate::markup::{Identifiers, Known};

/// What may be filled into an ad's markup and its monitors' URLs. R-CONSENT: identifiers, the position and the full address only as
/// a DSP would be sent them: with consent, and for a deal that needs them.
pub(super) fn known<'k>(admitted: &Admitted<'k>, contender: &Contender<'k>, at: UnixMillis) -> Known<'k> {
    let request = admitted.request();
    let (device, app) = (request.device, request.app);
    let geo = device.and_then(|device| device.geo);
    let identified = admitted.consent() && contender.deal.identifiers;
    let identifiers = device.filter(|_| identified).map(|device| Identifiers {
        ip: device.ip.or(device.ipv6).map(|ip| ip.as_str()),
        advertising: device.ifa.map(|id| id.as_str()),
        hardware_md5: device.didmd5.map(|id| id.as_str()),
        platform_md5: device.dpidmd5.map(|id| id.as_str()),
        country: geo.and_then(|geo| geo.country).map(|country| country.as_str()),
        position: geo.and_then(|geo| geo.lat.zip(geo.lon)),
        accuracy: geo.and_then(|geo| geo.accuracy),
    });
    Known {
        at,
        // Of the answer, where it stands anyway.
        auction: "",
        creative: contender.creative.crid(),
        media: &admitted.media().wire,
        bundle: app.and_then(|app| app.bundle).map(|bundle| bundle.as_str()),
        app: app.and_then(|app| app.name).map(|name| name.as_str()),
        os: device.and_then(|device| device.os).map(|os| os.as_str()),
        os_version: device.and_then(|device| device.osv).map(|version| version.as_str()),
        user_agent: device.and_then(|device| device.ua).map(|agent| agent.as_str()),
        model: device.and_then(|device| device.model).map(|model| model.as_str()),
        screen: device.and_then(|device| device.w.zip(device.h)),
        connection: device.and_then(|device| device.connectiontype),
        identifiers,
    }
}
