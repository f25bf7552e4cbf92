//! How `Cache-Control` values are built, parsed and rejected.

use std::time::Duration;

use http::header;
use proptest::prelude::*;
use wythe::CacheControl;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn directives_are_written_in_one_order_however_they_were_given() {
    let policy = CacheControl::public()
        .no_transform()
        .stale_if_error(secs(5))
        .private_fields([header::SET_COOKIE, header::SERVER, header::SET_COOKIE])
        .stale_while_revalidate(secs(4))
        .no_cache_fields([header::AGE])
        .s_maxage(secs(3))
        .max_age(secs(2))
        .immutable()
        .proxy_revalidate();
    assert_eq!(
        policy.to_string(),
        "public, private=\"set-cookie, server\", no-cache=\"age\", max-age=2, s-maxage=3, \
         immutable, stale-while-revalidate=4, stale-if-error=5, proxy-revalidate, no-transform"
    );
}

#[test]
fn each_constructor_writes_its_directive() {
    let cases = [
        (CacheControl::new().to_string(), ""),
        (CacheControl::public().to_string(), "public"),
        (CacheControl::private().to_string(), "private"),
        (CacheControl::no_store().to_string(), "no-store"),
        (
            CacheControl::no_store().no_transform().to_string(),
            "no-store, no-transform",
        ),
        (CacheControl::new().no_cache().to_string(), "no-cache"),
        (
            CacheControl::private().no_cache().to_string(),
            "private, no-cache",
        ),
        (
            CacheControl::new().no_cache().must_revalidate().to_string(),
            "no-cache, must-revalidate",
        ),
        (
            CacheControl::public().must_revalidate().to_string(),
            "public, must-revalidate",
        ),
        (
            CacheControl::public().must_understand().to_string(),
            "must-understand, public, no-store",
        ),
        (CacheControl::new().no_cache_fields([]).to_string(), ""),
    ];
    for (written, expected) in cases {
        assert_eq!(written, expected);
    }
}

#[test]
fn times_are_whole_seconds_and_rounded_down() {
    let cases = [
        (Duration::ZERO, "max-age=0"),
        (Duration::from_millis(999), "max-age=0"),
        (Duration::from_millis(1999), "max-age=1"),
        (secs(2_147_483_647), "max-age=2147483647"),
        (secs(2_147_483_648), "max-age=2147483648"),
        // RFC 9111, section 1.2.2.
        (secs(2_147_483_649), "max-age=2147483648"),
        (Duration::MAX, "max-age=2147483648"),
    ];
    for (time, expected) in cases {
        let written = CacheControl::new().max_age(time).to_string();
        assert_eq!(written, expected, "{time:?}");
    }
}

#[test]
fn parses_well_formed_values_and_writes_them_in_order() {
    let cases = [
        // RFC 9111, section 5.2, and its examples.
        ("max-age=5", "max-age=5"),
        ("MAX-AGE=5", "max-age=5"),
        ("max-age=0060", "max-age=60"),
        ("max-age=2147483648", "max-age=2147483648"),
        ("s-maxage=10, public", "public, s-maxage=10"),
        (" public\t,\t max-age=1 ", "public, max-age=1"),
        ("public,max-age=1", "public, max-age=1"),
        // Section 5.2.2.4 and 5.2.2.7: field names are case-insensitive.
        ("private=\"Set-Cookie,X-A\"", "private=\"set-cookie, x-a\""),
        ("no-cache=\" set-cookie \"", "no-cache=\"set-cookie\""),
        (
            "no-cache=\"a\", max-age=1, stale-if-error=2",
            "no-cache=\"a\", max-age=1, stale-if-error=2",
        ),
        (
            "public, private=\"a\", s-maxage=1, proxy-revalidate",
            "public, private=\"a\", s-maxage=1, proxy-revalidate",
        ),
        // Section 5.2.2.3: no-store is for the caches that do not know must-understand.
        (
            "no-store, must-understand, max-age=9",
            "must-understand, no-store, max-age=9",
        ),
        ("no-transform, no-store", "no-store, no-transform"),
        ("must-revalidate, max-age=1", "max-age=1, must-revalidate"),
        ("public, no-cache", "public, no-cache"),
        (
            "public, s-maxage=60, stale-while-revalidate=300",
            "public, s-maxage=60, stale-while-revalidate=300",
        ),
    ];
    for (text, expected) in cases {
        let policy: CacheControl = text.parse().unwrap();
        assert_eq!(policy.to_string(), expected, "{text}");
    }
}

