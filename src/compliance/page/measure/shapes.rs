//! Landing pages of ten shapes, in Chinese and English, with what varies from fetch to fetch.

/// What a server makes anew for each fetch.
#[derive(Clone, Debug)]
pub(super) struct Served {
    /// `2026-11-22`.
    pub(super) day: String,
    /// `14:05:33`.
    pub(super) time: String,
    /// Milliseconds since 1970.
    pub(super) moment: u64,
    /// How many looked at it.
    pub(super) views: u64,
    /// How many are left.
    pub(super) stock: u64,
    pub(super) token: String,
    pub(super) session: String,
    pub(super) nonce: String,
    /// Which rotated ad stands in its marked place.
    pub(super) ad: usize,
    /// Which three of the recommended articles are shown, in no marked place.
    pub(super) recommended: usize,
    /// Seconds that run down.
    pub(super) left: u64,
}

pub(super) const SHAPES: [&str; 10] = [
    "product",
    "lead form",
    "app download",
    "article",
    "single-page app",
    "video",
    "bank",
    "game",
    "clinic",
    "store list",
];

const ADS: [&str; 6] =
    ["Aurora headphones", "云帆新车试驾", "Harbour coffee beans", "冬季羽绒服", "Trail shoes", "儿童绘本订阅"];
const ARTICLES: [&str; 8] = [
    "How we chill milk",
    "牧场的一天",
    "A walk through the dairy",
    "怎样挑选酸奶",
    "Grass, weather and taste",
    "冷链是什么",
    "From farm to door",
    "早餐新搭配",
];

/// A page of a shape.
pub(super) fn page(shape: &str, chinese: bool, gbk: bool, served: &Served) -> String {
    let t = |zh: &'static str, en: &'static str| if chinese { zh } else { en };
    let Served { moment, token, nonce, session, .. } = served;
    let (lang, charset) = (t("zh-CN", "en"), if gbk { "gbk" } else { "utf-8" });
    let company = t("青禾乳业（上海）有限公司", "Qinghe Dairy Ltd");
    let body = body(shape, chinese, served);
    let ad = ADS[served.ad % ADS.len()];
    let advertisement = format!(
        r#"<div class="ad" id="side"><a href="https://ads.partner.example/c/{moment}?k={token}"><img src="https://ads.partner.example/i/{}.jpg" alt="{ad}">{ad}</a></div>"#,
        served.ad
    );
    format!(
        r#"<!DOCTYPE html><html lang="{lang}"><head><meta charset="{charset}"><title>{title}</title><meta name="csrf-token" content="{token}">
<meta name="description" content="{description}"><link rel="stylesheet" href="/static/site.css?t={moment}"><style nonce="{nonce}">.fine{{font-size:12px}}.gone{{display:none}}</style>
<script nonce="{nonce}" src="https://cdn.qinghe.example/app.js?v=31&amp;_={moment}"></script><script nonce="{nonce}">window.__env = {{"csrfToken": "{token}", "serverTime": {moment}, "traceId": "{session}", "channel": "spring"}};</script></head>
<body><!-- rendered {moment} by web-{} --><nav><a href="/;jsessionid={session}">{home}</a> <a href="/about?sid={session}">{about}</a> <a href="/help?utm_source=pmp&amp;topic=3">{help}</a></nav>
{body}
{advertisement}<p class="gone">{hidden}</p>
<footer><p>{company} · {phone_label} 400-820-1234</p><p>{licence} · © 2019–{} {company}</p><p class="fine">{updated} {} {}</p></footer></body></html>"#,
        moment % 7,
        &served.day[..4],
        served.day,
        served.time,
        title = t("青禾鲜牛奶 春季优惠", "Qinghe fresh milk, spring offer"),
        description = t("每天清晨由牧场直送到家", "Delivered from the farm every morning"),
        home = t("首页", "Home"),
        about = t("关于我们", "About us"),
        help = t("帮助", "Help"),
        hidden = t("内部编号：春季一号", "Internal name: spring one"),
        phone_label = t("客服电话", "Call us"),
        licence = t("沪ICP备12345678号-2", "Registered in Shanghai, no. 12345678"),
        updated = t("页面更新时间", "Page generated"),
    )
}

