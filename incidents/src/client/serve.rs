//! The loop of a client process: orders in, events out.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
};

use tokio::{
    io::BufReader,
    sync::mpsc::{self, UnboundedSender},
    task::JoinHandle,
};

use mainstay::test_support::Activity;

use crate::protocol::{
    Answer, Command, Done, Event, Failure, Hello, LineError, Order, Quiet, Start, Told, VERSION, read_line, write_line,
};

/// Where events go. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    sender: UnboundedSender<Told>,
    answers: Arc<AtomicU64>,
}

impl Out {
    pub(crate) fn send(&self, event: Event) {
        // The writer is gone only when the director is: then nobody is left to tell.
        let _ = self.sender.send(Told { answers: Some(self.answers.load(SeqCst)), event });
    }

    /// An HTTP request got its answer, or an end without one.
    pub(crate) fn answered(&self) {
        self.answers.fetch_add(1, SeqCst);
    }

    fn done(&self, id: u64, result: Result<Option<Answer>, Failure>) {
        let (answer, error) = match result {
            Ok(answer) => (answer, None),
            Err(failure) => (None, Some(failure)),
        };
        self.send(Event::Done(Done { id, error, answer }));
    }
}

/// A client: what differs between one and another.
pub(crate) trait Actor: Send + Sync + Sized + 'static {
    /// Its name in reports.
    const NAME: &'static str;

    /// Opens the vault and the app's data.
    fn start(start: Start, out: Out, activity: Activity) -> impl Future<Output = Result<Arc<Self>, Failure>> + Send;
    /// Carries out an order.
    fn perform(self: Arc<Self>, command: Command) -> impl Future<Output = Result<Option<Answer>, Failure>> + Send;
    /// Moves the virtual clock.
    fn advance(&self, to_ms: u64);
    /// Waits until nothing moves, `held` requests apart.
    fn quiet(self: Arc<Self>, held: u32) -> impl Future<Output = Quiet> + Send;
}

/// Reads orders until the input ends or `stop` comes.
///
/// # Errors
/// The director cannot be reached, or sends a line that is too long.
pub(crate) async fn serve<A: Actor>() -> Result<(), LineError> {
    let (sender, mut events) = mpsc::unbounded_channel::<Told>();
    let writer = tokio::spawn(async move {
        let mut output = tokio::io::stdout();
        while let Some(event) = events.recv().await {
            if write_line(&mut output, &event).await.is_err() {
                break;
            }
        }
    });
    let out = Out { sender, answers: Arc::default() };
    let session = Session::<A> { out, activity: Activity::default(), actor: None, settling: None };
    let result = session.read_orders().await;
    if result.is_ok() {
        let _ = writer.await;
    }
    result
}

struct Session<A> {
    out: Out,
    activity: Activity,
    actor: Option<Arc<A>>,
    settling: Option<(u64, JoinHandle<()>)>,
}

impl<A: Actor> Session<A> {
    async fn read_orders(mut self) -> Result<(), LineError> {
        let mut input = BufReader::new(tokio::io::stdin());
        loop {
            match read_line::<Order>(&mut input).await {
                Ok(Some(Order { id, command: Command::Stop })) => {
                    self.out.done(id, Ok(None));
                    return Ok(());
                }
                Ok(Some(order)) => self.obey(order).await,
                Ok(None) => return Ok(()),
                Err(LineError::NotUnderstood { id, reason, unknown }) => {
                    let code = if unknown.is_some() { "unknown_command" } else { "bad_order" };
                    self.out.done(id.unwrap_or(0), Err(Failure::new(code, reason)));
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn obey(&mut self, Order { id, command }: Order) {
        match (command, self.actor.clone()) {
            (Command::Hello { .. }, _) => {
                let version = env!("CARGO_PKG_VERSION").to_owned();
                let hello = Hello { protocol: VERSION, client: A::NAME.to_owned(), version };
                self.out.done(id, Ok(Some(Answer::Hello(hello))));
            }
            (Command::Start(start), None) => match A::start(*start, self.out.clone(), self.activity.clone()).await {
                Ok(actor) => {
                    self.actor = Some(actor);
                    self.out.done(id, Ok(None));
                }
                Err(failure) => self.out.done(id, Err(failure)),
            },
            (Command::Start(_), Some(_)) => self.out.done(id, Err(Failure::new("bad_order", "started already"))),
            (_, None) => self.out.done(id, Err(Failure::new("too_early", "not started yet"))),
            (Command::Advance { to_ms }, Some(actor)) => {
                actor.advance(to_ms);
                self.out.done(id, Ok(None));
            }
            (Command::Settle { held }, Some(actor)) => self.settle(id, actor, held),
            (command, Some(actor)) => {
                let out = self.out.clone();
                let order = async move { out.done(id, actor.perform(command).await) };
                tokio::spawn(self.activity.follow(order));
            }
        }
    }

    /// Not a counted task itself: it waits for those.
    fn settle(&mut self, id: u64, actor: Arc<A>, held: u32) {
        if let Some((id, older)) = self.settling.take()
            && !older.is_finished()
        {
            older.abort();
            let quiet = Quiet { quiet: false, in_flight: 0, next_deadline_ms: None };
            self.out.done(id, Ok(Some(Answer::Settle(quiet))));
        }
        let out = self.out.clone();
        let task = tokio::spawn(async move {
            let quiet = actor.quiet(held).await;
            out.done(id, Ok(Some(Answer::Settle(quiet))));
        });
        self.settling = Some((id, task));
    }
}
