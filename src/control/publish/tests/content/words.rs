//! Words that media prohibit, over creatives that come and go (R-CATEGORY).

use super::*;

/// A version of a creative whose markup says something, in a state.
fn say(bench: &Bench, crid: &str, version: u32, text: &str) {
    let mut record = record(ACCOUNT, crid, version);
    record.submission.markup = format!("<p>{text}</p>");
    let body = serde_json::to_string(&record).unwrap();
    take(bench, (ACCOUNT, crid, version), Approved.code(), Some(&body));
}

fn prohibit(bench: &Bench, media: &str, words: &[&str]) {
    let words = words.iter().map(|it| (*it).to_owned()).collect();
    let after = present(&*bench.docket, media).unwrap().seq();
    let market = bench.publisher.exchange().market.load_full();
    let by = Edit { at: noon(), actor: media, reason: "" };
    edit_prohibitions(&*bench.docket, &market, media, (&Wanted { words, ..Wanted::default() }, after), &by).unwrap();
}

/// Follows until everything has been looked at.
fn settle(publisher: &Publisher) {
    let (_open, pause) = std::sync::mpsc::channel::<()>();
    for _ in 0..10_000 {
        publisher.follow_content().unwrap();
        if held(&publisher.review).words_are_settled() {
            return;
        }
        assert!(pause.recv_timeout(std::time::Duration::from_millis(1)).is_err());
    }
    panic!("the words are looked for some time");
}

/// Who is kept away from a media, of these.
fn kept_away<'n>(publisher: &Publisher, media: &str, names: &[(&str, &'n str)]) -> Vec<&'n str> {
    let market = publisher.exchange().market.load_full();
    let media = market.media.iter().find(|it| it.wire == media).unwrap();
    let is = |(account, crid): &&(&str, &str)| {
        let buyer = market.buyers.iter().find(|it| it.account == *account).unwrap().id;
        let creative = market.creative(buyer, crid).unwrap();
        market.barred(media).is_some_and(|barred| barred.has(creative.id))
    };
    names.iter().filter(is).map(|(_, crid)| *crid).collect()
}

#[test]
fn r_category_an_ad_that_says_a_prohibited_word_is_kept_away_on_every_process() {
    let mut bench = Bench::new();
    let other = bench.beside(bench.folder.path(), false).unwrap();
    say(&bench, "plain", 1, "鲜牛奶");
    say(&bench, "game", 1, "最新的 遊 戲");
    let all = [(ACCOUNT, "plain"), (ACCOUNT, "game"), ("80010001", "milk-open-1"), ("80010001", "milk-feed-1")];
    bench.publisher.follow_content().unwrap();
    assert!(kept_away(&bench.publisher, "sunrise", &all).is_empty());

    prohibit(&bench, "sunrise", &["游戏"]);
    bench.publisher.follow_content().unwrap();
    let unseen = kept_away(&bench.publisher, "sunrise", &all);
    assert_eq!(unseen.len(), 4, "what nobody has looked at yet is kept away: {unseen:?}");
    assert!(kept_away(&bench.publisher, "harbor", &all).is_empty(), "from that media only");
    for publisher in [&bench.publisher, &other] {
        settle(publisher);
        assert_eq!(kept_away(publisher, "sunrise", &all), ["game"]);
        assert!(kept_away(publisher, "harbor", &all).is_empty());
    }
    // The config's markup says something too; of a creative without one nothing is known.
    prohibit(&bench, "harbor", &["Qinghe  Dairy", "赌博"]);
    settle(&bench.publisher);
    assert_eq!(kept_away(&bench.publisher, "harbor", &all), ["milk-open-1"]);
    assert_eq!(kept_away(&bench.publisher, "sunrise", &all), ["game"]);

    // What is approved from now on is looked at at once.
    say(&bench, "plain", 2, "鲜牛奶与游戏");
    say(&bench, "game", 2, "最新的鲜牛奶");
    say(&bench, "late", 1, "賭博");
    bench.publisher.follow_content().unwrap();
    let later = [all[0], all[1], (ACCOUNT, "late")];
    assert_eq!(kept_away(&bench.publisher, "sunrise", &later), ["plain"]);
    assert_eq!(kept_away(&bench.publisher, "harbor", &later), ["late"]);

    // A word less needs no second look to keep the others away; without words nobody is.
    prohibit(&bench, "harbor", &["赌博"]);
    bench.publisher.follow_content().unwrap();
    assert_eq!(kept_away(&bench.publisher, "harbor", &[all[0], all[2]]), ["milk-open-1"]);
    settle(&bench.publisher);
    assert_eq!(kept_away(&bench.publisher, "harbor", &[all[2], later[2]]), ["late"]);
    prohibit(&bench, "harbor", &[]);
    bench.publisher.follow_content().unwrap();
    assert!(kept_away(&bench.publisher, "harbor", &later).is_empty());

    bench.restart(false).unwrap();
    settle(&bench.publisher);
    settle(&other);
    assert_eq!(kept_away(&bench.publisher, "sunrise", &later), ["plain"]);
    assert_eq!(kept_away(&other, "sunrise", &later), ["plain"]);
}

/// A reload, of the list of monitors too, forgets nothing, and looks at what it brings.
#[test]
fn r_category_a_reload_keeps_away_who_was_and_who_comes() {
    let bench = Bench::new();
    say(&bench, "game", 1, "游戏");
    prohibit(&bench, "sunrise", &["游戏", "milk of the year"]);
    settle(&bench.publisher);
    let names = [(ACCOUNT, "game"), ("80010001", "milk-open-1"), ("80010001", "milk-feed-1")];
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["game"]);
    bench.edit("creatives.toml", "alt=\"Ad · Qinghe Dairy Co.\"", "alt=\"Ad · Milk of the Year\"");
    bench.reload().unwrap();
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["game", "milk-open-1"]);
    say(&bench, "game", 2, "鲜牛奶");
    bench.edit("exchange.toml", "hosts = [\"count.example\"]", "hosts = [\"count.example\", \"other.example\"]");
    bench.reload().unwrap();
    settle(&bench.publisher);
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["milk-open-1"]);
}

/// More creatives than a page holds, and words that change while they are looked for.
#[test]
fn r_category_the_last_words_count_though_they_change_while_they_are_looked_for() {
    let bench = Bench::new();
    let names: Vec<String> = (0..600).map(|number| format!("many-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        say(&bench, name, 1, ["一等奖", "二等奖", "三等奖"][number % 3]);
    }
    prohibit(&bench, "sunrise", &["一等奖"]);
    bench.publisher.follow_content().unwrap();
    bench.publisher.follow_content().unwrap();
    // A scan is on.
    prohibit(&bench, "sunrise", &["二等奖"]);
    prohibit(&bench, "harbor", &["三等奖"]);
    settle(&bench.publisher);
    for (number, name) in names.iter().enumerate() {
        let of = |media| !kept_away(&bench.publisher, media, &[(ACCOUNT, name.as_str())]).is_empty();
        assert_eq!((of("sunrise"), of("harbor")), (number % 3 == 1, number % 3 == 2), "{name}");
    }
}
