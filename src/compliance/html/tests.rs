#![allow(clippy::unwrap_used, reason = "tests stop at what they did not expect")]

use super::encoding::charset;
use super::*;

fn read(source: &str) -> Document {
    Document::read(source, &Limits::default()).unwrap()
}

fn passed(source: &str) -> (Bound, usize) {
    let excess = Document::read(source, &Limits::default()).map(drop).unwrap_err();
    (excess.bound, Position::of(source, source.len()).column.saturating_sub(excess.position.column))
}

#[test]
fn a_tree_is_what_a_browser_makes_of_the_text() {
    let source = "<p>one<p>two<b>three</p>four<script>if (a<b) { '</p>' }</script><table><i>out</i><td x=1 X=2>in";
    let names: Vec<_> = read(source).elements().map(|it| it.name().to_owned()).collect();
    // Paragraphs end by themselves, `b` goes on behind its paragraph, and what does not belong into a table stands before it.
    assert_eq!(names, ["html", "head", "body", "p", "p", "b", "b", "script", "i", "table", "tbody", "tr", "td"]);
    let document = read(source);
    let script = document.named("script").next().unwrap();
    assert_eq!(script.text(), "if (a<b) { '</p>' }");
    let cell = document.named("td").next().unwrap();
    assert_eq!((cell.attribute("x"), cell.attributes().len(), cell.text().as_str()), (Some("1"), 1, "in"));
    assert_eq!(document.root().text(), "onetwothreefouroutin");
}

#[test]
fn names_of_other_vocabularies_are_told_apart() {
    let document =
        read("<svg><foreignObject><p>x</p></foreignObject><image xlink:href=a /></svg><math><mi>y</mi></math>");
    let of = |name: &str| document.elements().find(|it| it.name() == name).map(Element::space);
    assert_eq!((of("foreignObject"), of("p"), of("mi")), (Some(Space::Svg), Some(Space::Html), Some(Space::MathMl)));
    let image = document.elements().find(|it| it.name() == "image").unwrap();
    assert_eq!((image.attribute("xlink:href"), image.is("image")), (Some("a"), false));
}

#[test]
fn each_node_knows_where_it_begins() {
    let source =
        "<!doctype html>\r\n<p title='<b>'\nid=x>青禾 > &amp; <牛奶 <a href=\"x>y\">牛奶</a><!-- > --><br></p\n>";
    let document = read(source);
    let at = |wanted: &str| {
        let at = document.nodes().find(|node| format!("{node:?}").contains(wanted)).unwrap().position();
        (at.line, at.column)
    };
    assert_eq!((at("<p>"), at("<a>"), at("<br>")), ((2, 1), (3, 21), (3, 51)));
    assert_eq!((at("青禾 >"), at("comment"), at("doctype")), ((3, 6), (3, 41), (1, 1)));
    let long = format!("青\n{source}").repeat(200);
    let document = read(&long);
    for at in (0..=long.len()).step_by(97).filter(|at| long.is_char_boundary(*at)) {
        assert_eq!(document.position(at), Position::of(&long, at), "{at}");
    }
    assert_eq!(document.position(usize::MAX), Position::of(&long, long.len()));
    let document = read(source);
    for element in document.elements().filter(|it| !matches!(it.name(), "html" | "head" | "body")) {
        let tag = format!("<{}", element.name());
        assert!(document.source().get(element.node().offset()..).unwrap().starts_with(&tag), "{element:?}");
    }
}

#[test]
fn walks_know_their_end() {
    let document = read("<ul><li>1<li>2<ul><li>3</ul></ul><p>");
    let list = document.named("ul").next().unwrap();
    assert_eq!(list.node().descendants().filter_map(Node::element).count(), 4);
    assert_eq!(list.node().children().count(), 2);
    let last = document.named("li").last().unwrap();
    let up: Vec<_> = last.node().ancestors().map(Element::name).collect();
    assert_eq!(up, ["ul", "li", "ul", "body", "html"]);
    assert!(last.node().descendants().nth(1).is_none());
}

#[test]
fn noscript_is_text_as_in_a_browser_with_scripts() {
    // Read without scripts, the script would be the value of `title` and nobody would see it.
    let document = read("<noscript><p title=\"</noscript><script src=//evil.example></script>\">");
    assert_eq!(document.named("script").next().unwrap().attribute("src"), Some("//evil.example"));
}

// The next three: what costs a browser minutes stops where a limit is passed. The numbers tell how far from the end.

#[test]
fn depth_stops_reading_early() {
    for deep in ["<div>", "<table><tr><td>", "<b><div>", "<svg><g>", "<object>", "<template>"] {
        let source = deep.repeat(400_000);
        let limits = Limits { bytes: source.len(), ..Limits::default() };
        let excess = Document::read(&source, &limits).map(drop).unwrap_err();
        assert!(matches!(excess.bound, Bound::Depth), "{deep}: {excess}");
        assert!(excess.position.column < 4_000, "{deep}: {excess}");
    }
    let shallow = Limits { depth: 10_000, ..Limits::default() };
    let document = Document::read(&"<div>".repeat(9_000), &shallow).unwrap();
    assert_eq!(document.named("div").last().unwrap().node().ancestors().count(), 9_001);
}

