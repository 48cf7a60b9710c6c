//! What a native placement asks for (Dynamic Native Ads 1.2 §4).

use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// A native request (Native 1.2 §4.1).
    Request = "NativeRequest" {
        /// Version; default 1.2.
        ver: Option<Text<'a>>,
        /// What is around the ad: 1 content, 2 social, 3 product.
        context: Option<i32>,
        /// More of that; its first digit is `context`.
        contextsubtype: Option<i32>,
        /// Where it stands: 1 in the feed, 2 in an atomic unit, 3 outside of the content, 4 in recommendations.
        plcmttype: Option<i32>,
        /// How many such placements; default 1.
        plcmtcnt: Option<i32>,
        /// Number of this one in the feed; not with `plcmtcnt`; default 0.
        seq: Option<i32>,
        /// Parts of the ad; required.
        assets: &'a [Asset<'a>],
        /// 1 = `assetsurl` is understood; default 0.
        aurlsupport: Option<i32>,
        /// 1 = `dcourl` is understood; default 0.
        durlsupport: Option<i32>,
        /// Tracking that is supported.
        eventtrackers: &'a [EventTracker<'a>],
        /// 1 = a link to the buyer's privacy notice is supported; default 0.
        privacy: Option<i32>,
        /// Layout of 1.0; deprecated.
        layout: Option<i32>,
        /// Ad unit of 1.0; deprecated.
        adunit: Option<i32>,
    }
}

wire_object! { 'a;
    /// A part of the ad: one of `title`, `img`, `video`, `data` (Native 1.2 §4.2).
    Asset = "NativeRequest.Asset" {
        /// Unique; required.
        id: Option<i32>,
        /// 1 = the ad is nothing without it; default 0.
        required: Option<i32>,
        /// A title.
        title: Option<&'a Title<'a>>,
        /// An image.
        img: Option<&'a Image<'a>>,
        /// A video.
        video: Option<&'a Video<'a>>,
        /// Anything else.
        data: Option<&'a Data<'a>>,
    }
}

wire_object! { 'a;
    /// A title (Native 1.2 §4.3).
    Title = "NativeRequest.Title" {
        /// Most characters; required.
        len: Option<i32>,
    }
}

wire_object! { 'a;
    /// An image (Native 1.2 §4.4).
    Image = "NativeRequest.Image" {
        /// 1 icon, 3 main.
        kind = "type": Option<i32>,
        /// Width, pixels.
        w: Option<i32>,
        /// Least width, pixels.
        wmin: Option<i32>,
        /// Height, pixels.
        h: Option<i32>,
        /// Least height, pixels.
        hmin: Option<i32>,
        /// MIME types; empty = all.
        mimes: &'a [Text<'a>],
    }
}

wire_object! { 'a;
    /// A video (Native 1.2 §4.5).
    Video = "NativeRequest.Video" {
        /// MIME types; required.
        mimes: &'a [Text<'a>],
        /// Shortest, s; required.
        minduration: Option<i32>,
        /// Longest, s; required.
        maxduration: Option<i32>,
        /// Protocols ([`crate::lists::creative_subtype`]); required.
        protocols: &'a [i32],
    }
}

wire_object! { 'a;
    /// A text other than the title (Native 1.2 §4.6).
    Data = "NativeRequest.Data" {
        /// What it says: 1 sponsor, 2 description, 3 rating, … 12 call to action; required.
        kind = "type": Option<i32>,
        /// Most characters.
        len: Option<i32>,
    }
}

wire_object! { 'a;
    /// Tracking that is supported (Native 1.2 §4.7).
    EventTracker = "NativeRequest.EventTracker" {
        /// 1 impression, 2 and 3 viewable by MRC at 50 and 100 %, 4 video viewable at 50 %; required.
        event: Option<i32>,
        /// 1 image, 2 script; required.
        methods: &'a [i32],
    }
}
