//! Tables and properties of the fold.
