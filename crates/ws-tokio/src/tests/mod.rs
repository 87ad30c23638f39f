//! Tests of what is not to be seen from outside.

mod sizes;
