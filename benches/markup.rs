//! What markup costs: the check of each bid's, and the writing of the winner's. `cargo bench -p pmpx --bench markup`.
#![allow(missing_docs, reason = "criterion's macros")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use openrtb::Macros;
use pmpx::market::supply::{Format, Size};
use pmpx::markup::{self, Display, Known, Tags};

const VAST: &str = r#"<?xml version="1.0" encoding="UTF-8"?><VAST version="3.0"><Ad id="auto-preroll-15"><InLine><AdSystem>DSP</AdSystem>
<AdTitle>Auto</AdTitle><Impression><![CDATA[https://count.yunfan.example/i?a=${AUCTION_ID}&o=__OS__]]></Impression><Creatives><Creative><Linear>
<Duration>00:00:15</Duration><TrackingEvents><Tracking event="start"><![CDATA[https://count.yunfan.example/e?e=start]]></Tracking>
<Tracking event="midpoint"><![CDATA[https://count.yunfan.example/e?e=mid]]></Tracking><Tracking event="complete"><![CDATA[https://count.yunfan.example/e?e=end]]></Tracking>
</TrackingEvents><VideoClicks><ClickThrough><![CDATA[https://yunfan.example/x7]]></ClickThrough></VideoClicks><MediaFiles>
<MediaFile delivery="progressive" type="video/mp4" width="1280" height="720"><![CDATA[https://cdn.yunfan.example/auto-preroll-15.mp4]]></MediaFile>
</MediaFiles></Linear></Creative></Creatives></InLine></Ad></VAST>"#;
const NATIVE: &str = r#"{"ver":"1.2","assets":[{"id":1,"required":1,"title":{"text":"Island of bubbles"}},{"id":2,"required":1,
"img":{"url":"https://cdn.paopao.example/a.jpg?a=${AUCTION_ID}","w":1200,"h":627}},{"id":3,"data":{"type":2,"value":"A game of bubbles"}}],
"link":{"url":"https://paopao.example/island"},"eventtrackers":[{"event":1,"method":1,"url":"https://t.paopao.example/i?o=__OS__"}]}"#;
const BANNER: &str = r#"<a href="__CLICK_URL__"><img src="https://cdn.paopao.example/a.jpg?a=${AUCTION_ID}" width="728" height="90" alt=""></a>"#;

fn markup(criterion: &mut Criterion) {
    let tags = Tags {
        impression: Some(
            "https://pmp.exchange.example/t/imp/QCD3a_N4ogXbGl1VczqVrAON-7I6PQfO2qld_PtoDi4wbAljYv9WD-h6dQ",
        ),
        click: Some("https://pmp.exchange.example/t/click/QCD3a_N4ogXbGl1VczqVrAON-7I6PQfO2qld_PtoDi4wbAljYv9WD-h6dQ"),
        landing_page: "https://paopao.example/island",
        monitors: None,
    };
    let known = Known { os: Some("Android"), ..Known::default() };
    let macros = Macros { id: Some("0123456789abcdef0123456789abcdef"), ..Macros::default() };
    let mut out = String::with_capacity(8_192);
    let kinds = [("banner", Format::Banner, BANNER), ("vast", Format::Video, VAST), ("native", Format::Native, NATIVE)];
    for (name, format, text) in kinds {
        let size = Some(Size { w: 728, h: 90 });
        let display = Display { format, beacon: true, minimum_ms: 0, duration_ms: Some(15_000), size, native: None };
        criterion.bench_function(&format!("markup/check/{name}"), |bencher| {
            bencher.iter(|| markup::check(black_box(text), &display));
        });
        criterion.bench_function(&format!("markup/write/{name}"), |bencher| {
            bencher.iter(|| {
                out.clear();
                markup::write(black_box(text), &display, &tags, (&known, &macros), &mut out)
            });
        });
    }
}

criterion_group!(benches, markup);
criterion_main!(benches);
