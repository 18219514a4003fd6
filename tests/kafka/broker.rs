//! The promises of `engine::lane::io::Broker`, kept by [`ieum::runtime::KafkaBroker`].

mod on_kafka {
    use crate::harness::*;
    use ieum::engine::lane::io::{BEGINNING, Broker, Event, Failure, Outgoing, TopicPartition};
    use ieum::types::SmolStr;
    use std::time::{Duration, Instant};

    fn values(corner: &Corner) -> Vec<String> {
        corner.committed_records(&corner.topic).iter().map(value).collect()
    }

    #[test]
    fn a_transaction_is_seen_when_it_commits_and_not_before() {
        let corner = Corner::new(1);
        let mut broker = corner.broker("a");
        broker.begin().unwrap();
        produce(&mut broker, &corner.at(0), &["one", "two"]);
        assert_eq!(drained(&mut broker), Ok(vec![0, 1]));
        assert_eq!(values(&corner), Vec::<String>::new());
        broker.commit().unwrap();
        assert_eq!(values(&corner), ["one", "two"]);
    }

    #[test]
    fn an_aborted_transaction_leaves_nothing_and_the_next_one_goes_through() {
        let corner = Corner::new(1);
        let mut broker = corner.broker("a");
        abort(&mut broker, &corner.at(0), &["lost"]);
        // Not even drained: purged before the abort, which would else wait for its time-out.
        broker.begin().unwrap();
        produce(&mut broker, &corner.at(0), &["lost too"]);
        let began = Instant::now();
        broker.abort().unwrap();
        assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
        commit(&mut broker, &corner.at(0), &["kept"]);
        assert_eq!(values(&corner), ["kept"]);
    }

    #[test]
    fn delivery_offsets_come_in_the_order_produced_over_partitions_and_with_their_headers() {
        let corner = Corner::new(2);
        let mut broker = corner.broker("a");
        commit(&mut broker, &corner.at(1), &["before"]);
        broker.begin().unwrap();
        let headers = [(SmolStr::new("h"), b"v".to_vec()), (SmolStr::new("h"), b"w".to_vec())];
        for partition in [0, 1, 0, 1] {
            let topic = corner.topic.as_str();
            let record = Outgoing { topic, partition, key: None, value: None, headers: &headers };
            broker.produce(&record).unwrap();
        }
        assert_eq!(drained(&mut broker), Ok(vec![0, 2, 1, 3]));
        broker.commit().unwrap();
        let found = corner.committed_records(&corner.topic);
        let last = found.iter().find(|r| r.at.partition == 1 && r.offset == 3).unwrap();
        assert_eq!((&last.key, &last.value, last.headers.as_slice()), (&None, &None, &headers[..]));
    }

    #[test]
    fn offsets_commit_with_their_transaction_alone() {
        let corner = Corner::new(1);
        let mut broker = corner.running("a", 1);
        let at = corner.at(0);
        assert_eq!(patiently(|| broker.committed(std::slice::from_ref(&at))), Ok(vec![None]));
        for (next, commits, expected) in [(7, false, None), (8, true, Some(8)), (9, false, Some(8))] {
            broker.begin().unwrap();
            patiently(|| broker.send_offsets(&[(at.clone(), next)])).unwrap();
            if commits {
                broker.commit().unwrap()
            } else {
                broker.abort().unwrap()
            }
            assert_eq!(
                patiently(|| broker.committed(std::slice::from_ref(&at))),
                Ok(vec![expected]),
                "{next}"
            );
        }
    }

    #[test]
    fn committed_waits_for_an_open_transaction() {
        let corner = Corner::new(1);
        let mut owner = corner.running("a", 1);
        let at = corner.at(0);
        owner.begin().unwrap();
        patiently(|| owner.send_offsets(&[(at.clone(), 5)])).unwrap();
        let mut asker = corner.broker("b");
        assert!(matches!(asker.committed(std::slice::from_ref(&at)), Err(Failure::Retry(_))));
        owner.commit().unwrap();
        assert_eq!(patiently(|| asker.committed(std::slice::from_ref(&at))), Ok(vec![Some(5)]));
    }

    #[test]
    fn a_second_producer_of_the_same_name_fences_the_first() {
        let corner = Corner::new(1);
        let mut first = corner.running("a", 1);
        first.begin().unwrap();
        produce(&mut first, &corner.at(0), &["torn"]);
        drained(&mut first).unwrap();
        let mut second = corner.broker("a");
        assert!(matches!(first.commit(), Err(Failure::Fenced(_))));
        commit(&mut second, &corner.at(0), &["whole"]);
        assert_eq!(values(&corner), ["whole"]);
    }

