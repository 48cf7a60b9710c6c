//! What checking content costs: markup of 100 KB, HTML of 2 MB, files. `cargo bench -p pmpx --bench content`.
#![allow(missing_docs, clippy::unwrap_used, reason = "criterion's macros; a bench may stop at what it did not expect")]

use std::fmt::Write;
use std::hint::black_box;
use std::io::Cursor;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use pmpx::compliance::creative::Submission;
use pmpx::compliance::html::{Document, Limits};
use pmpx::compliance::markup::{Rules, check};
use pmpx::compliance::media::measure;

/// A page of so many bytes: paragraphs, lists, tables, links, pictures.
fn page(bytes: usize) -> String {
    let mut page = "<!doctype html><title>青禾</title><body>".to_owned();
    let mut n = 0;
    while page.len() < bytes {
        n += 1;
        write!(page, "<div class='c{n}' style=\"color: #333; width: 50%\"><p>鲜牛奶 {n} &amp; more <b>text</b></p>")
            .unwrap();
        writeln!(page, "<img src='https://cdn.qinghe.example/{}.jpg' alt='{n}'><ul><li>1<li>2</ul></div>", n % 50)
            .unwrap();
    }
    page
}

/// A banner of 100 KB: half of it a page, half a script as tag managers write them.
fn banner() -> Submission {
    let mut markup = page(50_000);
    markup.push_str("<a href=\"__CLICK_URL__\">广告</a><script>");
    let mut n = 0;
    while markup.len() < 100_000 {
        n += 1;
        writeln!(markup, "function f{n}(a, b) {{ var c = a.querySelector('.c{n}'); if (c && b > {n}) {{ c.className = 'on' + b; }} return [a, b, /x{n}/g]; }}").unwrap();
    }
    markup.push_str("</script>");
    let markup = serde_json::to_string(&markup).unwrap();
    let text = format!(
        r#"{{"account": "80010001", "advertiser": "qinghe-dairy", "crid": "milk-9", "version": 1, "format": "banner", "sizes": ["640x360"],
            "landing_page": "https://qinghe.example/spring", "markup": {markup}}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn content(criterion: &mut Criterion) {
    let (submission, rules) = (banner(), Rules::default());
    let mut group = criterion.benchmark_group("content");
    group.throughput(Throughput::Bytes(submission.markup.len() as u64));
    group.bench_function("markup/banner of 100 KB", |bencher| bencher.iter(|| check(black_box(&submission), &rules)));
    let page = page(2_000_000);
    group.throughput(Throughput::Bytes(page.len() as u64));
    let limits = Limits { nodes: 500_000, tokens: 1_000_000, ..Limits::default() };
    group.bench_function("html/2 MB", |bencher| bencher.iter(|| Document::read(black_box(&page), &limits).unwrap()));
    let deep = "<div>".repeat(400_000);
    group.bench_function("html/400,000 elements inside one another, refused", |bencher| {
        bencher.iter(|| Document::read(black_box(&deep), &Limits::default()).map(drop).unwrap_err());
    });
    let shown = RgbImage::from_fn(1_280, 720, |x, y| Rgb([(x * y) as u8, x as u8, y as u8]));
    let mut jpeg = Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(shown).write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    group.throughput(Throughput::Bytes(jpeg.len() as u64));
    group.bench_function("media/JPEG of 1280x720", |bencher| bencher.iter(|| measure(black_box(&jpeg)).unwrap()));
    group.finish();
}

criterion_group!(benches, content);
criterion_main!(benches);
