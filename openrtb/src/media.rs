//! The media objects of an impression (OpenRTB 2.6 §3.2.6 to §3.2.9).

use crate::number::WirePrice;
use crate::read::wire_object;
use crate::request::{DurFloors, NativeRequest};
use crate::text::Text;

wire_object! { 'a;
    /// A banner (OpenRTB 2.6 §3.2.6).
    Banner<'a> {
        /// Permitted sizes.
        format: Vec<Format>,
        /// Exact width, DIPS.
        w: Option<i32>,
        /// Exact height, DIPS.
        h: Option<i32>,
        /// Blocked banner types ([`crate::lists::banner_type`]).
        btype: Vec<i32>,
        /// Blocked creative attributes ([`crate::lists::creative_attribute`]).
        battr: Vec<i32>,
        /// Position ([`crate::lists::placement_position`]); 0 = unknown.
        pos: Option<i32>,
        /// MIME types supported.
        mimes: Vec<Text<'a>>,
        /// API frameworks ([`crate::lists::api_framework`]); unlisted = unsupported.
        api: Vec<i32>,
    }
}

wire_object! { 'a;
    /// A size: `w` and `h`, or `wratio`, `hratio` and `wmin` (OpenRTB 2.6 §3.2.10).
    Format [limit formats] {
        /// Width, DIPS.
        w: Option<i32>,
        /// Height, DIPS.
        h: Option<i32>,
        /// Width's part of the ratio.
        wratio: Option<i32>,
        /// Height's part of the ratio.
        hratio: Option<i32>,
        /// Least width, DIPS.
        wmin: Option<i32>,
    }
}

wire_object! { 'a;
    /// A video placement (OpenRTB 2.6 §3.2.7).
    Video<'a> {
        /// MIME types supported; required.
        mimes: Vec<Text<'a>>,
        /// Shortest ad, s; default 0. Not together with `rqddurs`.
        minduration: Option<i32>,
        /// Longest ad, s.
        maxduration: Option<i32>,
        /// Seconds into the content, or a mode ([`crate::lists::start_delay`]); 0 = pre-roll, absent = unknown.
        startdelay: Option<i32>,
        /// Most ads in the dynamic part of a pod.
        maxseq: Option<i32>,
        /// Length of the dynamic part of a pod, s.
        poddur: Option<i32>,
        /// Protocols ([`crate::lists::creative_subtype`]).
        protocols: Vec<i32>,
        /// Player width, DIPS.
        w: Option<i32>,
        /// Player height, DIPS.
        h: Option<i32>,
        /// Impressions with the same id are in the same pod.
        podid: Option<Text<'a>>,
        /// Position of the pod ([`crate::lists::pod_sequence`]); default 0.
        podseq: Option<i32>,
        /// The exact durations accepted, s.
        rqddurs: Vec<i32>,
        /// Kind of placement ([`crate::lists::plcmt`]).
        plcmt: Option<i32>,
        /// 1 linear, 2 not; absent = all.
        linearity: Option<i32>,
        /// 1 = the player lets the viewer skip; absent = unknown.
        skip: Option<i32>,
        /// Old position in a pod; deprecated.
        sequence: Option<i32>,
        /// Position guaranteed in the pod ([`crate::lists::slot_in_pod`]); default 0.
        slotinpod: Option<i32>,
        /// Least price per second in the dynamic part, as CPM.
        mincpmpersec: Option<WirePrice>,
        /// Floors by duration.
        durfloors: Vec<DurFloors>,
        /// Blocked creative attributes.
        battr: Vec<i32>,
        /// Least bit rate, kbps.
        minbitrate: Option<i32>,
        /// Most bit rate, kbps.
        maxbitrate: Option<i32>,
        /// API frameworks; unlisted = unsupported.
        api: Vec<i32>,
    }
}

wire_object! { 'a;
    /// An audio placement (OpenRTB 2.6 §3.2.8).
    Audio<'a> {
        /// MIME types supported; required.
        mimes: Vec<Text<'a>>,
        /// Shortest ad, s; default 0. Not together with `rqddurs`.
        minduration: Option<i32>,
        /// Longest ad, s.
        maxduration: Option<i32>,
        /// Seconds into the content, or a mode; 0 = pre-roll, absent = unknown.
        startdelay: Option<i32>,
        /// Most ads in the dynamic part of a pod.
        maxseq: Option<i32>,
        /// Length of the dynamic part of a pod, s.
        poddur: Option<i32>,
        /// Protocols.
        protocols: Vec<i32>,
        /// Impressions with the same id are in the same pod.
        podid: Option<Text<'a>>,
        /// Position of the pod; default 0.
        podseq: Option<i32>,
        /// The exact durations accepted, s.
        rqddurs: Vec<i32>,
        /// Old position in a pod; deprecated.
        sequence: Option<i32>,
        /// Position guaranteed in the pod; default 0.
        slotinpod: Option<i32>,
        /// Least price per second in the dynamic part, as CPM.
        mincpmpersec: Option<WirePrice>,
        /// Floors by duration.
        durfloors: Vec<DurFloors>,
        /// Blocked creative attributes.
        battr: Vec<i32>,
        /// Least bit rate, kbps.
        minbitrate: Option<i32>,
        /// Most bit rate, kbps.
        maxbitrate: Option<i32>,
        /// API frameworks.
        api: Vec<i32>,
    }
}

wire_object! { 'a;
    /// A native placement (OpenRTB 2.6 §3.2.9).
    Native<'a> {
        /// The native request; required.
        request: NativeRequest<'a>,
        /// Version of the native API.
        ver: Option<Text<'a>>,
        /// API frameworks.
        api: Vec<i32>,
        /// Blocked creative attributes.
        battr: Vec<i32>,
    }
}
