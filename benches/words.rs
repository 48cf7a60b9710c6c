//! What looking for words costs: lists of 100 and of 10,000 words over texts of 1 KB to 100 KB. `cargo bench -p pmpx --bench words`; the figures
//! of a text should be the same for both lists.
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "criterion's macros; a bench")]

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use pmpx::compliance::words::{Banned, Scope, Words, spoken};
use pmpx::market::policy::words::{WordGroup, WordTerms, WordWeight};
use pmpx::market::supply::Format;

/// What ads and landing pages say.
const SPOKEN: &str = "青禾鲜牛奶，每天清晨由牧场直送到家。新客首月九折，満 99 元免运费；限华东地区，详情以活动页面为准。\
    A glass of fresh milk every morning, delivered from our own farm. Order by 22:00 and it is there at 7. \
    本活動最終解釋權歸主辦方所有，客服電話 400-820-0000（9:00—18:00）。\n";
/// Characters that words are made of, frequent ones.
const LETTERS: &str = "的一是不了在人有我他这为之大来以个中上们到说国和地也子时道出而要于就下得可你年生自会那后能对着事其里所去行过家十用发天如然作方成者多日都三小军二无同么经法当起与好看学进种将还分此心前面又定见只主没公从";

/// So many words of two to five characters, by a fixed sequence. None of them stands in the text.
fn words(count: usize) -> Words {
    let letters: Vec<char> = LETTERS.chars().collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut list = Vec::with_capacity(count);
    while list.len() < count {
        let length = 2 + next(4);
        let word: String = (0..length).map(|_| letters[next(letters.len())]).collect();
        if !SPOKEN.contains(&word) {
            list.push(word);
        }
    }
    let group = WordGroup {
        name: "made".to_owned(),
        weight: WordWeight::Person,
        industries: Vec::new(),
        except: Vec::new(),
        en: String::new(),
        zh: String::new(),
        words: list,
    };
    Words::new(WordTerms { groups: vec![group], allowed: Vec::new() }).unwrap()
}

fn find(criterion: &mut Criterion) {
    let lists = [100, 10_000].map(|count| (count, words(count)));
    let mut group = criterion.benchmark_group("words");
    for kilobytes in [1, 10, 100] {
        let mut text = SPOKEN.repeat((kilobytes << 10) / SPOKEN.len() + 1);
        let end = (0..=kilobytes << 10).rev().find(|at| text.is_char_boundary(*at)).unwrap();
        text.truncate(end);
        group.throughput(Throughput::Bytes(text.len() as u64));
        for (count, words) in &lists {
            let id = BenchmarkId::new(format!("{count} words"), format!("{kilobytes} KB"));
            group.bench_function(id, |bencher| bencher.iter(|| words.hits(black_box(&text), &Scope::default()).len()));
        }
    }
    group.finish();
}

fn make(criterion: &mut Criterion) {
    let terms = words(10_000).terms().clone();
    criterion.bench_function("words/make 10000", |bencher| bencher.iter(|| Words::new(terms.clone()).unwrap()));
}

/// One banner of 1 KB and the words of 20 media, 1,000 each: what a change of words costs per approved creative.
fn media(criterion: &mut Criterion) {
    let lists: Vec<Vec<String>> = words(20_000).terms().groups[0].words.chunks(1_000).map(<[String]>::to_vec).collect();
    let banned = Banned::new(lists.iter().map(Vec::as_slice)).unwrap();
    let markup = format!(
        "<a href=\"__CLICK_URL__\"><img src=\"https://cdn.example/1.jpg\" alt=\"{0}\"><p>{0}</p></a>",
        &SPOKEN[..198]
    );
    criterion.bench_function("words/media, a banner", |bencher| {
        bencher.iter(|| banned.lists_in(&spoken(Format::Banner, black_box(&markup))).len());
    });
    criterion.bench_function("words/media, make 20000", |bencher| {
        bencher.iter(|| Banned::new(lists.iter().map(Vec::as_slice)).unwrap());
    });
}

criterion_group!(benches, find, make, media);
criterion_main!(benches);
