//! The receiving device (OpenRTB 2.6 §3.2.18, §3.2.19, §3.2.29, §3.2.30).

use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// The receiving device (OpenRTB 2.6 §3.2.18).
    Device {
        /// Where it is.
        geo: Option<&'a Geo<'a>>,
        /// 1 = do not track; absent = unknown.
        dnt: Option<i32>,
        /// 1 = limit ad tracking; absent = unknown.
        lmt: Option<i32>,
        /// User agent.
        ua: Option<Text<'a>>,
        /// User agent by client hints; more exact than `ua`.
        sua: Option<&'a UserAgent<'a>>,
        /// IPv4 address.
        ip: Option<Text<'a>>,
        /// IPv6 address.
        ipv6: Option<Text<'a>>,
        /// Kind ([`crate::lists::device_type`]).
        devicetype: Option<i32>,
        /// Maker.
        make: Option<Text<'a>>,
        /// Model.
        model: Option<Text<'a>>,
        /// Operating system.
        os: Option<Text<'a>>,
        /// Its version.
        osv: Option<Text<'a>>,
        /// Version of the hardware.
        hwv: Option<Text<'a>>,
        /// Height, physical pixels.
        h: Option<i32>,
        /// Width, physical pixels.
        w: Option<i32>,
        /// Pixels per inch.
        ppi: Option<i32>,
        /// Physical pixels per DIPS.
        pxratio: Option<f64>,
        /// 1 = runs scripts.
        js: Option<i32>,
        /// 1 = scripts may ask for the position.
        geofetch: Option<i32>,
        /// Version of Flash.
        flashver: Option<Text<'a>>,
        /// ISO 639-1; not together with `langb`.
        language: Option<Text<'a>>,
        /// BCP 47.
        langb: Option<Text<'a>>,
        /// Carrier.
        carrier: Option<Text<'a>>,
        /// Carrier's code, such as `310-005`.
        mccmnc: Option<Text<'a>>,
        /// Connection ([`crate::lists::connection_type`]).
        connectiontype: Option<i32>,
        /// The system's advertising id.
        ifa: Option<Text<'a>>,
        /// Hardware id, SHA-1; deprecated.
        didsha1: Option<Text<'a>>,
        /// Hardware id, MD5; deprecated.
        didmd5: Option<Text<'a>>,
        /// Platform id, SHA-1; deprecated.
        dpidsha1: Option<Text<'a>>,
        /// Platform id, MD5; deprecated.
        dpidmd5: Option<Text<'a>>,
        /// MAC address, SHA-1; deprecated.
        macsha1: Option<Text<'a>>,
        /// MAC address, MD5; deprecated.
        macmd5: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// A user agent by client hints (OpenRTB 2.6 §3.2.29).
    UserAgent {
        /// Browsers (`Sec-CH-UA-Full-Version-List`).
        browsers: &'a [BrandVersion<'a>],
        /// Platform (`Sec-CH-UA-Platform`, `-Platform-Version`).
        platform: Option<&'a BrandVersion<'a>>,
        /// 1 = asks for pages for mobile devices.
        mobile: Option<i32>,
        /// Processor, such as `arm`.
        architecture: Option<Text<'a>>,
        /// Its word, such as `64`.
        bitness: Option<Text<'a>>,
        /// Model of the device.
        model: Option<Text<'a>>,
        /// Where this is from ([`crate::lists::user_agent_source`]); default 0.
        source: Option<i32>,
    }
}

wire_object! { 'a;
    /// A browser or platform (OpenRTB 2.6 §3.2.30).
    BrandVersion {
        /// Name; required.
        brand: Option<Text<'a>>,
        /// Version: major, minor, micro.
        version: &'a [Text<'a>],
    }
}

wire_object! { 'a;
    /// A place (OpenRTB 2.6 §3.2.19).
    Geo {
        /// Latitude, degrees, -90 to 90.
        lat: Option<f64>,
        /// Longitude, degrees, -180 to 180.
        lon: Option<f64>,
        /// How it is known ([`crate::lists::location_type`]).
        kind = "type": Option<i32>,
        /// Accuracy, m.
        accuracy: Option<i32>,
        /// Age of the position, s.
        lastfix: Option<i32>,
        /// Who placed the address ([`crate::lists::ip_location_service`]).
        ipservice: Option<i32>,
        /// ISO 3166-1 alpha-3.
        country: Option<Text<'a>>,
        /// ISO 3166-2.
        region: Option<Text<'a>>,
        /// FIPS 10-4; withdrawn.
        regionfips104: Option<Text<'a>>,
        /// Metro code.
        metro: Option<Text<'a>>,
        /// UN/LOCODE, in practice a name.
        city: Option<Text<'a>>,
        /// Postal code.
        zip: Option<Text<'a>>,
        /// Local time minus UTC, minutes.
        utcoffset: Option<i32>,
    }
}
