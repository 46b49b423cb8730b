//! The few words of Web Bluetooth that pairing needs. `web-sys` has them only for builds with unstable interfaces.

use domain::improv::{COMMAND, FAULT, RESULT, SERVICE, STATE};
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use js_sys::{Array, DataView, Function, Object, Promise, Reflect, Uint8Array};
use leptos::prelude::window;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use wasm_bindgen_futures::JsFuture;

/// What one packet of Bluetooth carries for certain, in bytes.
const PIECE: usize = 20;

/// What a device tells.
#[derive(Debug)]
pub(super) enum Told {
    /// One characteristic has this value now.
    Value(&'static str, Vec<u8>),
    /// The connection is lost.
    Gone,
}

/// Why there is no connection, by the name that the browser gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody chose a device.
    NotChosen,
    /// The browser does not allow it.
    NotAllowed,
    /// Anything else, a device out of reach above all.
    Failed,
}

impl From<JsValue> for Refused {
    fn from(error: JsValue) -> Self {
        let name = Reflect::get(&error, &"name".into()).ok();
        match name.and_then(|name| name.as_string()).as_deref() {
            Some("NotFoundError" | "AbortError") => Self::NotChosen,
            Some("SecurityError" | "NotAllowedError") => Self::NotAllowed,
            _ => Self::Failed,
        }
    }
}

/// Whether this browser has Bluetooth at all.
pub(super) fn is_there() -> bool {
    navigators().is_some()
}

fn navigators() -> Option<JsValue> {
    let navigator = window().navigator();
    let bluetooth = Reflect::get(&navigator, &"bluetooth".into()).ok()?;
    (!bluetooth.is_undefined() && !bluetooth.is_null()).then_some(bluetooth)
}

/// A device that was chosen and is connected.
pub(super) struct Device {
    /// How it calls itself.
    pub(super) name: Option<String>,
    gatt: JsValue,
    service: JsValue,
    command: JsValue,
    told: UnboundedReceiver<Told>,
}

impl Device {
    /// Lets the person choose a device that can be paired, and connects to it.
    pub(super) async fn choose() -> Result<Self, Refused> {
        let bluetooth = navigators().ok_or(Refused::NotAllowed)?;
        let filter = object([("services", Array::of1(&SERVICE.into()).into())]);
        let wish = object([("filters", Array::of1(&filter).into())]);
        let device = call(&bluetooth, "requestDevice", &[wish]).await?;
        let name = get(&device, "name")?.as_string();
        let (tell, told) = unbounded();
        let lost = tell.clone();
        listen(&device, "gattserverdisconnected", move |_| {
            let _ = lost.unbounded_send(Told::Gone);
        })?;
        let gatt = get(&device, "gatt")?;
        let connected = async {
            call(&gatt, "connect", &[]).await?;
            let service = call(&gatt, "getPrimaryService", &[SERVICE.into()]).await?;
            for uuid in [RESULT, FAULT, STATE] {
                hear(&service, uuid, tell.clone()).await?;
            }
            let command = characteristic(&service, COMMAND).await?;
            Ok::<_, JsValue>((service, command))
        };
        match connected.await {
            Ok((service, command)) => Ok(Self {
                name,
                gatt,
                service,
                command,
                told,
            }),
            Err(error) => {
                leave(&gatt);
                Err(Refused::from(error))
            }
        }
    }

    /// The value of a characteristic, the whole of it.
    pub(super) async fn read(&self, uuid: &str) -> Result<Vec<u8>, Refused> {
        let characteristic = characteristic(&self.service, uuid).await?;
        let value = call(&characteristic, "readValue", &[]).await?;
        Ok(bytes(&value).unwrap_or_default())
    }

    /// Sends a packet, in pieces that every device takes.
    pub(super) async fn send(&self, packet: &[u8]) -> Result<(), Refused> {
        for piece in packet.chunks(PIECE) {
            let piece = Uint8Array::from(piece);
            let sent = call(
                &self.command,
                "writeValueWithResponse",
                &[piece.clone().into()],
            )
            .await;
            piece.fill(0, 0, piece.length());
            sent?;
        }
        Ok(())
    }

    /// The next that it tells.
    pub(super) fn told(&mut self) -> &mut UnboundedReceiver<Told> {
        &mut self.told
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        leave(&self.gatt);
    }
}

/// Hears of every change of a characteristic.
async fn hear(
    service: &JsValue,
    uuid: &'static str,
    tell: UnboundedSender<Told>,
) -> Result<(), JsValue> {
    let characteristic = characteristic(service, uuid).await?;
    listen(
        &characteristic,
        "characteristicvaluechanged",
        move |event| {
            let value = get(&event, "target").and_then(|target| get(&target, "value"));
            if let Some(value) = value.ok().as_ref().and_then(bytes) {
                let _ = tell.unbounded_send(Told::Value(uuid, value));
            }
        },
    )?;
    call(&characteristic, "startNotifications", &[]).await?;
    Ok(())
}

async fn characteristic(service: &JsValue, uuid: &str) -> Result<JsValue, JsValue> {
    call(service, "getCharacteristic", &[uuid.into()]).await
}

fn leave(gatt: &JsValue) {
    let disconnect = get(gatt, "disconnect").and_then(JsCast::dyn_into::<Function>);
    if let Ok(disconnect) = disconnect {
        // It may have gone by itself.
        let _ = disconnect.call0(gatt);
    }
}

fn listen(
    target: &JsValue,
    event: &str,
    hear: impl FnMut(JsValue) + 'static,
) -> Result<(), JsValue> {
    let add: Function = get(target, "addEventListener")?.dyn_into()?;
    let hear = Closure::<dyn FnMut(JsValue)>::new(hear).into_js_value();
    add.call2(target, &event.into(), &hear)?;
    Ok(())
}

fn bytes(value: &JsValue) -> Option<Vec<u8>> {
    let view = value.dyn_ref::<DataView>()?;
    let (from, length) = (view.byte_offset(), view.byte_length());
    let from = u32::try_from(from).ok()?;
    let length = u32::try_from(length).ok()?;
    Some(Uint8Array::new_with_byte_offset_and_length(&view.buffer(), from, length).to_vec())
}

fn object<const N: usize>(members: [(&str, JsValue); N]) -> JsValue {
    let object = Object::new();
    for (name, value) in members {
        // A plain object takes every member.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

fn get(of: &JsValue, name: &str) -> Result<JsValue, JsValue> {
    Reflect::get(of, &name.into())
}

/// Calls a method and waits for what it promises.
async fn call(of: &JsValue, name: &str, with: &[JsValue]) -> Result<JsValue, JsValue> {
    let method: Function = get(of, name)?.dyn_into()?;
    let promised = method.apply(of, &with.iter().collect::<Array>())?;
    JsFuture::from(Promise::resolve(&promised)).await
}
