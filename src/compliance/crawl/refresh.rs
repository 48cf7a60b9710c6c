//! Where a page sends its reader by itself: `<meta http-equiv="refresh">` and the `Refresh` header (HTML, "shared declarative refresh steps").

use std::cell::{Cell, RefCell};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use url::Url;

/// A refresh that comes later than this is part of the page, not a redirect, s.
const SOON_S: u32 = 60;

/// Where a document at `url` leads by itself, soon; `None`: it stays, or it only loads itself again.
///
/// # Errors
/// The text of an address that cannot be read.
pub(super) fn target(url: &Url, header: Option<&str>, html: &[u8]) -> Result<Option<Url>, String> {
    let looked = Look::default();
    let tokenizer = Tokenizer::new(looked, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(String::from_utf8_lossy(html).as_ref()));
    // A tag's end is no reason to stop: nothing is executed here.
    while !input.is_empty() && !tokenizer.sink.found.get() {
        let _ = tokenizer.feed(&input);
    }
    tokenizer.end();
    let Look { refresh, base, .. } = tokenizer.sink;
    let base = base.into_inner().and_then(|base| url.join(&base).ok()).unwrap_or_else(|| url.clone());
    let told = header.map(ToOwned::to_owned).or_else(|| refresh.into_inner());
    let Some((delay_s, address)) = told.as_deref().and_then(read) else { return Ok(None) };
    if delay_s > SOON_S {
        return Ok(None);
    }
    let mut target = base.join(address).map_err(|_| address.to_owned())?;
    target.set_fragment(None);
    let mut here = url.clone();
    here.set_fragment(None);
    Ok((target != here).then_some(target))
}

/// A refresh's delay in seconds and its address. One without an address loads the page again.
fn read(content: &str) -> Option<(u32, &str)> {
    let content = content.trim_start();
    let digits = content.bytes().take_while(u8::is_ascii_digit).count();
    let (delay, rest) = content.split_at(digits);
    if delay.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let delay_s = if delay.is_empty() { 0 } else { delay.parse().unwrap_or(u32::MAX) };
    let rest = rest.trim_start_matches(|it: char| it.is_ascii_digit() || it == '.');
    if !rest.starts_with([';', ',']) && !rest.starts_with(|it: char| it.is_ascii_whitespace()) {
        return None;
    }
    let rest = rest.trim_start();
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start();
    let named = rest.get(..3).filter(|name| name.eq_ignore_ascii_case("url")).and_then(|_| rest.get(3..));
    let address = named.and_then(|rest| rest.trim_start().strip_prefix('=')).map_or(rest, str::trim_start);
    let quote = address.chars().next().filter(|quote| matches!(quote, '"' | '\''));
    let address = match quote {
        Some(quote) => address.get(1..)?.split(quote).next()?,
        None => address,
    };
    let address = address.trim();
    (!address.is_empty()).then_some((delay_s, address))
}

/// The first refresh and the first base of a document. What stands in scripts, comments, `noscript` and templates is none.
#[derive(Default)]
struct Look {
    refresh: RefCell<Option<String>>,
    base: RefCell<Option<String>>,
    /// Both are known.
    found: Cell<bool>,
    templates: Cell<u32>,
}

impl TokenSink for Look {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        if &*tag.name == "template" {
            let depth = self.templates.get();
            self.templates.set(if tag.kind == TagKind::StartTag { depth + 1 } else { depth.saturating_sub(1) });
        }
        if tag.kind == TagKind::EndTag {
            return TokenSinkResult::Continue;
        }
        match &*tag.name {
            "meta" | "base" if self.templates.get() == 0 => self.note(&tag),
            "script" => return TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" | "noscript" => {
                return TokenSinkResult::RawData(RawKind::Rawtext);
            }
            "title" | "textarea" => return TokenSinkResult::RawData(RawKind::Rcdata),
            "plaintext" => return TokenSinkResult::Plaintext,
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Look {
    fn note(&self, tag: &Tag) {
        let value = |name: &str| {
            tag.attrs
                .iter()
                .find(|attribute| &*attribute.name.local == name)
                .map(|attribute| attribute.value.to_string())
        };
        let (place, value) = if &*tag.name == "base" {
            (&self.base, value("href"))
        } else if value("http-equiv").is_some_and(|it| it.eq_ignore_ascii_case("refresh")) {
            (&self.refresh, value("content"))
        } else {
            return;
        };
        let mut place = place.borrow_mut();
        if place.is_none() {
            *place = value;
        }
        drop(place);
        self.found.set(self.base.borrow().is_some() && self.refresh.borrow().is_some());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leads(html: &str) -> Option<String> {
        let url = Url::parse("https://shop.example/a/b?c#d").unwrap();
        target(&url, None, html.as_bytes()).unwrap().map(String::from)
    }

    #[test]
    fn a_refresh_is_read_as_browsers_do() {
        let of = |content: &str| leads(&format!("<head><META content=\"{content}\" HTTP-EQUIV=Refresh>"));
        let there = Some("https://shop.example/a/x".to_owned());
        for content in
            ["0;url=x", "0; URL = x", "0,x", "3 x", ".5;url='x' y", "0;url=&quot;x&quot;", "60;x", " 1\t;\turl=x "]
        {
            assert_eq!(of(content), there, "{content}");
        }
        for content in ["5", "61;url=x", "x", "0url=x", "", "-1;url=x", "9999999999999;url=x", "0;url=", "0;url=''"] {
            assert_eq!(of(content), None, "{content}");
        }
        assert_eq!(of("5;url=https://shop.example/a/b?c#other"), None, "it only loads itself again");
        assert_eq!(of("0;url=//evil.example/"), Some("https://evil.example/".to_owned()));
    }

    #[test]
    fn only_what_a_browser_follows_is_followed() {
        let meta = "<meta http-equiv=refresh content='0;url=x'>";
        for around in [
            "<!--{}-->",
            "<script>'{}'</script>",
            "<noscript>{}</noscript>",
            "<title>{}</title>",
            "<template>{}</template>",
        ] {
            assert_eq!(leads(&around.replace("{}", meta)), None, "{around}");
        }
        for around in ["<body><p>{}", "<!-->{}", "<script></script >{}", "<template></template>{}"] {
            assert!(leads(&around.replace("{}", meta)).is_some(), "{around}");
        }
        let based = format!("<base href='https://evil.example/y/'>{meta}");
        assert_eq!(leads(&based), Some("https://evil.example/y/x".to_owned()));
        let behind = format!("{meta}<base href='https://evil.example/y/'>");
        assert_eq!(leads(&behind), Some("https://evil.example/y/x".to_owned()));
        let url = Url::parse("https://shop.example/").unwrap();
        let header = target(&url, Some("0;url=/z"), meta.as_bytes()).unwrap();
        assert_eq!(header.unwrap().path(), "/z", "the header comes first");
        assert_eq!(target(&url, Some("0;url=https://["), b"").unwrap_err(), "https://[");
    }
}
