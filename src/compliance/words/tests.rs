#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// The list that is shipped.
fn shipped() -> Words {
    let table: toml::Table = include_str!("../../../config/words.toml").parse().unwrap();
    let texts = |value: Option<&toml::Value>| -> Vec<String> {
        let list = value.map_or(&[][..], |list| list.as_array().unwrap());
        list.iter().map(|it| it.as_str().unwrap().to_owned()).collect()
    };
    let group = |group: &toml::Value| WordGroup {
        name: group["name"].as_str().unwrap().to_owned(),
        weight: if group["weight"].as_str() == Some("refuse") { WordWeight::Refuse } else { WordWeight::Person },
        industries: texts(group.get("industries")),
        except: texts(group.get("except")),
        en: group["en"].as_str().unwrap().to_owned(),
        zh: group["zh"].as_str().unwrap().to_owned(),
        words: texts(group.get("words")),
    };
    let groups = table["group"].as_array().unwrap().iter().map(group).collect();
    Words::new(WordTerms { groups, allowed: texts(table.get("allowed")) }).unwrap()
}

/// A list of words that refuse, and of phrases that are allowed.
fn list(words: &[&str], allowed: &[&str]) -> Words {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let group = WordGroup {
        name: "absolute".into(),
        weight: WordWeight::Refuse,
        industries: Vec::new(),
        except: Vec::new(),
        en: "no".into(),
        zh: "不可".into(),
        words: owned(words),
    };
    Words::new(WordTerms { groups: vec![group], allowed: owned(allowed) }).unwrap()
}

/// `REFUSE absolute 国家级 <国 家-级>` for each hit.
fn told(words: &Words, text: &str, scope: &Scope<'_>) -> String {
    let shown =
        |hit: &Hit<'_>| format!("{:?} {} {} <{}>", hit.weight, hit.group.name, hit.word, &text[hit.range.clone()]);
    words.hits(text, scope).iter().map(shown).collect::<Vec<_>>().join("; ")
}

