//! The tree while html5ever builds it: bounded, and each node knows where its token began.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::interface::{Attribute as Given, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::{ExpandedName, LocalName, QualName, local_name, ns};

use super::{Attribute, Bound, Data, Id, Kept, Limits, ROOT, Space, Tag};

/// A node as the tree builder holds it, with its name, which it asks for again and again.
#[derive(Clone)]
pub(super) struct Handle {
    id: Id,
    name: Rc<QualName>,
}

/// The tree that grows.
pub(super) struct Growing {
    limits: Limits,
    /// Byte of the source where the token begins that is being worked on.
    at: Cell<u32>,
    passed: Cell<Option<(Bound, usize)>>,
    nodes: RefCell<Vec<Kept>>,
    kept_bytes: Cell<usize>,
    nameless: Rc<QualName>,
}

impl Growing {
    pub(super) fn new(limits: &Limits) -> Self {
        let nameless = Rc::new(QualName::new(None, ns!(), local_name!("")));
        let nodes = RefCell::new(Vec::new());
        let (at, passed, kept_bytes) = (Cell::new(0), Cell::new(None), Cell::new(0));
        let growing = Self { limits: *limits, at, passed, nodes, kept_bytes, nameless };
        growing.add(Data::Document);
        growing
    }

    /// Where the token begins that comes next.
    pub(super) fn begin(&self, at: u32) {
        self.at.set(at);
    }

    /// The first limit that was passed.
    pub(super) fn passed(&self) -> Option<(Bound, usize)> {
        self.passed.get()
    }

    fn pass(&self, bound: Bound, limit: usize) {
        self.passed.set(self.passed.get().or(Some((bound, limit))));
    }

    /// Whether so many more bytes may be kept: what was read, and as much again in copies and resolved references.
    fn keeps(&self, bytes: usize) -> bool {
        let limit = self.limits.bytes.saturating_mul(2).saturating_add(4096);
        self.kept_bytes.set(self.kept_bytes.get().saturating_add(bytes));
        if self.kept_bytes.get() > limit {
            self.pass(Bound::Kept, limit);
        }
        self.passed.get().is_none()
    }

    fn add(&self, data: Data) -> Id {
        let mut nodes = self.nodes.borrow_mut();
        let id = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        if id > self.limits.nodes {
            self.pass(Bound::Nodes, self.limits.nodes as usize);
        }
        let at = self.at.get();
        nodes.push(Kept { parent: None, first: None, last: None, before: None, next: None, at, depth: 0, data });
        id
    }

    fn nameless(&self, id: Id) -> Handle {
        Handle { id, name: Rc::clone(&self.nameless) }
    }

    fn attributes(&self, given: Vec<Given>) -> Vec<Attribute> {
        let mut attributes = Vec::with_capacity(given.len().min(usize::from(self.limits.attributes)));
        for Given { name, value } in given {
            if !self.keeps(name.local.len() + value.len()) {
                break;
            }
            let name = match &name.prefix {
                Some(prefix) if !prefix.is_empty() => LocalName::from(format!("{prefix}:{}", name.local)),
                _ => name.local,
            };
            attributes.push(Attribute { name, value: value.as_ref().into() });
        }
        attributes
    }

    fn with<R>(&self, id: Id, change: impl FnOnce(&mut Kept) -> R) -> Option<R> {
        self.nodes.borrow_mut().get_mut(id as usize).map(change)
    }

    fn see<R>(&self, id: Id, what: impl FnOnce(&Kept) -> R) -> Option<R> {
        self.nodes.borrow().get(id as usize).map(what)
    }

    fn parent(&self, id: Id) -> Option<Id> {
        self.see(id, |kept| kept.parent).flatten()
    }

    fn detach(&self, id: Id) {
        let links = |kept: &mut Kept| (kept.parent.take(), kept.before.take(), kept.next.take());
        let Some((Some(parent), before, next)) = self.with(id, links) else { return };
        match before {
            Some(before) => self.with(before, |kept| kept.next = next),
            None => self.with(parent, |kept| kept.first = next),
        };
        match next {
            Some(next) => self.with(next, |kept| kept.before = before),
            None => self.with(parent, |kept| kept.last = before),
        };
    }

