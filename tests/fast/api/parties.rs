//! What parties' uploads look like, and who may see it.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::api::support::{Project, Service, packed};

/// Encodings of 16 bytes with so many bits set.
fn encoding(bits: usize) -> Vec<u8> {
    let mut bytes = vec![0; 16];
    (0..bits).for_each(|bit| bytes[bit / 8] |= 1 << (bit % 8));
    bytes
}

fn texts(encodings: &[Vec<u8>]) -> Vec<String> {
    encodings.iter().map(|bytes| STANDARD.encode(bytes)).collect()
}

/// The histogram of densities as the definition has it.
fn density(encodings: &[Vec<u8>]) -> Vec<u64> {
    let mut counts = vec![0; 50];
    for bytes in encodings {
        let set: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
        counts[((set as usize * 50) / 128).min(49)] += 1;
    }
    counts
}

async fn parties(service: &Service, project: &Project, token: &str) -> Vec<Value> {
    let document = service.get(&project.path("/parties"), token).await.json(200);
    document["parties"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_report_tells_density_empties_and_duplicates() {
    let service = Service::start().await;
    let project = service.project(json!({})).await;
    let waiting = parties(&service, &project, &project.result).await;
    let nothing = json!({"party": 1, "state": "waiting", "encodings": null, "encoding_size": null, "time_uploaded": null,
        "blocks": null, "warnings": [], "density": null, "empty": null, "duplicates": null});
    assert_eq!((waiting.len(), &waiting[1]), (2, &nothing));

    let encodings: Vec<_> = [0, 3, 64, 64, 64, 0, 128, 127].map(encoding).to_vec();
    let body = packed(&project, "8", "16", encodings.concat());
    service.call(body).await.json(201);
    let json = json!({"clks": texts(&encodings[1..3])});
    service.post(&project.path("/clks"), &project.update[1], json).await.json(201);
    let both = parties(&service, &project, &project.result).await;
    let first = &both[0];
    assert_eq!(
        (&first["state"], &first["encodings"], &first["encoding_size"]),
        (&json!("ready"), &json!(8), &json!(16))
    );
    assert!(first["time_uploaded"].as_str().unwrap().ends_with('Z'));
    assert_eq!(first["density"]["counts"], json!(density(&encodings)));
    assert_eq!(first["density"]["width"], 0.02);
    assert_eq!(first["density"]["mean"].as_f64().unwrap(), (3 + 3 * 64 + 128 + 127) as f64 / (8.0 * 128.0));
    assert_eq!((&first["empty"], &first["duplicates"]), (&json!(2), &json!({"count": 3, "exact": true})));
    assert_eq!(first["warnings"], json!(["2 of 8 encodings have no bit set: they can't match any other"]));
    assert_eq!(first["blocks"], Value::Null);
    let second = &both[1];
    assert_eq!((&second["empty"], &second["warnings"]), (&json!(0), &json!([])));
    assert_eq!(second["density"]["counts"], json!(density(&encodings[1..3])));
    // The creator reads the warning in the project's description as well.
    let described = service.get(&project.path(""), &project.result).await.json(200);
    assert!(described["warnings"][0].as_str().unwrap().starts_with("party 0: 2 of 8"), "{described}");
}

#[tokio::test]
async fn blocks_are_counted_in_every_form() {
    let service = Service::start().await;
    let project = service.project(json!({"uses_blocking": true})).await;
    let encodings = texts(&[1, 2, 3, 4, 5].map(encoding));
    // Record 1 names a block twice, record 3 is in none.
    let ids = [vec!["a", "b"], vec!["a", "a"], vec!["a", "c"], vec![], vec!["b"]];
    let memberships: BTreeSet<_> =
        ids.iter().enumerate().flat_map(|(row, ids)| ids.iter().map(move |id| (row, *id))).collect();
    let expected = json!({"blocks": 3, "memberships": memberships.len(), "records_without": 1, "largest": 3});
    assert_eq!(memberships.len(), 6);
    let records = encodings.iter().zip(&ids).map(|(encoding, ids)| {
        let mut record = vec![encoding.as_str()];
        record.extend(ids);
        record
    });
    let body = json!({"clknblocks": records.collect::<Vec<_>>()});
    service.post(&project.path("/clks"), &project.update[0], body).await.json(201);
    // Record 3 isn't named at all here; rows come in another order.
    let blocks = json!({"4": ids[4], "0": ids[0], "2": ids[2], "1": ids[1]});
    let body = json!({"blocks": blocks, "encodings": encodings});
    service.post(&project.path("/clks"), &project.update[1], body).await.json(201);
    let both = parties(&service, &project, &project.result).await;
    assert_eq!((&both[0]["blocks"], &both[1]["blocks"]), (&expected, &expected));
}

#[tokio::test]
async fn a_party_sees_itself_and_nothing_of_others() {
    let service = Service::start().await;
    let project = service.project(json!({"number_parties": 3})).await;
    let other = service.project(json!({})).await;
    let receipt = service.upload(&project, 0, 4).await;
    service.upload(&project, 1, 5).await;
    for (token, party, count) in
        [(&project.update[0], 0, json!(4)), (&receipt, 0, json!(4)), (&project.update[2], 2, Value::Null)]
    {
        let seen = parties(&service, &project, token).await;
        assert_eq!((seen.len(), &seen[0]["party"]), (1, &json!(party)));
        assert_eq!(seen[0]["encodings"], count);
    }
    // A party that hasn't uploaded doesn't learn what size the others agreed on.
    assert_eq!(parties(&service, &project, &project.update[2]).await[0]["encoding_size"], Value::Null);
    assert_eq!(parties(&service, &project, &project.result).await.len(), 3);
    service.get(&project.path("/parties"), &other.result).await.no_access();
    service.get(&project.path("/parties"), &other.update[0]).await.no_access();
    service.get(&project.path("/parties"), "nonsense").await.no_access();
    assert!(service.get(&project.path("/parties"), "").await.problem(400).contains("Authorization"));
    service.delete(&project.path(""), &project.result).await;
    service.get(&project.path("/parties"), &project.result).await.no_access();
}