fn body(shape: &str, chinese: bool, served: &Served) -> String {
    let t = |zh: &'static str, en: &'static str| if chinese { zh } else { en };
    let Served { views, stock, token, moment, .. } = served;
    match shape {
        "product" => format!(
            "<main><h1>{}</h1><img src=\"https://cdn.qinghe.example/milk.jpg?sign={token}\" alt=\"{}\"><p class=price>{} <b>9.90</b> {}</p><p>{}</p><p>{}</p>\
             <p>{}</p><form action=\"/cart/add\" method=post><input type=hidden name=_csrf value=\"{token}\"><input type=hidden name=sku value=m-900>\
             <input name=count type=number><input type=submit value=\"{}\"></form><p>{}</p></main>",
            t("青禾鲜牛奶 900ml", "Qinghe fresh milk 900 ml"),
            t("鲜牛奶", "fresh milk"),
            t("活动价 ¥", "Now ¥"),
            t("元/瓶，原价 15.00 元", "a bottle, was ¥15.00"),
            if chinese {
                format!("已售 {views} 件，库存 {stock} 件")
            } else {
                format!("{views} sold, {stock} left in stock")
            },
            countdown(chinese, served.left),
            t("活动截止 2026年12月31日，限华东地区", "Until 2026-12-31, in East China only"),
            t("加入购物车", "Add to cart"),
            t("支持七天无理由退货。生鲜商品除外。", "Returns within seven days, fresh goods excepted."),
        ),
        "lead form" => format!(
            "<section><h2>{}</h2><p>{}</p><form action=\"https://crm.qinghe.example/lead\" method=post><input type=hidden name=token value=\"{token}\">\
             <input type=hidden name=t value={moment}><label>{}<input name=name></label><label>{}<input name=phone type=tel></label><select name=city>\
             <option>{}<option>{}</select><button>{}</button></form><p>{}</p><p>{}</p></section>",
            t("免费试喝登记", "Register for a free tasting"),
            if chinese { format!("已有 {views} 人参与") } else { format!("{views} people have registered") },
            t("姓名", "Name"),
            t("手机", "Mobile"),
            t("上海", "Shanghai"),
            t("杭州", "Hangzhou"),
            t("提交", "Send"),
            t(
                "提交即表示同意隐私政策，我们只用您的电话安排试喝。",
                "We use your number to arrange the tasting and for nothing else."
            ),
            t("每户限一份，先到先得。", "One for each household, while stocks last."),
        ),
        "app download" => format!(
            "<main><h1>{}</h1><p>{}</p><p>{}</p><a class=get href=\"https://dl.qinghe.example/app/qinghe-3.2.1.apk?t={moment}\">{}</a> \
             <a href=\"https://apps.apple.com/cn/app/id1234567890\">App Store</a><p>{}</p><ul><li>{}<li>{}</ul></main>",
            t("青禾鲜生 App", "The Qinghe app"),
            t("版本 3.2.1　开发者：青禾网络科技", "Version 3.2.1, by Qinghe Networks"),
            if chinese {
                format!("下载 {views} 次安装，4.8 分")
            } else {
                format!("{views} downloads, rated 4.8")
            },
            t("安卓下载", "Download for Android"),
            t("权限：位置、通知", "Permissions: location, notifications"),
            t("按日订奶，随时暂停", "Order by the day, pause at any time"),
            t("配送进度实时查看", "See where your milk is"),
        ),
        "article" => article(chinese, served),
        "single-page app" => format!(
            "<div id=app></div><noscript>{}</noscript><script type=\"application/json\" id=state>{{\"product\":{{\"name\":\"{}\",\"price\":\"9.90\",\"stock\":{stock},\
             \"views\":{views}}},\"seller\":\"{}\",\"now\":{moment},\"csrf\":\"{token}\"}}</script><script>/* start */ boot(document.getElementById('state'), {{ retry: 3, \
             at: {moment} }});</script><script src=\"https://cdn.qinghe.example/chunk.8f3a2b.js\"></script>",
            t("请启用脚本", "Please enable scripts"),
            t("鲜牛奶", "fresh milk"),
            t("青禾乳业", "Qinghe Dairy"),
        ),
        "video" => format!(
            "<main><h1>{}</h1><video src=\"https://v.qinghe.example/farm.mp4?auth_key={token}\" poster=\"https://v.qinghe.example/farm.jpg\" controls></video><p>{}</p>\
             <p>{}</p><button onclick=\"play('farm')\">{}</button></main>",
            t("走进牧场", "A day on the farm"),
            if chinese {
                format!("播放 {views}　点赞 {stock}")
            } else {
                format!("{views} views · {stock} likes")
            },
            t("片长 3 分 20 秒，拍摄于青禾一号牧场。", "3 min 20 s, filmed at farm one."),
            t("播放", "Play"),
        ),
        "bank" => format!(
            "<main><h1>{}</h1><table><tr><td>{}<td>3.45%<tr><td>{}<td>50,000<tr><td>{}<td>6222 0212 3456 7890</table><p>{}</p>\
             <form action=\"https://ebank.harbour.example/apply\" method=post><input type=hidden name=csrf_token value=\"{token}\"><input name=id type=text>\
             <input name=mobile type=tel></form></main>",
            t("港湾银行消费贷", "Harbour Bank personal loan"),
            t("年化利率（单利）", "Annual rate (simple)"),
            t("最高额度（元）", "Up to (yuan)"),
            t("还款账户", "Repayment account"),
            t(
                "贷款有风险，借款须谨慎。实际利率以审批为准。",
                "Borrow with care. The rate is set when the loan is granted."
            ),
        ),
        "game" => format!(
            "<main><h1>{}</h1><p>{}</p><a href=\"https://game.paopao.example/get/paopao_v12.apk\">{}</a><a href=\"javascript:share('paopao')\">{}</a>\
             <iframe src=\"https://game.paopao.example/trailer\"></iframe><p>{}</p><p>{}</p></main>",
            t("泡泡岛", "Island of Bubbles"),
            if chinese {
                format!("在线人数 {views}，预约 {stock} 人已预约")
            } else {
                format!("{views} people are playing")
            },
            t("立即下载", "Get it now"),
            t("分享", "Share"),
            t("国新出审〔2025〕1234号　适龄提示：8+", "Approval 2025-1234, for ages 8 and over"),
            t("抵制不良游戏，拒绝盗版游戏。", "Play fair and rest often."),
        ),
        "clinic" => format!(
            "<main><h1>{}</h1><p>{}</p><p>{}</p><p>{}</p><a href=\"tel:02112345678\">021-1234-5678</a><p>{}</p></main>",
            t("清禾口腔门诊", "Qinghe dental clinic"),
            t("洁牙 198 元，窝沟封闭 80 元/颗", "Cleaning 198 yuan, sealing 80 yuan a tooth"),
            t("沪医广【2026】第11-22-A001号", "Medical advertisement approval 2026-11-22-A001"),
            t("地址：上海市静安区南京西路1号", "1 Nanjing Road West, Shanghai"),
            if chinese {
                format!("今天 {} 可预约", served.day)
            } else {
                format!("Appointments for {} are open", served.day)
            },
        ),
        _ => stores(chinese, served),
    }
}

