//! Reads and writes dates: RFC 9110, section 5.6.7.
//!
//! By hand, because `httpdate` reads the two-digit years of RFC 850 by a fixed pivot (1970), where the
//! standard has a window around the present, and rejects leap seconds, which the grammar has.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

/// A date in whole seconds since 1970, from the year 0 to the year 9999.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HttpDate(i64);

const DAY: i64 = 86_400;
/// Sat, 01 Jan 0000 00:00:00 GMT.
const FIRST: i64 = -62_167_219_200;
/// Fri, 31 Dec 9999 23:59:59 GMT.
const LAST: i64 = 253_402_300_799;

const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

impl HttpDate {
    /// The nearest date that can be written.
    pub(crate) fn from_unix(seconds: i64) -> Self {
        Self(seconds.clamp(FIRST, LAST))
    }

    /// Without the fraction of the second: rounded down.
    pub(crate) fn from_time(time: SystemTime) -> Self {
        let seconds = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Self::from_unix(match time.duration_since(UNIX_EPOCH) {
            Ok(since) => seconds(since),
            Err(before) => {
                let before = before.duration();
                let fraction = i64::from(before.subsec_nanos() > 0);
                seconds(before).saturating_add(fraction).saturating_neg()
            }
        })
    }

    pub(crate) const fn to_unix(self) -> i64 {
        self.0
    }

    /// A date in one of the three formats. `now` is asked for the two-digit years of RFC 850.
    pub(crate) fn parse(field: &[u8], now: impl FnOnce() -> Self) -> Option<Self> {
        let field = std::str::from_utf8(field).ok()?;
        let text = Reader(field.trim_ascii());
        imf_fixdate(text)
            .or_else(|| asctime(text))
            .or_else(|| rfc850(text, now))
    }

    /// The start of a day in UTC: `2026-11-27` (RFC 3339, `full-date`).
    pub(crate) fn of_day(text: &str) -> Option<Self> {
        let mut text = Reader(text);
        let year = text.digits(4)?;
        text.literal("-")?;
        let month = text.digits(2)?;
        text.literal("-")?;
        let day = text.digits(2)?;
        text.end()?;
        date(year, month, day, 0, None)
    }

