//! What a script does, as far as its words tell: where it navigates, what it writes, loads and sends.
//!
//! Strings are put together and names that hold one constant string are looked through; code is not run. What that cannot see is said as
//! [`Deed::Unreadable`], so that a person looks: code made from strings, names computed at run time, `window` or `document` under another name.

mod values;

use std::cmp::Ordering;
use std::collections::HashMap;

use super::script::{Placed, Token, Tokens, tokens};
use super::urls::UNKNOWN;

/// One thing that a script does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Opens a page.
    Navigates { to: String, by_user: bool, within: Option<String> },
    /// Names a function outside of all functions and handlers: it runs by itself.
    Runs(String),
    /// Writes HTML into the page.
    Writes(String),
    /// Runs a string.
    Code(String),
    /// Makes an element.
    Makes(String),
    /// Gives an element something to load.
    Loads(String),
    /// Gives a link or a form where to go.
    Links(String),
    /// Sends to a server.
    Sends(String),
    /// Clicks or submits for the user.
    Clicks,
    /// Keeps the user.
    Traps,
    /// Opens a dialog.
    Dialog,
    /// Reads what belongs to the user.
    Reads,
    /// Makes a download of a link.
    Downloads,
    /// Sets what runs on an event.
    Handles,
    /// Does what cannot be told: why, in English and Chinese.
    Unreadable(&'static str, &'static str),
    /// Holds a string.
    Holds(String),
}

/// Things that one script does which are told: nobody looks through more.
const MOST_DEEDS: usize = 1_000;

/// Events that a user causes on purpose. Touching is no click: scrolling touches.
const ACTS: [&str; 6] = ["click", "dblclick", "auxclick", "mouseup", "pointerup", "tap"];
/// Names of the page itself.
const GLOBALS: [&str; 10] =
    ["window", "document", "self", "top", "parent", "globalThis", "frames", "opener", "location", "this"];

/// What a handler attribute or an event of that name is caused by.
pub(super) fn is_act(event: &str) -> bool {
    ACTS.contains(&event)
}

/// Reads what a script does, each with the byte where it stands. `by_user`: all of it runs when the user clicks.
pub(super) fn deeds(script: &str, by_user: bool) -> Vec<(Deed, usize)> {
    let read = tokens(script);
    let mut reader = Reader::new(read, by_user);
    reader.read();
    reader.deeds
}

/// What a bracket encloses.
#[derive(Clone, Debug, Default)]
struct Scope {
    by_user: bool,
    within: Option<String>,
    /// Any function, with a name or without.
    function: bool,
    /// Functions that are written directly in it are handed on to run at a click.
    hands: bool,
}

struct Reader {
    list: Vec<Placed>,
    constants: HashMap<String, String>,
    scopes: Vec<Scope>,
    /// What the next block belongs to.
    next: Option<Scope>,
    /// The body of an arrow function without braces: up to which token.
    arrow: Option<(usize, Scope)>,
    deeds: Vec<(Deed, usize)>,
    /// How many of them say something.
    told: usize,
}

const STRINGS: (&str, &str) = ("it makes code or addresses from encoded text", "由编码文本拼出代码或地址");
const COMPUTED: (&str, &str) = ("it reaches the page by a computed name", "以计算得出的名称访问页面对象");
const ALIAS: (&str, &str) =
    ("it hands `window` or `document` on under another name", "以其他名称转交 window 或 document");
const ADDRESS: (&str, &str) = ("an address is computed", "地址由运算得出");
const BROKEN: (&str, &str) = ("it does not end where it should, or is too long", "脚本不完整或过长");
const PROGRAM: (&str, &str) = ("it starts a program of another kind", "启动其他类型的程序");

