//! Words that media prohibit, over creatives that come and go (R-CATEGORY).

use super::*;

/// An approved version of a creative whose markup says something.
fn say(bench: &Bench, crid: &str, version: u32, text: &str) {
    say_of(bench, (ACCOUNT, "paopao-games", crid, version), Approved, text);
}

/// A version of any buyer's creative whose markup says something, in a state.
fn say_of(bench: &Bench, of: (&str, &str, &str, u32), state: CreativeState, text: &str) {
    let (account, advertiser, crid, version) = of;
    let mut record = record(account, crid, version);
    record.submission.advertiser = advertiser.to_owned();
    record.submission.markup = format!("<p>{text}</p>");
    let subject = record.submission.subject();
    let market = bench.publisher.exchange().market.load_full();
    let owner = Owner::Buyer(market.buyers.iter().find(|it| it.account == account).unwrap().id);
    let after = bench.docket.standing(&subject).unwrap().map_or(0, |it| it.seq);
    let body = serde_json::to_string(&record).unwrap();
    let (state, actor, reason) = (state.code(), "reviewer".to_owned(), String::new());
    let step = Step { subject, owner, state, due: None, at: noon(), actor, reason, body };
    bench.docket.take(&[Taken { step, after }]).unwrap();
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
    // Both at once.
    bench.edit("creatives.toml", "alt=\"Ad · Milk of the Year\"", "alt=\"Ad · Qinghe Dairy Co.\"");
    bench.edit("exchange.toml", "\"other.example\"]", "\"another.example\"]");
    bench.reload().unwrap();
    settle(&bench.publisher);
    assert!(kept_away(&bench.publisher, "sunrise", &names).is_empty());
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

/// What is served decides, not what is newest: a version that waits says nothing yet, a config's creative nothing any more once a review let one run.
#[test]
fn r_category_the_version_that_is_served_is_the_one_whose_words_count() {
    let bench = Bench::new();
    let of = |crid, version| (ACCOUNT, "paopao-games", crid, version);
    let milk = |crid, version| ("80010001", "qinghe-dairy", crid, version);
    say(&bench, "game", 1, "游戏");
    say(&bench, "plain", 1, "鲜牛奶");
    say(&bench, "odd", 1, "游戏");
    prohibit(&bench, "sunrise", &["游戏", "Qinghe Dairy"]);
    settle(&bench.publisher);
    let names = [
        (ACCOUNT, "game"),
        (ACCOUNT, "plain"),
        (ACCOUNT, "odd"),
        ("80010001", "milk-open-1"),
        ("80010001", "milk-feed-1"),
    ];
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["game", "odd", "milk-open-1"]);
    say_of(&bench, of("game", 2), PendingReview, "鲜牛奶");
    say_of(&bench, of("plain", 2), PendingReview, "游戏");
    take(&bench, (ACCOUNT, "odd", 2), Approved.code(), Some("{}"));
    say_of(&bench, milk("milk-open-1", 1), Approved, "鲜牛奶");
    say_of(&bench, milk("milk-feed-1", 1), Approved, "游戏");
    bench.publisher.follow_content().unwrap();
    let served = ["game", "odd", "milk-feed-1"];
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), served, "one that cannot be read frees nothing");
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), served, "a reload looks at the config's behind none");
}

/// All are looked at when words are new: also of buyers whose deals run elsewhere, and what waits for a person, which deals that serve first show.
#[test]
fn r_category_new_words_are_looked_for_in_all_that_may_be_shown() {
    let mut bench = Bench::new();
    let auto = ("80010002", "yunfan-auto", "auto-9", 1);
    let waiting = |crid| (ACCOUNT, "paopao-games", crid, 1);
    say_of(&bench, auto, Approved, "鲜牛奶");
    say_of(&bench, waiting("waits"), PendingReview, "鲜牛奶");
    say_of(&bench, waiting("waits-too"), PendingReview, "游戏");
    let names = [(auto.0, auto.2), (ACCOUNT, "waits"), (ACCOUNT, "waits-too")];
    prohibit(&bench, "sunrise", &["游戏"]);
    settle(&bench.publisher);
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["waits-too"]);
    bench.restart(false).unwrap();
    settle(&bench.publisher);
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["waits-too"]);
}

