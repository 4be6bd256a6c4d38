//! Looks for secrets in every spelling that bytes take on their way into a log or a file.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};

/// A secret whose every appearance is a leak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    pub kind: String,
    pub bytes: Vec<u8>,
}

/// Where a secret was found.
pub struct Finding {
    pub place: String,
    pub kind: String,
    /// What stands around it.
    pub context: String,
}

impl std::fmt::Debug for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a secret ({}) in {}: …{:?}…", self.kind, self.place, self.context)
    }
}

/// Half of a secret is a leak as well, and less than this proves nothing.
const PIECE: usize = 16;

pub struct Scanner {
    patterns: AhoCorasick,
    /// Of which secret each pattern is a spelling.
    kinds: Vec<String>,
}

impl Scanner {
    pub fn of(secrets: &[Secret]) -> Self {
        let mut spelled = BTreeSet::new();
        for secret in secrets {
            for piece in pieces(&secret.bytes) {
                spelled.extend(spellings(&piece).into_iter().map(|spelling| (spelling, secret.kind.clone())));
            }
        }
        let (spellings, kinds): (Vec<_>, Vec<_>) = spelled.into_iter().unzip();
        Self { patterns: AhoCorasick::new(spellings).unwrap(), kinds }
    }

    /// Each secret that is in `content`, once or in several spellings.
    pub fn search(&self, place: &str, content: &[u8]) -> Vec<Finding> {
        let found = self.patterns.find_iter(content).map(|found| {
            let around = found.start().saturating_sub(40)..content.len().min(found.end() + 10);
            let context = String::from_utf8_lossy(&content[around]).into_owned();
            Finding { place: place.to_owned(), kind: self.kinds[found.pattern().as_usize()].clone(), context }
        });
        found.take(20).collect()
    }
}

/// The parts that are secret by themselves: of a signed token its signature, as text and decoded, of everything else its
/// first and its last bytes.
fn pieces(secret: &[u8]) -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(secret).unwrap_or_default();
    let signature = text.rsplit_once('.').filter(|(signed, _)| signed.contains('.')).map(|(_, signature)| signature);
    let mut wholes = vec![signature.map_or(secret, str::as_bytes).to_vec()];
    wholes.extend(URL_SAFE_NO_PAD.decode(&wholes[0]).ok());
    let ends = |whole: Vec<u8>| match whole.len() {
        0..PIECE => Vec::new(),
        PIECE..32 => vec![whole],
        length => vec![whole[..PIECE].to_vec(), whole[length - PIECE..].to_vec()],
    };
    wholes.into_iter().flat_map(ends).collect()
}

/// The piece as it stands, in each encoding, and each of these texts once more in the escapes that texts go through.
fn spellings(piece: &[u8]) -> BTreeSet<Vec<u8>> {
    let mut texts: BTreeSet<Vec<u8>> = hexadecimal(piece).into();
    texts.extend(base64_anywhere(piece));
    texts.insert(piece.to_vec());
    let mut all = texts.clone();
    for text in &texts {
        all.extend(escapes(text));
        if text.is_ascii() {
            all.extend(base64_anywhere(text));
            all.extend(hexadecimal(text));
        }
    }
    all.insert(decimal(piece).into_bytes());
    all.insert(decimal(piece).replace(' ', "").into_bytes());
    all.retain(|spelling| spelling.len() >= PIECE);
    all
}

fn hexadecimal(bytes: &[u8]) -> [Vec<u8>; 2] {
    let small: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let large = small.to_uppercase();
    [small.into_bytes(), large.into_bytes()]
}

/// Bytes as `{:?}` prints them.
fn decimal(bytes: &[u8]) -> String {
    format!("{bytes:?}").trim_matches(['[', ']']).to_owned()
}