impl Reader {
    fn new(Tokens { list, broken, hidden }: Tokens, by_user: bool) -> Self {
        let scopes = vec![Scope { by_user, ..Scope::default() }];
        let mut reader =
            Self { list, constants: HashMap::new(), scopes, next: None, arrow: None, deeds: Vec::new(), told: 0 };
        reader.constants = reader.constants();
        reader.name_members();
        if broken {
            reader.unreadable(BROKEN, 0);
        }
        let names = reader.list.iter().filter(|it| matches!(it.token, Token::Name(_) | Token::Text(_))).count();
        // More than a few escapes for letters that need none, or hardly anything but signs: somebody hides something.
        if hidden > 16 || reader.list.len() > 60 && names * 20 < reader.list.len() {
            reader.unreadable(STRINGS, 0);
        }
        reader
    }

    fn say(&mut self, deed: Deed, at: usize) {
        if !matches!(deed, Deed::Runs(_) | Deed::Holds(_)) {
            self.told += 1;
            match self.told.cmp(&MOST_DEEDS) {
                Ordering::Less => {}
                Ordering::Equal => return self.unreadable(BROKEN, at),
                Ordering::Greater if !matches!(deed, Deed::Unreadable(..)) || self.told > MOST_DEEDS + 1 => return,
                Ordering::Greater => {}
            }
        }
        let byte = self.list.get(at).map_or(0, |it| it.at);
        self.deeds.push((deed, byte));
    }

    fn unreadable(&mut self, (en, zh): (&'static str, &'static str), at: usize) {
        self.say(Deed::Unreadable(en, zh), at);
    }

    fn scope(&self) -> Scope {
        let arrow = self.arrow.as_ref().map(|(_, scope)| scope);
        arrow.or(self.scopes.last()).cloned().unwrap_or_default()
    }

    fn read(&mut self) {
        for at in 0..self.list.len() {
            self.arrow = self.arrow.take().filter(|(end, _)| at < *end);
            match self.token(at).cloned() {
                Some(Token::Sign(sign)) => self.sign(at, sign),
                Some(Token::Name(name)) => self.word(at, &name),
                Some(Token::Text(text)) => self.say(Deed::Holds(text), at),
                _ => {}
            }
        }
    }

    fn sign(&mut self, at: usize, sign: &str) {
        match sign {
            "(" | "[" | "{" => {
                let call = at.checked_sub(1).and_then(|at| self.name(at)).unwrap_or_default();
                let listens =
                    matches!(call, "addEventListener" | "on" | "once") && self.text(at + 1).is_some_and(is_act);
                // jQuery's `click` with a function.
                let hands = sign == "(" && (listens || call == "click" && !self.is(at + 1, ")"));
                let mut scope = Scope { hands, ..self.scope() };
                if sign == "{"
                    && let Some(next) = self.next.take()
                {
                    scope = next;
                }
                self.scopes.push(scope);
            }
            ")" | "]" | "}" if self.scopes.len() > 1 => {
                let over = self.scopes.pop().unwrap_or_default();
                let called =
                    self.is(at + 1, "(") || self.is(at + 1, ".") && matches!(self.name(at + 2), Some("call" | "apply"));
                // A handler that is called where it is written does not wait for a click.
                if over.function && over.by_user && !self.scope().by_user && sign == "}" && called {
                    self.unreadable(COMPUTED, at);
                }
            }
            ";" => self.next = None,
            "=>" => {
                let body = self.function(at);
                if self.is(at + 1, "{") {
                    self.next = Some(body);
                } else {
                    self.arrow = Some((self.value(at + 1).1, body));
                }
            }
            _ => {}
        }
    }

    /// What belongs to a function whose `function` or `=>` stands there.
    fn function(&self, at: usize) -> Scope {
        let scope = self.scope();
        let begin = self.begins(at);
        let sign = begin.and_then(|begin| begin.checked_sub(1));
        let handler = sign.filter(|sign| self.is(*sign, "=")).and_then(|sign| self.name(sign.checked_sub(1)?));
        let handles = handler.and_then(|name| name.strip_prefix("on")).is_some_and(is_act);
        let own = if self.name(at) == Some("function") { self.name(at + 1).map(str::to_owned) } else { None };
        // A function without a name inside of one that has a name runs when that does, or later.
        let within = own.or_else(|| self.assigned_to(at)).or(scope.within);
        Scope { by_user: scope.by_user || scope.hands || handles, within, function: true, hands: false }
    }