fn countdown(chinese: bool, left: u64) -> String {
    let (hours, minutes, seconds) = (left / 3_600, left / 60 % 60, left % 60);
    if chinese {
        format!("距结束 {hours}小时{minutes:02}分{seconds:02}秒")
    } else {
        format!("Ends in {hours} hours {minutes} minutes {seconds} seconds")
    }
}

/// A long page, with recommended articles that no place marks off.
fn article(chinese: bool, served: &Served) -> String {
    let mut paragraphs = String::new();
    for paragraph in 1..=30 {
        let line = if chinese {
            format!(
                "<p>第{paragraph}节。牧场在海拔 {} 米的草原上，每头奶牛有自己的编号，牛奶在两小时内降到 4 度，之后装瓶。</p>\n",
                800 + paragraph
            )
        } else {
            format!(
                "<p>Part {paragraph}. The farm lies {} metres up; each cow has a number, and the milk is chilled to 4 degrees.</p>\n",
                800 + paragraph
            )
        };
        paragraphs.push_str(&line);
    }
    let shown = (0..3).map(|at| (served.recommended + at) % ARTICLES.len());
    let recommended: String =
        shown.map(|at| format!("<li><a href=\"/read/{}.html\">{}</a></li>", 1_000 + at, ARTICLES[at])).collect();
    let (head, more, reads) = if chinese {
        ("一瓶鲜牛奶的旅程", "相关阅读", format!("阅读 {}", served.views))
    } else {
        ("The journey of a bottle of milk", "More to read", format!("{} views", served.views))
    };
    format!("<article><h1>{head}</h1><p>{reads}</p>{paragraphs}<h3>{more}</h3><ul>{recommended}</ul></article>")
}

fn stores(chinese: bool, served: &Served) -> String {
    let rows: String = (1..=12)
        .map(|store| {
            if chinese {
                format!(
                    "<tr><td>青禾 {store} 号店<td>人民路 {} 号<td>021-5555-{:04}<td>9:00—21:00</tr>",
                    store * 7,
                    store * 31
                )
            } else {
                format!(
                    "<tr><td>Qinghe store {store}<td>{} Renmin Road<td>021-5555-{:04}<td>9:00—21:00</tr>",
                    store * 7,
                    store * 31
                )
            }
        })
        .collect();
    let visits = if chinese { format!("访问量 {}", served.views) } else { format!("{} views", served.views) };
    format!("<h1>{}</h1><table>{rows}</table><p>{visits}</p>", if chinese { "门店一览" } else { "Our stores" })
}
