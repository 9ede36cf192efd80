"""kafka-python against a broker: python main.py BOOTSTRAP RUN CLIENT SCENARIO..."""
import os
import sys
import threading
import time

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ACL, ACLFilter, ACLOperation, ACLPermissionType, ConfigResource, ConfigResourceType, ResourcePattern, ResourceType
from kafka.coordinator.assignors.cooperative_sticky import CooperativeStickyAssignor
from kafka.errors import (
    CommitFailedError,
    RebalanceInProgressError,
    GroupIdNotFoundError,
    InvalidPartitionsError,
    InvalidTopicError,
    FencedInstanceIdError,
    KafkaError,
    MessageSizeTooLargeError,
    OffsetOutOfRangeError,
    ProducerFencedError,
    InvalidProducerEpochError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)

from harness import Skip, expect, run

BOOTSTRAP, RUN, CLIENT = sys.argv[1:4]
START = 1_700_000_000_000
CODECS = ["gzip", "snappy", "lz4", "zstd"]

admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)


def make_topic(what, partitions=1, configs=None):
    name = f"{RUN}-{CLIENT}-{what}"
    admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1, "configs": configs or {}}})
    return name


def producer(**config):
    return KafkaProducer(bootstrap_servers=BOOTSTRAP, **config)


def consumer(*topics, **config):
    defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "allow_auto_create_topics": False}
    return KafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **{**defaults, **config})


def reader(topic, partitions=1, **config):
    own = consumer(**config)
    own.assign([TopicPartition(topic, p) for p in range(partitions)])
    own.seek_to_beginning()
    return own


def read(own, count, timeout=20):
    """Reads until there are `count` records, and a little longer, so that one too many is noticed."""
    records, end = [], time.monotonic() + timeout
    while len(records) < count and time.monotonic() < end:
        for batch in own.poll(timeout_ms=200).values():
            records.extend(batch)
    for batch in own.poll(timeout_ms=300).values():
        records.extend(batch)
    return records


def send_numbers(topic, count, partition=0, **config):
    own = producer(**config)
    futures = [own.send(topic, key=b"key-%d" % i, value=b"value-%d" % i, partition=partition) for i in range(count)]
    own.flush()
    offsets = [future.get(20).offset for future in futures]
    own.close()
    return offsets


def sample(i):
    return {
        "key": None if i == 50 else f"key-{i}".encode(),
        "value": None if i == 51 else f"value-{i}".encode(),
        "headers": [("number", str(i).encode()), ("empty", b"")],
        "timestamp_ms": START + i * 1000,
    }


def send_samples(topic):
    own = producer()
    futures = [own.send(topic, partition=0, **sample(i)) for i in range(100)]
    own.flush()
    offsets = [future.get(20).offset for future in futures]
    own.close()
    return offsets


def produce():
    topic = make_topic("produce")
    expect(send_samples(topic), list(range(100)), "offsets")
    for acks in (1, 0):
        send_numbers(topic, 1, acks=acks, enable_idempotence=False)
    partition, own = TopicPartition(topic, 0), consumer()
    end = time.monotonic() + 10
    while own.end_offsets([partition])[partition] < 102 and time.monotonic() < end:
        time.sleep(0.1)
    expect(own.end_offsets([partition])[partition], 102, "end offset")
    own.close()


def consume():
    topic = make_topic("consume")
    send_samples(topic)
    own, partition = reader(topic), TopicPartition(topic, 0)
    records = read(own, 100)
    expect([r.offset for r in records], list(range(100)), "offsets")
    for i, r in enumerate(records):
        got = {"key": r.key, "value": r.value, "headers": list(r.headers), "timestamp_ms": r.timestamp}
        expect(got, sample(i), f"record {i}")
    own.seek(partition, 40)
    expect(read(own, 60)[0].offset, 40, "offset after seek")
    expect(own.offsets_for_times({partition: START + 60_000})[partition].offset, 60, "offset of a time")
    expect(own.offsets_for_times({partition: START + 59_001})[partition].offset, 60, "offset after a time")
    expect(own.offsets_for_times({partition: START + 99_001})[partition], None, "offset behind the last time")
    expect((own.beginning_offsets([partition])[partition], own.end_offsets([partition])[partition]), (0, 100), "ends")
    own.close()


def idempotence():
    topic = make_topic("idempotence")
    offsets = send_numbers(topic, 2000, enable_idempotence=True, batch_size=1000, max_in_flight_requests_per_connection=5)
    expect(offsets, list(range(2000)), "offsets")
    own = reader(topic)
    expect([r.value for r in read(own, 2000)], [b"value-%d" % i for i in range(2000)], "values")
    own.close()


def text(i):
    return f"value-{i}-" + "abcdefghij" * (i % 50)


