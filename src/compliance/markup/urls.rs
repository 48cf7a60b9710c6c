//! URLs in markup, as a browser reads them.

use url::Url;

/// Hosts that are allowed: a name stands for itself, `*.name` for all below it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts(Vec<String>);

impl Hosts {
    /// A list of names, in any case.
    pub fn new<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> Self {
        Self(names.into_iter().map(|name| name.as_ref().to_ascii_lowercase()).collect())
    }

    /// Whether a host is among them.
    #[must_use]
    pub fn have(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.0.iter().any(|name| match name.strip_prefix("*.") {
            Some(above) => host.strip_suffix(above).is_some_and(|below| below.ends_with('.') && below.len() > 1),
            None => name == host,
        })
    }
}

/// Click macros of the exchange (docs/markup.md).
pub(super) const CLICK: &str = "__CLICK_URL__";
/// Stands for what a script puts in there: its value is not known.
pub(super) const UNKNOWN: char = '\u{fffc}';
/// The same in a URL that was read.
pub(super) const UNKNOWN_WRITTEN: &str = "%EF%BF%BC";

/// What a URL is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The exchange's click.
    Click,
    /// A place in the ad itself, or nothing.
    Nothing,
    /// `https`, or relative to the protocol.
    Secure(Url),
    /// `http`.
    Insecure(Url),
    /// `data:` of an image that cannot hold script.
    Picture,
    /// `javascript:` and the like, with what runs.
    Script(String),
    /// `data:`, `blob:`, `filesystem:`, `about:` with content.
    Content,
    /// Opens an app or calls: the scheme.
    App(String),
    /// No absolute URL.
    Unreadable,
}

/// A host that no URL of an ad has: what resolves to it was relative.
const NOWHERE: &str = "relative.invalid";

impl Target {
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim_matches(|it: char| it <= ' ');
        if text.starts_with(CLICK) {
            return Self::Click;
        }
        if text.is_empty() || text.starts_with('#') {
            return Self::Nothing;
        }
        let base = Url::parse("https://relative.invalid/").ok();
        let Ok(url) = Url::options().base_url(base.as_ref()).parse(text) else { return Self::Unreadable };
        let unknown_host = !known(text) || url.host_str().is_none_or(|host| host == NOWHERE);
        match url.scheme() {
            "http" | "https" if unknown_host => Self::Unreadable,
            "https" => Self::Secure(url),
            "http" => Self::Insecure(url),
            "javascript" | "vbscript" | "livescript" => {
                Self::Script(url.as_str().split_once(':').map_or_else(String::new, |(_, code)| code.to_owned()))
            }
            "data" => {
                let kind = url.path().split([',', ';']).next().unwrap_or_default().to_ascii_lowercase();
                let picture = matches!(&*kind, "image/png" | "image/jpeg" | "image/gif" | "image/webp");
                if picture { Self::Picture } else { Self::Content }
            }
            "about" if url.path() == "blank" => Self::Nothing,
            "blob" | "filesystem" | "about" | "file" | "ftp" | "view-source" | "mhtml" | "cid" | "ws" => Self::Content,
            "wss" => Self::Secure(url),
            scheme => Self::App(scheme.to_owned()),
        }
    }

    pub(super) fn host(&self) -> Option<&str> {
        match self {
            Self::Secure(url) | Self::Insecure(url) => url.host_str(),
            _ => None,
        }
    }
}

/// Whether what a script puts in comes only behind the host.
fn known(text: &str) -> bool {
    let behind = text.split_once("//").map_or(text, |(_, behind)| behind);
    behind.split(['/', '?', '#']).next().is_some_and(|authority| !authority.contains(UNKNOWN))
}

/// Whether two URLs are the same page: a fragment is a place in it.
pub(super) fn same_page(one: &str, other: &str) -> bool {
    let read = |text: &str| {
        Url::parse(text.trim()).ok().map(|mut url| {
            url.set_fragment(None);
            url
        })
    };
    read(one).is_some_and(|one| read(other) == Some(one))
}

