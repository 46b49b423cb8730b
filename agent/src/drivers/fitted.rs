//! What is attached to a device, and a driver for all of it that the machine can serve.
//!
//! Invariant: a component whose place is unchanged keeps its driver, and with it its state; one without a driver is
//! kept by name with the reason, and is tried again.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{ComponentKey, identity::ComponentSpec};

use super::{Driver, Hardware};

/// Components and their drivers.
#[derive(Default)]
pub struct Fitted {
    specs: Vec<ComponentSpec>,
    drivers: BTreeMap<ComponentKey, Box<dyn Driver>>,
    missing: BTreeMap<ComponentKey, String>,
}

impl Fitted {
    /// Takes over what is attached now: drops the drivers of what is gone or is wired otherwise, and loads what is new;
    /// gives which those are.
    pub fn fit(
        &mut self,
        hardware: &mut dyn Hardware,
        specs: &[ComponentSpec],
    ) -> Vec<ComponentKey> {
        let same: BTreeSet<&ComponentKey> = specs
            .iter()
            .filter(|spec| self.specs.contains(spec))
            .map(|spec| &spec.component_key)
            .collect();
        // The others give their pins back before these are taken anew.
        self.drivers.retain(|key, _| same.contains(key));
        self.missing.retain(|key, _| same.contains(key));
        specs.clone_into(&mut self.specs);
        self.load(hardware)
    }

    /// Tries again what could not be loaded.
    pub fn retry(&mut self, hardware: &mut dyn Hardware) {
        if !self.missing.is_empty() {
            self.load(hardware);
        }
    }

    fn load(&mut self, hardware: &mut dyn Hardware) -> Vec<ComponentKey> {
        let mut new = Vec::new();
        for spec in &self.specs {
            let key = &spec.component_key;
            if self.drivers.contains_key(key) {
                continue;
            }
            match hardware.driver(spec) {
                Ok(driver) => {
                    if self.missing.remove(key).is_some() {
                        tracing::info!(component = %key, "the driver is there now");
                    }
                    self.drivers.insert(key.clone(), driver);
                    new.push(key.clone());
                }
                Err(reason) => {
                    let reason = reason.to_string();
                    if self.missing.get(key) != Some(&reason) {
                        tracing::warn!(component = %key, "no driver: {reason}");
                        self.missing.insert(key.clone(), reason);
                    }
                }
            }
        }
        new
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The driver of a component.
    pub fn get_mut(&mut self, component: &ComponentKey) -> Option<&mut Box<dyn Driver>> {
        self.drivers.get_mut(component)
    }

    /// Every driver.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&ComponentKey, &mut Box<dyn Driver>)> {
        self.drivers.iter_mut()
    }

    /// What has a driver.
    pub fn loaded(&self) -> impl Iterator<Item = &ComponentKey> {
        self.drivers.keys()
    }

    /// What has none, and why.
    pub fn missing(&self) -> &BTreeMap<ComponentKey, String> {
        &self.missing
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::drivers::{Description, Loaded, NoDriver, Reading};

    /// What was taken and given back, in order.
    type Diary = Arc<Mutex<Vec<String>>>;

    #[derive(Default)]
    struct Bench {
        diary: Diary,
        broken: BTreeSet<String>,
    }

    struct Pin(String, Diary);

    impl Driver for Pin {
        fn read(&mut self) -> Option<Reading> {
            None
        }
    }

    impl Drop for Pin {
        fn drop(&mut self) {
            self.1.lock().unwrap().push(format!("-{}", self.0));
        }
    }

    impl Hardware for Bench {
        fn driver(&mut self, component: &ComponentSpec) -> Loaded {
            let name = format!(
                "{}@{}",
                component.component_key,
                component.pin_number.unwrap_or(0)
            );
            if self.broken.contains(component.component_key.as_str()) {
                return Err(NoDriver("no such line".to_owned()));
            }
            self.diary.lock().unwrap().push(format!("+{name}"));
            Ok(Box::new(Pin(name, self.diary.clone())))
        }

        fn describe(&self) -> Description {
            Description::default()
        }
    }

    fn spec(key: &str, pin: i32) -> ComponentSpec {
        ComponentSpec {
            component_key: key.parse().unwrap(),
            component_type: key.parse().unwrap(),
            pin_number: Some(pin),
            pin_mode: None,
            default_state: None,
            address: None,
        }
    }

    #[test]
    fn only_what_changed_is_made_anew_and_its_pin_is_free_before_it_is_taken() {
        let mut bench = Bench::default();
        let mut fitted = Fitted::default();
        fitted.fit(&mut bench, &[spec("led", 17), spec("pump", 27)]);
        fitted.fit(&mut bench, &[spec("led", 27), spec("pump", 17)]);
        fitted.fit(&mut bench, &[spec("fan", 18), spec("pump", 17)]);
        let diary = bench.diary.lock().unwrap().clone();
        let expected = [
            "+led@17", "+pump@27", "-led@17", "-pump@27", "+led@27", "+pump@17", "-led@27",
            "+fan@18",
        ];
        assert_eq!(diary, expected);
    }

    #[test]
    fn what_could_not_be_loaded_is_named_and_tried_again() {
        let mut bench = Bench::default();
        bench.broken.insert("led".to_owned());
        let mut fitted = Fitted::default();
        fitted.fit(&mut bench, &[spec("led", 17), spec("pump", 27)]);
        let led = "led".parse().unwrap();
        assert_eq!(fitted.missing().get(&led).unwrap(), "no such line");
        bench.broken.clear();
        fitted.retry(&mut bench);
        assert!(fitted.missing().is_empty() && fitted.get_mut(&led).is_some());
        let diary = bench.diary.lock().unwrap().clone();
        assert_eq!(
            diary,
            ["+pump@27", "+led@17"],
            "the other one was left alone"
        );
    }
}
