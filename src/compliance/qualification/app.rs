//! The app centre (R-APP): what is said of an app, registered before an ad leads to it.

use serde::{Deserialize, Serialize};

use super::desk::{Form, demand, is_id, is_line};
use super::newest_verified;
use crate::compliance::office::{Office, Refusal, body_of};
use crate::event::SubjectKind;

/// The most permissions of an app.
const MOST_PERMISSIONS: usize = 100;
/// The longest of the texts, characters.
const LONGEST: usize = 500;

/// An app as it is registered: the body of its steps. An ad that leads to it must say the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The buyer's ACCOUNT ID.
    pub account: String,
    /// The advertiser's id.
    pub advertiser: String,
    /// Its id: a bundle such as `com.qinghe.milk`, or a number of a store.
    pub app: String,
    /// Its name.
    pub name: String,
    /// Its version, as its developer writes it.
    pub version: String,
    /// Who develops it.
    pub developer: String,
    /// The permissions that it asks for.
    pub permissions: Vec<String>,
    /// Where its privacy policy is.
    pub privacy_policy: String,
    /// What it does.
    pub functions: String,
    /// Where it is downloaded.
    pub download: String,
}

impl App {
    /// What an ad for it must say, each with its name in English and Chinese.
    #[must_use]
    pub fn elements(&self) -> Vec<(&'static str, &'static str, &str)> {
        let mut elements = vec![
            ("name", "应用名称", self.name.as_str()),
            ("version", "版本号", &self.version),
            ("developer", "开发者", &self.developer),
            ("privacy policy", "隐私政策", &self.privacy_policy),
            ("functions", "功能介绍", &self.functions),
        ];
        elements.extend(self.permissions.iter().map(|it| ("permission", "应用权限", it.as_str())));
        elements
    }
}

impl Form for App {
    const KIND: SubjectKind = SubjectKind::App;

    fn name(&self) -> String {
        format!("{}/{}/{}", self.account, self.advertiser, self.app)
    }

    fn account(&self) -> &str {
        &self.account
    }

    fn judge(&self, _office: &Office<'_>) -> Result<(), Refusal> {
        demand(is_id(&self.advertiser), "advertiser", "must be 1 to 64 letters, digits, `.`, `_` or `-`")?;
        demand(is_id(&self.app), "app", "must be 1 to 64 letters, digits, `.`, `_` or `-`")?;
        for (what, text) in [("name", &self.name), ("version", &self.version), ("developer", &self.developer)] {
            demand(is_line(text, 128), what, "must be one line of 1 to 128 characters (R-APP)")?;
        }
        demand(is_line(&self.functions, LONGEST), "functions", "must be one line of 1 to 500 characters (R-APP)")?;
        let tame = self.permissions.len() <= MOST_PERMISSIONS && self.permissions.iter().all(|it| is_line(it, 128));
        demand(tame, "permissions", "must be at most 100 lines of 1 to 128 characters (R-APP)")?;
        for (what, text) in [("privacy_policy", &self.privacy_policy), ("download", &self.download)] {
            let secure = url::Url::parse(text).is_ok_and(|url| url.scheme() == "https" && url.has_host());
            demand(secure && text.len() <= 2_048, what, "must be a URL of https (R-APP)")?;
        }
        Ok(())
    }
}

impl Office<'_> {
    /// The app as a person has confirmed it, if one has.
    ///
    /// # Errors
    /// [`Refusal::Unreadable`], [`Refusal::Unavailable`].
    pub fn app(&self, account: &str, advertiser: &str, app: &str) -> Result<Option<App>, Refusal> {
        let versions = self.docket.versions(SubjectKind::App, &format!("{account}/{advertiser}/{app}"))?;
        newest_verified(versions.iter())?.map(body_of).transpose()
    }
}