/// Stores of apps: hosts, and hosts with the beginning of a path.
const STORES: [(&str, &str); 16] = [
    ("apps.apple.com", ""),
    ("itunes.apple.com", ""),
    ("play.google.com", "/store/apps"),
    ("appgallery.huawei.com", ""),
    ("appgallery.cloud.huawei.com", ""),
    ("app.mi.com", ""),
    ("m.app.mi.com", ""),
    ("sj.qq.com", ""),
    ("a.app.qq.com", ""),
    ("store.oppomobile.com", ""),
    ("info.appstore.vivo.com.cn", ""),
    ("h5.appstore.vivo.com.cn", ""),
    ("apps.samsung.com", ""),
    ("galaxystore.samsung.com", ""),
    ("www.wandoujia.com", "/apps"),
    ("www.coolapk.com", "/apk"),
];

/// Endings of files that install something.
const PACKAGES: [&str; 17] = [
    ".apk",
    ".apks",
    ".xapk",
    ".aab",
    ".ipa",
    ".hap",
    ".exe",
    ".msi",
    ".dmg",
    ".pkg",
    ".deb",
    ".rpm",
    ".scr",
    ".bat",
    ".jar",
    ".plist",
    ".mobileconfig",
];

/// Schemes that do not open an app.
const NO_APP: [&str; 3] = ["mailto", "tel", "sms"];

/// Whether a URL is a file that a browser downloads and a system installs.
pub(super) fn is_package(url: &Url) -> bool {
    let path = url.path().to_ascii_lowercase();
    let file = path.trim_end_matches('/');
    PACKAGES.iter().any(|ending| file.ends_with(ending))
}

/// Whether a URL leads to an app: a store, a package, or a scheme of an app (R-APP).
pub(super) fn leads_to_app(text: &str) -> bool {
    match Target::of(text) {
        Target::App(scheme) => !NO_APP.contains(&&*scheme),
        Target::Secure(url) | Target::Insecure(url) => {
            let store = |(host, path): &(&str, &str)| url.host_str() == Some(host) && url.path().starts_with(path);
            is_package(&url) || STORES.iter().any(store)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_a_browser_reads_them() {
        let of = |text: &str| match Target::of(text) {
            Target::Secure(url) => format!("secure {}", url.host_str().unwrap_or_default()),
            Target::Insecure(url) => format!("insecure {}", url.host_str().unwrap_or_default()),
            other => format!("{other:?}"),
        };
        for (text, is) in [
            ("https://A.example/x", "secure a.example"),
            ("//a.example/x", "secure a.example"),
            ("\\\\a.example\\x", "secure a.example"),
            (" ht\ntp://a.example", "insecure a.example"),
            ("https://a.example@evil.example/", "secure evil.example"),
            ("java\tscript:x()", "Script(\"x()\")"),
            ("\u{1}JAVASCRIPT:x", "Script(\"x\")"),
            ("data:image/png;base64,AA", "Picture"),
            ("data:image/svg+xml,<svg>", "Content"),
            ("blob:https://a.example/1", "Content"),
            ("tea://open", "App(\"tea\")"),
            ("__CLICK_URL__", "Click"),
            ("9.jpg", "Unreadable"),
            ("https://cdn\u{fffc}.example/x", "Unreadable"),
            ("https://cdn.example/x?r=\u{fffc}", "secure cdn.example"),
            ("#top", "Nothing"),
        ] {
            assert_eq!(of(text), is, "{text}");
        }
        assert!(same_page("https://a.example/x#1", "https://A.example:443/x"));
        assert!(!same_page("https://a.example/x?1", "https://a.example/x"));
    }

    #[test]
    fn hosts_below_a_name_are_allowed_by_a_star_only() {
        let hosts = Hosts::new(["cdn.example", "*.Track.example"]);
        let have = |host: &str| hosts.have(host);
        assert!(have("cdn.example") && have("a.track.example") && have("a.b.track.example."));
        assert!(!have("x.cdn.example") && !have("track.example") && !have("eviltrack.example"));
    }

    /// R-APP.
    #[test]
    fn stores_packages_and_schemes_lead_to_an_app() {
        for app in
            ["https://apps.apple.com/cn/app/id1", "market://details?id=x", "https://d.example/a.APK?x=1", "tea://open"]
        {
            assert!(leads_to_app(app), "{app}");
        }
        for page in
            ["https://play.google.com/music", "tel:10086", "https://d.example/apk", "__CLICK_URL__", "javascript:x"]
        {
            assert!(!leads_to_app(page), "{page}");
        }
    }
}