/// What servers on the web and in the defaults of frameworks send.
#[test]
fn parses_what_frameworks_write_and_people_send() {
    let all = "private, no-cache, no-store, max-age=0, must-revalidate";
    let cases = [
        // Next.js; Django's `never_cache`; Spring Security; PHP's sessions.
        (all, all),
        (
            "max-age=0, no-cache, no-store, must-revalidate, private",
            all,
        ),
        (
            "no-cache, no-store, max-age=0, must-revalidate",
            "no-cache, no-store, max-age=0, must-revalidate",
        ),
        (
            "no-store, no-cache, must-revalidate",
            "no-cache, no-store, must-revalidate",
        ),
        (
            "no-store, no-cache, must-revalidate, post-check=0, pre-check=0",
            "no-cache, no-store, must-revalidate, post-check=0, pre-check=0",
        ),
        ("private, no-store", "private, no-store"),
        ("no-store, no-transform", "no-store, no-transform"),
        ("no-store, s-maxage=0", "no-store, s-maxage=0"),
        ("no-cache, private", "private, no-cache"),
        ("no-cache, max-age=0", "no-cache, max-age=0"),
        (
            "private, max-age=0, s-maxage=0",
            "private, max-age=0, s-maxage=0",
        ),
        (
            "private, proxy-revalidate, max-age=5",
            "private, max-age=5, proxy-revalidate",
        ),
        (
            "max-age=0, private, must-revalidate",
            "private, max-age=0, must-revalidate",
        ),
        (
            "max-age=1, must-revalidate, stale-if-error=0",
            "max-age=1, stale-if-error=0, must-revalidate",
        ),
        // Empty elements.
        ("public, max-age=60,", "public, max-age=60"),
        (", public,, max-age=60 , ", "public, max-age=60"),
        ("private=\"a,,b,\"", "private=\"a, b\""),
        // Extensions: RFC 9111, section 5.2.3.
        ("private, community=\"UCI\"", "private, community=\"UCI\""),
        (
            "Ext=1, public, x=\"a, \\\"b\", flag",
            "public, ext=1, x=\"a, \\\"b\", flag",
        ),
    ];
    for (text, expected) in cases {
        let policy: CacheControl = text.parse().unwrap();
        assert_eq!(policy.to_string(), expected, "{text}");
    }
}