    #[test]
    fn a_transaction_that_the_broker_timed_out_is_no_fencing() {
        let mut corner = Corner::new(1);
        corner.config.kafka.transaction_timeout_ms = 1_000;
        let mut broker = corner.running("a", 1);
        let at = corner.at(0);
        broker.begin().unwrap();
        produce(&mut broker, &at, &["late"]);
        drained(&mut broker).unwrap();
        patiently(|| broker.send_offsets(&[(at.clone(), 3)])).unwrap();
        // The broker has aborted it once a reader sees its marker.
        until(&mut broker, |event| matches!(event, Event::End { position: 2, .. }).then_some(()));
        let failure = broker.commit().unwrap_err();
        assert!(matches!(failure, Failure::Indefinite(_)), "{failure:?}");
        patiently(|| broker.reopen_producer()).unwrap();
        assert_eq!(patiently(|| broker.committed(std::slice::from_ref(&at))), Ok(vec![None]));
        commit(&mut broker, &at, &["again"]);
        assert_eq!(values(&corner), ["again"]);
    }

    #[test]
    fn reopening_decides_what_was_open() {
        let corner = Corner::new(1);
        let mut broker = corner.running("a", 1);
        let at = corner.at(0);
        broker.begin().unwrap();
        produce(&mut broker, &at, &["open"]);
        drained(&mut broker).unwrap();
        patiently(|| broker.send_offsets(&[(at.clone(), 1)])).unwrap();
        patiently(|| broker.reopen_producer()).unwrap();
        assert_eq!(patiently(|| broker.committed(std::slice::from_ref(&at))), Ok(vec![None]));
        commit(&mut broker, &at, &["new"]);
        assert_eq!(values(&corner), ["new"]);
    }

    #[test]
    fn nothing_is_delivered_before_the_lane_assigns_and_then_from_its_position() {
        let corner = Corner::new(1);
        commit(&mut corner.writer(), &corner.at(0), &["0", "1", "2"]);
        let mut broker = corner.broker("a");
        let mine = assigned(&mut broker);
        for _ in 0..10 {
            let event = broker.poll(50).unwrap();
            assert!(matches!(event, Event::Idle), "{event:?}");
        }
        broker.assign(&[(mine[0].clone(), 1)]).unwrap();
        let first = until(&mut broker, |event| match event {
            Event::Record(record) => Some(value(&record)),
            _ => None,
        });
        assert_eq!(first, "1");
    }

    #[test]
    fn an_end_counts_markers_and_aborted_tails() {
        let corner = Corner::new(1);
        let at = corner.at(0);
        let mut writer = corner.writer();
        commit(&mut writer, &at, &["1", "2", "3", "4", "5"]);
        let mut broker = corner.running("a", 1);
        let end = |event| match event {
            Event::End { position, .. } => Some(position),
            _ => None,
        };
        assert_eq!(until(&mut broker, end), 6);
        abort(&mut writer, &at, &["6", "7", "8", "9", "10"]);
        assert_eq!(until(&mut broker, end), 12);
    }

    #[test]
    fn ends_of_several_topics_are_told_apart() {
        let corner = Corner::new(1);
        let second = SmolStr::new(format!("{}2", corner.topic));
        corner.create(&second, 1);
        let other = TopicPartition { topic: second.clone(), partition: 0 };
        let mut writer = corner.writer();
        commit(&mut writer, &corner.at(0), &["1", "2", "3"]);
        let mut broker = corner.broker_with("a", vec![corner.topic.clone(), second]);
        let mut mine = Vec::new();
        while mine.len() < 2 {
            mine.extend(assigned(&mut broker));
        }
        start(&mut broker, &mine);
        let mut ends = std::collections::BTreeMap::new();
        until(&mut broker, |event| {
            if let Event::End { at, position } = event {
                ends.insert(at, position);
            }
            (ends.len() == 2).then_some(())
        });
        assert_eq!(ends, [(corner.at(0), 4), (other.clone(), 0)].into());
        commit(&mut writer, &other, &["1"]);
        let end = until(&mut broker, |event| match event {
            Event::End { at, position } => Some((at, position)),
            _ => None,
        });
        assert_eq!(end, (other, 2));
    }

    #[test]
    fn a_seek_delivers_again_from_there_and_nothing_fetched_before() {
        let corner = Corner::new(1);
        let at = corner.at(0);
        commit(&mut corner.writer(), &at, &["0", "1", "2", "3"]);
        let mut broker = corner.running("a", 1);
        let record = |event| match event {
            Event::Record(record) => Some(value(&record)),
            _ => None,
        };
        assert_eq!(until(&mut broker, record), "0");
        broker.seek(&[(at.clone(), 2)]).unwrap();
        assert_eq!(until(&mut broker, record), "2");
        broker.seek(&[(at, BEGINNING)]).unwrap();
        assert_eq!(until(&mut broker, record), "0");
    }

