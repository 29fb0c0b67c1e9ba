//! Everything is down, and then it is not.

use std::time::{Duration, Instant};

use super::{config, well};
use crate::support::says;
use crate::support::{Fake, Gateway};

#[tokio::test]
async fn in_a_total_outage_attempts_stay_few_and_it_is_over_when_it_is_over() {
    for fallback in ["", ", fallback: { to: legacy, on: [ connect, 5xx, 429, first_byte ] }"] {
        let (mut app, mut legacy) = (Fake::json(200, "{}").await, Fake::json(200, "{}").await);
        app.down().await;
        legacy.down().await;
        let route = format!("split: {{ app: 1, legacy: 1 }}, retry: {{ attempts: 5 }}{fallback}");
        let mut gateway = Gateway::start(&config(app.address, "", legacy.address, &route)).await;
        let request = says::request("responses", false);
        let (mut requests, mut attempts) = (0, 0);
        for at_once in [1, 10, 25] {
            let mut asked = tokio::task::JoinSet::new();
            for _ in 0..at_once {
                let (client, request) = (gateway.client(), request.clone());
                asked.spawn(async move {
                    for _ in 0..6 {
                        assert!(client.post("/v1/responses", &request).await.status >= 500);
                    }
                });
            }
            asked.join_all().await;
            for _ in 0..6 * at_once {
                requests += 1;
                attempts += gateway.next_finished().await.attempts;
            }
        }
        println!("{requests} requests, {attempts} attempts{fallback}");
        assert!(f64::from(attempts) <= 1.2 * f64::from(requests) + 10.0, "{attempts} attempts for {requests} requests");
        assert!(attempts >= requests, "nobody was refused without an attempt");
        let _app = Fake::at(app.address, well("responses")).await;
        let _legacy = Fake::at(legacy.address, well("chat_agent")).await;
        let begin = Instant::now();
        let mut well = 0;
        while well < 20 {
            let answer = gateway.client().post("/v1/responses", &request).await;
            well = if answer.status == 200 { well + 1 } else { 0 };
            assert!(begin.elapsed() < Duration::from_secs(10), "not back after {:?}", begin.elapsed());
        }
        println!("twenty went well {:?} after it came back", begin.elapsed());
        assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    }
}
