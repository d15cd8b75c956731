//! Who may enter a group, of whatever kind: nobody while it is deleted or its place is set.
//!
//! Must hold: while a group is held, nobody is becoming a member of it.

use super::Key;
use levee_types::{ErrorCode, LeveeError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The doors of all groups. Cheap to clone.
#[derive(Clone, Default)]
pub struct Doors(Arc<Mutex<HashMap<Key, Door>>>);

/// There is one while somebody stands in it.
#[derive(Default)]
struct Door {
    entering: usize,
    holding: usize,
}

/// Somebody is becoming a member until this is dropped.
#[must_use]
pub(crate) struct Entering {
    doors: Doors,
    key: Key,
}

/// Nobody can become a member until this is dropped.
#[must_use]
pub struct Hold {
    doors: Doors,
    key: Key,
}

impl Doors {
    /// To be kept until the caller is a member.
    ///
    /// # Errors
    /// UNAVAILABLE: the group is held.
    pub(crate) fn enter(&self, key: &Key) -> Result<Entering, LeveeError> {
        let mut doors = self.lock();
        if doors.get(key).is_some_and(|door| door.holding > 0) {
            let message = format!("group {:?} is being deleted or moved", key.1.as_str());
            return Err(LeveeError::new(ErrorCode::Unavailable, message).with_hint("join again in a moment"));
        }
        doors.entry(key.clone()).or_default().entering += 1;
        Ok(Entering { doors: self.clone(), key: key.clone() })
    }

    /// To be kept while it matters that there are no other members.
    ///
    /// # Errors
    /// UNAVAILABLE: somebody is becoming a member.
    pub(crate) fn hold(&self, key: &Key) -> Result<Hold, LeveeError> {
        let mut doors = self.lock();
        if doors.get(key).is_some_and(|door| door.entering > 0) {
            let message = format!("somebody is joining group {:?}", key.1.as_str());
            return Err(LeveeError::new(ErrorCode::Unavailable, message)
                .with_hint("stop the members of the group, and try again"));
        }
        doors.entry(key.clone()).or_default().holding += 1;
        Ok(Hold { doors: self.clone(), key: key.clone() })
    }

    fn leave(&self, key: &Key, change: impl FnOnce(&mut Door)) {
        let mut doors = self.lock();
        let Some(door) = doors.get_mut(key) else { return };
        change(door);
        if door.entering == 0 && door.holding == 0 {
            doors.remove(key);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Door>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entering {
    fn drop(&mut self) {
        self.doors.leave(&self.key, |door| door.entering -= 1);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.doors.leave(&self.key, |door| door.holding -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::Doors;
    use levee_types::{ErrorCode, GroupName, TenantId};

    #[test]
    fn nobody_enters_what_is_held_and_nobody_holds_what_is_entered() {
        let doors = Doors::default();
        let key = (TenantId(1), GroupName::new("billing").unwrap());
        let other = (TenantId(2), key.1.clone());
        let holds = (doors.hold(&key).unwrap(), doors.hold(&key).unwrap());
        assert_eq!(doors.enter(&key).err().unwrap().code, ErrorCode::Unavailable);
        drop(holds.0);
        assert_eq!(doors.enter(&key).err().unwrap().code, ErrorCode::Unavailable);
        let _elsewhere = doors.enter(&other).unwrap();
        drop(holds.1);
        let entering = doors.enter(&key).unwrap();
        assert_eq!(doors.hold(&key).err().unwrap().code, ErrorCode::Unavailable);
        drop(entering);
        drop(doors.hold(&key).unwrap());
        assert_eq!(doors.lock().len(), 1);
    }
}
