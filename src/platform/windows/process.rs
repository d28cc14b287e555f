//! What the process asks of the system, and what that allows it: next to nothing, without unsafe code.

use std::process::ExitCode;

/// There is no `/proc`.
pub(crate) const HAS_PROC: bool = false;

/// Nothing to do it with: a debugger of the same user may read the process's memory.
pub(crate) const fn hide_memory() {}

/// There are none. Whether Windows Error Reporting keeps dumps is the administrator's choice.
pub(crate) const fn refuse_core_files() {}

/// Handles are not bounded by the process.
pub(crate) const fn raise_descriptors(_: u64) {}

/// Not bounded.
pub(crate) const fn descriptors() -> Option<u64> {
    None
}

/// Not known: a job object or a container may bound it all the same.
pub(crate) const fn memory() -> Option<u64> {
    None
}

/// Has the console understand colours. One that can't shows their codes; `NO_COLOR` is for those.
pub(crate) fn prepare_terminal() {
    let _ = anstyle_query::windows::enable_ansi_colors();
}

/// A command's code as our own: all 32 bits. What `ExitCode` can't hold ends the process here.
pub(crate) fn exit_code(code: i32) -> ExitCode {
    u8::try_from(code).map_or_else(|_| std::process::exit(code), ExitCode::from)
}
