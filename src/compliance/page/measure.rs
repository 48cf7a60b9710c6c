//! How the fingerprint does (R-LANDING-FROZEN): pages of ten shapes in two languages, with what varies and with what somebody changed, by kind.
//! `cargo test -p pmpx --lib page::measure -- --nocapture` prints the table of docs/landing.md.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::print_stdout, reason = "tests; a table")]

mod shapes;

use std::collections::BTreeMap;

use encoding_rs::GBK;

use super::compare::Standing;
use super::{Fetched, Fingerprint, Page};
use crate::clock::ShanghaiDay;
use shapes::{SHAPES, Served, page};

/// A fixed sequence.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, most: u64) -> u64 {
        self.next() % most
    }
}

/// A fetch at a minute of a day.
fn served(chance: &mut Chance, day: u64) -> Served {
    let seconds = chance.below(86_400);
    Served {
        day: format!("2026-11-{day:02}"),
        time: format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
        moment: 1_795_000_000_000 + day * 86_400_000 + seconds * 1_000,
        views: 1_000 + chance.below(90_000),
        stock: 20 + chance.below(900),
        token: format!("{:016x}{:016x}", chance.next(), chance.next()),
        session: format!("{:016X}", chance.next()),
        nonce: format!("n{:08x}", chance.below(1 << 32)),
        ad: chance.below(6) as usize,
        recommended: chance.below(8) as usize,
        left: 4_000 + chance.below(80_000),
    }
}

fn read(html: &str, gbk: bool, day: &str) -> Page {
    let bytes = if gbk { GBK.encode(html).0.into_owned() } else { html.as_bytes().to_vec() };
    let fetched = Fetched { url: "https://qinghe.example/spring?sid=77", charset: None, day: ShanghaiDay::parse(day) };
    Page::of(&fetched, &bytes).unwrap()
}

