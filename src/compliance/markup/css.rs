//! CSS as tokens (CSS Syntax Level 3), as far as it loads, runs or hides something: comments, strings and escapes are what they are in CSS.

/// What CSS does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// Loads a picture or a font.
    Loads(String),
    /// Loads another style sheet.
    Imports(String),
    /// Runs code: `expression(…)`, `behavior`, `-moz-binding`.
    Runs(String),
    /// A declaration, in lower case, without white space.
    Declares(String, String),
}

/// Reads a style sheet or the declarations of one element; each with the byte where it stands.
pub(super) fn styles(css: &str) -> Vec<(Style, usize)> {
    let mut scan = Scan { css, at: 0, name: String::new(), value: None, import: false, told: Vec::new() };
    while scan.step() {}
    scan.declared();
    scan.told
}

struct Scan<'s> {
    css: &'s str,
    at: usize,
    /// The last name, in lower case.
    name: String,
    /// A declaration that is being read: its property, its value, where it began.
    value: Option<(String, String, usize)>,
    /// Behind `@import`.
    import: bool,
    told: Vec<(Style, usize)>,
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        self.css.get(self.at..).unwrap_or_default()
    }

    fn step(&mut self) -> bool {
        let at = self.at;
        let Some(first) = self.rest().chars().next() else { return false };
        match first {
            '/' if self.rest().starts_with("/*") => {
                self.at += self.rest().get(2..).and_then(|it| it.find("*/")).map_or(self.rest().len(), |end| end + 4);
            }
            '"' | '\'' => {
                let text = self.string(first);
                if std::mem::take(&mut self.import) {
                    self.told.push((Style::Imports(text), at));
                }
            }
            _ if is_name(first) => self.word(at),
            ':' if self.value.is_none() && !self.name.is_empty() => {
                self.value = Some((std::mem::take(&mut self.name), String::new(), at));
                self.at += 1;
            }
            ';' | '{' | '}' => {
                self.at += 1;
                if first == '{' {
                    // What looked like a declaration was a selector: `a:hover {`.
                    self.value = None;
                }
                self.declared();
                self.name.clear();
                self.import = false;
            }
            other => {
                self.at += other.len_utf8();
                if let Some((_, value, _)) = self.value.as_mut().filter(|_| !other.is_whitespace()) {
                    value.push(other);
                }
            }
        }
        true
    }

    fn declared(&mut self) {
        if let Some((name, value, at)) = self.value.take() {
            if matches!(&*name, "behavior" | "-moz-binding" | "-ms-behavior") {
                self.told.push((Style::Runs(format!("{name}: {value}")), at));
            }
            self.told.push((Style::Declares(name, value), at));
        }
    }

    fn word(&mut self, at: usize) {
        let name = self.name().to_ascii_lowercase();
        let call = self.rest().starts_with('(');
        match &*name {
            "url" | "src" if call => {
                self.at += 1;
                let url = self.url();
                let style = if std::mem::take(&mut self.import) { Style::Imports(url) } else { Style::Loads(url) };
                self.told.push((style, at));
            }
            "expression" if call => self.told.push((Style::Runs(name.clone()), at)),
            "@import" => self.import = true,
            _ => {}
        }
        if let Some((_, value, _)) = &mut self.value {
            value.push_str(&name);
        }
        self.name = name;
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(first) = self.rest().chars().next().filter(|it| is_name(*it)) {
            if first == '\\' {
                name.extend(self.escape());
            } else {
                name.push(first);
                self.at += first.len_utf8();
            }
        }
        name
    }

    /// Behind `url(`: a string or characters up to the bracket.
    fn url(&mut self) -> String {
        let blank = self.rest().len() - self.rest().trim_start().len();
        self.at += blank;
        if let Some(quote) = self.rest().chars().next().filter(|it| matches!(it, '"' | '\'')) {
            return self.string(quote);
        }
        let mut url = String::new();
        while let Some(first) = self.rest().chars().next().filter(|it| *it != ')') {
            if first == '\\' {
                url.extend(self.escape());
            } else {
                url.push(first);
                self.at += first.len_utf8();
            }
        }
        url.trim().to_owned()
    }

    fn string(&mut self, quote: char) -> String {
        self.at += 1;
        let mut text = String::new();
        while let Some(first) = self.rest().chars().next() {
            if first == '\\' {
                text.extend(self.escape());
                continue;
            }
            self.at += first.len_utf8();
            if first == quote || first == '\n' {
                break;
            }
            text.push(first);
        }
        text
    }

    /// `\` and up to six hexadecimal digits with a space behind them, or one character.
    fn escape(&mut self) -> Option<char> {
        self.at += 1;
        let digits: String = self.rest().chars().take(6).take_while(char::is_ascii_hexdigit).collect();
        if digits.is_empty() {
            let letter = self.rest().chars().next()?;
            self.at += letter.len_utf8();
            return (letter != '\n').then_some(letter);
        }
        self.at += digits.len();
        self.at += usize::from(self.rest().starts_with([' ', '\n', '\t']));
        u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).or(Some('\u{fffd}'))
    }
}

fn is_name(letter: char) -> bool {
    letter.is_alphanumeric() || matches!(letter, '-' | '_' | '@' | '\\') || letter > '\u{7f}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_css_loads_and_runs_is_found_however_it_is_written() {
        let told = |css: &str| {
            let shown = styles(css).into_iter().filter_map(|(style, _)| match style {
                Style::Loads(url) => Some(format!("loads {url}")),
                Style::Imports(url) => Some(format!("imports {url}")),
                Style::Runs(what) => Some(format!("runs {what}")),
                Style::Declares(..) => None,
            });
            shown.collect::<Vec<_>>().join(", ")
        };
        for (css, is) in [
            ("a:hover{background:url( 'x.png' )}", "loads x.png"),
            ("background:u\\72 l(http://a\\2e example/)", "loads http://a.example/"),
            ("@im\\port \"x.css\"; @import url(y.css);", "imports x.css, imports y.css"),
            ("/* url(x) */ content:'url(y)'", ""),
            ("width:exp\\72 ession(alert(1))", "runs expression"),
            ("-moz-binding:url(x#y)", "loads x#y, runs -moz-binding: url)"),
        ] {
            assert_eq!(told(css), is, "{css}");
        }
        let declared = styles("p{OPACITY : 0 ;z-index: 99}");
        let of = |name: &str, value: &str| Style::Declares(name.into(), value.into());
        assert_eq!(declared.into_iter().map(|it| it.0).collect::<Vec<_>>(), [of("opacity", "0"), of("z-index", "99")]);
    }
}
