//! A command that runs in our place: it gets what is typed and what the console is told by itself, for
//! it has the same console; and its end is ours.

use std::io;

use tokio::process::Child;

use super::signals::Ends;

/// The process that started us. That it has ended is not seen: Windows ends the processes of a job or
/// of a console itself, and no others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Parent;

impl Parent {
    pub(crate) const fn now() -> Self {
        Self
    }
}

/// What would end us before the command.
pub(crate) struct Signals(Ends);

impl Signals {
    /// To be called before the command starts: no signal may be lost in between.
    pub(crate) fn listen() -> io::Result<Self> {
        Ends::listen().map(Self)
    }

    /// Leaves signals to the command until that ends, and gives its code.
    pub(crate) async fn pass_to(mut self, mut child: Child, _: Parent) -> io::Result<i32> {
        loop {
            tokio::select! {
                ended = child.wait() => return ended.map(|status| status.code().unwrap_or(1)),
                () = self.0.next() => {}
            }
        }
    }
}

/// Whether two names are of one variable: Windows looks at no case.
pub(crate) fn is_same_variable(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
}

/// Whether a variable's name begins so.
pub(crate) fn variable_begins(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
}