#[test]
fn attributes_stop_reading_before_they_are_compared() {
    let many: String = (0..200_000).map(|n| format!("a{n} ")).collect();
    for (before, after) in [("<p ", ">"), ("</p ", ">"), ("<textarea></textarea ", ""), ("<script></script ", ">")] {
        let excess = Document::read(&format!("{before}{many}{after}"), &Limits::default()).map(drop).unwrap_err();
        assert_eq!((excess.bound, excess.position.line), (Bound::Attributes, 1), "{before}");
    }
    let spread: String = (0..2_000).map(|n| format!("<body a{n}='>'>")).collect();
    assert_eq!(passed(&spread).0, Bound::Attributes);
    // What only looks like attributes is not counted: text in scripts, comments and values.
    for fine in [
        format!("<script>if (a <b {many}) {{}}</script>"),
        format!("<!-- <p {many} -->"),
        format!("<p title=\"{many}\">"),
        format!("<p title = '{many}' b>"),
        format!("<textarea><p {many}</textarea>"),
        format!("a < b {many}"),
    ] {
        assert!(Document::read(&fine, &Limits::default()).is_ok(), "{}", fine.get(..20).unwrap());
    }
    let large = format!("<p title='{}'>x", "v".repeat((2 << 20) - 20));
    assert_eq!(read(&large).named("p").next().unwrap().attribute("title").unwrap().len(), (2 << 20) - 20);
    let plenty: String = (0..256).map(|n| format!(" a{n}=1")).collect();
    assert_eq!(read(&format!("<p{plenty}>")).named("p").next().unwrap().attributes().len(), 256);
    assert_eq!(passed(&format!("<p{plenty} b>")).0, Bound::Attributes);
}

#[test]
fn copies_and_counts_are_bounded() {
    // Each paragraph opens the formatting elements of those before it again.
    let copies: String = (0..20_000).map(|n| format!("<p><b id={n}></p>")).collect();
    assert_eq!(passed(&copies).0, Bound::Depth);
    let reopened: String = format!("<p><b title='{}'></p>", "v".repeat(1 << 20)) + &"<p>x</p>".repeat(100);
    assert_eq!(passed(&reopened).0, Bound::Kept);
    assert_eq!(passed(&"<br>".repeat(60_000)).0, Bound::Nodes);
    assert_eq!(passed(&"</br/>".repeat(200_001)).0, Bound::Nodes);
    assert_eq!(passed(&"</i>".repeat(300_000)).0, Bound::Tokens);
}

#[test]
fn bytes_are_read_in_their_encoding() {
    let (gbk, _, _) = encoding_rs::GBK.encode("<title>青禾乳业</title>");
    assert_eq!(decode(&gbk, Some("gb2312")).1, "GBK");
    assert_eq!(decode(&gbk, None), ("<title>青禾乳业</title>".into(), "gb18030"));
    let by_meta = [b"<meta http-equiv=Content-Type content='text/html; charset=GBK'>".as_slice(), &gbk].concat();
    assert_eq!(decode(&by_meta, None).1, "GBK");
    // A header is believed before a meta, and a byte order mark before both.
    assert_eq!(decode(&by_meta, Some("utf-8")).1, "UTF-8");
    assert_eq!(decode(b"\xef\xbb\xbf<meta charset=gbk>x", Some("gbk")), ("<meta charset=gbk>x".into(), "UTF-8"));
    assert_eq!(decode("<p>好".as_bytes(), Some("no-such")).1, "UTF-8");
    assert_eq!(decode(b"<meta charset=utf-16>x", None).1, "UTF-8");
    assert_eq!(decode(b"<!-- <meta charset=gbk> --><meta charset=big5>", None).1, "Big5");
    assert_eq!(charset("text/html; Charset = \"GB18030\" ; x").as_deref(), Some("gb18030"));
    let document = Document::of_bytes(&gbk, None, &Limits::default()).unwrap();
    assert_eq!(document.named("title").next().unwrap().text(), "青禾乳业");
    let limits = Limits { bytes: 4, ..Limits::default() };
    assert_eq!(Document::of_bytes(&gbk, None, &limits).unwrap_err().bound, Bound::Bytes);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    /// No text upsets it, and what it keeps hangs together: each child is where its neighbours say.
    #[test]
    fn any_text_is_read_or_refused(parts in proptest::collection::vec(0_usize..40, 0..400)) {
        const PARTS: [&str; 40] = [
            "<div>", "</div>", "<p>", "</p>", "<b>", "</b>", "<a href=x>", "</a>", "<table>", "</table>", "<tr>", "<td>", "<i id=1>", "</i>",
            "<select>", "<option>", "</select>", "<svg>", "</svg>", "<math>", "<mi>", "<template>", "</template>", "<script>", "</script>",
            "<!--", "-->", "<", ">", "\"", "'", "=", "青", "\0", "&amp", "&#x110000;", "\r\n", "<frameset>", "<form>", "<![CDATA[",
        ];
        let source: String = parts.iter().filter_map(|part| PARTS.get(*part)).copied().collect();
        if let Ok(document) = Document::read(&source, &Limits::default()) {
            for node in document.nodes() {
                proptest::prop_assert!(node.children().all(|child| child.parent() == Some(node)));
                proptest::prop_assert!(node.parent().is_some_and(|parent| parent.children().any(|it| it == node)));
                proptest::prop_assert!(source.is_char_boundary(node.offset()));
            }
        }
    }
}