    #[test]
    fn partitions_move_between_two_members_once_they_are_given_back() {
        let corner = Corner::new(4);
        let mut first = corner.running("a", 4);
        let mut second = corner.broker("b");
        let (mut gone, mut got) = (Vec::new(), Vec::new());
        let deadline = Instant::now() + PATIENCE;
        while got.len() < 2 {
            assert!(Instant::now() < deadline, "gone {gone:?}, got {got:?}");
            if let Event::Revoked { partitions, lost } = first.poll(20).unwrap() {
                assert!(!lost && got.is_empty());
                // A lane commits here; the membership still holds.
                first.begin().unwrap();
                let next: Vec<_> = partitions.iter().map(|at| (at.clone(), 1)).collect();
                patiently(|| first.send_offsets(&next)).unwrap();
                first.commit().unwrap();
                first.unassign(&partitions).unwrap();
                gone.extend(partitions);
            }
            if let Event::Assigned(partitions) = second.poll(20).unwrap() {
                got.extend(partitions);
            }
        }
        gone.sort();
        got.sort();
        assert_eq!(gone, got);
        assert_eq!(patiently(|| second.committed(&got)), Ok(vec![Some(1); got.len()]));
    }

    #[test]
    fn a_member_that_comes_back_under_its_name_gets_its_partitions_without_a_rebalance() {
        let corner = Corner::new(2);
        let mut other = corner.broker("b");
        let first = corner.broker("a");
        drop(first);
        let mut again = corner.broker("a");
        let (mut others, mut mine) = (Vec::new(), Vec::new());
        let deadline = Instant::now() + PATIENCE;
        // A cooperative group settles in two rounds: one partition each, and whatever was given first taken back.
        while others.len() != 1 || mine.len() != 1 {
            assert!(Instant::now() < deadline, "{others:?} {mine:?}");
            for (member, held) in [(&mut other, &mut others), (&mut again, &mut mine)] {
                match member.poll(20).unwrap() {
                    Event::Assigned(partitions) => held.extend(partitions),
                    Event::Revoked { partitions, .. } => {
                        member.unassign(&partitions).unwrap();
                        held.retain(|at| !partitions.contains(at));
                    }
                    _ => {}
                }
            }
        }
        start(&mut other, &others);
        drop(again);
        let mut again = corner.broker("a");
        // Both are polled: a member that is not holds up whatever the group still has to say.
        let deadline = Instant::now() + PATIENCE;
        let back = loop {
            assert!(Instant::now() < deadline, "nothing was given back");
            let event = other.poll(20);
            assert!(!matches!(event, Ok(Event::Revoked { .. })), "{event:?}");
            match again.poll(20) {
                Ok(Event::Assigned(partitions)) => break partitions,
                Ok(_) | Err(Failure::Retry(_)) => {}
                Err(failure) => panic!("{failure}"),
            }
        };
        assert_eq!(back, mine);
        let event = other.poll(500).unwrap();
        assert!(!matches!(event, Event::Revoked { .. }), "{event:?}");
    }

    #[test]
    fn a_changelog_is_read_in_chunks_and_shows_committed_records_alone() {
        let corner = Corner::new(1);
        let at = corner.at(0);
        let mut broker = corner.broker("a");
        commit(&mut broker, &at, &["0", "1"]);
        abort(&mut broker, &at, &["2"]);
        commit(&mut broker, &at, &["3"]);
        let mut other = corner.broker("b");
        other.begin().unwrap();
        produce(&mut other, &at, &["open"]);
        drained(&mut other).unwrap();
        let bounds = patiently(|| broker.changelog_bounds(&at)).unwrap();
        assert_eq!((bounds.start, bounds.stable, bounds.high), (0, 7, 8));
        let mut found = Vec::new();
        let mut next = bounds.start;
        let deadline = Instant::now() + PATIENCE;
        while next < bounds.stable {
            assert!(Instant::now() < deadline, "stands at {next}");
            let mut each = |offset: i64, _: i64, _: &[u8], value: Option<&[u8]>| {
                found.push((offset, String::from_utf8(value.unwrap().to_vec()).unwrap()));
            };
            next = patiently(|| broker.read_changelog(&at, next, bounds.stable, &mut each)).unwrap();
        }
        let expected = [(0, "0"), (1, "1"), (5, "3")].map(|(offset, value)| (offset, value.to_owned()));
        assert_eq!(found, expected);
        // A second look from the middle, not beyond its bound.
        let mut again = Vec::new();
        let mut next = 1;
        while next < 2 {
            let mut each = |offset: i64, _: i64, _: &[u8], _: Option<&[u8]>| again.push(offset);
            next = patiently(|| broker.read_changelog(&at, next, 2, &mut each)).unwrap();
        }
        assert_eq!(again, [1]);
    }

    #[test]
    fn a_position_behind_what_the_topic_holds_stops_the_lane() {
        let corner = Corner::new(1);
        let at = corner.at(0);
        commit(&mut corner.writer(), &at, &["0", "1", "2"]);
        corner.delete_before(&at, 2);
        let mut broker = corner.broker("a");
        let mine = assigned(&mut broker);
        broker.assign(&[(mine[0].clone(), 0)]).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let failure = loop {
            assert!(Instant::now() < deadline, "it was not told");
            match broker.poll(50) {
                Ok(Event::Idle) => {}
                Ok(event) => panic!("{event:?}"),
                Err(failure) => break failure,
            }
        };
        assert!(matches!(failure, Failure::Fatal(_)), "{failure:?}");
    }
}