/// R-REVIEW: what the shipped list says of ads, one line each: the industry, the text, what is found.
#[test]
fn r_review_ads_and_what_is_found_in_them() {
    let words = shipped();
    let cases = [
        // The law's terms refuse, however they are written.
        ("", "青禾国家级鲜牛奶", "Refuse absolute 国家级 <国家级>"),
        ("", "國家級認證", "Refuse absolute 国家级 <國家級>"),
        ("", "囯 家-级 品质", "Refuse absolute 国家级 <囯 家-级>"),
        ("", "国\u{200b}家\u{feff}级", "Refuse absolute 国家级 <国\u{200b}家\u{feff}级>"),
        ("", "国🔥家🔥级", "Refuse absolute 国家级 <国🔥家🔥级>"),
        ("", "国\u{336}家\u{336}级\u{336}!", "Refuse absolute 国家级 <国\u{336}家\u{336}级\u{336}>"),
        ("", "【最】【佳】选择", "Refuse absolute 最佳 <最】【佳>"),
        ("", "冣隹之选", "Refuse absolute 最佳 <冣隹>"),
        ("", "服务最⾼级", "Refuse absolute 最高级 <最⾼级>"),
        // Across clauses a person decides.
        ("", "鲜到最，佳节更浓", "Person absolute 最佳 <最，佳>"),
        ("", "国\n家\n级", "Person absolute 国家级 <国\n家\n级>"),
        // What the law does not mean.
        ("", "最佳食用期 30 天", ""),
        ("", "最佳觀影時間", ""),
        ("", "我们追求极致口感的最佳", "Person superlative 极致 <极致>"),
        ("", "追求最佳，不止于此", ""),
        ("", "本系列中最高级的一款，全网最高级", "Refuse absolute 最高级 <最高级>"),
        ("", "走进国家级自然保护区", ""),
        ("", "第一季度开业", ""),
        ("", "最近上新，最后三天", ""),
        ("", "最佳食用期内口感最佳", "Refuse absolute 最佳 <最佳>"),
        ("", "追求。最佳", "Refuse absolute 最佳 <最佳>"),
        // Synonyms go to a person; the longest is told.
        ("", "全网最低价", "Person superlative 全网最低价 <全网最低价>"),
        ("", "第—品牌", "Person superlative 第一 <第—>"),
        ("", "苐①品牌", "Person superlative 第1 <苐①>"),
        ("", "第壹品牌 ＮＯ．１", "Person superlative 第一 <第壹>; Person superlative NO.1 <ＮＯ．１>"),
        ("", "第10集、casino1", ""),
        ("", "TOP10 名单, be stable, bestow", ""),
        (
            "",
            "The Ьеѕt milk, B-E-S-T, 🅱🅴🆂🆃",
            "Person superlative best <Ьеѕt>; Person superlative best <B-E-S-T>; Person superlative best <🅱🅴🆂🆃>",
        ),
        ("", "Best before: see lid", ""),
        ("", "一百%？100 % 满意", "Person superlative 100% <100 %>"),
        // Claims by industry.
        (
            "medicine",
            "保证三个疗程治愈，无毒副作用",
            "Person medicine 保证…治愈 <保证三个疗程治愈>; Person medicine 无毒副作用 <无毒副作用>",
        ),
        ("medicine", "保证质量。请遵医嘱，治疗须知", ""),
        ("", "本品可治療失眠", "Person disease 治疗失眠 <治療失眠>"),
        ("medical-devices", "用于治疗", ""),
        (
            "IAB13-7",
            "保本保息，年化8%",
            "Person finance 保本 <保本>; Person finance 保息 <保息>; Person finance 年化 <年化>",
        ),
        ("", "保本保息，年化8%", ""),
        ("education", "包過班，不過退款", "Person education 包过 <包過>; Person education 不过退款 <不過退款>"),
        (
            "real-estate",
            "升值潛力，10分鐘到達市中心",
            "Person real-estate 升值 <升值>; Person real-estate 分钟到达 <分鐘到達>",
        ),
        ("alcohol", "开车前来一杯", "Person alcohol 开车 <开车>"),
        ("games", "一刀９９９，秒提", "Person games 一刀999 <一刀９９９>; Person games 秒提 <秒提>"),
        ("", "普通的鲜牛奶，每天配送到家。", ""),
    ];
    let mut wrong = Vec::new();
    for (industry, text, expected) in cases {
        let industries = if industry.is_empty() { &[][..] } else { &[industry][..] };
        let found = told(&words, text, &Scope { industries, brands: &[] });
        if found != expected {
            wrong.push(format!("{text:?}:\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn r_review_a_brand_excuses_what_is_a_part_of_it() {
    let words = shipped();
    let brands = Scope { industries: &[], brands: &["最佳拍挡", "第一"] };
    assert_eq!(told(&words, "最佳拍擋火锅，第一家店", &brands), "Person superlative 第一 <第一>");
    assert_eq!(told(&words, "最佳拍挡，最佳火锅", &brands), "Refuse absolute 最佳 <最佳>");
    // A brand that is nothing but the term: a person looks.
    let brands = Scope { industries: &[], brands: &["最佳"] };
    assert_eq!(told(&words, "最佳火锅", &brands), "Person absolute 最佳 <最佳>");
}

#[test]
fn r_review_a_finding_names_rule_place_and_statute_and_marks_the_word() {
    let findings = shipped().find("鲜牛奶\n我们是国·家级品牌", "adm");
    let [finding] = &findings[..] else { panic!("{findings:?}") };
    assert_eq!((finding.rule.as_ref(), finding.code.as_ref()), ("R-REVIEW", "words-absolute"));
    assert_eq!((finding.place.as_str(), finding.weight), ("adm:2:4", Weight::Refuse));
    assert_eq!(finding.found, "鲜牛奶\\n我们是【国·家级】品牌");
    assert!(finding.en.starts_with("\"国家级\" (written \"国·家级\"): an absolute term"), "{}", finding.en);
    assert!(finding.zh.contains("《广告法》第九条第（三）项"), "{}", finding.zh);
}

/// R-REVIEW: in each kind of markup, what is said to a person is read, wherever it stands; what is not, is not.
#[test]
fn r_review_markup_is_read_as_people_read_it() {
    let words = list(&["国家级"], &[]);
    let places = |format, markup: &str| -> Vec<String> {
        words.find_in(format, markup, &Scope::default()).into_iter().map(|finding| finding.place).collect()
    };
    let banner = "<a href='/国家级'><b>国</b><i>家</i>&#32423;</a>\n<img alt=' 国家级'><p hidden>国家级<script>'国家级'</script>";
    assert_eq!(places(Format::Banner, banner), ["adm:1:1 text:1:1", "adm:2:1 alt:1:2", "adm:2:27 text:1:1"]);
    let native = r#"{"native":{"assets":[{"id":1,"title":{"text":"\u56fd\u5bb6级"}},{"data":{"value":"国家级"}},{"img":{"url":"https://a/国家级"}}],
        "link":{"url":"https://a/国家级"}}}"#;
    assert_eq!(
        places(Format::Native, native),
        ["adm native/assets/0/title/text:1:1", "adm native/assets/1/data/value:1:1"]
    );
    let vast = "<VAST><Ad><InLine><AdTitle>国家&#x7ea7;</AdTitle><Description><![CDATA[国家级]]></Description><MediaFile>国家级</MediaFile>\
        <Companion><HTMLResource><![CDATA[<p>国家级</p>]]></HTMLResource><AltText>国家级</AltText></Companion></InLine></Ad></VAST>";
    let found = places(Format::Video, vast);
    assert_eq!(found, ["adm AdTitle:1:1", "adm Description:1:1", "adm HTMLResource 1:4 text:1:1", "adm AltText:1:1"]);
    // What cannot be read is looked through as it stands.
    assert_eq!(places(Format::Native, "{国家级"), ["adm:1:2"]);
}

/// R-CATEGORY: an ad says what its offer does too: brand, product and terms.
#[test]
fn r_category_what_is_offered_is_said() {
    let texts: Vec<_> = said(&crate::compliance::creative::tests::banner()).into_iter().map(|it| it.text).collect();
    assert_eq!(texts, ["广告 青禾乳业", "青禾", "鲜牛奶", "9.9元"]);
}

#[test]
fn words_within_words_are_told_once_and_the_heaviest_stays() {
    let words = list(&["国家级", "国家级产品", "家级"], &[]);
    assert_eq!(told(&words, "国家级产品", &Scope::default()), "Refuse absolute 国家级产品 <国家级产品>");
    // The longer one goes across a clause and weighs less: the shorter one is told too.
    let text = "国家级。产品";
    let both = "Person absolute 国家级产品 <国家级。产品>; Refuse absolute 国家级 <国家级>";
    assert_eq!(told(&words, text, &Scope::default()), both);
}

#[test]
fn what_is_too_much_is_told_as_a_number() {
    let text = "最佳 ".repeat(MOST_FINDINGS + 7);
    let findings = shipped().find(&text, "adm");
    assert_eq!(findings.len(), MOST_FINDINGS + 1);
    let last = findings.last().unwrap();
    assert_eq!((last.code.as_ref(), last.weight), ("words-more", Weight::Refuse));
    assert!(last.en.starts_with("7 more"), "{}", last.en);
}

#[test]
fn words_that_cannot_be_found_are_refused() {
    let of = |word: &str| {
        let group = list(&[], &[]).terms().groups[0].clone();
        Words::new(WordTerms { groups: vec![WordGroup { words: vec![word.into()], ..group }], allowed: vec![] })
    };
    assert!(matches!(of("—"), Err(WordsError::Nothing(_))));
    assert!(matches!(of("a"), Err(WordsError::Nothing(_))));
    assert!(of("最").is_ok());
    assert!(matches!(of("…治愈"), Err(WordsError::Parts(_))));
    assert!(matches!(of("保…证…治愈"), Err(WordsError::Parts(_))));
    assert!(matches!(of(&"最".repeat(49)), Err(WordsError::TooLong(_))));
}

/// Ways to write one letter of a word so that it still reads as it.
fn disguises(letter: char) -> Vec<String> {
    let mut ways = vec![letter.to_string()];
    if letter.is_ascii_graphic() {
        ways.push(letter.to_ascii_uppercase().to_string());
        ways.push(char::from_u32(letter as u32 + 0xfee0).unwrap().to_string());
        let alike = [
            ('a', 'а'),
            ('e', 'е'),
            ('o', 'о'),
            ('c', 'с'),
            ('p', 'р'),
            ('x', 'х'),
            ('b', 'В'),
            ('t', 'Τ'),
            ('s', 'ѕ'),
        ];
        ways.extend(alike.iter().filter(|(plain, _)| *plain == letter).map(|(_, alike)| alike.to_string()));
    }
    let traditional = include_str!("simplified.txt").lines().filter(|line| !line.starts_with('#'));
    let group = traditional.flat_map(|line| line.split(' ')).find(|group| group.starts_with(letter));
    ways.extend(group.into_iter().flat_map(str::chars).skip(1).map(String::from));
    ways.extend(["\u{335}", "\u{20e3}", "\u{fe0f}"].map(|mark| format!("{letter}{mark}")));
    ways
}

const BETWEEN: [&str; 14] =
    ["", "", "-", "·", "*", "_", "~", "\u{200b}", "\u{200d}", "\u{2060}", "🔥", "】【", "\u{ad}", ". "];

proptest! {
    /// R-REVIEW: no way of writing a word hides it, and what is marked is what was written.
    #[test]
    fn r_review_disguises_hide_nothing(
        word in prop::sample::select(vec!["国家级", "最高级", "最佳", "独一无二", "全网最低价", "best", "top1", "100%", "保证通过"]),
        picks in prop::collection::vec((any::<prop::sample::Index>(), 0..BETWEEN.len()), 12),
        before in "[你好吗，。 \n]{0,6}",
        behind in "[你好吗，。 \n]{0,6}",
    ) {
        let words = list(&["国家级", "最高级", "最佳", "独一无二", "全网最低价", "best", "top1", "100%", "保证通过"], &["最佳时间"]);
        let mut written = String::new();
        let mut spaced = false;
        for (index, letter) in word.chars().enumerate() {
            let (pick, between) = &picks[index];
            if index > 0 {
                written.push_str(BETWEEN[*between]);
                spaced |= BETWEEN[*between].contains(' ') && letter != '%';
            }
            let ways = disguises(letter);
            written.push_str(&ways[pick.index(ways.len())]);
        }
        let text = format!("{before}{written}{behind}");
        let hits = words.hits(&text, &Scope::default());
        prop_assert_eq!(hits.len(), 1, "{:?}", text);
        prop_assert_eq!(hits[0].word, word);
        let marked = &text[hits[0].range.clone()];
        prop_assert!(written.starts_with(marked), "{:?} of {:?}", marked, written);
        // What is left unmarked does not print.
        let rest = &written[marked.len()..];
        prop_assert!(rest.chars().all(|it| "\u{335}\u{20e3}\u{fe0f}".contains(it)), "{:?} of {:?}", marked, written);
        let latin = word.is_ascii();
        prop_assert_eq!(hits[0].weight, if latin && spaced { Weight::Person } else { Weight::Refuse }, "{:?}", text);
        let line = text[..hits[0].range.start].matches('\n').count() + 1;
        prop_assert_eq!(hits[0].line, line);
    }

    #[test]
    fn any_text_is_read(text in "\\PC{0,200}|[最佳国家级 ,。a-z\u{200b}\u{335}㎏㊙ﬁ]{0,60}") {
        for hit in shipped_once().hits(&text, &Scope::default()) {
            prop_assert!(text.get(hit.range.clone()).is_some());
        }
        let folded = Folded::of(&text);
        prop_assert_eq!(folded.text.chars().count(), folded.letters.len());
        let again = Folded::of(&folded.text);
        prop_assert_eq!(again.text, folded.text, "folding twice is folding once");
    }
}

fn shipped_once() -> &'static Words {
    static WORDS: std::sync::LazyLock<Words> = std::sync::LazyLock::new(shipped);
    &WORDS
}
