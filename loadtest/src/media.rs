//! The media's side: sends planned requests, has every answer checked, fires billing notices.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION};
use hyper::{Request, StatusCode};

use crate::catalog::{Catalog, authority_of};
use crate::check::{Rules, Verdict, Won, check};
use crate::client::{Answer, Client, Failure};
use crate::traffic::Planned;

/// A media's connections to one exchange. Clones share them.
#[derive(Debug, Clone)]
pub struct Media {
    auctions: Client,
    notices: Client,
    path: Arc<str>,
    catalog: Arc<Catalog>,
    rules: Arc<Rules>,
}

/// What came of one billing notice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billed {
    /// `{"billable":true}`.
    Yes,
    /// `{"billable":false}`.
    NotYet,
    /// 410.
    Gone,
    /// 503 or no answer: to be repeated.
    Retry,
    /// Anything else.
    Wrong(u16),
}

impl Media {
    /// For an exchange's auction URL, such as `http://127.0.0.1:8080/openrtb2/auction` (without a path, that one is taken).
    /// Strict rules without authorities accept notice URLs at the URL's own authority and at the config's `public_url`.
    ///
    /// # Errors
    /// When the URL is not `http://…` or its host cannot be resolved.
    pub fn new(url: &str, connections: usize, catalog: Arc<Catalog>, mut rules: Rules) -> io::Result<Self> {
        let bad = || io::Error::new(io::ErrorKind::InvalidInput, format!("{url}: no http:// URL"));
        let authority = authority_of(url).ok_or_else(bad)?;
        let path = url.splitn(4, '/').nth(3).filter(|rest| !rest.is_empty());
        if rules.notice_authorities.is_empty() {
            rules.notice_authorities = vec![authority.clone()];
            rules.notice_authorities.extend(catalog.public_authority.clone());
        }
        Ok(Self {
            auctions: Client::new(&authority, connections)?,
            notices: Client::new(&authority, connections)?,
            path: path.map_or_else(|| "/openrtb2/auction".to_owned(), |rest| format!("/{rest}")).into(),
            catalog,
            rules: Arc::new(rules),
        })
    }

    /// Sends a request and reads the answer, unchecked.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub async fn ask(&self, planned: &Planned) -> Result<Answer, Failure> {
        let request = Request::post(self.path.as_ref())
            .header(AUTHORIZATION, planned.authorization.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("x-openrtb-version", "2.6")
            .body(Full::new(planned.body.clone()));
        self.auctions.send(request.map_err(|error| Failure::Broken(error.to_string()))?).await
    }

    /// Sends a request and judges the answer; a broken one is wrong, too.
    pub async fn auction(&self, planned: &Planned) -> Verdict {
        match self.ask(planned).await {
            Ok(answer) => check(&self.catalog, &self.rules, &planned.id, &planned.expectation, &answer),
            Err(failure) => Verdict::Wrong(failure.to_string()),
        }
    }

    /// Fires a billing notice once, with the milliseconds of display where they matter. The notice goes over this media's
    /// own connections, whatever host its URL names.
    pub async fn bill(&self, won: &Won, displayed: Option<Duration>) -> Billed {
        let Some(burl) = &won.burl else { return Billed::Wrong(0) };
        let target = match displayed {
            Some(time) => format!("{burl}{}ms={}", if burl.contains('?') { '&' } else { '?' }, time.as_millis()),
            None => burl.clone(),
        };
        match self.notices.get(&target).await {
            Ok(answer) => billed(&answer),
            Err(_) => Billed::Retry,
        }
    }

    /// Loads the beacon of the markup, as a browser does; tells whether the picture came. `None`: no answer.
    pub async fn beacon(&self, path: &str, displayed: Option<Duration>) -> Option<bool> {
        let target = displayed.map(|time| format!("{path}?ms={}", time.as_millis()));
        let answer = self.notices.get(target.as_deref().unwrap_or(path)).await.ok()?;
        Some(answer.status == StatusCode::OK && answer.body.starts_with(b"GIF89a"))
    }

    /// Clicks; tells where it leads, if anywhere. `None`: no answer.
    pub async fn click(&self, path: &str) -> Option<Option<String>> {
        let answer = self.notices.get(path).await.ok()?;
        let led = answer.headers.get(LOCATION).filter(|_| answer.status == StatusCode::FOUND);
        Some(led.and_then(|page| page.to_str().ok().map(str::to_owned)))
    }

    /// Fires a win notice once; tells whether the exchange took it.
    pub async fn win(&self, won: &Won) -> bool {
        let Some(nurl) = &won.nurl else { return false };
        self.notices.get(nurl).await.is_ok_and(|answer| answer.status.as_u16() == 204)
    }
}

fn billed(answer: &Answer) -> Billed {
    let status = answer.status.as_u16();
    match status {
        200 => match serde_json::from_slice::<serde_json::Value>(&answer.body)
            .ok()
            .and_then(|body| body["billable"].as_bool())
        {
            Some(true) => Billed::Yes,
            Some(false) => Billed::NotYet,
            None => Billed::Wrong(status),
        },
        410 => Billed::Gone,
        503 => Billed::Retry,
        _ => Billed::Wrong(status),
    }
}
