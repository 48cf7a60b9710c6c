#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use super::matching::{self, MATCHES};
use super::*;
use crate::compliance::creative::Offer;
use crate::compliance::finding::Language;

fn read(html: &str) -> Page {
    let fetched =
        Fetched { url: "https://qinghe.example/spring", charset: None, day: ShanghaiDay::parse("2026-11-22") };
    Page::of(&fetched, html.as_bytes()).unwrap()
}

fn texts(parts: &[Part]) -> Vec<&str> {
    parts.iter().map(|part| part.is.as_str()).collect()
}

#[test]
fn a_page_is_read_into_its_parts() {
    let page = read(
        "<title>Milk</title><base href='/s/'><style>.no{display : none}</style><p>Fresh <b>milk</b>\u{200b} 9.9元<br>每天</p><p class=no>secret</p>\
         <a href='a?sid=1&b=2#top'>x</a><a href='/get.apk?t=1795000000'>app</a><a href='javascript:go()'>go</a><img src=m.jpg alt=cow>\
         <form action=send method=post><input name=tel><input type=hidden name=csrf value=1f><input type=hidden name=sku value=9></form>\
         <meta http-equiv=refresh content='3; URL=/next'><iframe src=//v.example/f></iframe><script>var a = 1; // one\n</script><p onclick='b()'>",
    );
    assert_eq!(texts(&page.text), ["Milk", "Fresh milk 9.9元", "每天", "xappgo", "[alt] cow"]);
    assert_eq!(texts(&page.hidden), ["secret"]);
    assert_eq!(texts(&page.links), ["https://qinghe.example/s/a?b=2"]);
    assert_eq!(page.downloads, ["https://qinghe.example/get.apk"]);
    assert_eq!(page.forms, ["POST https://qinghe.example/s/send [hidden:csrf hidden:sku=9 text:tel]"]);
    assert_eq!(page.redirects, ["base https://qinghe.example/s/", "refresh 3 https://qinghe.example/next"]);
    assert_eq!(texts(&page.frames), ["https://v.example/f"]);
    let code: Vec<_> = page.code.iter().map(Script::start).collect();
    assert_eq!(code, ["javascript: go ( )", "script var a = 1 ;", "onclick b ( )"]);
}

/// What varies by rule, and what looks like it and does not.
#[test]
fn r_landing_frozen_rules_mask_what_varies_and_nothing_else() {
    let today = ShanghaiDay::parse("2026-11-22");
    for (line, masked) in [
        ("更新 2026-11-22 14:05:33", "更新 {date} {time}"),
        ("2026年11月22日 星期日 14:05", "{date} {time}"),
        ("截止 2026-12-31 14:05", "截止 2026-12-31 14:05"),
        ("营业 9:00—21:00", "营业 9:00—21:00"),
        ("距结束 1天02小时03分04秒", "距结束 {time}"),
        ("已有 12,345 人报名", "已有 {n} 人报名"),
        ("3 人套餐 99 元", "3 人套餐 99 元"),
        ("浏览量：8.8万", "浏览量：{n}万"),
        ("© 2019–2026 Qinghe", "© 2019–{year} Qinghe"),
        ("400-820-1234", "400-820-1234"),
        ("{n} is written", "｛n｝ is written"),
    ] {
        assert_eq!(mask::text(line, today), masked);
    }
    let base = Url::parse("https://qinghe.example/").unwrap();
    for (url, masked) in [
        ("/a;jsessionid=77?x=1&sid=9", "https://qinghe.example/a?x=1"),
        ("/a?token=https://evil.example", "https://qinghe.example/a?token=https%3A%2F%2Fevil.example"),
        ("/a?v=31&_=1795000000000", "https://qinghe.example/a?v=31"),
        ("/a?b=2&a=1", "https://qinghe.example/a?a=1&b=2"),
    ] {
        assert_eq!(mask::url(&base, url), masked);
    }
}

