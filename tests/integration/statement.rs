//! `pmpx statement` on a data folder that an exchange has served from (R-STATEMENT).

use std::path::Path;
use std::process::{Command, Output};

use pmpx::clock::Clock;
use serde_json::{Value, json};

use crate::harness::{parsed, proved, top};
use crate::process::Process;

fn statement(config: &Path, data: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pmpx"));
    command.args(["statement", "--config"]).arg(config).arg("--data").arg(data).args(arguments);
    command.env_remove("PMPX_LOG").output().unwrap()
}

#[test]
fn r_statement_what_was_billed_stands_on_the_statement_in_every_format() {
    let mut process = Process::start(&json!({}), &[]);
    let month = Clock::system().now().shanghai_day().month();
    let mut request = Vec::new();
    while request.len() < 3 {
        let answer = process.auction_of("citypages", &top());
        assert_eq!(answer.status, 200);
        let bid = &parsed(&answer)["seatbid"][0]["bid"][0];
        let burl = bid["burl"].as_str().unwrap().to_owned();
        assert_eq!(process.get(&burl).status, 200);
        request.push((bid["dealid"].as_str().unwrap().to_owned(), bid["price"].clone()));
    }
    process.signal();
    assert!(process.ended().success());
    let billed = proved(&process.store()).posted_micro_yuan;

    let (config, data, month) = (process.config(), process.store(), month.to_string());
    let mut found = 0;
    for account in ["80010001", "80010002", "80010003"] {
        let of = ["--month", &month, "--buyer", account];
        let made = statement(config, &data, &[&of[..], &["--format", "json", "--lang", "en"]].concat());
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let document: Value = serde_json::from_slice(&made.stdout).unwrap();
        assert_eq!((&document["account"], &document["status"]["state"]), (&json!(account), &json!("provisional")));
        for line in document["deals"].as_array().unwrap() {
            found += line["consumption_micro_yuan"].as_i64().unwrap();
            let delivered = request.iter().filter(|(deal, _)| line["deal"] == **deal).count();
            assert_eq!(line["delivered"], json!(delivered), "{line}");
        }
        for format in ["text", "json", "csv", "html", "xlsx"] {
            let of = [&of[..], &["--format", format]].concat();
            let once = statement(config, &data, &of);
            assert!(once.status.success() && once.stdout.len() > 500, "{format}");
            assert_eq!(once.stdout, statement(config, &data, &of).stdout, "{format}");
        }
    }
    assert_eq!(i128::from(found), i128::from(billed));

    let refused = |arguments: &[&str], says: &str| {
        let output = statement(config, &data, arguments);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && output.stdout.is_empty() && told.contains(says), "{told}");
    };
    refused(&["--month", &month, "--buyer", "1"], "--buyer 1: no buyer has that ACCOUNT ID");
    refused(&["--month", "2026-13", "--buyer", "80010001"], "is no month; write it like 2026-11");
    refused(&["--month", "9999-12", "--buyer", "80010001"], "9999-12 has not begun");
}
