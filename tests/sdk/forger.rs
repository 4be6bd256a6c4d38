//! Something between the device and the server that rewrites ID tokens, and may publish the key that it signs them with.

use std::sync::{Arc, Mutex};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use mainstay::{
    host::{BoxFuture, Inbound, Outbound, Transport, TransportError},
    oauth::DeviceKey,
};
use serde_json::{Value, json};

/// The name of the forger's key.
pub const KEY: &str = "the-forgers";

/// An answer of the token endpoint, with its ID token taken apart.
pub struct Forged {
    pub header: Value,
    pub claims: Value,
    /// What the server sent besides, the access token among it.
    pub answer: Value,
    /// Signs header and claims as they were changed; the forger's own key unless somebody says otherwise.
    pub sign: fn(&[u8]) -> Vec<u8>,
}

type Change<T> = Box<dyn Fn(&mut T) + Send>;

/// Clones are the same forger.
#[derive(Clone, Default)]
pub struct Forger(Arc<Tricks>);

#[derive(Default)]
struct Tricks {
    tokens: Mutex<Option<Change<Forged>>>,
    keys: Mutex<Option<Change<Value>>>,
}

impl Forger {
    /// From now on every ID token is changed like this, and signed anew.
    pub fn tokens(&self, change: impl Fn(&mut Forged) + Send + 'static) {
        *self.0.tokens.lock().unwrap() = Some(Box::new(change));
    }

    /// From now on every key set is changed like this.
    pub fn keys(&self, change: impl Fn(&mut Value) + Send + 'static) {
        *self.0.keys.lock().unwrap() = Some(Box::new(change));
    }

    /// Changes ID tokens, and has the server's key set vouch for the forger: what is wrong is the change alone.
    pub fn trusted(&self, change: impl Fn(&mut Forged) + Send + 'static) {
        self.keys(|keys| keys["keys"].as_array_mut().unwrap().push(public_key()));
        self.tokens(change);
    }

    pub fn over(&self, inner: Arc<dyn Transport>) -> Forging {
        Forging { inner, forger: self.clone() }
    }

    fn rewritten(&self, path: &str, body: &[u8]) -> Option<Vec<u8>> {
        let mut answer: Value = serde_json::from_slice(body).ok()?;
        if path == "/jwks" {
            (self.0.keys.lock().unwrap().as_ref()?)(&mut answer);
            return Some(answer.to_string().into_bytes());
        }
        let tokens = self.0.tokens.lock().unwrap();
        let change = tokens.as_ref()?;
        let id_token = answer.get("id_token")?.as_str()?.to_owned();
        let mut parts =
            id_token.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok());
        let (mut header, claims): (Value, Value) = (parts.next()??, parts.next()??);
        header["kid"] = json!(KEY);
        let mut forged = Forged { header, claims, answer, sign: signature };
        change(&mut forged);
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let input = format!("{}.{}", part(&forged.header), part(&forged.claims));
        let signature = URL_SAFE_NO_PAD.encode((forged.sign)(input.as_bytes()));
        if forged.answer["id_token"] == json!(id_token) {
            forged.answer["id_token"] = json!(format!("{input}.{signature}"));
        }
        Some(forged.answer.to_string().into_bytes())
    }
}

fn key() -> DeviceKey {
    DeviceKey::from_bytes(&[7; 32]).unwrap()
}

/// What the forger signs with.
pub fn signature(input: &[u8]) -> Vec<u8> {
    key().sign(input).to_vec()
}

/// The forger's key, as a member of a key set.
pub fn public_key() -> Value {
    let mut jwk = serde_json::to_value(key().public_jwk()).unwrap();
    jwk["kid"] = json!(KEY);
    jwk
}

/// The network behind a forger.
pub struct Forging {
    inner: Arc<dyn Transport>,
    forger: Forger,
}

impl Transport for Forging {
    fn send(&self, outbound: Outbound) -> BoxFuture<'_, Result<Inbound, TransportError>> {
        let path = outbound.request.uri().path().to_owned();
        Box::pin(async move {
            let mut inbound = self.inner.send(outbound).await?;
            if let Some(body) = self.forger.rewritten(&path, inbound.response.body()) {
                inbound.response.headers_mut().remove("content-length");
                *inbound.response.body_mut() = Bytes::from(body);
            }
            Ok(inbound)
        })
    }

    fn can_open_fresh_connections(&self) -> bool {
        self.inner.can_open_fresh_connections()
    }
}