#[test]
fn r_landing_frozen_what_the_fetches_had_different_may_be_so_and_nothing_more() {
    let page = |reads: &str, tip: &str, price: &str| {
        read(&format!(
            "<h1>Milk</h1><p>Batch {reads}</p><p>{price}元</p><ul>{tip}</ul><p>End</p><script>go('a', {reads})</script>"
        ))
    };
    let fetches = [
        page("11", "<li>Good day<li>Sun", "9.9"),
        page("12", "<li>Hello", "9.9"),
        page("13", "<li>Hi<li>Rain<li>Snow", "9.9"),
    ];
    let frozen = Fingerprint::learn(&fetches).unwrap();
    let compare = |page: &Page| frozen.compare(page);
    assert_eq!(compare(&fetches[1]).standing, Standing::Same);
    assert_eq!(compare(&page("9004", "<li>Fog<li>Mist", "9.9")).standing, Standing::Varied);
    let told = |page: &Page| compare(page).words(Language::English);
    assert_eq!(told(&page("14", "<li>Hello", "99")), "text: \"9.9元\" became \"99元\"");
    // A slot takes neither prices nor numbers to call, if it had none, nor a whole page.
    assert_eq!(told(&page("14", "<li>Only 5元", "9.9")), "text: \"Only 5元\" is new");
    assert_eq!(told(&page("14", "<li>Call 02112345678", "9.9")), "text: \"Call 02112345678\" is new");
    assert!(told(&page("14", &"<li>More and more".repeat(9), "9.9")).contains("More and more"));
    let code = read("<h1>Milk</h1><p>Batch 15</p><p>9.9元</p><p>End</p><script>go('b', 15)</script>");
    assert!(told(&code).contains("script in the page"), "{}", told(&code));
    assert!(frozen.varying().iter().any(|it| it == "text: Batch {#}"), "{:?}", frozen.varying());
}

/// Numbers with a point that a server writes into code as text: moments by rule, others where they were seen to vary.
#[test]
fn r_landing_frozen_decimals_in_code_vary_where_they_were_seen_to() {
    let page = |moment: &str, seed: &str, price: &str| {
        read(&format!("<p>Milk</p><script>var at = \"{moment}\", seed = \"{seed}\", price = \"{price}\";</script>"))
    };
    let fetches =
        [page("1795373912.2148461", "0.8289842971561743", "9.9"), page("1795373912.9", "0.27703063947752", "9.9")];
    let frozen = Fingerprint::learn(&fetches).unwrap();
    let is_changed = |page: &Page| frozen.compare(page).standing == Standing::Changed;
    assert!(!is_changed(&page("1795373999.25", "0.5", "9.9")));
    assert!(is_changed(&page("1795373999.25", "0.5", "99.9")), "the price never varied");
    assert!(is_changed(&page("1795373999.25", "evil.example", "9.9")), "no number");
}

#[test]
fn r_landing_frozen_a_change_is_a_finding_in_two_languages() {
    let frozen = Fingerprint::learn(&[read("<p>青禾鲜牛奶</p><a href=/a>x</a>")]).unwrap();
    let mut now = read("<p>青和鲜牛奶</p><a href=/a>x</a>");
    let finding = frozen.compare(&now).finding("https://qinghe.example/spring").unwrap();
    assert_eq!(
        (finding.rule.as_ref(), finding.code.as_ref(), finding.weight),
        ("R-LANDING-FROZEN", "page-changed", Weight::Refuse)
    );
    assert_eq!((finding.place.as_str(), finding.found.as_str()), ("page https://qinghe.example/spring", "青和鲜牛奶"));
    assert!(finding.zh.ends_with("文字：“青禾鲜牛奶”变为“青和鲜牛奶”"), "{}", finding.zh);
    // The same page at another address is another page.
    now = read("<p>青禾鲜牛奶</p><a href=/a>x</a>");
    now.url = "https://evil.example/".to_owned();
    assert_eq!(frozen.compare(&now).changes[0].kind, ChangeKind::Address);
}

#[test]
fn r_landing_frozen_a_page_cannot_be_marked_off_as_a_whole() {
    let page = |ad: &str| read(&format!("<h1>Milk from our farm</h1><div class=ad>{ad}</div>"));
    let frozen =
        Fingerprint::learn(&[page("All that the page says is in here"), page("All that the page says is in here")])
            .unwrap();
    assert_eq!(frozen.compare(&page("Something else is in here, as it is")).standing, Standing::Changed);
}

#[test]
fn a_fingerprint_is_read_as_it_is_written_and_refuses_what_it_does_not_know() {
    let frozen = Fingerprint::learn(&[read("<p>a</p>")]).unwrap();
    let text = frozen.to_json();
    assert_eq!(Fingerprint::from_json(&text).unwrap(), frozen);
    let newer = text.replacen("\"form\":1", "\"form\":2", 1);
    assert!(Fingerprint::from_json(&newer).unwrap_err().contains("form 2"));
    assert!(Fingerprint::from_json("{}").is_err());
    assert_eq!(Fingerprint::learn(&[]), Err(LearnError::Fetches(0)));
}