    fn word(&mut self, at: usize, name: &str) {
        let calls = self.is(at + 1, "(");
        let sets = self.is(at + 1, "=") || self.is(at + 1, "+=");
        let member = self.is_member(at);
        match name {
            "function" => self.next = Some(self.function(at)),
            "location" | "open" | "navigate" | "history" => self.moves(at, name),
            "write" | "writeln" if calls && member => self.writes(at + 2),
            "innerHTML" | "outerHTML" | "srcdoc" if sets => self.writes(at + 2),
            "createContextualFragment" | "parseFromString" if calls => self.writes(at + 2),
            "insertAdjacentHTML" if calls => {
                let written = self.second(at + 1);
                self.say(Deed::Writes(written), at);
            }
            "createElement" if calls => {
                let made = self.value(at + 2).0;
                self.say(Deed::Makes(made), at);
            }
            "createElementNS" if calls => {
                let made = self.second(at + 1);
                self.say(Deed::Makes(made), at);
            }
            "src" | "srcset" | "poster" | "data" if sets && member => {
                let loaded = self.value(at + 2).0;
                self.say(Deed::Loads(loaded), at);
            }
            "href" | "action" | "formAction" if sets && member && !self.is_location(at) => {
                let link = self.value(at + 2).0;
                self.say(Deed::Links(link), at);
            }
            "setAttribute" | "setAttributeNS" if calls => self.attribute(at),
            "fetch" | "sendBeacon" | "WebSocket" | "EventSource" if calls => {
                let to = self.value(at + 2).0;
                self.say(Deed::Sends(to), at);
            }
            _ => self.other_word(at, name, (calls, sets, member)),
        }
    }

    fn other_word(&mut self, at: usize, name: &str, (calls, sets, member): (bool, bool, bool)) {
        let scope = self.scope();
        match name {
            "eval" | "execScript" | "atob" | "unescape" | "fromCharCode" | "fromCodePoint" | "Reflect" | "Proxy" => {
                self.unreadable(STRINGS, at);
            }
            "Function" if calls => self.unreadable(STRINGS, at),
            "constructor" if member => self.unreadable(COMPUTED, at),
            "with" if calls && !member => self.unreadable(COMPUTED, at),
            "decodeURIComponent" | "decodeURI" if self.text(at + 2).is_some_and(|it| it.matches('%').count() > 8) => {
                self.unreadable(STRINGS, at);
            }
            "import" if calls => self.unreadable(PROGRAM, at),
            "Worker" | "SharedWorker" | "serviceWorker" | "importScripts" | "WebAssembly" | "createObjectURL" => {
                self.unreadable(PROGRAM, at);
            }
            "setTimeout" | "setInterval" if calls => {
                let first = self.value(at + 2).0;
                match self.text(at + 2) {
                    Some(_) if !first.contains(UNKNOWN) => self.say(Deed::Code(first), at),
                    Some(_) => self.unreadable(STRINGS, at),
                    None => {}
                }
            }
            "click" | "submit" | "requestSubmit" if calls && member && self.is(at + 2, ")") && !scope.by_user => {
                self.say(Deed::Clicks, at);
            }
            "MouseEvent" | "PointerEvent" | "TouchEvent" | "initMouseEvent" if calls => self.say(Deed::Clicks, at),
            "Event" | "CustomEvent" | "createEvent" | "trigger"
                if calls && self.text(at + 2).is_some_and(|it| is_act(it) || it.starts_with("Mouse")) =>
            {
                self.say(Deed::Clicks, at);
            }
            "onbeforeunload" | "onunload" | "onpopstate" => self.say(Deed::Traps, at),
            "addEventListener" if matches!(self.text(at + 2), Some("beforeunload" | "unload" | "popstate")) => {
                self.say(Deed::Traps, at);
            }
            "alert" | "confirm" | "prompt" if calls && (!member || self.of_global(at)) => self.say(Deed::Dialog, at),
            "cookie" if member => self.say(Deed::Reads, at),
            "localStorage"
            | "sessionStorage"
            | "indexedDB"
            | "geolocation"
            | "clipboard"
            | "getUserMedia"
            | "mediaDevices"
            | "requestPermission"
            | "DeviceMotionEvent"
            | "DeviceOrientationEvent"
            | "getBattery" => {
                self.say(Deed::Reads, at);
            }
            "download" if sets && member => self.say(Deed::Downloads, at),
            _ if GLOBALS.contains(&name) && !member && self.is(at + 1, "[") => self.unreadable(COMPUTED, at),
            "window" | "document" | "globalThis" if !member && self.is_value(at) => self.unreadable(ALIAS, at),
            _ if !member && !scope.by_user && !scope.function && !self.declares(at) && !self.is_handed(at) => {
                self.say(Deed::Runs(name.to_owned()), at);
            }
            _ => {}
        }
    }