    /// The preferred format, `IMF-fixdate`.
    pub(crate) fn to_value(self) -> HeaderValue {
        let (year, month, day) = civil(self.0.div_euclid(DAY));
        let second = self.0.rem_euclid(DAY);
        let name = |names: &[&'static str], index: i64| {
            let index = usize::try_from(index).unwrap_or_default();
            names.get(index).copied().unwrap_or_default()
        };
        let text = format!(
            "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            name(&WEEKDAYS, self.0.div_euclid(DAY).rem_euclid(7))
                .get(..3)
                .unwrap_or_default(),
            name(&MONTHS, month - 1),
            second / 3600,
            second / 60 % 60,
            second % 60,
        );
        // Letters, digits and punctuation are a valid value.
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(mut text: Reader<'_>) -> Option<HttpDate> {
    let weekday = text.weekday(true)?;
    text.literal(", ")?;
    let day = text.digits(2)?;
    text.literal(" ")?;
    let month = text.month()?;
    text.literal(" ")?;
    let year = text.digits(4)?;
    text.literal(" ")?;
    let time = text.time()?;
    text.literal(" GMT")?;
    text.end()?;
    date(year, month, day, time, Some(weekday))
}

/// `Sunday, 06-Nov-94 08:49:37 GMT`
fn rfc850(mut text: Reader<'_>, now: impl FnOnce() -> HttpDate) -> Option<HttpDate> {
    let weekday = text.weekday(false)?;
    text.literal(", ")?;
    let day = text.digits(2)?;
    text.literal("-")?;
    let month = text.month()?;
    text.literal("-")?;
    let short_year = text.digits(2)?;
    text.literal(" ")?;
    let time = text.time()?;
    text.literal(" GMT")?;
    text.end()?;
    // "A timestamp that appears to be more than 50 years in the future" is "the most recent year in
    // the past that had the same last two digits".
    let now = now();
    let (this_year, this_month, today) = civil(now.0.div_euclid(DAY));
    let limit = days(this_year + 50, this_month, today) * DAY + now.0.rem_euclid(DAY);
    let century = this_year.div_euclid(100) * 100;
    let years = [century + 100, century, century - 100].map(|century| century + short_year);
    let mut dates = years
        .into_iter()
        .filter_map(|year| date(year, month, day, time, None));
    let found = dates.find(|date| date.0 <= limit)?;
    (weekday_of(found) == weekday).then_some(found)
}

/// `Sun Nov  6 08:49:37 1994`
fn asctime(mut text: Reader<'_>) -> Option<HttpDate> {
    let weekday = text.weekday(true)?;
    text.literal(" ")?;
    let month = text.month()?;
    text.literal(" ")?;
    let day = match text.literal(" ") {
        Some(()) => text.digits(1)?,
        None => text.digits(2)?,
    };
    text.literal(" ")?;
    let time = text.time()?;
    text.literal(" ")?;
    let year = text.digits(4)?;
    text.end()?;
    date(year, month, day, time, Some(weekday))
}

/// The date of these parts, if there is such a day and it is this day of the week.
fn date(year: i64, month: i64, day: i64, time: i64, weekday: Option<i64>) -> Option<HttpDate> {
    let days = days(year, month, day);
    if civil(days) != (year, month, day) {
        return None;
    }
    let date = HttpDate(days * DAY + time);
    // A leap second is that of the next day.
    let first = HttpDate(days * DAY);
    (date.0 <= LAST && weekday.is_none_or(|weekday| weekday_of(first) == weekday)).then_some(date)
}

const fn weekday_of(date: HttpDate) -> i64 {
    date.0.div_euclid(DAY).rem_euclid(7)
}

/// The days from 1970-01-01 to this one, of the Gregorian calendar (Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms").
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day, by the same algorithms.
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month, day)
}

/// What is left of a text. Dates are case-sensitive.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a str);

