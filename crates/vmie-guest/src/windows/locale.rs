//! Names of languages by the numbers that the registry has for them
//! ([MS-LCID](https://learn.microsoft.com/openspecs/windows_protocols/ms-lcid)): those that Windows
//! is sold in.

const NAMES: &[(u16, &str)] = &[
    (0x0401, "ar-SA"),
    (0x0402, "bg-BG"),
    (0x0403, "ca-ES"),
    (0x0404, "zh-TW"),
    (0x0405, "cs-CZ"),
    (0x0406, "da-DK"),
    (0x0407, "de-DE"),
    (0x0408, "el-GR"),
    (0x0409, "en-US"),
    (0x040b, "fi-FI"),
    (0x040c, "fr-FR"),
    (0x040d, "he-IL"),
    (0x040e, "hu-HU"),
    (0x0410, "it-IT"),
    (0x0411, "ja-JP"),
    (0x0412, "ko-KR"),
    (0x0413, "nl-NL"),
    (0x0414, "nb-NO"),
    (0x0415, "pl-PL"),
    (0x0416, "pt-BR"),
    (0x0418, "ro-RO"),
    (0x0419, "ru-RU"),
    (0x041a, "hr-HR"),
    (0x041b, "sk-SK"),
    (0x041d, "sv-SE"),
    (0x041e, "th-TH"),
    (0x041f, "tr-TR"),
    (0x0421, "id-ID"),
    (0x0422, "uk-UA"),
    (0x0424, "sl-SI"),
    (0x0425, "et-EE"),
    (0x0426, "lv-LV"),
    (0x0427, "lt-LT"),
    (0x042a, "vi-VN"),
    (0x0804, "zh-CN"),
    (0x0809, "en-GB"),
    (0x0816, "pt-PT"),
    (0x0c04, "zh-HK"),
    (0x0c0a, "es-ES"),
    (0x0c0c, "fr-CA"),
    (0x080a, "es-MX"),
];

/// The name of the language of a number in hexadecimal digits, `0409`; the digits themselves when it
/// is none of these.
pub(super) fn name(digits: &str) -> String {
    let number = u16::from_str_radix(digits.trim(), 16).ok();
    let known = NAMES.iter().find(|(one, _)| Some(*one) == number);
    known.map_or_else(|| digits.to_owned(), |(_, name)| (*name).to_owned())
}