/// Between new words and the scan that looks for them: what changes meanwhile is kept away by them, and nobody else who was not.
#[test]
fn r_category_what_changes_before_the_scan_begins_waits_for_it_and_what_does_not_stays_free() {
    let bench = Bench::new();
    let names: Vec<String> = (0..600).map(|number| format!("many-{number}")).collect();
    names.iter().for_each(|name| say(&bench, name, 1, "鲜牛奶"));
    prohibit(&bench, "harbor", &["游戏", "赌博"]);
    settle(&bench.publisher);
    let harbor = |name: &str| !kept_away(&bench.publisher, "harbor", &[(ACCOUNT, name)]).is_empty();
    let milk = || !kept_away(&bench.publisher, "harbor", &[("80010001", "milk-feed-1")]).is_empty();
    assert!(names.iter().all(|name| !harbor(name)) && !milk());
    prohibit(&bench, "harbor", &["赌博"]);
    say(&bench, "many-0", 2, "赌博");
    say(&bench, "many-1", 2, "赌博和鲜牛奶");
    bench.publisher.follow_content().unwrap();
    assert!(harbor("many-0") && harbor("many-1"), "with fewer words too");
    settle(&bench.publisher);
    assert!(harbor("many-0") && harbor("many-1") && !harbor("many-2"));
    prohibit(&bench, "harbor", &["赌博", "彩票"]);
    say(&bench, "many-3", 2, "彩票");
    bench.publisher.follow_content().unwrap();
    assert!(harbor("many-3"), "what was looked for before says nothing of new words");
    settle(&bench.publisher);
    assert!(harbor("many-3") && !harbor("many-2"));
    // A scan for the words of another media begins; then this one takes words back.
    prohibit(&bench, "harbor", &["赌博", "游戏"]);
    settle(&bench.publisher);
    prohibit(&bench, "sunrise", &["游戏"]);
    bench.publisher.follow_content().unwrap();
    prohibit(&bench, "harbor", &["赌博"]);
    bench.edit("deals.toml", "cpm = \"24.00\"", "cpm = \"25.00\"");
    bench.reload().unwrap();
    let (_open, pause) = std::sync::mpsc::channel::<()>();
    while !held(&bench.publisher.review).words_are_settled() {
        bench.publisher.follow_content().unwrap();
        assert!(!milk() && !harbor("many-2") && !harbor("many-599"), "nobody who was not kept away is");
        assert!(pause.recv_timeout(std::time::Duration::from_millis(1)).is_err());
    }
    assert!(harbor("many-0") && !harbor("many-2"));
}

/// A scan tells of the version that it has read: where another one stands by then, it says nothing.
#[test]
fn r_category_what_a_scan_read_frees_no_version_that_came_since() {
    let bench = Bench::new();
    say(&bench, "game", 1, "鲜牛奶");
    prohibit(&bench, "sunrise", &["游戏"]);
    settle(&bench.publisher);
    let before = bench.publisher.exchange().market.load_full();
    say(&bench, "game", 2, "游戏");
    bench.publisher.follow_content().unwrap();
    let now = bench.publisher.exchange().market.load_full();
    for market in [&now, &before] {
        held(&bench.publisher.review).nothing_was_found_in("80010003/game", 1, market);
    }
    say(&bench, "plain", 1, "鲜牛奶");
    bench.publisher.follow_content().unwrap();
    assert_eq!(kept_away(&bench.publisher, "sunrise", &[(ACCOUNT, "plain"), (ACCOUNT, "game")]), ["game"]);
}

/// A scan that ends before it has seen everything is begun again; until then what was not looked at stays away.
#[test]
fn r_category_a_scan_that_ends_early_is_begun_again() {
    let bench = Bench::new();
    say(&bench, "game", 1, "游戏");
    say(&bench, "plain", 1, "鲜牛奶");
    prohibit(&bench, "sunrise", &["游戏"]);
    bench.publisher.follow_content().unwrap();
    held(&bench.publisher.review).a_scan_ends_early();
    let names = [(ACCOUNT, "game"), (ACCOUNT, "plain")];
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["game", "plain"]);
    settle(&bench.publisher);
    assert_eq!(kept_away(&bench.publisher, "sunrise", &names), ["game"]);
}