impl Reader<'_> {
    fn literal(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }

    /// A number with this many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse().ok())?
    }

    /// The index of the day of the week, from its first three letters or its whole name.
    fn weekday(&mut self, is_short: bool) -> Option<i64> {
        let names = WEEKDAYS.iter().map(|name| {
            if is_short {
                name.get(..3).unwrap_or(name)
            } else {
                name
            }
        });
        self.one_of(names)
    }

    /// From 1 to 12.
    fn month(&mut self) -> Option<i64> {
        self.one_of(MONTHS.into_iter()).map(|index| index + 1)
    }

    fn one_of<'n>(&mut self, names: impl Iterator<Item = &'n str>) -> Option<i64> {
        let (index, rest) = names
            .zip(0..)
            .find_map(|(name, index)| Some((index, self.0.strip_prefix(name)?)))?;
        self.0 = rest;
        Some(index)
    }

    /// `08:49:37` in seconds; the second may be 60.
    fn time(&mut self) -> Option<i64> {
        let hour = self.digits(2)?;
        self.literal(":")?;
        let minute = self.digits(2)?;
        self.literal(":")?;
        let second = self.digits(2)?;
        (hour <= 23 && minute <= 59 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use proptest::prelude::*;

    use super::{FIRST, HttpDate, LAST};

    /// 2026-11-27, 12:00.
    const NOW: HttpDate = HttpDate(1_795_780_800);

    fn parse(text: &str) -> Option<i64> {
        HttpDate::parse(text.as_bytes(), || NOW).map(HttpDate::to_unix)
    }

    fn written(seconds: i64) -> String {
        let value = HttpDate::from_unix(seconds).to_value();
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn reads_the_three_formats_of_the_standard() {
        let cases = [
            ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
            ("Sun Nov  6 08:49:37 1994", 784_111_777),
            ("Wed Nov 16 08:49:37 1994", 784_975_777),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
            ("Thu, 29 Feb 2024 12:00:00 GMT", 1_709_208_000),
            // A leap second is the first second of the next minute.
            ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),
            ("Fri, 31 Dec 9999 23:59:59 GMT", LAST),
            ("Sat, 01 Jan 0000 00:00:00 GMT", FIRST),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse(text), Some(seconds), "{text}");
        }
    }

    #[test]
    fn a_short_year_is_not_more_than_50_years_ahead() {
        // The day of the week tells which century is meant; another one is rejected.
        let cases = [
            (
                "Friday, 27-Nov-26 12:00:00 GMT",
                "Fri, 27 Nov 2026 12:00:00 GMT",
            ),
            (
                "Friday, 27-Nov-76 12:00:00 GMT",
                "Fri, 27 Nov 2076 12:00:00 GMT",
            ),
            (
                "Saturday, 27-Nov-76 12:00:01 GMT",
                "Sat, 27 Nov 1976 12:00:01 GMT",
            ),
            (
                "Sunday, 27-Nov-77 12:00:00 GMT",
                "Sun, 27 Nov 1977 12:00:00 GMT",
            ),
            (
                "Wednesday, 01-Jan-70 00:00:00 GMT",
                "Wed, 01 Jan 2070 00:00:00 GMT",
            ),
            ("Thursday, 01-Jan-70 00:00:00 GMT", ""),
            ("Tuesday, 29-Feb-72 00:00:00 GMT", ""),
            (
                "Monday, 29-Feb-72 00:00:00 GMT",
                "Mon, 29 Feb 2072 00:00:00 GMT",
            ),
        ];
        for (text, expected) in cases {
            let read = parse(text).map(written).unwrap_or_default();
            assert_eq!(read, expected, "{text}");
        }
        // From the end of a century, years of the next one are near.
        let late = HttpDate::parse(b"Thu, 31 Dec 2099 00:00:00 GMT", || NOW).unwrap();
        let next = HttpDate::parse(b"Friday, 01-Jan-00 00:00:00 GMT", || late).unwrap();
        assert_eq!(next.to_value(), "Fri, 01 Jan 2100 00:00:00 GMT");
    }

    #[test]
    fn rejects_what_is_not_a_date() {
        for text in [
            "",
            "0",
            "1994-11-06T08:49:37Z",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "sun, 06 nov 1994 08:49:37 gmt",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:00:00 GMT",
            "Sun, 06 Nov 1994 08:60:37 GMT",
            "Sun, 06 Nov 1994 08:49:61 GMT",
            "Thu, 30 Feb 2023 00:00:00 GMT",
            "Wed, 29 Feb 2023 00:00:00 GMT",
            "Sun, 00 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov +994 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
            "Fri, 31 Dec 9999 23:59:60 GMT",
            "Sunday, 06 Nov 1994 08:49:37 GMT",
            "Sun, 06-Nov-94 08:49:37 GMT",
            "Sun Nov 6 08:49:37 1994",
            "Sun Nov 06 08:49:37 94",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn times_are_rounded_down() {
        let half = Duration::from_millis(500);
        assert_eq!(HttpDate::from_time(UNIX_EPOCH + half).to_unix(), 0);
        assert_eq!(HttpDate::from_time(UNIX_EPOCH - half).to_unix(), -1);
        assert_eq!(HttpDate::from_unix(i64::MAX).to_unix(), LAST);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in FIRST..=LAST) {
            prop_assert_eq!(parse(&written(seconds)), Some(seconds));
        }

        #[test]
        fn any_text_is_read_or_rejected(text in ".{0,40}") {
            if let Some(seconds) = parse(&text) {
                prop_assert!((FIRST..=LAST).contains(&seconds));
            }
        }
    }
}
