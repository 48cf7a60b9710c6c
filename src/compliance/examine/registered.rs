//! What of a submission is compared with what is registered: its advertiser, its files, the placements that could show it, its app, the number of
//! an approval that it must show.

use crate::compliance::creative::Submission;
use crate::compliance::digest_of;
use crate::compliance::finding::{Finding, Weight};
use crate::compliance::office::{Office, Refusal};
use crate::market::supply::{Format, Placement, within_category, within_domain};

/// Endings of what is downloaded instead of shown.
const DOWNLOADS: [&str; 6] = [".apk", ".ipa", ".exe", ".dmg", ".msi", ".hap"];
/// Hosts and schemes of app stores.
const STORES: [&str; 8] = [
    "apps.apple.com",
    "itunes.apple.com",
    "play.google.com",
    "appgallery.huawei.com",
    "app.mi.com",
    "a.app.qq.com",
    "sj.qq.com",
    "store.oppomobile.com",
];
/// The most sizes that a finding lists.
const MOST_SIZES: usize = 12;

impl Office<'_> {
    pub(super) fn registered_findings(&self, submission: &Submission) -> Result<Vec<Finding>, Refusal> {
        let (account, advertiser) = (submission.account.as_str(), submission.advertiser.as_str());
        let mut findings = Vec::new();
        // What is missing today may be there when a person looks; then it stops the approval (`office`).
        let qualification = self.qualification(account, advertiser)?;
        findings.extend(qualification.findings.into_iter().map(|finding| match &*finding.code {
            "excluded-industry" => finding,
            _ => Finding { weight: Weight::Person, ..finding },
        }));
        self.is_in_scope(submission, &mut findings)?;
        self.has_files(submission, &mut findings)?;
        self.has_a_place(submission, &mut findings);
        self.is_within_domains(submission, &mut findings)?;
        self.shows_numbers(submission, &mut findings)?;
        self.leads_to_its_app(submission, &mut findings)?;
        Ok(findings)
    }

    /// R-SCOPE: nothing of an excluded industry, whatever else its advertiser is.
    fn is_in_scope(&self, submission: &Submission, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        let (account, advertiser) = (&submission.account, &submission.advertiser);
        let registered = self.registered(account, advertiser)?.map(|it| it.category);
        let configured = self.market.configured_advertiser(self.buyer(account)?, advertiser);
        let own = registered.or_else(|| configured.map(|it| it.category.clone()));
        let categories: Vec<_> = submission.categories.iter().chain(&own).collect();
        for industry in self.terms().industries.iter().filter(|industry| industry.excluded) {
            let of = |category: &&&String| industry.categories.iter().any(|parent| within_category(category, parent));
            if let Some(category) = categories.iter().find(of) {
                let (en, zh) = (&industry.name.en, &industry.name.zh);
                let words = (format!("nothing of {en} runs here"), format!("不承接“{zh}”行业的广告"));
                let found = ("categories", category.as_str());
                findings.push(Finding::new("R-SCOPE", "excluded-industry", Weight::Refuse, found, words));
            }
        }
        Ok(())
    }

    fn has_files(&self, submission: &Submission, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        for file in &submission.files {
            let kept = match digest_of(&file.sha256) {
                Some(digest) => self.docket.document(&digest)?,
                None => None,
            };
            let most = self.terms().limits.file_bytes;
            let (place, found) = (format!("file {}", file.url), file.sha256.as_str());
            match kept {
                None => {
                    let words = ("the file was not uploaded: upload it, then submit", "文件尚未上传，请先上传再提交");
                    findings.push(Finding::new("R-REVIEW", "file-missing", Weight::Refuse, (place, found), words));
                }
                Some(bytes) if bytes.len() > most => {
                    let words = (
                        format!("the file has {} bytes, at most {most} are shown", bytes.len()),
                        format!("文件大小为 {} 字节，上限为 {most} 字节", bytes.len()),
                    );
                    findings.push(Finding::new("R-REVIEW", "file-too-large", Weight::Refuse, (place, found), words));
                }
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// R-REVIEW: some placement can show a format in each size that it has.
    fn has_a_place(&self, submission: &Submission, findings: &mut Vec<Finding>) {
        let format = submission.format;
        let takes = |placement: &&Placement| placement.formats.has(format);
        let places: Vec<_> = self.market.placements.iter().filter(takes).collect();
        if places.is_empty() {
            let words = (format!("no placement shows {}s", format.name()), "没有展示该类型广告的广告位".to_owned());
            findings.push(Finding::new("R-REVIEW", "no-placement", Weight::Refuse, ("format", format.name()), words));
            return;
        }
        if !matches!(format, Format::Banner | Format::Video) || places.iter().any(|place| place.sizes.is_empty()) {
            return;
        }
        for size in &submission.sizes {
            if places.iter().any(|place| place.sizes.contains(size)) {
                continue;
            }
            let mut known: Vec<_> = places.iter().flat_map(|place| &place.sizes).collect();
            known.sort_unstable();
            known.dedup();
            let shown: Vec<_> = known.iter().take(MOST_SIZES).map(|it| format!("{}x{}", it.w, it.h)).collect();
            let (found, shown) = (format!("{}x{}", size.w, size.h), shown.join(", "));
            let words = (
                format!("no placement shows a {} of this size; there are {shown}", format.name()),
                format!("没有该尺寸的广告位，可用尺寸：{shown}"),
            );
            findings.push(Finding::new("R-REVIEW", "size-unknown", Weight::Refuse, ("sizes", &found), words));
        }
    }

    /// R-OWN, R-LANDING-MATCH: the page is the advertiser's own.
    fn is_within_domains(&self, submission: &Submission, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        let (account, advertiser) = (submission.account.as_str(), submission.advertiser.as_str());
        let buyer = self.buyer(account)?;
        let registered = self.registered(account, advertiser)?.map(|it| it.domains);
        let configured = self.market.configured_advertiser(buyer, advertiser);
        let domains = registered.or_else(|| configured.map(|it| it.domains.clone())).unwrap_or_default();
        // Nobody has verified the advertiser yet, which is a finding of its own.
        if domains.is_empty() {
            return Ok(());
        }
        let url = url::Url::parse(&submission.landing_page).ok();
        let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
        if domains.iter().any(|domain| within_domain(host, domain)) || is_store(host) {
            return Ok(());
        }
        let known = domains.join(", ");
        let words = (
            format!("the landing page is not within the advertiser's domains: {known}"),
            format!("落地页不在广告主登记的域名范围内：{known}"),
        );
        findings.push(Finding::new("R-OWN", "foreign-domain", Weight::Refuse, ("landing_page", host), words));
        Ok(())
    }

    /// R-QUALIFY: an ad whose advertiser needs an approval by the authority shows its number.
    fn shows_numbers(&self, submission: &Submission, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        let today = self.now.shanghai_day();
        let documents = self.documents(&submission.account, &submission.advertiser)?;
        let shown = |kind: &str| self.terms().document(kind).is_some_and(|kind| kind.shown);
        let valid = |it: &&crate::compliance::qualification::Document| {
            shown(&it.kind) && it.valid_from <= today && it.last_day() >= today
        };
        let numbers: Vec<_> = documents.iter().filter(valid).map(|it| it.number.as_str()).collect();
        let text = squeezed(&submission.markup);
        if numbers.is_empty() || numbers.iter().any(|number| text.contains(&squeezed(number))) {
            return Ok(());
        }
        let known = numbers.join(", ");
        let words = (
            format!("no approval number is in the markup ({known}): see that a picture or the video shows it"),
            format!("代码中未发现广告批准文号（{known}），请确认画面中已显著标明"),
        );
        findings.push(Finding::new("R-QUALIFY", "number-not-shown", Weight::Person, ("adm", &known), words));
        Ok(())
    }

    /// R-APP: what leads to a download leads to a registered app, and says what is registered of it.
    fn leads_to_its_app(&self, submission: &Submission, findings: &mut Vec<Finding>) -> Result<(), Refusal> {
        let Some(app) = &submission.app else {
            if leads_to_download(&submission.landing_page) {
                let words = (
                    "it leads to a download and names no app of the app centre: register the app, then submit with `app`",
                    "广告指向应用下载但未填写应用：请先在应用中心登记，再以 app 字段提交",
                );
                let found = ("landing_page", submission.landing_page.as_str());
                findings.push(Finding::new("R-APP", "app-not-named", Weight::Refuse, found, words));
            }
            return Ok(());
        };
        let Some(known) = self.app(&submission.account, &submission.advertiser, app)? else {
            let words = (
                "no app of this advertiser is confirmed under that id in the app centre",
                "应用中心没有该广告主已确认的同名应用",
            );
            findings.push(Finding::new("R-APP", "app-not-registered", Weight::Refuse, ("app", app), words));
            return Ok(());
        };
        let text = squeezed(&submission.markup);
        for (en, zh, element) in known.elements() {
            if !text.contains(&squeezed(element)) {
                let words = (
                    format!(
                        "the ad does not say the registered {en} in its markup: see that it is on the picture or the page"
                    ),
                    format!("代码中没有与登记一致的{zh}，请确认画面或落地页中已载明"),
                );
                findings.push(Finding::new("R-APP", "app-element", Weight::Person, ("adm", element), words));
            }
        }
        Ok(())
    }
}

/// Without spaces, so that line breaks and layout do not matter.
fn squeezed(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}

fn is_store(host: &str) -> bool {
    STORES.iter().any(|store| within_domain(host, store))
}

/// Whether a URL is of a file that is installed, or of an app store.
fn leads_to_download(page: &str) -> bool {
    url::Url::parse(page).is_ok_and(|url| {
        let path = url.path().to_ascii_lowercase();
        DOWNLOADS.iter().any(|ending| path.ends_with(ending)) || url.host_str().is_some_and(is_store)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_app_what_leads_to_a_download_is_known_by_its_page() {
        for page in
            ["https://qinghe.example/app.APK", "https://apps.apple.com/cn/app/id1", "https://q.example/a.ipa?x=1"]
        {
            assert!(leads_to_download(page), "{page}");
        }
        for page in
            ["https://qinghe.example/apk", "https://qinghe.example/?f=a.apk", "https://notapps.apple.com.example/"]
        {
            assert!(!leads_to_download(page), "{page}");
        }
    }
}