def write_codec(topic, codec):
    own = producer(compression_type=codec, linger_ms=20)
    futures = [
        own.send(topic, partition=0, key=b"key-%d" % i, value=text(i).encode(), headers=[("codec", codec.encode())]) for i in range(200)
    ]
    own.flush()
    for future in futures:
        future.get(20)
    own.close()


def check_codec(topic, codec):
    own = reader(topic)
    records = read(own, 200)
    own.close()
    expect(len(records), 200, f"records of {topic}")
    for i, r in enumerate(records):
        expect((r.key, r.value, list(r.headers)), (b"key-%d" % i, text(i).encode(), [("codec", codec.encode())]), f"{topic} {i}")


def compressed(codec):
    def scenario():
        topic = make_topic(codec)
        write_codec(topic, codec)
        check_codec(topic, codec)

    return scenario


def across_write():
    for codec in CODECS:
        write_codec(make_topic(f"across-{codec}"), codec)


def across_read():
    for writer in os.environ["MATRIX_WRITERS"].split(","):
        for codec in CODECS:
            check_codec(f"{RUN}-{writer}-across-{codec}", codec)


class Member(threading.Thread):
    """A member of a group that polls until it is stopped, and commits what each poll brings."""

    def __init__(self, topic, group, **config):
        super().__init__(daemon=True)
        self.consumer = consumer(group_id=group, max_poll_records=50, heartbeat_interval_ms=300, session_timeout_ms=6000, **config)
        self.records, self.assigned, self.lost, self.error, self.stopping = [], set(), set(), None, None
        self.consumer.subscribe([topic])
        self.start()

    def run(self):
        try:
            while self.stopping is None:
                polled = self.consumer.poll(timeout_ms=100)
                for batch in polled.values():
                    self.records.extend(batch)
                if polled:
                    self.commit()
                now = {p.partition for p in self.consumer.assignment()}
                self.lost |= self.assigned - now
                self.assigned = now
            if self.stopping == "commit":
                self.consumer.commit()
            self.consumer.close(autocommit=False)
        except Exception as error:
            self.error = error

    def commit(self):
        try:
            self.consumer.commit()
        except (CommitFailedError, RebalanceInProgressError):
            pass  # the next poll joins again

    def stop(self, how="commit"):
        self.stopping = how
        self.join(20)
        if self.error:
            raise self.error


def until(condition, what, timeout=40):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited too long for {what}")
        time.sleep(0.05)


def share(name, **config):
    """Two members share a topic, one leaves, the other takes over, a third resumes at what was committed."""
    topic, group = make_topic(name, partitions=4), f"{RUN}-{CLIENT}-{name}"
    for p in range(4):
        send_numbers(topic, 10, partition=p)
    first = Member(topic, group, **config)
    until(lambda: len(first.assigned) == 4, "all partitions at the first member")
    second = Member(topic, group, **config)
    until(lambda: len(first.assigned) == 2 and len(second.assigned) == 2, "two partitions each")
    expect(first.assigned | second.assigned, {0, 1, 2, 3}, "all partitions")
    kept = set(first.assigned)
    until(lambda: len({(r.partition, r.offset) for m in (first, second) for r in m.records}) == 40, "all records")
    second.stop()
    until(lambda: len(first.assigned) == 4, "all partitions back at the first member")
    first.stop()
    for p in range(4):
        send_numbers(topic, 2, partition=p)
    third = Member(topic, group, **config)
    until(lambda: len(third.records) >= 8, "the records after the committed offsets")
    third.stop()
    expect(sorted((r.partition, r.offset) for r in third.records), [(p, o) for p in range(4) for o in (10, 11)], "resumed")
    return first, kept


def groups():
    share("groups")


def groups_cooperative():
    first, kept = share("groups-cooperative", partition_assignment_strategy=(CooperativeStickyAssignor,))
    expect(first.lost & kept, set(), "partitions given up for nothing")


def groups_static():
    topic, group = make_topic("groups-static", partitions=2), f"{RUN}-{CLIENT}-static"
    send_numbers(topic, 5)
    first = Member(topic, group, group_instance_id="one")
    second = Member(topic, group, group_instance_id="two")
    until(lambda: len(first.assigned) == 1 and len(second.assigned) == 1, "a partition each")
    had = set(first.assigned)
    first.stop("leave nothing")
    again = Member(topic, group, group_instance_id="one")
    until(lambda: again.assigned == had, "the same partition as before")
    expect(second.lost & second.assigned, set(), "partitions the other gave up")
    thief = Member(topic, group, group_instance_id="one")
    until(lambda: thief.assigned == had, "the partition at the second of that id")
    fails(FencedInstanceIdError, again.stop)
    thief.stop()
    second.stop()


def groups_kip848():
    raise Skip("kafka-python has no group.protocol=consumer")


