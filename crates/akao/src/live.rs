//! An execution as it is seen from outside: its history and what is added to it, as steps, a tree, lines or JSON.

pub(crate) mod follow;
pub(crate) mod lines;
pub(crate) mod steps;
pub(crate) mod terminal;
pub(crate) mod tree;

pub(crate) use follow::{Follower, Update};
pub(crate) use steps::Steps;
