//! The processor: what a token or a hash costs depends on its instructions for cryptography.

use std::fs;

/// The processor's name, and which of the features that matter here it has, as in `AMD EPYC 7763;
/// sha_ni avx2 aes, no vaes`.
#[must_use]
pub fn description() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = field(&info, "model name").unwrap_or(std::env::consts::ARCH);
    let mut present = Vec::new();
    let mut absent = Vec::new();
    for (feature, detected) in features() {
        if detected {
            present.push(feature);
        } else {
            absent.push(feature);
        }
    }
    let mut text = format!("{name}; {}", present.join(" "));
    if !absent.is_empty() {
        text += &format!(", without {}", absent.join(" "));
    }
    text
}

fn field<'i>(info: &'i str, name: &str) -> Option<&'i str> {
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(field, _)| field.trim() == name);
    values.next().map(|(_, value)| value.trim())
}

/// As the libraries find them at run time.
fn features() -> Vec<(&'static str, bool)> {
    macro_rules! detect {
        ($detect:ident: $($feature:tt)*) => {
            vec![$(($feature, std::arch::$detect!($feature))),*]
        };
    }
    #[cfg(target_arch = "x86_64")]
    return detect!(is_x86_feature_detected: "sha" "avx2" "avx512f" "aes" "vaes" "pclmulqdq" "bmi2" "adx");
    #[cfg(target_arch = "aarch64")]
    return detect!(is_aarch64_feature_detected: "sha2" "sha3" "aes" "pmull");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    Vec::new()
}
