//! Whether a submission has the form that it must have, before anything looks into its markup.

use super::Submission;
use crate::clock::UnixMillis;
use crate::compliance::office::Refusal;
use crate::market::policy::content::Limits;
use crate::market::supply::Format;

/// The longest name that stands on the wire, bytes.
const LONGEST_NAME: usize = 128;
/// The longest URL, bytes.
const LONGEST_URL: usize = 2_048;
/// The longest words of an offer, characters.
const LONGEST_WORDS: usize = 256;
/// The most entries of each short list.
const MOST_LISTED: usize = 32;
/// The most URLs of each kind of monitor (R-STATS): each is a request by the user's browser.
const MOST_MONITORS: usize = 4;

impl Submission {
    /// Judges its form.
    ///
    /// # Errors
    /// [`Refusal::Malformed`] for the first thing that is wrong, [`Refusal::Rule`] where it is past its period.
    pub fn judge(&self, limits: &Limits, now: UnixMillis) -> Result<(), Refusal> {
        let wire = |text: &str| {
            (1..=LONGEST_NAME).contains(&text.len()) && text.trim() == text && !text.chars().any(char::is_control)
        };
        demand(wire(&self.crid), "crid", "must be 1 to 128 bytes without spaces at its ends")?;
        demand(!self.crid.contains('/'), "crid", "must not have a slash: it stands in paths")?;
        demand((1..=65_535).contains(&self.version), "version", "must be 1 to 65535")?;
        demand(!self.markup.trim().is_empty(), "markup", "is empty")?;
        let most = format!("has {} bytes, at most {} are taken", self.markup.len(), limits.markup_bytes);
        demand(self.markup.len() <= limits.markup_bytes, "markup", &most)?;
        let (format, timed) = (self.format.name(), matches!(self.format, Format::Video | Format::Audio));
        let sized = matches!(self.format, Format::Banner | Format::Video);
        let needs = |has| if has { "needs" } else { "has no" };
        demand(self.sizes.is_empty() != sized, "sizes", &format!("a {format} {} sizes", needs(sized)))?;
        let seconds = self.duration_s.is_some_and(|seconds| (1..=86_400).contains(&seconds));
        let length = format!("a {format} {} duration from 1 to 86400 s", needs(timed));
        demand(if timed { seconds } else { self.duration_s.is_none() }, "duration_s", &length)?;
        demand(is_page(&self.landing_page), "landing_page", "must be a URL of http or https of at most 2048 bytes")?;
        self.judge_lists(limits)?;
        let (from, until) = (self.display_from_ms, self.display_until_ms);
        demand(
            until.is_none_or(|until| from.is_none_or(|from| from < until)),
            "display_until_ms",
            "is not after its start",
        )?;
        if until.is_some_and(|until| until <= now.0) {
            let words =
                ("the display period is over: submit it with a later end", "展示期已结束，请以更晚的结束时间提交");
            return Err(Refusal::rule("R-REVIEW", words));
        }
        Ok(())
    }

    fn judge_lists(&self, limits: &Limits) -> Result<(), Refusal> {
        let few = |count: usize| count <= MOST_LISTED;
        let short = format!("has more than {MOST_LISTED} entries");
        demand(few(self.sizes.len()), "sizes", &short)?;
        demand(few(self.categories.len()), "categories", &short)?;
        demand(few(self.attributes.len()), "attributes", &short)?;
        demand(few(self.offer.terms.len()), "offer.terms", &short)?;
        let is_category = |text: &String| {
            text.strip_prefix("IAB").is_some_and(|rest| {
                (1..=6).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
            })
        };
        demand(self.categories.iter().all(is_category), "categories", "must be IAB categories such as \"IAB7-39\"")?;
        let most = format!("lists more than {} files", limits.files);
        demand(self.files.len() <= limits.files as usize, "files", &most)?;
        let digest = "sha256 must be 64 hexadecimal digits in lower case";
        demand(self.files.iter().all(|file| crate::compliance::digest_of(&file.sha256).is_some()), "files", digest)?;
        demand(self.files.iter().all(|file| is_page(&file.url)), "files", "url must be a URL of http or https")?;
        for told in [&self.monitors.impression, &self.monitors.click] {
            demand(told.len() <= MOST_MONITORS, "monitors", "names more than 4 URLs of a kind (R-STATS)")?;
            demand(told.iter().all(|url| is_page(url)), "monitors", "must be URLs of http or https")?;
        }
        let tame = |text: &String| {
            !text.trim().is_empty() && text.chars().count() <= LONGEST_WORDS && !text.chars().any(char::is_control)
        };
        let offer = self.offer.brand.iter().chain(&self.offer.product).chain(&self.offer.terms).chain(&self.app);
        demand(offer.into_iter().all(tame), "offer", "must be one line of 1 to 256 characters each")
    }
}

fn demand(holds: bool, what: &str, why: &str) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal::Malformed(format!("`{what}`: {why}"))) }
}

/// Whether a text is a URL of http or https with a host.
fn is_page(text: &str) -> bool {
    let parsed = || url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    text.len() <= LONGEST_URL
        && !text.chars().any(|letter| letter.is_control() || letter.is_whitespace())
        && parsed().is_some_and(|url| url.has_host() && url.username().is_empty() && url.password().is_none())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::compliance::creative::tests::banner;

    #[test]
    fn what_has_not_the_form_is_refused_by_the_name_of_its_field() {
        let (limits, now) = (Limits::default(), UnixMillis(1_000));
        banner().judge(&limits, now).unwrap();
        type Spoil = fn(&mut Submission);
        let spoiled: [(&str, Spoil); 9] = [
            ("crid", |it| it.crid = "a/b".to_owned()),
            ("version", |it| it.version = 0),
            ("markup", |it| it.markup = "x".repeat((64 << 10) + 1)),
            ("sizes", |it| it.sizes.clear()),
            ("duration_s", |it| it.duration_s = Some(15)),
            ("landing_page", |it| it.landing_page = "https://user@qinghe.example/".to_owned()),
            ("categories", |it| it.categories.push("food".to_owned())),
            ("display_until_ms", |it| (it.display_from_ms, it.display_until_ms) = (Some(9_000), Some(9_000))),
            ("offer", |it| it.offer.brand = Some("a\nb".to_owned())),
        ];
        for (field, spoil) in spoiled {
            let mut it = banner();
            spoil(&mut it);
            let refused = it.judge(&limits, now).unwrap_err().to_string();
            assert!(refused.starts_with(&format!("`{field}`")), "{field}: {refused}");
        }
        let mut late = banner();
        late.display_until_ms = Some(1_000);
        assert!(late.judge(&limits, now).unwrap_err().to_string().starts_with("R-REVIEW"));
    }
}
