//! An account as a log of events: it is what its events say, and an event is appended only to the log that it was
//! decided on. Run it several times at once: no money is made or lost. First, against `leveed --dev`:
//!
//! ```sh
//! levee tenant create acme && levee topic create acme/account
//! cargo run -p levee-client --example event_sourced
//! ```

use levee_client::{
    Appender, AppenderSettings, Client, ClientConfig, Error, Identity, Position, ReaderSettings, Record,
    StartAt,
};
use levee_types::{ErrorCode, TenantName};

/// An aggregate: its state, and the offset of the next event.
#[derive(Debug, Default)]
struct Account {
    balance: i64,
    next: u64,
}

impl Account {
    /// Takes in the events that came since.
    async fn catch_up(&mut self, client: &Client) -> Result<(), Error> {
        let from = StartAt::Offset(self.next);
        let position = Position { topic: "account".to_owned(), partition: 0, from };
        let settings = ReaderSettings { stop_at_end: true, ..ReaderSettings::default() };
        let mut events = client.reader(vec![position], settings).await?;
        while let Some(event) = events.next().await {
            let event = event?;
            let value = event.record.value.unwrap_or_default();
            self.balance += String::from_utf8_lossy(&value).parse::<i64>().unwrap_or_default();
            self.next = event.offset + 1;
        }
        Ok(())
    }

    /// Decides on what is known: nobody draws more than there is.
    fn decide(&self, amount: i64) -> Option<Record> {
        let event = Record { value: Some(amount.to_string().into()), ..Record::default() };
        (self.balance + amount >= 0).then_some(event)
    }

    /// Books an amount, unless the account does not cover it. Decides anew as often as somebody else was faster.
    async fn book(&mut self, client: &Client, log: &mut Appender, amount: i64) -> Result<bool, Error> {
        while let Some(event) = self.decide(amount) {
            match log.append(self.next, vec![event]).await {
                Ok(next) => {
                    self.balance += amount;
                    self.next = next;
                    return Ok(true);
                }
                Err(error) if error.code() == Some(ErrorCode::OffsetMismatch) => {
                    self.catch_up(client).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let acme = Identity::DevTenant(TenantName::new("acme")?);
    let client = Client::new(ClientConfig::new("http://127.0.0.1:9400", acme))?;
    let mut log = client.appender(AppenderSettings::new("account", 0)).await?;
    let mut account = Account::default();
    account.catch_up(&client).await?;
    for amount in [100, -30, -30, -30, -30, 5] {
        let is_booked = account.book(&client, &mut log, amount).await?;
        println!("{amount:>5} {} {account:?}", if is_booked { "booked " } else { "refused" });
    }
    Ok(())
}
