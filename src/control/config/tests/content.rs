//! `content.toml`, with and without it.

use super::*;

#[test]
fn r_qualify_a_folder_without_content_has_what_is_shipped() {
    let mut files = example();
    let with =
        compile(&Sources::from_files(Path::new("config"), files.clone()).unwrap(), &mut IdBook::default(), &moment());
    files.remove("content.toml").unwrap();
    let sources = Sources::from_files(Path::new("config"), files).unwrap();
    assert!(sources.files().all(|(name, _)| name != "content.toml"), "a generation is stored as it was given");
    let without = compile(&sources, &mut IdBook::default(), &moment()).unwrap().market;
    assert_eq!(without.terms.content, with.unwrap().market.terms.content, "the example says what is usual");

    let terms = &without.terms.content;
    let needs = |category: &str, named: &[&str]| -> Vec<String> {
        let named: Vec<_> = named.iter().map(|name| (*name).to_owned()).collect();
        terms.industries_of(category, &named).flat_map(|it| it.needs.iter().map(|any| any.join("|"))).collect()
    };
    assert_eq!(needs("IAB8", &[]), ["business-licence"]);
    assert_eq!(needs("IAB13-2", &[]), ["business-licence", "financial-licence"]);
    let devices = ["business-licence", "device-registration|device-filing", "device-ad-approval"];
    assert_eq!(needs("IAB7", &["medical-devices"]), devices);
    assert!(terms.industries_of("IAB9-9", &[]).any(|industry| industry.excluded), "R-SCOPE");
    assert!(terms.documents.iter().any(|kind| kind.contract), "R-SCOPE: a contract is a document too");
    for reason in &terms.reasons {
        assert!(!reason.name.zh.is_empty() && !reason.name.en.is_empty(), "{}", reason.code);
    }
}

#[test]
fn a_list_that_is_given_takes_the_place_of_the_shipped_one_and_problems_have_their_line() {
    let list = "[limits]\nmarkup = \"64KiB\"";
    let own = "[[reason]]\ncode = \"quality\"\nrule = \"R-REVIEW\"\nzh = \"质量\"\nen = \"quality\"\n";
    let market = edited(&[("content.toml", list, &format!("{own}{list}"))]).unwrap().market;
    assert_eq!(market.terms.content.reasons.len(), 1);
    assert!(market.terms.content.documents.len() > 20, "the others stay");
    let industry = "[[industry]]\nid = \"toys\"\nzh = \"玩具\"\nen = \"toys\"\ndocuments = [\"busines-licence\"]\n";
    let twice = format!("{industry}[[industry]]\nid = \"toys\"\nzh = \"玩具\"\nen = \"toys\"\n{list}");
    check(
        &[("content.toml", list, &format!("{industry}{list}"))],
        &[
            "config/content.toml:23: document `busines-licence` is not known (R-QUALIFY); did you mean `business-licence`?",
        ],
    );
    check(&[("content.toml", list, &twice)], &["config/content.toml:24: industry `toys` stands twice"]);
    check(
        &[("content.toml", "share = \"1%\"", "share = \"1\"")],
        &[
            "config/content.toml:16: `share` must be a percentage such as \"15%\" or \"12.5%\", with at most two decimals",
        ],
    );
}

/// R-CATEGORY.
#[test]
fn r_category_a_media_prohibits_industries_that_content_knows() {
    let before = "prohibited_categories = [\"IAB7-39\"";
    let with = |list: &str| format!("prohibited_industries = [{list}]\n{before}");
    let market = edited(&[("media.toml", before, &with("\"games\", \"medicine\""))]).unwrap().market;
    let sunrise = market.media.iter().find(|it| it.wire == "sunrise").unwrap();
    assert_eq!(sunrise.prohibited.categories, ["IAB7-39", "IAB25", "IAB26", "IAB9-30"]);
    assert_eq!(sunrise.prohibited.industries, ["games", "medicine"]);
    assert_eq!(sunrise.prohibited_categories, ["IAB7-39", "IAB25", "IAB26"], "as its contract says");
    let known: Vec<_> = market.terms.content.prohibitable().collect();
    let told = |line: u32, name: &str| {
        let why = "is no industry of content.toml that a media may prohibit (R-CATEGORY)";
        format!("config/media.toml:{line}: `{name}` {why}; known: {}", known.join(", "))
    };
    assert!(known.contains(&"weapons") && !known.contains(&"any"));
    check(&[("media.toml", before, &with("\"toys\", \"any\""))], &[&told(13, "any"), &told(13, "toys")]);
}
