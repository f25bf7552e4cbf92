//! Dates: what is written is read back, in both formats that have all years, and what is read can be
//! written.
#![no_main]

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use wythe::LastModified;

fuzz_target!(|input: &[u8]| {
    if let Some(seconds) = input.first_chunk() {
        let date = LastModified::unix(i64::from_be_bytes(*seconds));
        let value = HeaderValue::from(date);
        assert_eq!(value.len(), 29);
        assert_eq!(LastModified::parse(&value), Some(date));
        let text = value.to_str().expect("ASCII");
        // `Sun Nov  6 08:49:37 1994`, from `Sun, 06 Nov 1994 08:49:37 GMT`.
        let day: u8 = text[5..7].parse().expect("a day");
        let (weekday, month, year, time) = (&text[..3], &text[8..11], &text[12..16], &text[17..25]);
        let asctime = format!("{weekday} {month} {day:2} {time} {year}");
        let asctime = HeaderValue::from_str(&asctime).expect("ASCII");
        assert_eq!(LastModified::parse(&asctime), Some(date));
    }
    let Ok(value) = HeaderValue::from_bytes(input) else {
        return;
    };
    if let Some(date) = LastModified::parse(&value) {
        assert_eq!(LastModified::parse(&HeaderValue::from(date)), Some(date));
        assert_eq!(LastModified::unix(date.to_unix()), date);
    }
});
