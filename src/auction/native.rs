//! Native ads: a bid's answer held against what the imp asked for (Dynamic Native Ads 1.2).

use openrtb::Decoder;
use openrtb::native::{Request, Response, request, response};

use super::BidRejection;

/// Whether markup answers a native request: it parses, has a link, answers every required asset and no other, within sizes and
/// lengths, and tracks by the agreed methods only.
///
/// # Errors
/// The first rule that it breaks.
pub(super) fn check(
    decoder: &mut Decoder,
    asked: &Request<'_>,
    markup: &str,
    secure: bool,
) -> Result<(), BidRejection> {
    let answer = decoder.decode_native_response(markup).map_err(|_| BidRejection::InvalidNative)?;
    // What stands behind a URL cannot be held against anything, and may be another ad tomorrow (R-REVIEW).
    if answer.assetsurl.is_some() || answer.dcourl.is_some() {
        return Err(BidRejection::AssetNotAllowed);
    }
    let links = answer.link.into_iter().chain(answer.assets.iter().filter_map(|asset| asset.link));
    if answer.link.is_none() || !links.into_iter().all(|link| leads(link, secure)) {
        return Err(BidRejection::InvalidNative);
    }
    for (place, asset) in answer.assets.iter().enumerate() {
        let wanted = asked.assets.iter().find(|wanted| wanted.id.is_some() && wanted.id == asset.id);
        let again = answer.assets.iter().take(place).any(|other| other.id == asset.id);
        if again || !wanted.is_some_and(|wanted| fits(wanted, asset, secure)) {
            return Err(BidRejection::AssetNotAllowed);
        }
    }
    let answered = |wanted: &request::Asset<'_>| answer.assets.iter().any(|asset| asset.id == wanted.id);
    if !asked.assets.iter().filter(|wanted| wanted.required == Some(1)).all(answered) {
        return Err(BidRejection::MissingAsset);
    }
    if tracks(asked, &answer, secure) { Ok(()) } else { Err(BidRejection::TrackerNotAllowed) }
}

fn is_web(url: &str, secure: bool) -> bool {
    let has = |scheme: &str| url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    has("https://") || !secure && has("http://")
}

/// Where a click leads: a page, or an app with a page to fall back to; never into a script.
fn leads(link: &response::Link<'_>, secure: bool) -> bool {
    let Some(url) = link.url else { return false };
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let runs = ["javascript", "data", "vbscript", "file", "blob"].iter().any(|bad| scheme.eq_ignore_ascii_case(bad));
    let falls_back = link.fallback.is_some_and(|url| is_web(&url, secure));
    let page = is_web(&url, secure) || falls_back && !runs && !scheme.is_empty() && !scheme.starts_with("http");
    page && link.fallback.is_none_or(|_| falls_back) && link.clicktrackers.iter().all(|url| is_web(url, secure))
}

/// Whether an asset is of the kind that was asked for, and within what was asked.
fn fits(wanted: &request::Asset<'_>, asset: &response::Asset<'_>, secure: bool) -> bool {
    let kinds = [asset.title.is_some(), asset.img.is_some(), asset.video.is_some(), asset.data.is_some()];
    if kinds.iter().filter(|there| **there).count() != 1 {
        return false;
    }
    let within = |text: &str, most: Option<i32>| {
        !text.trim().is_empty()
            && most.is_none_or(|most| i64::try_from(text.chars().count()).is_ok_and(|count| count <= most.into()))
    };
    if let Some(title) = asset.title {
        return wanted.title.is_some_and(|wanted| title.text.is_some_and(|text| within(&text, wanted.len)));
    }
    if let Some(image) = asset.img {
        let side = |told: Option<i32>, exact: Option<i32>, least: Option<i32>| match (told, exact, least) {
            (None, None, None) => true,
            (None, _, _) => false,
            // Both: the exact one is what is wanted, the least is what is taken.
            (Some(told), _, Some(least)) => told >= least,
            (Some(told), Some(exact), None) => told == exact,
            (Some(_), None, None) => true,
        };
        return wanted.img.is_some_and(|wanted| {
            image.url.is_some_and(|url| is_web(&url, secure))
                && image.kind.is_none_or(|kind| wanted.kind.is_none_or(|wanted| wanted == kind))
                && side(image.w, wanted.w, wanted.wmin)
                && side(image.h, wanted.h, wanted.hmin)
        });
    }
    if let Some(data) = asset.data {
        return wanted.data.is_some_and(|wanted| {
            data.value.is_some_and(|text| within(&text, wanted.len))
                && data.kind.is_none_or(|kind| wanted.kind.is_none_or(|wanted| wanted == kind))
        });
    }
    wanted.video.is_some() && asset.video.is_some_and(|video| video.vasttag.is_some_and(|vast| vast.contains("<VAST")))
}

