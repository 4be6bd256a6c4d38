//! The one form of a page, as a person's browser would send it.

/// A form that is sent by POST.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Form {
    /// Where it is sent, as the page says.
    pub(crate) action: String,
    /// Names and given values of its fields.
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    /// The last form of the page: a language menu or a search field would come first.
    pub(crate) fn last_in(page: &str) -> Option<Self> {
        let start = page.rfind("<form")?;
        let end = page.get(start..)?.find("</form>").map(|length| start + length)?;
        let form = page.get(start..end)?;
        let mut tags = form.split('<').filter(|tag| !tag.is_empty());
        let action = attribute(tags.next()?, "action").unwrap_or_default();
        let fields = tags
            .filter(|tag| tag.starts_with("input") || tag.starts_with("button"))
            .filter_map(|tag| Some((attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default())))
            .collect();
        Some(Self { action, fields })
    }

    /// Writes `value` into the field called `name`, if there is one.
    pub(crate) fn fill(&mut self, name: &str, value: &str) -> bool {
        let field = self.fields.iter_mut().find(|(field, _)| field == name);
        if let Some((_, old)) = field {
            value.clone_into(old);
            return true;
        }
        false
    }

    /// As `application/x-www-form-urlencoded`.
    pub(crate) fn encoded(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let tag = tag.split('>').next()?;
    let at = tag.find(&format!(" {name}=\"")).or_else(|| tag.find(&format!("\n{name}=\"")))?;
    let value = tag.get(at + name.len() + 3..)?;
    Some(value.split('"').next()?.replace("&amp;", "&").replace("&#39;", "'").replace("&quot;", "\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_filled_in_and_sent_as_a_browser_would() {
        let page = r#"<form action="/language"></form><form action="/login?a=1&amp;b=2" method="post">
            <input type="hidden" name="prompt" value="login"/>
            <input type="text" name="login" placeholder="who" ><input name="password"></form>"#;
        let mut form = Form::last_in(page).unwrap();
        assert_eq!(form.action, "/login?a=1&b=2");
        assert!(form.fill("login", "ada & grace"));
        assert!(!form.fill("pin", "1"));
        assert_eq!(form.encoded(), "prompt=login&login=ada+%26+grace&password=");
    }

    #[test]
    fn a_page_without_a_form_has_none() {
        assert_eq!(Form::last_in("<p>You are signed in.</p>"), None);
        assert_eq!(Form::last_in("<form action="), None);
    }
}