/// What base64 makes of the bytes wherever in a longer text they begin: at each of the three places in a group, without
/// the characters that the neighbours have a part in.
fn base64_anywhere(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for before in 0..3 {
        let shifted = [vec![0; before], bytes.to_vec()].concat();
        let (own, end) = ((before * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            found.push(encoded.as_bytes()[own..end].to_vec());
        }
    }
    found
}

/// As URLs, forms, JSON and UTF-16 write a text: where they must, and where they may.
fn escapes(text: &[u8]) -> Vec<Vec<u8>> {
    let each = |spell: &dyn Fn(u8) -> String| text.iter().map(|byte| spell(*byte)).collect::<String>().into_bytes();
    let plain = |byte: u8| byte.is_ascii_alphanumeric();
    let url = |byte: u8| plain(byte) || b"-._~".contains(&byte);
    let as_it_is = |byte: u8| char::from(byte).to_string();
    let mut found = vec![
        each(&|byte| if url(byte) { as_it_is(byte) } else { format!("%{byte:02X}") }),
        each(&|byte| if url(byte) { as_it_is(byte) } else { format!("%{byte:02x}") }),
        each(&|byte| if plain(byte) { as_it_is(byte) } else { format!("%{byte:02X}") }),
        each(&|byte| format!("%{byte:02X}")),
        each(&|byte| format!("%{byte:02x}")),
        each(&|byte| format!("\\u{:04x}", u16::from(byte))),
        each(&|byte| format!("\\u{:04X}", u16::from(byte))),
        each(&|byte| format!("\\x{byte:02x}")),
        each(&|byte| if byte == b'/' { "\\/".to_owned() } else { as_it_is(byte) }),
        each(&|byte| byte.escape_ascii().to_string()),
    ];
    if let Ok(text) = std::str::from_utf8(text) {
        found.push(serde_json::to_string(text).unwrap().trim_matches('"').as_bytes().to_vec());
        found.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        found.push(text.encode_utf16().flat_map(u16::to_be_bytes).collect());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "pWb3kq9TzXv7LmYc2RfJh8sD4aGnE6uQ1oV5iBt0KxZ";
    const JWT: &str =
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEiLCJleHAiOjE3Mzk3ODY0MDB9.q1-Zt_3uXy0Lw8RkVb7NcEa2SdFg5HjK4MpQ6oIiUuY";

    fn finds(secret: &[u8], written: &[u8]) -> bool {
        let scanner = Scanner::of(&[Secret { kind: "planted".to_owned(), bytes: secret.to_vec() }]);
        let log = [b"2026-11-22T18:06:23Z TRACE a line before it: ", written, b" and after\n"].concat();
        !scanner.search("log", &log).is_empty()
    }

    fn key() -> Vec<u8> {
        (0..32).map(|place| 0xa5_u8.wrapping_mul(place).wrapping_add(0xfb)).collect()
    }

    fn percent(text: &[u8]) -> String {
        text.iter().map(|byte| format!("%{byte:02X}")).collect()
    }

    #[test]
    fn a_text_is_found_in_every_encoding() {
        for secret in [TEXT, JWT, "S+/cret/with+every=sign/that&base64?has=="] {
            let json = serde_json::json!({ "refresh_token": secret }).to_string();
            let mut form = url::form_urlencoded::Serializer::new(String::new());
            let planted: Vec<Vec<u8>> = vec![
                secret.into(),
                json.clone().into(),
                serde_json::to_string(&json).unwrap().into(),
                secret.replace('/', "\\/").into(),
                form.append_pair("token", secret).finish().into(),
                percent(secret.as_bytes()).into(),
                percent(secret.as_bytes()).to_lowercase().into(),
                secret.chars().map(|it| format!("\\u{:04x}", u32::from(it))).collect::<String>().into(),
                hexadecimal(secret.as_bytes())[0].clone(),
                hexadecimal(secret.as_bytes())[1].clone(),
                format!("{:?}", secret.as_bytes()).into(),
                secret.encode_utf16().flat_map(u16::to_le_bytes).collect(),
                secret.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            ];
            for written in planted {
                assert!(finds(secret.as_bytes(), &written), "{secret} as {}", String::from_utf8_lossy(&written));
            }
        }
    }

    #[test]
    fn base64_is_found_wherever_in_it_the_secret_begins() {
        for secret in [TEXT.as_bytes(), JWT.as_bytes(), &key()] {
            for before in ["", "a", "ab", "abc", "Bearer ", "user:"] {
                let whole = [before.as_bytes(), secret, b" and the rest"].concat();
                for encoded in [STANDARD_NO_PAD.encode(&whole), URL_SAFE_NO_PAD.encode(&whole)] {
                    assert!(finds(secret, encoded.as_bytes()), "after {before:?}");
                    assert!(finds(secret, percent(encoded.as_bytes()).as_bytes()), "after {before:?}, percent");
                    assert!(finds(secret, STANDARD_NO_PAD.encode(&encoded).as_bytes()), "after {before:?}, twice");
                }
            }
        }
    }

    #[test]
    fn a_key_is_found_as_bytes_digits_and_numbers() {
        let key = key();
        for written in [
            key.clone(),
            hexadecimal(&key)[0].clone(),
            hexadecimal(&key)[1].clone(),
            format!("Key({key:?})").into_bytes(),
            serde_json::to_vec(&key).unwrap(),
            key.escape_ascii().to_string().into_bytes(),
        ] {
            assert!(finds(&key, &written), "{}", String::from_utf8_lossy(&written));
        }
    }

    #[test]
    fn either_half_of_a_secret_is_a_leak() {
        let (first, last) = TEXT.split_at(TEXT.len() / 2);
        assert!(finds(TEXT.as_bytes(), first.as_bytes()));
        assert!(finds(TEXT.as_bytes(), last.as_bytes()));
        let signature = JWT.rsplit('.').next().unwrap();
        assert!(finds(JWT.as_bytes(), signature.as_bytes()));
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        // The header and the claims of a token are the same in many, and let nobody in.
        let (signed, _) = JWT.rsplit_once('.').unwrap();
        for (secret, written) in [(JWT, signed), (TEXT, JWT), (JWT, TEXT), (TEXT, "the token was refused (status 401)")]
        {
            assert!(!finds(secret.as_bytes(), written.as_bytes()), "{written}");
        }
    }
}
