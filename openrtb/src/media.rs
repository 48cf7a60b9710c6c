//! The media objects of an impression (OpenRTB 2.6 §3.2.6 to §3.2.9).

use crate::deal::DurFloors;
use crate::native::NativeRequest;
use crate::number::WirePrice;
use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// A banner (OpenRTB 2.6 §3.2.6).
    Banner [limit formats] {
        /// Permitted sizes.
        format: &'a [Format<'a>],
        /// Exact width, DIPS.
        w: Option<i32>,
        /// Exact height, DIPS.
        h: Option<i32>,
        /// Blocked banner types ([`crate::lists::banner_type`]).
        btype: &'a [i32],
        /// Blocked creative attributes ([`crate::lists::creative_attribute`]).
        battr: &'a [i32],
        /// Position ([`crate::lists::placement_position`]); 0 = unknown.
        pos: Option<i32>,
        /// MIME types supported.
        mimes: &'a [Text<'a>],
        /// 1 = in the top frame, 0 = in an inner one.
        topframe: Option<i32>,
        /// Directions in which it may expand ([`crate::lists::expandable_direction`]).
        expdir: &'a [i32],
        /// API frameworks ([`crate::lists::api_framework`]); unlisted = unsupported.
        api: &'a [i32],
        /// Of a companion: its id within the impression.
        id: Option<Text<'a>>,
        /// Of a companion: 0 beside the video, 1 after it.
        vcm: Option<i32>,
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
    Video {
        /// MIME types supported; required.
        mimes: &'a [Text<'a>],
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
        protocols: &'a [i32],
        /// Player width, DIPS.
        w: Option<i32>,
        /// Player height, DIPS.
        h: Option<i32>,
        /// Impressions with the same id are in the same pod.
        podid: Option<Text<'a>>,
        /// Position of the pod ([`crate::lists::pod_sequence`]); default 0.
        podseq: Option<i32>,
        /// The exact durations accepted, s.
        rqddurs: &'a [i32],
        /// Old kind of placement; deprecated, see `plcmt`.
        placement: Option<i32>,
        /// Kind of placement ([`crate::lists::plcmt`]).
        plcmt: Option<i32>,
        /// 1 linear, 2 not; absent = all.
        linearity: Option<i32>,
        /// 1 = the player lets the viewer skip; absent = unknown.
        skip: Option<i32>,
        /// Only ads longer than this can be skipped, s; default 0.
        skipmin: Option<i32>,
        /// Seconds before the viewer may skip; default 0.
        skipafter: Option<i32>,
        /// Old position in a pod; deprecated.
        sequence: Option<i32>,
        /// Position guaranteed in the pod ([`crate::lists::slot_in_pod`]); default 0.
        slotinpod: Option<i32>,
        /// Least price per second in the dynamic part, as CPM.
        mincpmpersec: Option<WirePrice>,
        /// Floors by duration.
        durfloors: &'a [DurFloors<'a>],
        /// Blocked creative attributes.
        battr: &'a [i32],
        /// Most that an ad may exceed `maxduration`, s; 0 or absent = nothing, -1 = any.
        maxextended: Option<i32>,
        /// Least bit rate, kbps.
        minbitrate: Option<i32>,
        /// Most bit rate, kbps.
        maxbitrate: Option<i32>,
        /// 1 = 4:3 may be letter-boxed in 16:9; default 1.
        boxingallowed: Option<i32>,
        /// How it starts ([`crate::lists::playback_method`]); only the first counts.
        playbackmethod: &'a [i32],
        /// When it ends ([`crate::lists::playback_end`]).
        playbackend: Option<i32>,
        /// Deliveries supported ([`crate::lists::delivery_method`]); absent = all.
        delivery: &'a [i32],
        /// Position on screen; 0 = unknown.
        pos: Option<i32>,
        /// Companion banners.
        companionad: &'a [Banner<'a>],
        /// API frameworks; unlisted = unsupported.
        api: &'a [i32],
        /// Kinds of companion ([`crate::lists::companion_type`]).
        companiontype: &'a [i32],
        /// How ads of a pod are kept apart ([`crate::lists::pod_deduplication`]); provisional.
        poddedupe: &'a [i32],
    }
}

wire_object! { 'a;
    /// An audio placement (OpenRTB 2.6 §3.2.8).
    Audio {
        /// MIME types supported; required.
        mimes: &'a [Text<'a>],
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
        protocols: &'a [i32],
        /// Impressions with the same id are in the same pod.
        podid: Option<Text<'a>>,
        /// Position of the pod; default 0.
        podseq: Option<i32>,
        /// The exact durations accepted, s.
        rqddurs: &'a [i32],
        /// Old position in a pod; deprecated.
        sequence: Option<i32>,
        /// Position guaranteed in the pod; default 0.
        slotinpod: Option<i32>,
        /// Least price per second in the dynamic part, as CPM.
        mincpmpersec: Option<WirePrice>,
        /// Floors by duration.
        durfloors: &'a [DurFloors<'a>],
        /// Blocked creative attributes.
        battr: &'a [i32],
        /// Most that an ad may exceed `maxduration`, s; 0 or absent = nothing, -1 = any.
        maxextended: Option<i32>,
        /// Least bit rate, kbps.
        minbitrate: Option<i32>,
        /// Most bit rate, kbps.
        maxbitrate: Option<i32>,
        /// Deliveries supported; absent = all.
        delivery: &'a [i32],
        /// Companion banners.
        companionad: &'a [Banner<'a>],
        /// API frameworks.
        api: &'a [i32],
        /// Kinds of companion ([`crate::lists::companion_type`]).
        companiontype: &'a [i32],
        /// Kind of feed ([`crate::lists::feed_type`]).
        feed: Option<i32>,
        /// 1 = the ad is stitched in.
        stitched: Option<i32>,
        /// How loudness is evened out ([`crate::lists::volume_normalization`]).
        nvol: Option<i32>,
    }
}

wire_object! { 'a;
    /// A native placement (OpenRTB 2.6 §3.2.9).
    Native {
        /// The native request; required.
        request: NativeRequest<'a>,
        /// Version of the native API.
        ver: Option<Text<'a>>,
        /// API frameworks.
        api: &'a [i32],
        /// Blocked creative attributes.
        battr: &'a [i32],
    }
}
