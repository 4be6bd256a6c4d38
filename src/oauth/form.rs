//! Form bodies, [RFC 6749 appendix B](https://www.rfc-editor.org/rfc/rfc6749#appendix-B).

use url::form_urlencoded;
use zeroize::Zeroizing;

/// `application/x-www-form-urlencoded` pairs that may be secret.
#[derive(Default)]
pub(crate) struct Form<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Form<'a> {
    pub(crate) const CONTENT_TYPE: &'static str = "application/x-www-form-urlencoded";

    /// Adds a pair.
    pub(crate) fn with(mut self, name: &'a str, value: &'a str) -> Self {
        self.0.push((name, value));
        self
    }

    /// Adds a pair if there is a value.
    pub(crate) fn with_some(self, name: &'a str, value: Option<&'a str>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Encodes into one allocation that is wiped: a growing buffer would leave copies behind.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let longest = self.0.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
        let mut form = form_urlencoded::Serializer::new(String::with_capacity(longest));
        form.extend_pairs(&self.0);
        Zeroizing::new(form.finish().into_bytes())
    }
}

/// One value, encoded as in a form, in one allocation that is wiped.
pub(crate) fn encode_value(value: &[u8], into: &mut Zeroizing<Vec<u8>>) {
    for part in form_urlencoded::byte_serialize(value) {
        into.extend_from_slice(part.as_bytes());
    }
}