/// Whether every tracker was asked for: event and method. Of the old ones, pixels also where a request says nothing of trackers.
fn tracks(asked: &Request<'_>, answer: &Response<'_>, secure: bool) -> bool {
    const IMPRESSION: i32 = 1;
    const IMAGE: i32 = 1;
    const SCRIPT: i32 = 2;
    let takes = |event: i32, method: i32| {
        asked.eventtrackers.iter().any(|it| it.event == Some(event) && it.methods.contains(&method))
    };
    let trackers = answer.eventtrackers.iter().all(|it| {
        it.event.zip(it.method).is_some_and(|(event, method)| takes(event, method))
            && it.url.is_some_and(|url| is_web(&url, secure))
    });
    let pixels = answer.imptrackers.iter().all(|url| is_web(url, secure))
        && (answer.imptrackers.is_empty() || asked.eventtrackers.is_empty() || takes(IMPRESSION, IMAGE));
    trackers && pixels && (answer.jstracker.is_none() || takes(IMPRESSION, SCRIPT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use openrtb::Limits;

    const ASKED: &str = r#"{"assets":[{"id":1,"required":1,"title":{"len":10}},
        {"id":2,"required":1,"img":{"type":3,"w":1200,"h":627,"wmin":600,"hmin":300}},{"id":3,"data":{"type":12,"len":5}},
        {"id":4,"img":{"type":1,"w":80,"h":80}}],"eventtrackers":[{"event":1,"methods":[1]}]}"#;
    const TITLE: &str = r#"{"id":1,"title":{"text":"Tea"}}"#;
    const IMAGE: &str = r#"{"id":2,"img":{"type":3,"url":"https://c.example/a.jpg","w":1200,"h":627}}"#;
    const LINK: &str = r#""link":{"url":"https://tea.example"}"#;

    fn checked(answer: &str, secure: bool) -> Result<(), BidRejection> {
        let (mut reader, mut decoder) = (Decoder::new(Limits::default()), Decoder::new(Limits::default()));
        let asked = reader.decode_native_request(ASKED).unwrap();
        check(&mut decoder, &asked, answer, secure)
    }

    fn with(assets: &[&str], rest: &str) -> Result<(), BidRejection> {
        checked(&format!(r#"{{"assets":[{}],{rest}}}"#, assets.join(",")), false)
    }

    #[test]
    fn a_right_answer_counts_also_in_the_wrapper_of_native_1_0() {
        let asset = |it: &str| it.replace("Tea", "壹贰叁肆伍陆柒捌玖拾");
        assert_eq!(with(&[&asset(TITLE), IMAGE], LINK), Ok(()), "ten characters are ten, whatever their bytes");
        let all = r#"{"id":3,"data":{"value":"Buy"}},{"id":4,"img":{"url":"https://c.example/i.png","w":80,"h":80}}"#;
        let tracker = r#""eventtrackers":[{"event":1,"method":1,"url":"http://t.example/p"}]"#;
        assert_eq!(with(&[TITLE, IMAGE, all], &format!("{LINK},{tracker}")), Ok(()));
        assert_eq!(checked(&format!(r#"{{"native":{{"assets":[{TITLE},{IMAGE}],{LINK}}}}}"#), true), Ok(()));
        let app = r#""link":{"url":"tea://open","fallback":"https://tea.example"}"#;
        assert_eq!(with(&[TITLE, IMAGE], app), Ok(()));
    }

    #[test]
    fn what_cannot_be_read_or_leads_nowhere_is_invalid() {
        assert_eq!(checked("<div>", false), Err(BidRejection::InvalidNative));
        assert_eq!(checked(r#"{"assets":[{"id":1,"#, false), Err(BidRejection::InvalidNative));
        let links = [
            r#""ver":"1.2""#,
            r#""link":{}"#,
            r#""link":{"url":"javascript:x","fallback":"https://tea.example"}"#,
            r#""link":{"url":"tea://open"}"#,
            r#""link":{"url":"https://tea.example","clicktrackers":["ftp://t"]}"#,
        ];
        for link in links {
            assert_eq!(with(&[TITLE, IMAGE], link), Err(BidRejection::InvalidNative), "{link}");
        }
        let escaped = format!(r#"{{"assets":[{TITLE},{IMAGE}],"link":{{"url":"http:\/\/tea.example"}}}}"#);
        assert_eq!(
            checked(&escaped, true),
            Err(BidRejection::InvalidNative),
            "escapes hide nothing where https is needed"
        );
    }

    #[test]
    fn every_required_asset_is_answered() {
        assert_eq!(with(&[TITLE], LINK), Err(BidRejection::MissingAsset));
        assert_eq!(with(&[], LINK), Err(BidRejection::MissingAsset));
    }

    #[test]
    fn an_asset_is_what_was_asked_for() {
        let wrong = [
            r#"{"id":1,"title":{"text":"Eleven char"}}"#,
            r#"{"id":1,"title":{"text":" "}}"#,
            r#"{"id":1,"data":{"value":"Tea"}}"#,
            r#"{"id":1,"title":{"text":"Tea"},"data":{"value":"Tea"}}"#,
            r#"{"id":9,"title":{"text":"Tea"}}"#,
        ];
        for title in wrong {
            assert_eq!(with(&[title, IMAGE], LINK), Err(BidRejection::AssetNotAllowed), "{title}");
        }
        for (from, to) in
            [("1200", "599"), ("627", "299"), ("https", "ftp"), (r#","h":627"#, ""), (r#""type":3"#, r#""type":1"#)]
        {
            let image = IMAGE.replace(from, to);
            assert_eq!(with(&[TITLE, &image], LINK), Err(BidRejection::AssetNotAllowed), "{image}");
        }
        let icon = r#"{"id":4,"img":{"url":"https://c.example/i.png","w":81,"h":80}}"#;
        assert_eq!(with(&[TITLE, IMAGE, icon], LINK), Err(BidRejection::AssetNotAllowed), "without a least, exactly");
        assert_eq!(with(&[TITLE, IMAGE, IMAGE], LINK), Err(BidRejection::AssetNotAllowed), "twice");
        let elsewhere = format!(r#"{LINK},"assetsurl":"https://a.example""#);
        assert_eq!(with(&[TITLE, IMAGE], &elsewhere), Err(BidRejection::AssetNotAllowed));
    }

    #[test]
    fn trackers_are_those_that_were_asked_for() {
        let wrong = [
            r#""eventtrackers":[{"event":1,"method":2,"url":"https://t.example"}]"#,
            r#""eventtrackers":[{"event":2,"method":1,"url":"https://t.example"}]"#,
            r#""eventtrackers":[{"event":1,"method":1}]"#,
            r#""jstracker":"<script></script>""#,
            r#""imptrackers":["javascript:x"]"#,
        ];
        for trackers in wrong {
            let answer = format!("{LINK},{trackers}");
            assert_eq!(with(&[TITLE, IMAGE], &answer), Err(BidRejection::TrackerNotAllowed), "{trackers}");
        }
        assert_eq!(with(&[TITLE, IMAGE], &format!(r#"{LINK},"imptrackers":["https://t.example"]"#)), Ok(()));
    }
}
