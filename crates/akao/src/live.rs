//! An execution as it is seen from outside: its history and what is added to it, as a tree, lines or a drawing.

pub(crate) mod lines;
pub(crate) mod terminal;
pub(crate) mod tree;

pub(crate) use akao_engine::{
    Follower, Update,
    steps::{self, Steps},
};