def transactional(name):
    own = producer(transactional_id=f"{RUN}-{CLIENT}-{name}", transaction_timeout_ms=30_000)
    own.init_transactions()
    return own


def send_all(own, topic, values):
    for future in [own.send(topic, value=value.encode(), partition=0) for value in values]:
        future.get(20)


def values_of(topic, isolation, count):
    own = reader(topic, isolation_level=isolation)
    values = [r.value.decode() for r in read(own, count, timeout=20 if count else 1)]
    own.close()
    return values


def transactions_commit():
    topics, own = [make_topic(f"commit-{i}") for i in (0, 1)], transactional("commit")
    numbers = [f"{i}" for i in range(10)]
    own.begin_transaction()
    for topic in topics:
        send_all(own, topic, numbers)
    expect(values_of(topics[0], "read_committed", 0), [], "committed before the end")
    expect(values_of(topics[0], "read_uncommitted", 10), numbers, "uncommitted before the end")
    own.commit_transaction()
    for topic in topics:
        expect(values_of(topic, "read_committed", 10), numbers, "committed")
    own.begin_transaction()
    send_all(own, topics[0], ["more"])
    own.commit_transaction()
    expect(values_of(topics[0], "read_committed", 11), [*numbers, "more"], "after a second transaction")
    own.close()


def transactions_abort():
    topic, own = make_topic("abort"), transactional("abort")
    for values, end in ((["a", "b"], own.abort_transaction), (["c"], own.commit_transaction), (["d"], own.abort_transaction)):
        own.begin_transaction()
        send_all(own, topic, values)
        end()
    own.close()
    expect(values_of(topic, "read_uncommitted", 4), ["a", "b", "c", "d"], "uncommitted")
    expect(values_of(topic, "read_committed", 1), ["c"], "committed")


def committed_offset(group, partition):
    got = admin.list_group_offsets({group: [partition]})[group].get(partition)
    return None if got is None or got.offset < 0 else got.offset


def transactions_offsets():
    source, target, group = make_topic("offsets-in"), make_topic("offsets-out"), f"{RUN}-{CLIENT}-offsets"
    send_numbers(source, 10)
    partition, own, member = TopicPartition(source, 0), transactional("offsets"), consumer(source, group_id=group)
    expect(len(read(member, 10)), 10, "records read")
    for offset, end, wanted in ((4, own.abort_transaction, None), (7, own.commit_transaction, 7)):
        own.begin_transaction()
        send_all(own, target, [f"up to {offset}"])
        own.send_offsets_to_transaction({partition: OffsetAndMetadata(offset, "", -1)}, member.group_metadata())
        end()
        until(lambda: committed_offset(group, partition) == wanted, f"the committed offset {wanted}", 10)  # markers are written later
    expect(values_of(target, "read_committed", 1), ["up to 7"], "committed")
    member.close()
    own.close()


def transactions_fencing():
    topic, zombie = make_topic("fencing"), transactional("fencing")
    zombie.begin_transaction()
    send_all(zombie, topic, ["of the zombie"])
    successor = transactional("fencing")
    successor.begin_transaction()
    send_all(successor, topic, ["of the successor"])
    successor.commit_transaction()
    try:
        send_all(zombie, topic, ["too late"])
        zombie.commit_transaction()
        raise AssertionError("the zombie committed")
    except (ProducerFencedError, InvalidProducerEpochError):
        pass
    except KafkaError as error:
        expect(isinstance(error.__cause__, (ProducerFencedError, InvalidProducerEpochError)), True, f"cause of {error!r}")
    expect(values_of(topic, "read_committed", 1), ["of the successor"], "committed")
    successor.close()
    zombie.close(timeout=1)


def fails(kind, call, *args, **kwargs):
    try:
        got = call(*args, **kwargs)
    except kind:
        return
    except KafkaError as error:
        raise AssertionError(f"{error!r} instead of {kind.__name__}") from error
    raise AssertionError(f"{got!r} instead of {kind.__name__}")


def admin_topics():
    topic = make_topic("admin-topics", 3, {"retention.ms": "1234567"})
    expect(topic in admin.list_topics(), True, "listed")
    described = admin.describe_topics([topic])[0]
    expect(len(described["partitions"]), 3, "partitions")
    fails(TopicAlreadyExistsError, make_topic, "admin-topics")
    admin.delete_topics([topic])
    until(lambda: topic not in admin.list_topics(), "the topic to go")
    fails(UnknownTopicOrPartitionError, admin.delete_topics, [topic])
    make_topic("admin-topics", 2)
    until(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 2, "the partitions of the new topic", 5)


def topic_config(topic, key):
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    entry = answer["topic"][topic].get(key)  # none while the broker has not heard of the topic yet
    return entry and entry["value"]