#[test]
fn builds_what_frameworks_write() {
    let cases = [
        (
            CacheControl::private().and_no_store().erased(),
            "private, no-store",
        ),
        (
            CacheControl::private()
                .no_cache()
                .max_age_zero()
                .must_revalidate()
                .and_no_store()
                .erased(),
            "private, no-cache, no-store, max-age=0, must-revalidate",
        ),
        (
            CacheControl::new().no_cache().and_no_store().erased(),
            "no-cache, no-store",
        ),
        (
            CacheControl::public()
                .max_age(secs(60))
                .extension("Ext", None)
                .and_then(|policy| policy.extension("x", Some("1")))
                .and_then(|policy| policy.extension("y", Some(r#"a "b" \ c"#)))
                .unwrap()
                .erased(),
            r#"public, max-age=60, ext, x=1, y="a \"b\" \\ c""#,
        ),
        (
            CacheControl::new()
                .extension("x", Some(""))
                .unwrap()
                .erased(),
            r#"x="""#,
        ),
    ];
    for (policy, expected) in cases {
        assert_eq!(policy.to_string(), expected);
        let read: CacheControl = expected.parse().unwrap();
        assert_eq!(read.to_string(), expected);
    }
}

#[test]
fn rejects_extensions_that_are_none() {
    let cases = [
        ("no-store", None, "has a method of its own"),
        ("Max-Age", Some("1"), "has a method of its own"),
        ("max-age", Some("x"), "has a method of its own"),
        ("nostore", None, "write no-store"),
        ("only-if-cached", None, "in requests"),
        ("", None, "not a response directive"),
        ("a b", None, "not a response directive"),
        ("a,b", None, "not a response directive"),
        ("x", Some("\n"), "a token or a quoted string"),
        ("x", Some("\u{e9}"), "a token or a quoted string"),
    ];
    for (name, value, reason) in cases {
        let error = CacheControl::new().extension(name, value).unwrap_err();
        assert!(error.to_string().contains(reason), "{name:?}: {error}");
    }
    let twice = CacheControl::new().extension("x", None).unwrap();
    let error = twice.extension("X", None).unwrap_err().to_string();
    assert!(error.contains("repeated"), "{error}");
}

#[test]
fn rejects_contradictory_directives() {
    let cases = [
        ("public, private", "5.2.2.7"),
        ("private, s-maxage=1", "5.2.2.10"),
        ("no-store, max-age=1", "5.2.2.5"),
        ("no-store, s-maxage=1", "5.2.2.5"),
        ("no-store, public", "5.2.2.5"),
        ("no-store, immutable", "5.2.2.5"),
        ("no-store, stale-if-error=1", "5.2.2.5"),
        ("no-cache, max-age=1", "5.2.2.4"),
        ("no-cache, s-maxage=1", "5.2.2.4"),
        ("no-cache, stale-while-revalidate=1", "5.2.2.4"),
        ("no-cache, stale-if-error=1", "5.2.2.4"),
        ("max-age=1, no-cache, immutable", "5.2.2.4"),
        ("must-revalidate, stale-while-revalidate=1", "5.2.2.2"),
        ("must-revalidate, stale-if-error=1", "5.2.2.2"),
        ("must-understand, max-age=1", "5.2.2.3"),
        ("immutable", "RFC 8246"),
        ("public, immutable", "RFC 8246"),
    ];
    for (text, section) in cases {
        let error = text.parse::<CacheControl>().unwrap_err();
        assert_eq!(error.policy(), "CacheControl", "{text}");
        assert!(error.to_string().contains(section), "{text}: {error}");
    }
}

#[test]
fn rejects_malformed_values() {
    let cases = [
        ("", "no directive"),
        (", ,", "no directive"),
        ("=", "not a response directive"),
        ("no_store", "write no-store"),
        ("NoStore", "write no-store"),
        ("max_age=1", "write max-age"),
        ("smaxage=1", "write s-maxage"),
        ("x=1, X=2", "x is repeated"),
        ("x=", "a token or a quoted string"),
        ("x=a b", "a token or a quoted string"),
        ("x=\"a\"b", "a token or a quoted string"),
        ("x=\"a\"b\"c\"", "a token or a quoted string"),
        ("x=\"\u{fc}\"", "a token or a quoted string"),
        ("x=\"\r\n\"", "a token or a quoted string"),
        ("public; max-age=1", "not a response directive"),
        ("max-stale=5", "not a response directive"),
        ("only-if-cached", "not a response directive"),
        ("max-age =1", "not a response directive"),
        ("p\u{fc}blic", "not a response directive"),
        ("public\r\nx: y", "not a response directive"),
        ("max-age=1, max-age=1", "max-age is repeated"),
        ("no-cache, no-cache=\"a\"", "no-cache is repeated"),
        ("max-age", "needs a number"),
        ("max-age=", "number of seconds"),
        ("max-age=-1", "number of seconds"),
        ("max-age=+1", "number of seconds"),
        ("max-age=1.5", "number of seconds"),
        ("max-age= 1", "number of seconds"),
        ("max-age=\"1\"", "number of seconds"),
        ("max-age=2147483649", "number of seconds"),
        ("max-age=99999999999999999999", "number of seconds"),
        ("max-age=\u{0661}", "number of seconds"),
        ("public=1", "takes no value"),
        ("no-store=\"a\"", "takes no value"),
        ("immutable=", "takes no value"),
        ("private=set-cookie", "in quotes"),
        ("private=\"", "is not closed"),
        ("private=\"a, max-age=1", "is not closed"),
        ("private=\"\"", "names no field"),
        ("private=\" ,\"", "names no field"),
        ("private=\"a b\"", "not a field name"),
        ("private=\"a\\\"b\"", "not a field name"),
        ("private=\"a\"b", "in quotes"),
        ("private=\"a\"b\"c\"", "not a field name"),
        ("private=\"A, a\"", "a is repeated"),
    ];
    for (text, reason) in cases {
        let error = text.parse::<CacheControl>().unwrap_err().to_string();
        assert!(error.contains(reason), "{text:?}: {error}");
    }
}

#[test]
fn parses_a_huge_value() {
    let mut fields = String::from("private=\"");
    for n in 0..4000 {
        fields.push_str(&format!("f{n},"));
    }
    fields.push_str("last\"");
    let read: CacheControl = fields.parse().unwrap();
    assert_eq!(read.to_string().matches(", ").count(), 4000);
    let commas = ",".repeat(1 << 20);
    commas.parse::<CacheControl>().unwrap_err();
    let quotes = "\"".repeat((1 << 20) + 1);
    quotes.parse::<CacheControl>().unwrap_err();
}

/// One directive as text; each is well formed on its own.
fn directive() -> impl Strategy<Value = String> {
    let plain = prop::sample::select(vec![
        "public",
        "private",
        "no-cache",
        "no-store",
        "immutable",
        "must-revalidate",
        "proxy-revalidate",
        "must-understand",
        "no-transform",
        "Public",
        "bogus",
    ]);
    let timed = prop::sample::select(vec![
        "max-age",
        "s-maxage",
        "stale-while-revalidate",
        "stale-if-error",
    ]);
    let named = prop::sample::select(vec!["private", "no-cache"]);
    prop_oneof![
        plain.prop_map(str::to_owned),
        (timed, 0..=2_147_483_648_u64).prop_map(|(name, n)| format!("{name}={n}")),
        (named, "[a-zA-Z-]{1,8}(, ?[a-z]{1,8}){0,2}").prop_map(|(n, f)| format!("{n}=\"{f}\"")),
    ]
}

proptest! {
    #[test]
    fn parsing_what_was_written_gives_the_same_policy(
        directives in prop::collection::vec(directive(), 1..6)
    ) {
        if let Ok(policy) = directives.join(", ").parse::<CacheControl>() {
            let written = policy.to_string();
            let again: CacheControl = written.parse().expect("what is written can be read");
            prop_assert_eq!(again.to_string(), written);
        }
    }

    #[test]
    fn parsing_any_text_does_not_panic(text in "\\PC{0,64}") {
        drop(text.parse::<CacheControl>());
    }

    #[test]
    fn parsing_nearly_valid_text_does_not_panic(
        text in "(public|private|max-age|no-cache|=|\"|,| |\\\\|9|a){0,24}"
    ) {
        if let Ok(policy) = text.parse::<CacheControl>() {
            let written = policy.to_string();
            prop_assert!(written.parse::<CacheControl>().is_ok(), "{}", written);
        }
    }

    #[test]
    fn policies_that_compile_do_not_contradict_themselves(
        age in 0..u64::MAX, time in 0..u64::MAX, steps in prop::collection::vec(0..8_u8, 0..8)
    ) {
        let (age, time) = (secs(age), secs(time));
        let mut stale = CacheControl::public().max_age(age).stale_if_error(time);
        let mut strict = CacheControl::new().s_maxage(age).must_revalidate();
        let mut own = CacheControl::private().max_age(age);
        for step in steps {
            match step {
                0 => stale = stale.s_maxage(age),
                1 => stale = stale.stale_while_revalidate(time).immutable(),
                2 => stale = stale.no_cache_fields([header::AGE]).must_understand(),
                3 => strict = strict.max_age(age).immutable().proxy_revalidate(),
                4 => strict = strict.private_fields([header::AGE]).no_transform(),
                5 => own = own.immutable(),
                6 => own = own.no_cache_fields([header::AGE]),
                _ => own = own.must_understand(),
            }
        }
        for written in [stale.to_string(), strict.to_string(), own.to_string()] {
            let read = written.parse::<CacheControl>();
            prop_assert!(read.is_ok(), "{}: {:?}", written, read);
        }
    }
}
