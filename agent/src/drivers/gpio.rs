//! Lines of the GPIO header by the kernel's character device: switched outputs, and contacts that are on or off.
//!
//! A line is held as long as its component is attached; no other program drives it meanwhile.

use std::{path::Path, time::Duration};

use gpiocdev::{
    Request,
    line::{Bias, EdgeDetection, EdgeKind, Value as Level},
};
use protocol::identity::ComponentSpec;
use serde_json::{Map, Value};

use super::{ActError, Driver, Job, Loaded, NoDriver, Reading, switch};

/// Shorter changes are a contact's bouncing.
const BOUNCE: Duration = Duration::from_millis(10);

/// The driver of a component on a line that is read (`IN`) or driven (`OUT`).
pub(super) fn driver(
    chip: Option<&Path>,
    pin: i32,
    mode: &str,
    component: &ComponentSpec,
) -> Loaded {
    let mut request = Request::builder();
    request.with_consumer("madang-agent");
    let place = match chip {
        Some(chip) => {
            let offset = u32::try_from(pin).map_err(|_| NoDriver(format!("no line {pin}")))?;
            request.on_chip(chip).with_line(offset);
            format!("line {pin} of {}", chip.display())
        }
        None => {
            let name = format!("GPIO{pin}");
            let line = gpiocdev::find_named_line(&name)
                .ok_or_else(|| NoDriver(format!("the kernel shows no line called {name}")))?;
            request.with_found_line(&line);
            name
        }
    };
    let refused = |error: gpiocdev::Error| NoDriver(format!("{place}: {error}"));
    if mode == "OUT" {
        let on = switch::starts_on(component.default_state.as_deref());
        request.as_output(level(on));
        let line = request.request().map_err(refused)?;
        return Ok(Box::new(Output { line, on }));
    }
    // A button closes to ground; what else there is drives its line, or opens it to be on.
    request.as_input();
    match component.component_type.as_str() {
        "button" => request.with_bias(Bias::PullUp).as_active_low(),
        "door" => request.with_bias(Bias::PullUp),
        _ => request.with_bias(Bias::PullDown),
    };
    let mut watched = request.clone();
    watched
        .with_edge_detection(EdgeDetection::BothEdges)
        .with_debounce_period(BOUNCE);
    let line = match watched.request() {
        Ok(line) => line,
        Err(error) => {
            tracing::debug!(%place, "changes are not told by the kernel: {error}");
            request.request().map_err(refused)?
        }
    };
    Ok(Box::new(Input {
        line,
        contact: Contact::default(),
    }))
}

fn level(on: bool) -> Level {
    match on {
        true => Level::Active,
        false => Level::Inactive,
    }
}

/// A lamp, a pump, a relay.
struct Output {
    line: Request,
    on: bool,
}

impl Driver for Output {
    fn read(&mut self) -> Option<Reading> {
        Some(Reading::status(switch::word(self.on)))
    }

    fn begin(&mut self, arguments: &Map<String, Value>) -> Result<Job, ActError> {
        switch::begin(arguments)
    }

    fn finish(&mut self, job: &Job) -> Result<Value, ActError> {
        let on = job.wanted == "ON";
        self.line
            .set_lone_value(level(on))
            .map_err(|error| ActError::Failed(error.to_string()))?;
        self.on = on;
        Ok(switch::done(on))
    }
}

/// A button, a door, a motion sensor.
struct Input {
    line: Request,
    contact: Contact,
}

impl Driver for Input {
    fn sample(&mut self) -> bool {
        let mut rose = false;
        while matches!(self.line.has_edge_event(), Ok(true)) {
            match self.line.read_edge_event() {
                Ok(event) => rose |= event.kind == EdgeKind::Rising,
                Err(_) => break,
            }
        }
        match self.line.lone_value() {
            Ok(level) => self.contact.see(level == Level::Active, rose),
            Err(error) => {
                tracing::debug!("a line was not read: {error}");
                false
            }
        }
    }

    fn read(&mut self) -> Option<Reading> {
        self.contact
            .tell()
            .map(|on| Reading::status(switch::word(on)))
    }
}

/// What is seen of a contact and told of it: what is pressed and let go between two looks is told as well.
#[derive(Debug, Default)]
struct Contact {
    seen: Option<bool>,
    /// On since it was last told, and off again.
    pressed: bool,
    told: Option<bool>,
}

impl Contact {
    /// Takes what is seen; `true` where that is other than what was told.
    fn see(&mut self, on: bool, rose: bool) -> bool {
        self.seen = Some(on);
        self.pressed |= rose;
        self.told.is_some() && self.told != Some(on || self.pressed)
    }

    fn tell(&mut self) -> Option<bool> {
        let seen = self.seen?;
        // Taken also while the contact is on: telling that tells the press.
        let pressed = std::mem::take(&mut self.pressed);
        self.told = Some(seen || pressed);
        self.told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_press_is_told_and_its_end_too() {
        let mut button = Contact::default();
        assert_eq!(button.tell(), None, "nobody has looked yet");
        assert!(
            !button.see(false, false),
            "the first state waits for the report"
        );
        assert_eq!(button.tell(), Some(false));
        assert!(!button.see(false, false));
        assert!(
            button.see(false, true),
            "pressed and let go within the second"
        );
        assert_eq!(button.tell(), Some(true));
        assert!(button.see(false, false), "it is off again");
        assert_eq!(button.tell(), Some(false));
        assert!(button.see(true, true));
        assert_eq!(button.tell(), Some(true));
        assert!(!button.see(true, false), "it is held");
        assert!(button.see(false, false), "it is let go of");
        assert_eq!(button.tell(), Some(false), "and was told as on already");
        assert!(!button.see(false, false));
        assert_eq!(button.tell(), Some(false));
    }
}