def admin_configs():
    topic = make_topic("admin-configs", 1, {"retention.ms": "1234567"})
    until(lambda: topic_config(topic, "retention.ms") == "1234567", "the value as made", 5)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "7654321", "cleanup.policy": "compact"})])
    until(lambda: topic_config(topic, "retention.ms") == "7654321", "the new value", 5)
    expect(topic_config(topic, "cleanup.policy"), "compact", "altered")
    bad = ConfigResource(ConfigResourceType.TOPIC, topic, {"retention.ms": "soon"})
    answer = admin.alter_configs([bad])  # tells of errors instead of raising them
    expect("InvalidConfigurationError" in str(answer["topic"][topic]), True, "an invalid value is refused")
    broker = admin.describe_cluster()["brokers"][0]
    node = str(broker.get("broker_id", broker.get("node_id")))
    answer = admin.describe_configs([ConfigResource(ConfigResourceType.BROKER, node)], config_filter="all")
    expect("num.partitions" in answer["broker"][node], True, "a broker's configuration")


def admin_partitions():
    topic = make_topic("admin-partitions", 2)
    admin.create_partitions({topic: 5})
    until(lambda: len(admin.describe_topics([topic])[0]["partitions"]) == 5, "five partitions", 5)
    send_numbers(topic, 3, partition=4)
    fails(InvalidPartitionsError, admin.create_partitions, {topic: 3})


def admin_groups():
    topic, group = make_topic("admin-groups"), f"{RUN}-{CLIENT}-admin-groups"
    send_numbers(topic, 10)
    partition, member = TopicPartition(topic, 0), Member(topic, group)
    until(lambda: len(member.records) == 10, "the records")
    expect(group in [g["group_id"] for g in admin.list_groups()], True, "listed")
    described = admin.describe_groups([group])[group]
    expect((described["group_state"], len(described["members"])), ("Stable", 1), "described")
    member.stop()
    expect(admin.list_group_offsets({group: None})[group][partition].offset, 10, "committed")
    admin.alter_group_offsets(group, {partition: OffsetAndMetadata(3, "", -1)})
    expect(admin.list_group_offsets({group: None})[group][partition].offset, 3, "altered")
    admin.delete_groups([group])
    expect(group in [g["group_id"] for g in admin.list_groups()], False, "listed after it was deleted")
    expect("NON_EMPTY" in str(admin.delete_groups([group])), False, "deleted again")


def admin_delete_records():
    topic = make_topic("admin-delete-records")
    send_numbers(topic, 10)
    partition = TopicPartition(topic, 0)
    admin.delete_records({partition: 5})
    own = reader(topic)
    expect(own.beginning_offsets([partition])[partition], 5, "log start")
    expect([r.offset for r in read(own, 5)], list(range(5, 10)), "left")
    own.close()


def admin_acls():
    name = f"{RUN}-{CLIENT}-acl"
    acl = ACL("User:alice", "*", ACLOperation.READ, ACLPermissionType.ALLOW, ResourcePattern(ResourceType.TOPIC, name))
    made = admin.create_acls([acl])
    expect(made["failed"], [], "failed")
    wanted = ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, ResourcePattern(ResourceType.TOPIC, name))

    def described():
        found, error = admin.describe_acls(wanted)
        return [(a.principal, a.operation) for a in found]

    until(lambda: described() == [("User:alice", ACLOperation.READ)], "the ACL", 5)
    admin.delete_acls([wanted])
    until(lambda: described() == [], "no ACL", 5)


def errors_unknown_topic():
    answer = admin.describe_topics([f"{RUN}-{CLIENT}-nowhere"])[0]
    expect(answer["error_code"], 3, "error code")
    fails(UnknownTopicOrPartitionError, admin.delete_topics, [f"{RUN}-{CLIENT}-nowhere"])


def errors_invalid_topic():
    fails(InvalidTopicError, admin.create_topics, {"not/a topic": {"num_partitions": 1, "replication_factor": 1}})


def errors_too_large():
    topic, own = make_topic("too-large"), producer(max_request_size=5_000_000, batch_size=4_000_000)
    fails(MessageSizeTooLargeError, own.send(topic, value=os.urandom(2_000_000)).get, 20)
    own.close()
    send_numbers(topic, 1)


def errors_offset_out_of_range():
    topic = make_topic("out-of-range")
    send_numbers(topic, 10)
    own = consumer(auto_offset_reset="none")
    own.assign([TopicPartition(topic, 0)])
    own.seek(TopicPartition(topic, 0), 1000)

    def poll():
        for _ in range(50):
            own.poll(timeout_ms=200)

    fails(OffsetOutOfRangeError, poll)
    own.close()


scenarios = {name.replace("_", "-"): what for name, what in list(globals().items()) if callable(what)}
run({**scenarios, **{codec: compressed(codec) for codec in CODECS}})