    fn moves(&mut self, at: usize, name: &str) {
        let (member, calls) = (self.is_member(at), self.is(at + 1, "("));
        let part =
            if self.is(at + 1, ".") || self.is(at + 1, "?.") { self.name(at + 2).unwrap_or_default() } else { "" };
        let to = match (name, part) {
            ("history", "pushState" | "replaceState" | "back" | "forward" | "go") => return self.say(Deed::Traps, at),
            ("location", "") if self.is(at + 1, "[") => return self.unreadable(COMPUTED, at),
            ("location", "") if self.is(at + 1, "=") => self.value(at + 2).0,
            ("location", "href" | "hash" | "search" | "pathname" | "host" | "hostname" | "protocol")
                if self.is(at + 3, "=") || self.is(at + 3, "+=") =>
            {
                self.value(at + 4).0
            }
            ("location", "assign" | "replace" | "reload") => self.value(at + 4).0,
            ("open", _) if calls && (!member || self.of_global(at)) => self.value(at + 2).0,
            // A request's: `open("GET", URL)`.
            ("open", _) if calls => {
                let to = self.second(at + 1);
                return self.say(Deed::Sends(to), at);
            }
            ("navigate", _) if calls && member => self.value(at + 2).0,
            _ => return,
        };
        let scope = self.scope();
        self.say(Deed::Navigates { to, by_user: scope.by_user, within: scope.within }, at);
    }

    fn writes(&mut self, from: usize) {
        let (mut written, mut end) = self.value(from);
        while self.is(end, ",") {
            let (more, after) = self.value(end + 1);
            written.push_str(&more);
            end = after;
        }
        self.say(Deed::Writes(written), from);
    }

    fn attribute(&mut self, at: usize) {
        let open = at + 1;
        let (mut name, mut end) = self.value(open + 1);
        if self.name(at) == Some("setAttributeNS") && self.is(end, ",") {
            (name, end) = self.value(end + 1);
        }
        let value = if self.is(end, ",") { self.value(end + 1).0 } else { UNKNOWN.to_string() };
        match &*name.to_ascii_lowercase() {
            "src" | "srcset" | "data" | "poster" => self.say(Deed::Loads(value), at),
            "href" | "xlink:href" | "action" | "formaction" => self.say(Deed::Links(value), at),
            "srcdoc" => self.say(Deed::Writes(value), at),
            "download" => self.say(Deed::Downloads, at),
            name if name.starts_with("on") => self.say(Deed::Handles, at),
            name if name.contains(UNKNOWN) => self.unreadable(ADDRESS, at),
            _ => {}
        }
    }
}
