//! The markup of a native ad (Dynamic Native Ads 1.2 §5).

use crate::read::RawJson;
use crate::table::wire_object;
use crate::text::Text;

wire_object! { 'a;
    /// A native ad (Native 1.2 §5.1).
    Response = "NativeResponse" {
        /// Version; default 1.2.
        ver: Option<Text<'a>>,
        /// Parts of the ad; required without `assetsurl`.
        assets: &'a [Asset<'a>],
        /// Where the assets are, instead of `assets`.
        assetsurl: Option<Text<'a>>,
        /// Where a dynamic creative is, instead of `assets`.
        dcourl: Option<Text<'a>>,
        /// Where a click leads, unless the asset says otherwise; required.
        link: Option<&'a Link<'a>>,
        /// Impression pixels; `eventtrackers` has superseded them.
        imptrackers: &'a [Text<'a>],
        /// Script of a tracker; `eventtrackers` has superseded it.
        jstracker: Option<Text<'a>>,
        /// Tracking.
        eventtrackers: &'a [EventTracker<'a>],
        /// URL of the buyer's privacy notice.
        privacy: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// A part of the ad: one of `title`, `img`, `video`, `data` (Native 1.2 §5.2).
    Asset = "NativeResponse.Asset" {
        /// The request's id of it; required unless from `assetsurl`.
        id: Option<i32>,
        /// 1 = must be shown; default 0.
        required: Option<i32>,
        /// A title.
        title: Option<&'a Title<'a>>,
        /// An image.
        img: Option<&'a Image<'a>>,
        /// A video.
        video: Option<&'a Video<'a>>,
        /// Anything else.
        data: Option<&'a Data<'a>>,
        /// Where a click on it leads.
        link: Option<&'a Link<'a>>,
    }
}

wire_object! { 'a;
    /// A title (Native 1.2 §5.3).
    Title = "NativeResponse.Title" {
        /// The text; required.
        text: Option<Text<'a>>,
        /// Its length, characters.
        len: Option<i32>,
    }
}

wire_object! { 'a;
    /// An image (Native 1.2 §5.4).
    Image = "NativeResponse.Image" {
        /// 1 icon, 3 main.
        kind = "type": Option<i32>,
        /// URL; required.
        url: Option<Text<'a>>,
        /// Width, pixels.
        w: Option<i32>,
        /// Height, pixels.
        h: Option<i32>,
    }
}

wire_object! { 'a;
    /// A text other than the title (Native 1.2 §5.5).
    Data = "NativeResponse.Data" {
        /// What it says.
        kind = "type": Option<i32>,
        /// Its length, characters.
        len: Option<i32>,
        /// Its name, of 1.0 and 1.1.
        label: Option<Text<'a>>,
        /// The text; required.
        value: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// A video (Native 1.2 §5.6).
    Video = "NativeResponse.Video" {
        /// VAST; required.
        vasttag: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// Where a click leads (Native 1.2 §5.7).
    Link = "NativeResponse.Link" {
        /// URL; required.
        url: Option<Text<'a>>,
        /// Pixels of a click.
        clicktrackers: &'a [Text<'a>],
        /// URL where the first cannot be opened.
        fallback: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// A tracker (Native 1.2 §5.8).
    EventTracker = "NativeResponse.EventTracker" {
        /// 1 impression, 2 and 3 viewable by MRC at 50 and 100 %, 4 video viewable at 50 %; required.
        event: Option<i32>,
        /// 1 image, 2 script; required.
        method: Option<i32>,
        /// URL of the image or script.
        url: Option<Text<'a>>,
        /// What was agreed beside, as it was sent.
        customdata: Option<RawJson<'a>>,
    }
}
