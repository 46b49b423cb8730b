//! Reading QR codes: by the browser where it can, otherwise by our own code, which is loaded then.

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, HtmlVideoElement};

/// Longest side of the picture that is looked at, in pixels: a label that fills a third of it is read. In turns,
/// because what is not made out at one size, in a picture that stands still, often is at another.
const SIDES: [u32; 3] = [960, 600, 480];

/// A picture in shades of grey, row by row.
pub(super) struct Picture {
    width: usize,
    height: usize,
    shades: Vec<u8>,
}

pub(super) enum Reader {
    /// The browser's `BarcodeDetector`, and its method.
    Browser(JsValue, Function),
    /// Our own, and the size of the next picture.
    Own(Option<(HtmlCanvasElement, CanvasRenderingContext2d)>, usize),
}

impl Reader {
    pub(super) fn new() -> Self {
        match of_browser() {
            Some((detector, detect)) => Self::Browser(detector, detect),
            None => Self::Own(canvas(), 0),
        }
    }

    /// What a QR code in the picture says.
    pub(super) async fn look(&mut self, video: &HtmlVideoElement) -> Option<String> {
        if video.video_width() == 0 {
            return None;
        }
        match self {
            Self::Browser(detector, detect) => {
                let asked: Result<Promise, _> = detect
                    .call1(detector, video)
                    .and_then(JsCast::dyn_into::<Promise>);
                let found = match asked {
                    Ok(asked) => JsFuture::from(asked).await,
                    Err(error) => Err(error),
                };
                match found {
                    Ok(found) => text_of(&found),
                    Err(_) => {
                        // It is there and does not work: some systems lack what it stands on.
                        *self = Self::Own(canvas(), 0);
                        None
                    }
                }
            }
            Self::Own(canvas, turn) => {
                let (canvas, context) = canvas.as_ref()?;
                let side = SIDES[*turn % SIDES.len()];
                *turn += 1;
                let picture = picture(video, canvas, context, side)?;
                read(Box::new(picture)).await
            }
        }
    }
}

fn of_browser() -> Option<(JsValue, Function)> {
    let class = Reflect::get(&window(), &"BarcodeDetector".into()).ok()?;
    let class = class.dyn_into::<Function>().ok()?;
    let wish = Object::new();
    let formats = Array::of1(&"qr_code".into());
    Reflect::set(&wish, &"formats".into(), &formats).ok()?;
    let detector = Reflect::construct(&class, &Array::of1(&wish)).ok()?;
    let detect = Reflect::get(&detector, &"detect".into()).ok()?;
    Some((detector, detect.dyn_into().ok()?))
}

fn text_of(found: &JsValue) -> Option<String> {
    let first = found.dyn_ref::<Array>()?.get(0);
    if first.is_undefined() {
        return None;
    }
    Reflect::get(&first, &"rawValue".into()).ok()?.as_string()
}

fn canvas() -> Option<(HtmlCanvasElement, CanvasRenderingContext2d)> {
    let canvas = document().create_element("canvas").ok()?;
    let canvas = canvas.dyn_into::<HtmlCanvasElement>().ok()?;
    let wish = Object::new();
    Reflect::set(&wish, &"willReadFrequently".into(), &JsValue::TRUE).ok()?;
    let context = canvas
        .get_context_with_context_options("2d", &wish)
        .ok()??;
    Some((canvas, context.dyn_into().ok()?))
}

fn picture(
    video: &HtmlVideoElement,
    canvas: &HtmlCanvasElement,
    context: &CanvasRenderingContext2d,
    most: u32,
) -> Option<Picture> {
    let (wide, high) = (video.video_width(), video.video_height());
    let longest = wide.max(high).max(1);
    let fit = |side: u32| match longest > most {
        true => (side * most / longest).max(1),
        false => side,
    };
    let (width, height) = (fit(wide), fit(high));
    let (w, h) = (f64::from(width), f64::from(height));
    if canvas.width() != width || canvas.height() != height {
        canvas.set_width(width);
        canvas.set_height(height);
    }
    context
        .draw_image_with_html_video_element_and_dw_and_dh(video, 0.0, 0.0, w, h)
        .ok()?;
    let colours = context.get_image_data(0.0, 0.0, w, h).ok()?.data();
    let shades = colours
        .chunks_exact(4)
        .map(|pixel| {
            let [red, green, blue] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            u8::try_from((red * 77 + green * 151 + blue * 28) >> 8).unwrap_or(u8::MAX)
        })
        .collect();
    Some(Picture {
        width: usize::try_from(width).ok()?,
        height: usize::try_from(height).ok()?,
        shades,
    })
}

/// Our own reader, as a part of its own.
#[lazy]
async fn read(picture: Box<Picture>) -> Option<String> {
    let Picture {
        width,
        height,
        shades,
    } = *picture;
    let mut prepared = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| {
        shades.get(y * width + x).copied().unwrap_or_default()
    });
    let grids = prepared.detect_grids();
    grids
        .into_iter()
        .find_map(|grid| grid.decode().ok().map(|(_, text)| text))
}