/// What varies: the name, and what of a later fetch differs from the approved one.
type Variation = (&'static str, fn(&mut Served, &Served));
const VARIATIONS: [Variation; 12] = [
    ("time of the page", |now, later| now.time.clone_from(&later.time)),
    ("another day's date", |now, later| now.day.clone_from(&later.day)),
    ("moments in code and URLs", |now, later| now.moment = later.moment),
    ("views and sales", |now, later| now.views = later.views),
    ("stock", |now, later| now.stock = later.stock),
    ("CSRF tokens and signatures", |now, later| now.token.clone_from(&later.token)),
    ("sessions in URLs", |now, later| now.session.clone_from(&later.session)),
    ("nonces", |now, later| now.nonce.clone_from(&later.nonce)),
    ("rotated ad in its place", |now, later| now.ad = later.ad + 1),
    ("rotated recommendations", |now, later| now.recommended = later.recommended + 3),
    ("time that runs down", |now, later| now.left = later.left),
    ("all of it at once", |now, later| now.clone_from(later)),
];

/// Changes of the page as it is sent that change nothing of it.
type Rewriting = (&'static str, fn(&str) -> String);
const REWRITINGS: [Rewriting; 3] = [
    ("spaces and line ends", |html| html.replace("</p>", " </p>\r\n  ").replace("<p>", "\n<p> ")),
    ("comments", |html| {
        html.replace("</footer>", "</footer><!-- cache hit 93 -->").replace("<main>", "<!-- a --><main>")
    }),
    ("order and quotes of attributes", |html| {
        html.replace("charset=\"utf-8\"", "charset=utf-8").replace("class=\"ad\" id=\"side\"", "id='side' class='ad'")
    }),
];

/// What somebody changed: the name, what is replaced by what. Where a page has none of the texts, it is not of that kind.
type Edit = (&'static str, &'static [(&'static str, &'static str)]);
const EDITS: [Edit; 34] = [
    ("price", &[("9.90", "99.0"), ("198 元", "298 元"), ("198 yuan", "298 yuan"), ("15.00", "19.00")]),
    ("rate of interest", &[("3.45%", "3.46%")]),
    ("account number", &[("6222 0212 3456 7890", "6222 0212 3456 7891")]),
    ("phone number", &[("400-820-1234", "400-820-1243")]),
    ("phone number in a table", &[("021-5555-0217", "021-5555-0712")]),
    ("number behind a tel: link", &[("tel:02112345678", "tel:02112345679")]),
    ("company name", &[("青禾乳业（上海）", "青和乳业（上海）"), ("Qinghe Dairy Ltd", "Qinhe Dairy Ltd")]),
    ("licence number", &[("12345678号-2", "12345679号-2"), ("no. 12345678", "no. 12345679")]),
    ("one word of a long article", &[("第17节。牧场", "第17节。工厂"), ("Part 17. The farm", "Part 17. The plant")]),
    ("one number of a long article", &[("海拔 817 米", "海拔 871 米"), ("lies 817 metres", "lies 871 metres")]),
    ("end of the offer", &[("2026年12月31日", "2026年12月13日"), ("2026-12-31", "2026-12-13")]),
    ("title", &[("春季优惠</title>", "清仓特卖</title>"), ("spring offer</title>", "clearance</title>")]),
    ("words added", &[("</footer>", "<p>限时加送，转账立享</p></footer>")]),
    (
        "disclaimer removed",
        &[
            ("生鲜商品除外。", ""),
            (", fresh goods excepted", ""),
            ("贷款有风险，借款须谨慎。", ""),
            ("Borrow with care. ", ""),
        ],
    ),
    ("text in an image swapped", &[("/milk.jpg", "/milk-2.jpg"), ("/farm.jpg", "/farm-2.jpg")]),
    ("text hidden by style", &[("<footer>", "<footer style=\"display: none\">")]),
    ("text hidden by class", &[("<p class=\"fine\">", "<p class=\"gone\">")]),
    ("hidden text shown", &[("<p class=\"gone\">", "<p>")]),
    (
        "hidden text swapped",
        &[("内部编号：春季一号", "高额返现，加微信"), ("Internal name: spring one", "Cash back, write to us")],
    ),
    ("text in a new place for ads", &[("<footer>", "<div class=\"ads\">加微信领红包 Add us for cash</div><footer>")]),
    (
        "form sends elsewhere",
        &[
            ("/cart/add", "https://pay.evil.example/add"),
            ("crm.qinghe.example", "crm.qinghe.test"),
            ("ebank.harbour.example", "ebank.harbor.example"),
        ],
    ),
    ("field added", &[("</form>", "<input name=id_card></form>")]),
    ("hidden field changed", &[("value=m-900", "value=m-100")]),
    ("script added", &[("</head>", "<script src=\"https://cdn.evil.example/a.js\"></script></head>")]),
    ("script's URL changed", &[("/app.js?v=31", "/app.js?v=32"), ("chunk.8f3a2b.js", "chunk.9f3a2b.js")]),
    ("code changed", &[("\"channel\": \"spring\"", "\"channel\": \"spring\", \"go\": 1"), ("retry: 3", "retry: 0")]),
    (
        "redirect by code",
        &[(
            "</body>",
            "<script>setTimeout(function () { location.href = 'https://evil.example/' }, 9)</script></body>",
        )],
    ),
    ("redirect by meta", &[("</head>", "<meta http-equiv=refresh content=\"5; url=https://evil.example/\"></head>")]),
    ("handler added", &[("<nav>", "<nav onclick=\"go()\">"), ("play('farm')", "play('ad')")]),
    ("download changed", &[("qinghe-3.2.1.apk", "qinghe-3.2.2.apk"), ("paopao_v12.apk", "paopao_v13.apk")]),
    (
        "download added",
        &[("</main>", "<a href=\"/x/setup.exe\"></a></main>"), ("</footer>", "<a href=\"/x/setup.exe\"></a></footer>")],
    ),
    (
        "frame added or changed",
        &[("</nav>", "</nav><iframe src=\"https://evil.example/f\" width=1 height=1></iframe>")],
    ),
    (
        "link leads elsewhere",
        &[("/help?utm_source=pmp&amp;topic=3", "/help?utm_source=pmp&amp;topic=4"), ("href=\"/read/", "href=\"/go/")],
    ),
    ("base of all links", &[("<title>", "<base href=\"https://evil.example/\"><title>")]),
];

/// What the fingerprint is held to; it misses nothing.
const MOST_FALSE_ALARMS: usize = 2;

/// How often, and how often wrong, by kind.
type Table = BTreeMap<&'static str, (usize, usize)>;

/// Pages that vary and pages that were changed.
fn measure() -> (Table, Table, Vec<String>) {
    let (mut varied, mut changed, mut wrong) = (Table::new(), Table::new(), Vec::new());
    let mut chance = Chance(0x5eed_2026_1122_0001);
    for (row, shape) in SHAPES.iter().enumerate() {
        for chinese in [true, false] {
            let gbk = chinese && row % 2 == 0;
            let html = |served: &Served| page(shape, chinese, gbk, served);
            let approved = served(&mut chance, 10);
            let fetches: Vec<Page> = [approved.clone(), served(&mut chance, 10), served(&mut chance, 10)]
                .iter()
                .map(|served| read(&html(served), gbk, &served.day))
                .collect();
            let learned = Fingerprint::learn(&fetches).unwrap();
            let frozen = Fingerprint::from_json(&learned.to_json()).unwrap();
            assert_eq!(frozen, learned);
            let mut note = |table: &mut Table, kind: &'static str, is_wrong: bool, told: String| {
                let count = table.entry(kind).or_default();
                count.0 += 1;
                count.1 += usize::from(is_wrong);
                if is_wrong {
                    wrong.push(format!("{kind} ({shape}, {}): {told}", if chinese { "zh" } else { "en" }));
                }
            };
            for (kind, vary) in VARIATIONS {
                let (mut now, later) = (approved.clone(), served(&mut chance, 14));
                vary(&mut now, &later);
                let seen = frozen.compare(&read(&html(&now), gbk, &now.day));
                note(&mut varied, kind, seen.standing == Standing::Changed, format!("{:?}", seen.changes));
            }
            for (kind, rewrite) in REWRITINGS {
                let seen = frozen.compare(&read(&rewrite(&html(&approved)), gbk, &approved.day));
                note(&mut varied, kind, seen.standing == Standing::Changed, format!("{:?}", seen.changes));
            }
            for (kind, edits) in EDITS {
                let now = served(&mut chance, 14);
                let before = html(&now);
                let after = edits.iter().fold(before.clone(), |html, (from, to)| html.replacen(from, to, 1));
                if before != after {
                    let seen = frozen.compare(&read(&after, gbk, &now.day));
                    // Changed, and said where: a false alarm on the page as it was would hide a miss.
                    let unedited = frozen.compare(&read(&before, gbk, &now.day));
                    let missed = seen.standing != Standing::Changed || seen.count <= unedited.count;
                    note(&mut changed, kind, missed, format!("{:?}", seen.changes));
                }
            }
        }
    }
    (varied, changed, wrong)
}

#[test]
fn r_landing_frozen_the_fingerprint_meets_its_bounds() {
    let (varied, changed, wrong) = measure();
    let total = |table: &Table| table.values().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    for (name, table, fault) in
        [("What varies", &varied, "False alarms"), ("What somebody changed", &changed, "Misses")]
    {
        println!("\n| {name} | Pages | {fault} |\n|---|---:|---:|");
        table.iter().for_each(|(kind, (count, faults))| println!("| {kind} | {count} | {faults} |"));
        let (count, faults) = total(table);
        println!("| **all** | **{count}** | **{faults}** |");
    }
    let (varied, changed) = (total(&varied), total(&changed));
    assert!(varied.0 >= 200 && changed.0 >= 200, "{varied:?}, {changed:?}");
    // The false alarms: of the recommended articles, one was by chance in each fetch that the page was learned from.
    assert!(varied.1 <= MOST_FALSE_ALARMS, "false alarms and misses:\n{}", wrong.join("\n"));
    assert_eq!(changed.1, 0, "misses and false alarms:\n{}", wrong.join("\n"));
}