#[test]
fn what_cannot_be_watched_is_refused() {
    let deep = "<div>".repeat(10_000);
    let finding = Page::read("https://qinghe.example/", deep.as_bytes()).unwrap_err();
    assert_eq!((finding.rule.as_ref(), finding.code.as_ref()), ("R-LANDING-FROZEN", "page-limits"));
    let finding = Page::read("/spring", b"").unwrap_err();
    assert_eq!(finding.code, "page-url");
    let many = "<p>a".repeat(MOST_PARTS + 1);
    assert!(Page::read("https://qinghe.example/", many.as_bytes()).unwrap_err().en.contains("5001 parts"));
}

#[test]
fn simhash_is_near_for_texts_that_are_near() {
    let long = "青禾鲜牛奶每天清晨由牧场直送到家，冷链全程四度，限华东地区。".repeat(3);
    let (one, two) = (read(&format!("<p>{long}甲")), read(&format!("<p>{long}乙")));
    let other = read("<p>The quick brown fox jumps over the lazy dog and runs away into the woods.");
    assert!(one.simhash().distance(two.simhash()) < 8, "{}", one.simhash().distance(two.simhash()));
    assert!(one.simhash().distance(other.simhash()) > 16, "{}", one.simhash().distance(other.simhash()));
}

/// R-LANDING-MATCH: what is stated, what the page says, and the score.
#[test]
fn r_landing_match_numbers_are_numbers_and_names_are_read_as_written() {
    let cases: [(&str, &[&str], &str, u8); 11] = [
        ("青禾", &["¥9.90"], "青禾鲜牛奶 只要 9.9元", 100),
        ("青禾", &["9.9元"], "靑禾鮮牛奶 ￥９．９０", 100),
        ("青禾", &["9.9元"], "青禾鲜牛奶 99元", 50),
        ("青禾", &["50% off"], "青禾 全场5折", 100),
        ("青禾", &["八五折"], "青禾 15% off", 100),
        ("青禾", &["半价"], "青禾 五折", 100),
        ("青禾", &["$9.99"], "青禾 9.99元", 50),
        ("青禾", &["满99减10"], "青禾 满 99 元减 10 元", 100),
        ("青禾", &["1.2万元"], "青禾 12,000元", 100),
        ("Qinghe", &["免费试喝"], "QINGHE 免費試喝", 100),
        ("青禾", &["9.9元"], "别的牛奶 m9.9", 0),
    ];
    for (brand, terms, text, expected) in cases {
        let terms = terms.iter().map(|term| (*term).to_owned()).collect();
        let offer = Offer { brand: Some(brand.to_owned()), product: None, terms };
        let matched = matching::compare(&offer, &read(&format!("<p>{text}</p>")), None);
        assert_eq!(matched.score, expected, "{text}: {matched:?}");
    }
}

#[test]
fn r_landing_match_the_finding_tells_the_reasons_and_decides_nothing() {
    let page = read("<h1>泡泡岛</h1><a href='https://dl.paopao.example/com.paopao.island.apk'>下载</a>");
    let offer = Offer { brand: Some("泡泡岛".into()), product: Some("云海历险记".into()), terms: Vec::new() };
    let matched = matching::compare(&offer, &page, Some("com.paopao.island"));
    assert_eq!(matched.score, 57);
    let finding = matched.finding("https://paopao.example/");
    assert_eq!(
        (finding.rule.as_ref(), finding.weight, finding.found.as_str()),
        ("R-LANDING-MATCH", Weight::Person, "云海历险记")
    );
    assert!(
        finding.zh.contains("品牌“泡泡岛”一致；产品“云海历险记”未找到；应用“com.paopao.island”一致"),
        "{}",
        finding.zh
    );
    assert!(matching::compare(&offer, &page, Some("com.paopao")).score < matched.score);
    let offer = Offer { product: None, ..offer };
    let matched = matching::compare(&offer, &page, None);
    assert!(matched.score >= MATCHES && matched.finding("").weight == Weight::Note);
    assert_eq!(matching::compare(&Offer::default(), &page, None).score, 0);
}
