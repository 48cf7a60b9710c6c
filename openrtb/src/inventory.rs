//! Where an ad shows (OpenRTB 2.6 §3.2.13 to §3.2.17, §3.2.23, §3.2.24, §3.2.32).

use crate::table::wire_object;
use crate::text::Text;
use crate::user::Data;

wire_object! { 'a;
    /// A web site (OpenRTB 2.6 §3.2.13).
    Site {
        /// The exchange's id of the site.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Domain.
        domain: Option<Text<'a>>,
        /// Taxonomy of `cat`, `sectioncat` and `pagecat`; default 1.
        cattax: Option<i32>,
        /// Categories of the site.
        cat: &'a [Text<'a>],
        /// Categories of the section.
        sectioncat: &'a [Text<'a>],
        /// Categories of the page.
        pagecat: &'a [Text<'a>],
        /// URL of the page.
        page: Option<Text<'a>>,
        /// URL that led here.
        refer = "ref": Option<Text<'a>>,
        /// Search that led here.
        search: Option<Text<'a>>,
        /// 1 = made for mobile devices.
        mobile: Option<i32>,
        /// 1 = has a privacy policy.
        privacypolicy: Option<i32>,
        /// Publisher.
        publisher: Option<&'a Publisher<'a>>,
        /// What is shown on the page.
        content: Option<&'a Content<'a>>,
        /// Keywords, with commas; not together with `kwarray`.
        keywords: Option<Text<'a>>,
        /// Keywords.
        kwarray: &'a [Text<'a>],
        /// Domain whose ads.txt names the inventory's owner.
        inventorypartnerdomain: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// An app (OpenRTB 2.6 §3.2.14).
    App {
        /// The exchange's id of the app.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Store id, bundle or package.
        bundle: Option<Text<'a>>,
        /// Domain.
        domain: Option<Text<'a>>,
        /// URL in the store.
        storeurl: Option<Text<'a>>,
        /// Taxonomy of `cat`, `sectioncat` and `pagecat`; default 1.
        cattax: Option<i32>,
        /// Categories of the app.
        cat: &'a [Text<'a>],
        /// Categories of the section.
        sectioncat: &'a [Text<'a>],
        /// Categories of the view.
        pagecat: &'a [Text<'a>],
        /// Version.
        ver: Option<Text<'a>>,
        /// 1 = has a privacy policy.
        privacypolicy: Option<i32>,
        /// 1 = paid for.
        paid: Option<i32>,
        /// Publisher.
        publisher: Option<&'a Publisher<'a>>,
        /// What is shown in the app.
        content: Option<&'a Content<'a>>,
        /// Keywords, with commas; not together with `kwarray`.
        keywords: Option<Text<'a>>,
        /// Keywords.
        kwarray: &'a [Text<'a>],
        /// Domain whose app-ads.txt names the inventory's owner.
        inventorypartnerdomain: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// A public screen, or a group of them (OpenRTB 2.6 §3.2.32). Its categories have no field.
    Dooh = "DOOH" {
        /// Placement or group id.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Kind of venue in `venuetypetax`.
        venuetype: &'a [Text<'a>],
        /// Taxonomy of `venuetype` ([`crate::lists::venue_taxonomy`]); default 1.
        venuetypetax: Option<i32>,
        /// Publisher.
        publisher: Option<&'a Publisher<'a>>,
        /// Domain of the inventory's owner.
        domain: Option<Text<'a>>,
        /// Keywords, with commas.
        keywords: Option<Text<'a>>,
        /// What is shown on the screen.
        content: Option<&'a Content<'a>>,
    }
}

wire_object! { 'a;
    /// The seller of the inventory (OpenRTB 2.6 §3.2.15).
    Publisher {
        /// `seller_id` in the exchange's sellers.json.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Taxonomy of `cat`; default 1.
        cattax: Option<i32>,
        /// Categories.
        cat: &'a [Text<'a>],
        /// Highest domain of the seller.
        domain: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// Who made the content (OpenRTB 2.6 §3.2.17).
    Producer {
        /// Id of the originator.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Taxonomy of `cat`; default 1.
        cattax: Option<i32>,
        /// Categories.
        cat: &'a [Text<'a>],
        /// Highest domain.
        domain: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// What is shown around the ad (OpenRTB 2.6 §3.2.16).
    Content {
        /// The seller's id.
        id: Option<Text<'a>>,
        /// Number of the episode.
        episode: Option<i32>,
        /// Title.
        title: Option<Text<'a>>,
        /// Series.
        series: Option<Text<'a>>,
        /// Season; a string.
        season: Option<Text<'a>>,
        /// Artist.
        artist: Option<Text<'a>>,
        /// Genre in free words; `genres` has superseded it.
        genre: Option<Text<'a>>,
        /// Taxonomy of `genres`; default 9.
        gtax: Option<i32>,
        /// Genres in `gtax`, the most apt first.
        genres: &'a [Text<'a>],
        /// Album.
        album: Option<Text<'a>>,
        /// International standard recording code.
        isrc: Option<Text<'a>>,
        /// Who made it.
        producer: Option<&'a Producer<'a>>,
        /// URL.
        url: Option<Text<'a>>,
        /// Taxonomy of `cat`; default 1.
        cattax: Option<i32>,
        /// Categories.
        cat: &'a [Text<'a>],
        /// Quality of production ([`crate::lists::production_quality`]).
        prodq: Option<i32>,
        /// Kind ([`crate::lists::content_context`]).
        context: Option<i32>,
        /// Rating, such as MPAA's.
        contentrating: Option<Text<'a>>,
        /// Rating by users.
        userrating: Option<Text<'a>>,
        /// Media rating: 1 all, 2 over 12, 3 mature.
        qagmediarating: Option<i32>,
        /// Keywords, with commas; not together with `kwarray`.
        keywords: Option<Text<'a>>,
        /// Keywords.
        kwarray: &'a [Text<'a>],
        /// 1 = at a scheduled time, 0 = on demand.
        livestream: Option<i32>,
        /// 0 indirect, 1 direct.
        sourcerelationship: Option<i32>,
        /// Length, s.
        len: Option<i32>,
        /// ISO 639-1; not together with `langb`.
        language: Option<Text<'a>>,
        /// BCP 47.
        langb: Option<Text<'a>>,
        /// 1 = can be embedded elsewhere.
        embeddable: Option<i32>,
        /// More about the content.
        data: &'a [Data<'a>],
        /// Network that it is on.
        network: Option<&'a Network<'a>>,
        /// Channel that it is on.
        channel: Option<&'a Channel<'a>>,
        /// 1 = happening now.
        realtime: Option<i32>,
        /// 1 = shown for the first time.
        firstbroadcast: Option<i32>,
    }
}

wire_object! { 'a;
    /// The parent of channels (OpenRTB 2.6 §3.2.23).
    Network {
        /// Id.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Primary domain.
        domain: Option<Text<'a>>,
    }
}

wire_object! { 'a;
    /// A stream or station (OpenRTB 2.6 §3.2.24).
    Channel {
        /// Id.
        id: Option<Text<'a>>,
        /// Name.
        name: Option<Text<'a>>,
        /// Primary domain.
        domain: Option<Text<'a>>,
    }
}
