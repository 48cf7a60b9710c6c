//! Pictures of the pages that are watched, beside the looks at them: a browser is slow, and no verdict waits for it.

use std::rc::Rc;
use std::sync::Arc;

use url::Url;

use super::{Post, Trouble};
use crate::compliance::crawl::{Agent, Fetcher, Refusal, is_under};
use crate::compliance::digest_text;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::landing::{PageState, Watched};
use crate::event::{Docket, Subject};
use crate::market::policy::landing::LandingTerms;
use crate::node::browser::{Browser, Picture};

/// Pages that wait for a picture, the one that is taken among them. Another's is taken after one of its next looks.
const MOST_WAITING: usize = 16;

impl Post {
    /// Has a picture taken of a page as it was last seen, where there is a browser and no such picture.
    pub(super) fn picture(self: &Rc<Self>, subject: &Subject, fetcher: &Rc<Fetcher>) -> Result<(), Trouble> {
        let Some(browser) = self.browser(fetcher) else { return Ok(()) };
        let Some(page) = Watched::of(&*self.docket, subject)? else { return Ok(()) };
        // What harms is not opened once more.
        if !page.record.wants_picture() || matches!(page.state, PageState::Infected | PageState::Retired) {
            return Ok(());
        }
        let mut waiting = self.pictured.borrow_mut();
        if waiting.len() >= MOST_WAITING || !waiting.insert(subject.name.clone()) {
            return Ok(());
        }
        let (post, fetcher, subject) = (self.clone(), fetcher.clone(), subject.clone());
        tokio::task::spawn_local(async move {
            if let Err(error) = post.take_picture(&page, (&browser, &fetcher)).await {
                tracing::error!(page = page.record.url, %error, "a picture of a landing page could not be kept");
            }
            post.pictured.borrow_mut().remove(&subject.name);
        });
        Ok(())
    }

    async fn take_picture(&self, page: &Watched, (browser, fetcher): (&Browser, &Fetcher)) -> Result<(), Trouble> {
        let record = &page.record;
        let Some(sight) = record.current() else { return Ok(()) };
        let plain = fetcher.terms().reach.plain.contains(&format!("{}/{}", record.account, record.advertiser));
        let picture = match browser.picture(&record.url, Agent::Mobile, plain).await {
            Ok(picture) => picture,
            Err(refusal) => {
                // It is tried again after the next look.
                tracing::warn!(page = record.url, %refusal, "there is no picture of a landing page");
                return Ok(());
            }
        };
        let market = self.market();
        let domains = self.domains(&market, &record.account, &record.advertiser)?;
        let refused = told(&picture, &domains);
        let kept = digest_text(&self.docket.keep(&picture.png, self.exchange.clock.now())?);
        self.office(&market).picture_page(&record.subject(), (&kept, &sight.sha256), &refused)?;
        Ok(())
    }

    /// The browser of the terms in force, if they have one.
    fn browser(&self, fetcher: &Rc<Fetcher>) -> Option<Rc<Browser>> {
        let terms = fetcher.terms();
        terms.browser.as_ref()?;
        let mut kept = self.browser.borrow_mut();
        if let Some((of, browser)) = &*kept
            && **of == *terms
        {
            return Some(browser.clone());
        }
        let made = Browser::new(terms, fetcher.dialer().clone(), self.exchange.clock.clone())?;
        let made = Rc::new(made);
        *kept = Some((Arc::<LandingTerms>::new(terms.clone()), made.clone()));
        Some(made)
    }
}

/// What a person should know of how a page behaved in a browser: what it asked for and was not given, and that its scripts led elsewhere.
fn told(picture: &Picture, domains: &[String]) -> Vec<Finding> {
    let mut told = picture.refused.clone();
    let host = Url::parse(&picture.url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
    if !domains.iter().any(|domain| is_under(&host, domain)) {
        told.insert(0, Finding { weight: Weight::Person, ..Refusal::Outside(host).finding(&picture.url) });
    }
    told
}