    /// Puts a node without a parent into one, before a child of it or at its end.
    fn attach(&self, parent: Id, before: Option<Id>, id: Id) {
        let depth = self.see(parent, |kept| kept.depth).unwrap_or(0).saturating_add(1);
        // The document is no element.
        if depth > self.limits.depth.saturating_add(1) {
            self.pass(Bound::Depth, usize::from(self.limits.depth));
        }
        let behind = match before {
            Some(next) => self.with(next, |kept| kept.before.replace(id)).flatten(),
            None => self.with(parent, |kept| kept.last.replace(id)).flatten(),
        };
        match behind {
            Some(behind) => self.with(behind, |kept| kept.next = Some(id)),
            None => self.with(parent, |kept| kept.first = Some(id)),
        };
        self.with(id, |kept| {
            (kept.parent, kept.before, kept.next, kept.depth) = (Some(parent), behind, before, depth);
        });
    }

    fn put(&self, parent: Id, before: Option<Id>, child: NodeOrText<Handle>) {
        match child {
            NodeOrText::AppendNode(child) => {
                self.detach(child.id);
                self.attach(parent, before, child.id);
            }
            NodeOrText::AppendText(text) if self.keeps(text.len()) => {
                let neighbour = match before {
                    Some(next) => self.see(next, |kept| kept.before).flatten(),
                    None => self.see(parent, |kept| kept.last).flatten(),
                };
                let joined = neighbour.and_then(|neighbour| {
                    self.with(neighbour, |kept| match &mut kept.data {
                        Data::Text(there) => {
                            there.push_str(&text);
                            true
                        }
                        _ => false,
                    })
                });
                if joined != Some(true) {
                    let id = self.add(Data::Text(text.to_string()));
                    self.attach(parent, before, id);
                }
            }
            NodeOrText::AppendText(_) => {}
        }
    }

    fn add_comment(&self, text: &str) -> Handle {
        let text = if self.keeps(text.len()) { text } else { "" };
        self.nameless(self.add(Data::Comment(text.into())))
    }
}

impl TreeSink for Growing {
    type Handle = Handle;
    type Output = Vec<Kept>;
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) -> Self::Output {
        self.nodes.into_inner()
    }

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        self.nameless(ROOT)
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> ExpandedName<'a> {
        target.name.expanded()
    }

    fn create_element(&self, name: QualName, attrs: Vec<Given>, _: ElementFlags) -> Handle {
        let space = match name.ns {
            ns!(svg) => Space::Svg,
            ns!(mathml) => Space::MathMl,
            _ => Space::Html,
        };
        let tag = Tag { space, name: name.local.clone(), attributes: self.attributes(attrs) };
        Handle { id: self.add(Data::Element(tag)), name: Rc::new(name) }
    }

    fn create_comment(&self, text: StrTendril) -> Handle {
        self.add_comment(&text)
    }

    fn create_pi(&self, _: StrTendril, data: StrTendril) -> Handle {
        self.add_comment(&data)
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        self.put(parent.id, None, child);
    }

    fn append_based_on_parent_node(&self, element: &Handle, prev_element: &Handle, child: NodeOrText<Handle>) {
        match self.parent(element.id) {
            Some(parent) => self.put(parent, Some(element.id), child),
            None => self.put(prev_element.id, None, child),
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, _: StrTendril, _: StrTendril) {
        let name: &str = if self.keeps(name.len()) { &name } else { "" };
        let id = self.add(Data::Doctype(name.into()));
        self.attach(ROOT, None, id);
    }

    fn get_template_contents(&self, target: &Handle) -> Handle {
        target.clone()
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.id == y.id
    }

    fn set_quirks_mode(&self, _: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, new_node: NodeOrText<Handle>) {
        if let Some(parent) = self.parent(sibling.id) {
            self.put(parent, Some(sibling.id), new_node);
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attrs: Vec<Given>) {
        let attributes = self.attributes(attrs);
        let most = usize::from(self.limits.attributes);
        let count = self.with(target.id, |kept| {
            let Data::Element(tag) = &mut kept.data else { return 0 };
            for attribute in attributes {
                if tag.attributes.len() <= most && tag.attributes.iter().all(|there| there.name != attribute.name) {
                    tag.attributes.push(attribute);
                }
            }
            tag.attributes.len()
        });
        if count.is_some_and(|count| count > most) {
            self.pass(Bound::Attributes, most);
        }
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.detach(target.id);
    }

    fn reparent_children(&self, node: &Handle, new_parent: &Handle) {
        // Not bounded by itself: only the adoption agency moves children, out of a block that holds one child afterwards, so each moves once.
        while let Some(child) = self.see(node.id, |kept| kept.first).flatten() {
            self.detach(child);
            self.attach(new_parent.id, None, child);
        }
    }
}
