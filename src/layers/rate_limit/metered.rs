//! Charges the bytes of a body whose length is not known in advance.

use std::{
    fmt,
    num::NonZeroU64,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Buf;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::{gcra::Decision, handle::Handle, limit::Limit, plan::Plan, store::StoreKey};
use crate::request::key::KeyPart;

pin_project! {
    /// A body whose bytes are charged when it has ended, failed, or been dropped; made by
    /// [`Handle::metered`]. Otherwise it behaves like the inner body.
    pub struct Metered<B> {
        #[pin]
        body: B,
        meter: Meter,
    }
}

/// The bytes that have been sent, and the key that pays for them. They are charged on drop, which no
/// client can prevent.
struct Meter {
    limit: Arc<Limit>,
    key: Option<StoreKey>,
    plan: Arc<Plan>,
    bytes: u64,
    bytes_per_unit: NonZeroU64,
}

impl<V: KeyPart> Handle<V> {
    /// Counts the bytes of a body, and charges the key one unit for each `bytes_per_unit` of them,
    /// rounded up, when the body has ended, failed, or been dropped.
    ///
    /// This is for streams. A response whose length is known is charged by
    /// [`settle`](crate::RateLimit::settle), without a handle. At this point the response can no
    /// longer be refused, so the key may go into debt, which has to be paid off before its next
    /// request. A key that a full store [refuses](super::Overflow::Refuse) to keep is not charged.
    ///
    /// # Example
    ///
    /// ```
    /// use std::num::NonZeroU64;
    ///
    /// use http_body_util::{BodyExt, Full};
    /// use wythe::Quota;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// // 10 MiB a minute, in KiB.
    /// let quota = Quota::per_minute(10 * 1024).named("KiB");
    /// let traffic = quota.in_handler::<String>()?.handle();
    /// let kib = NonZeroU64::new(1024).unwrap();
    ///
    /// let ada = "ada".to_owned();
    /// let stream = Full::<bytes::Bytes>::from(vec![b'x'; 2_500]);
    /// let body = traffic.metered(&ada, kib, stream);
    /// body.collect().await?;
    /// assert_eq!(traffic.remaining(&ada).await?[0].units(), 10 * 1024 - 3);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn metered<B: Body>(&self, key: &V, bytes_per_unit: NonZeroU64, body: B) -> Metered<B> {
        Metered {
            body,
            meter: Meter {
                limit: Arc::clone(self.limit()),
                key: Some(self.key_in_store(key)),
                plan: Arc::clone(self.chosen_plan()),
                bytes: 0,
                bytes_per_unit,
            },
        }
    }
}

impl Meter {
    fn charge(&mut self) {
        let units = self.bytes.div_ceil(self.bytes_per_unit.get());
        let units = i64::try_from(units).unwrap_or(i64::MAX);
        if let Some(key) = self.key.take()
            && units > 0
        {
            let Self { limit, plan, .. } = self;
            // The response has been sent, so a failure to charge the key can't be reported.
            let _: Option<Decision> =
                limit
                    .store
                    .charge_later(key, plan, Decision::default(), units);
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.charge();
    }
}

impl<B: Body> Body for Metered<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let mut this = self.project();
        let frame = ready!(this.body.as_mut().poll_frame(cx));
        let data = frame
            .as_ref()
            .and_then(|frame| frame.as_ref().ok()?.data_ref());
        let bytes = data.map_or(0, |data| {
            u64::try_from(data.remaining()).unwrap_or(u64::MAX)
        });
        this.meter.bytes = this.meter.bytes.saturating_add(bytes);
        // A server that knows the length does not poll again after the last frame, and may keep the
        // body for as long as it takes to send it.
        if !matches!(frame, Some(Ok(_))) || this.body.is_end_stream() {
            this.meter.charge();
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> fmt::Debug for Metered<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metered").finish_non_exhaustive()
    }
}
