//! Captures spans, and events with the span that they are in.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

use super::log::listen;

/// The fields of a span or an event, as text.
pub type Fields = BTreeMap<&'static str, String>;

/// Keeps the spans and events of this thread.
#[derive(Clone, Default)]
pub struct Spans(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    spans: Vec<Kind>,
    entered: Vec<u64>,
    events: Vec<Entry>,
    /// Spans, and how often each was cloned.
    open: BTreeMap<u64, usize>,
}

struct Kind {
    fields: Fields,
}

/// An event.
#[derive(Clone, Debug)]
pub struct Entry {
    pub target: &'static str,
    pub level: &'static str,
    pub fields: Fields,
    /// The span in which it happened, by its place in the list of spans.
    pub span: Option<usize>,
}

impl Spans {
    /// Keeps what this thread logs until the guard is dropped.
    pub fn listen() -> (Self, DefaultGuard) {
        let spans = Self::default();
        (spans.clone(), listen(spans))
    }

    /// The fields of each span.
    pub fn spans(&self) -> Vec<Fields> {
        let kept = self.0.lock().unwrap();
        kept.spans.iter().map(|span| span.fields.clone()).collect()
    }

    /// The fields of the only span.
    #[track_caller]
    pub fn only(&self) -> Fields {
        let mut spans = self.spans();
        assert_eq!(spans.len(), 1, "{spans:?}");
        spans.remove(0)
    }

    /// The events so far.
    pub fn events(&self) -> Vec<Entry> {
        self.0.lock().unwrap().events.clone()
    }

    /// The lines of the access log so far.
    pub fn access(&self) -> Vec<Entry> {
        let mut events = self.events();
        events.retain(|event| event.target == "http_server");
        events
    }

    /// How many spans are open.
    pub fn open(&self) -> usize {
        self.0.lock().unwrap().open.len()
    }

    /// How many spans are entered.
    pub fn entered(&self) -> usize {
        self.0.lock().unwrap().entered.len()
    }
}

impl Subscriber for Spans {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut kept = self.0.lock().unwrap();
        let mut fields = Fields::new();
        attributes.record(&mut Visitor(&mut fields));
        kept.spans.push(Kind { fields });
        let id = kept.spans.len() as u64;
        kept.open.insert(id, 1);
        Id::from_u64(id)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut kept = self.0.lock().unwrap();
        let fields = &mut kept.spans[span.into_u64() as usize - 1].fields;
        values.record(&mut Visitor(fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut kept = self.0.lock().unwrap();
        let mut fields = Fields::new();
        event.record(&mut Visitor(&mut fields));
        let span = kept.entered.last().map(|id| *id as usize - 1);
        kept.events.push(Entry {
            target: event.metadata().target(),
            level: event.metadata().level().as_str(),
            fields,
            span,
        });
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.into_u64());
    }

    fn exit(&self, span: &Id) {
        let left = self.0.lock().unwrap().entered.pop();
        assert_eq!(left, Some(span.into_u64()), "spans are left inside out");
    }

    fn clone_span(&self, span: &Id) -> Id {
        *self
            .0
            .lock()
            .unwrap()
            .open
            .entry(span.into_u64())
            .or_default() += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut kept = self.0.lock().unwrap();
        let count = kept.open.entry(span.into_u64()).or_default();
        *count -= 1;
        let is_closed = *count == 0;
        if is_closed {
            kept.open.remove(&span.into_u64());
        }
        is_closed
    }
}

/// A field that is recorded twice would be twice in the log.
struct Visitor<'a>(&'a mut Fields);

impl Visitor<'_> {
    fn keep(&mut self, field: &Field, value: String) {
        let before = self.0.insert(field.name(), value);
        // The name changes when the route is known.
        let may_change = field.name() == "otel.name";
        assert!(
            before.is_none() || may_change,
            "{} is recorded twice",
            field.name()
        );
    }
}

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.keep(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.keep(field, value.to_owned());
    }
}
