//! Says how long a token stays verified.

use std::time::Duration;

/// From when, and until when, the rules about time let a token pass: in seconds since the epoch,
/// with the leeway in them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::layers::auth::jwt) struct Window {
    from: f64,
    until: f64,
}

impl Default for Window {
    /// Always.
    fn default() -> Self {
        Self {
            from: f64::NEG_INFINITY,
            until: f64::INFINITY,
        }
    }
}

impl Window {
    /// The part of it that begins no sooner.
    pub(in crate::layers::auth::jwt) const fn from(self, from: f64) -> Self {
        Self {
            from: self.from.max(from),
            ..self
        }
    }

    /// The part of it that ends no later. At that very second it is over.
    pub(in crate::layers::auth::jwt) const fn until(self, until: f64) -> Self {
        Self {
            until: self.until.min(until),
            ..self
        }
    }

    pub(in crate::layers::auth::jwt) fn is_open(self, now: Duration) -> bool {
        self.from <= now.as_secs_f64() && !self.is_over(now)
    }

    pub(in crate::layers::auth::jwt) fn is_over(self, now: Duration) -> bool {
        now.as_secs_f64() >= self.until
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Window;

    #[test]
    fn is_open_from_its_first_second_to_the_one_before_its_last() {
        let window = Window::default().from(10.0).until(20.0);
        let cases = [
            ("before", 9.9, false, false),
            ("at first", 10.0, true, false),
            ("at last", 19.9, true, false),
            ("at the end", 20.0, false, true),
            ("after", 1e9, false, true),
        ];
        for (name, now, open, over) in cases {
            let now = Duration::from_secs_f64(now);
            assert_eq!(window.is_open(now), open, "{name}");
            assert_eq!(window.is_over(now), over, "{name}");
        }
        assert!(Window::default().is_open(Duration::ZERO));
        assert!(Window::default().is_open(Duration::MAX));
    }

    #[test]
    fn only_ever_gets_smaller() {
        let window = Window::default().from(10.0).until(20.0);
        assert_eq!(window.from(5.0).until(25.0), window);
        assert_eq!(window.from(f64::NAN).until(f64::NAN), window);
    }
}
