//! The media of the crash suite: they win, display, tell it on one or two connections at once, and tell again what a broken
//! connection left unanswered, to the next process.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::Full;
use hyper::Request;
use loadtest::client::{Answer, Client};
use serde_json::{Value, json};

use crate::harness::{auction, parsed, splash, top};

/// How many of the displays told last are told again to the next process.
const TOLD_AGAIN: usize = 24;

/// What the media know, over all processes.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The path of the billing notice of each auction that was won, in order.
    won: Mutex<Vec<(String, String)>>,
    /// Auctions whose notice was answered with 200 `{"billable":true}`.
    acknowledged: Mutex<BTreeSet<String>>,
    /// Billing notices sent so far, answered or not.
    sent: AtomicUsize,
    retried: AtomicUsize,
}

/// How many of each.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) won: usize,
    pub(super) acknowledged: usize,
    pub(super) retried: usize,
}

impl Told {
    pub(super) fn count(&self) -> Count {
        Count {
            won: self.won.lock().unwrap().len(),
            acknowledged: self.acknowledged.lock().unwrap().len(),
            retried: self.retried.load(Ordering::Relaxed),
        }
    }

    /// Billing notices sent so far.
    pub(super) fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// Auctions that were acknowledged, of `known` ones those that are not there.
    pub(super) fn lost(&self, known: &BTreeSet<String>) -> Vec<String> {
        self.acknowledged.lock().unwrap().difference(known).cloned().collect()
    }

    /// Of `known` auctions those that no media ever won.
    pub(super) fn never_won(&self, known: &BTreeSet<String>) -> Vec<String> {
        let won: BTreeMap<_, _> = self.won.lock().unwrap().iter().cloned().collect();
        known.iter().filter(|auction| !won.contains_key(*auction)).cloned().collect()
    }
}

/// One media: wins and displays until the server is gone. Every third display is told on two connections at once.
pub(super) async fn display(client: Client, number: usize, told: std::sync::Arc<Told>) {
    for turn in number.. {
        let (media, body) = if number.is_multiple_of(2) { ("sunrise", splash()) } else { ("citypages", top()) };
        let Ok(answer) = client.send(auction(media).body(Full::new(body.to_string().into())).unwrap()).await else {
            return;
        };
        if answer.status != 200 {
            assert_eq!(answer.status, 204, "{:?}", answer.body);
            continue;
        }
        let body = parsed(&answer);
        let bid = &body["seatbid"][0]["bid"][0];
        let burl = bid["burl"].as_str().unwrap();
        let path = burl.find("/n/bill/").map(|start| burl[start..].to_owned()).unwrap();
        let auction = body["bidid"].as_str().unwrap().to_owned();
        told.won.lock().unwrap().push((auction.clone(), path.clone()));
        let heard = if turn.is_multiple_of(3) {
            let (one, other) = tokio::join!(tell(&client, &path, &told), tell(&client, &path, &told));
            [one, other]
        } else {
            [tell(&client, &path, &told).await, None]
        };
        if !note(&told, &auction, heard) {
            return;
        }
    }
}

/// Tells the displays of the last process to this one: those that were acknowledged and those that were not.
pub(super) async fn tell_again(client: Client, told: std::sync::Arc<Told>) {
    let last: Vec<_> = told.won.lock().unwrap().iter().rev().take(TOLD_AGAIN).cloned().collect();
    for (auction, path) in last {
        let (one, other) = tokio::join!(tell(&client, &path, &told), tell(&client, &path, &told));
        if !note(&told, &auction, [one, other]) {
            return;
        }
        told.retried.fetch_add(1, Ordering::Relaxed);
    }
}

async fn tell(client: &Client, path: &str, told: &Told) -> Option<Answer> {
    // By GET and by POST.
    let post = told.sent.fetch_add(1, Ordering::Relaxed).is_multiple_of(4);
    let request = if post { Request::post(path) } else { Request::get(path) };
    client.send(request.body(Full::default()).unwrap()).await.ok()
}

/// Remembers what was acknowledged; `false` when no answer came: the server is gone.
fn note(told: &Told, auction: &str, answers: [Option<Answer>; 2]) -> bool {
    let mut heard = false;
    for answer in answers.into_iter().flatten() {
        heard = true;
        match answer.status.as_u16() {
            200 => {
                assert_eq!(serde_json::from_slice::<Value>(&answer.body).unwrap(), json!({"billable": true}));
                told.acknowledged.lock().unwrap().insert(auction.to_owned());
            }
            // Not durable, and said so: the media would ask again.
            503 => {}
            other => panic!("a billing notice was answered with {other}: {:?}", answer.body),
        }
    }
    heard
}
