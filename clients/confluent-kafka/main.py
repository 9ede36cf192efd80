"""confluent-kafka (librdkafka) against a broker: python main.py BOOTSTRAP RUN CLIENT SCENARIO..."""
import os
import sys
import threading
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from harness import expect, run

BOOTSTRAP, RUN, CLIENT = sys.argv[1:4]
START = 1_700_000_000_000
CODECS = ["gzip", "snappy", "lz4", "zstd"]
COMMON = {"bootstrap.servers": BOOTSTRAP, "log_level": 0}

admin = AdminClient(COMMON)


def result(futures):
    """What one future of an admin call ends with."""
    return next(iter(futures.values())).result(20)


def make_topic(what, partitions=1, configs=None):
    name = f"{RUN}-{CLIENT}-{what}"
    result(admin.create_topics([NewTopic(name, partitions, 1, config=configs or {})]))
    return name


class Sender:
    """A producer, and what became of the records it was given."""

    def __init__(self, **config):
        self.producer = Producer({**COMMON, "linger.ms": 5, **{k.replace("_", "."): v for k, v in config.items()}})
        self.offsets, self.errors = [], []

    def delivered(self, error, message):
        if error:
            self.errors.append(error)
        else:
            self.offsets.append(message.offset())

    def send(self, topic, value, **fields):
        self.producer.produce(topic, value, on_delivery=self.delivered, **fields)
        self.producer.poll(0)

    def flush(self):
        expect(self.producer.flush(20), 0, "records left in the queue")
        if self.errors:
            raise KafkaException(self.errors[0])
        return self.offsets


def consumer(**config):
    defaults = {"auto.offset.reset": "earliest", "enable.auto.commit": False, "group.id": f"{RUN}-{CLIENT}-nobody"}
    return Consumer({**COMMON, **defaults, **{k.replace("_", "."): v for k, v in config.items()}})


def reader(topic, **config):
    own = consumer(**config)
    own.assign([TopicPartition(topic, 0, OFFSET_BEGINNING)])
    return own


def read(own, count, timeout=20):
    """Reads until there are `count` records, and a little longer, so that one too many is noticed."""
    records, end = [], time.monotonic() + timeout
    while len(records) < count and time.monotonic() < end:
        records += own.consume(500, 0.2)
    records += own.consume(500, 0.3)
    for record in records:
        if record.error():
            raise KafkaException(record.error())
    return records


def send_numbers(topic, count, partition=0, **config):
    own = Sender(**config)
    for i in range(count):
        own.send(topic, f"value-{i}", key=f"key-{i}", partition=partition)
    return own.flush()


def sample(i):
    return {
        "key": None if i == 50 else f"key-{i}".encode(),
        "value": None if i == 51 else f"value-{i}".encode(),
        "headers": [("number", str(i).encode()), ("empty", b""), ("null", None)],
        "timestamp": START + i * 1000,
    }


def send_samples(topic):
    own = Sender()
    for i in range(100):
        own.send(topic, partition=0, **sample(i))
    return own.flush()


def produce():
    topic = make_topic("produce")
    expect(send_samples(topic), list(range(100)), "offsets")
    for acks in (1, 0):
        send_numbers(topic, 1, acks=acks)
    own = consumer()
    until(lambda: own.get_watermark_offsets(TopicPartition(topic, 0), 5) == (0, 102), "the end offset 102", 10)
    own.close()


def consume():
    topic = make_topic("consume")
    send_samples(topic)
    own = reader(topic)
    records = read(own, 100)
    expect([r.offset() for r in records], list(range(100)), "offsets")
    for i, r in enumerate(records):
        got = {"key": r.key(), "value": r.value(), "headers": r.headers(), "timestamp": r.timestamp()[1]}
        expect(got, sample(i), f"record {i}")
    own.seek(TopicPartition(topic, 0, 40))
    expect(read(own, 60)[0].offset(), 40, "offset after seek")
    for time_ms, wanted in ((60_000, 60), (59_001, 60)):
        expect(own.offsets_for_times([TopicPartition(topic, 0, START + time_ms)], 5)[0].offset, wanted, "offset of a time")
    expect(own.offsets_for_times([TopicPartition(topic, 0, START + 99_001)], 5)[0].offset < 0, True, "no offset behind the last time")
    expect(own.get_watermark_offsets(TopicPartition(topic, 0), 5), (0, 100), "ends")
    own.close()


def idempotence():
    topic = make_topic("idempotence")
    offsets = send_numbers(topic, 2000, enable_idempotence=True, batch_num_messages=20)
    expect(offsets, list(range(2000)), "offsets")
    own = reader(topic)
    expect([r.value() for r in read(own, 2000)], [b"value-%d" % i for i in range(2000)], "values")
    own.close()


def text(i):
    return f"value-{i}-" + "abcdefghij" * (i % 50)


def write_codec(topic, codec):
    own = Sender(compression_type=codec, linger_ms=50)
    for i in range(200):
        own.send(topic, text(i), key=f"key-{i}", partition=0, headers=[("codec", codec)])
    own.flush()


def check_codec(topic, codec):
    own = reader(topic)
    records = read(own, 200)
    own.close()
    expect(len(records), 200, f"records of {topic}")
    for i, r in enumerate(records):
        wanted = (b"key-%d" % i, text(i).encode(), [("codec", codec.encode())])
        expect((r.key(), r.value(), r.headers()), wanted, f"{topic} {i}")


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
    """A member of a group that polls until it is stopped, and commits what it has before it gives partitions up."""

    def __init__(self, topic, group, **config):
        super().__init__(daemon=True)
        classic = {} if config.get("group_protocol") == "consumer" else {"session_timeout_ms": 6000, "heartbeat_interval_ms": 300}
        self.cooperative = config.get("group_protocol") == "consumer" or "cooperative" in config.get("partition_assignment_strategy", "")
        self.consumer = consumer(group_id=group, enable_auto_offset_store=True, **classic, **config)
        self.records, self.assigned, self.lost, self.error, self.stopping = [], set(), set(), None, None
        self.consumer.subscribe([topic], on_assign=self.on_assign, on_revoke=self.on_revoke)
        self.start()

    def on_assign(self, own, partitions):
        # Explicitly, so that partitions count as assigned no sooner than they are.
        own.incremental_assign(partitions) if self.cooperative else own.assign(partitions)
        self.assigned = self.assigned | {p.partition for p in partitions}

    def on_revoke(self, own, partitions):
        gone = {p.partition for p in partitions}
        if self.stopping is None:
            self.lost |= gone
            self.commit()
        self.assigned = self.assigned - gone
        own.incremental_unassign(partitions) if self.cooperative else own.unassign()

    def commit(self):
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                raise

    def run(self):
        try:
            while self.stopping is None:
                message = self.consumer.poll(0.1)
                if message is not None and message.error():
                    raise KafkaException(message.error())
                if message is not None:
                    self.records.append((message.partition(), message.offset()))
            if self.stopping == "commit":
                self.commit()
            self.consumer.close()
        except Exception as error:
            self.error = error

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
    until(lambda: len(set(first.records + second.records)) == 40, "all records")
    second.stop()
    until(lambda: len(first.assigned) == 4, "all partitions back at the first member")
    first.stop()
    for p in range(4):
        send_numbers(topic, 2, partition=p)
    third = Member(topic, group, **config)
    until(lambda: len(third.records) >= 8, "the records after the committed offsets")
    third.stop()
    expect(sorted(third.records), [(p, o) for p in range(4) for o in (10, 11)], "resumed")
    return first, kept


def groups():
    share("groups")


def groups_cooperative():
    first, kept = share("groups-cooperative", partition_assignment_strategy="cooperative-sticky")
    expect(first.lost & kept, set(), "partitions given up for nothing")


def groups_kip848():
    first, kept = share("groups-kip848", group_protocol="consumer")
    expect(first.lost & kept, set(), "partitions given up for nothing")


def groups_static():
    topic, group = make_topic("groups-static", partitions=2), f"{RUN}-{CLIENT}-static"
    send_numbers(topic, 5)
    first = Member(topic, group, group_instance_id="one")
    second = Member(topic, group, group_instance_id="two")
    until(lambda: len(first.assigned) == 1 and len(second.assigned) == 1, "a partition each")
    had, others = set(first.assigned), set(second.assigned)
    first.stop("leave nothing")
    again = Member(topic, group, group_instance_id="one")
    until(lambda: again.assigned == had, "the same partition as before")
    expect(second.assigned, others, "what the other has")
    thief = Member(topic, group, group_instance_id="one")
    until(lambda: again.error is not None, "the fencing of the first")
    expect("fenced" in str(again.error).lower(), True, f"fenced, not {again.error}")
    thief.stop()
    second.stop()


def transactional(name):
    own = Sender(transactional_id=f"{RUN}-{CLIENT}-{name}", transaction_timeout_ms=30_000)
    own.producer.init_transactions(20)
    return own


def send_all(own, topic, values):
    for value in values:
        own.send(topic, value, partition=0)
    own.flush()


def values_of(topic, isolation, count):
    own = reader(topic, isolation_level=isolation)
    values = [r.value().decode() for r in read(own, count, timeout=20 if count else 1)]
    own.close()
    return values


def transactions_commit():
    topics, own = [make_topic(f"commit-{i}") for i in (0, 1)], transactional("commit")
    numbers = [f"{i}" for i in range(10)]
    own.producer.begin_transaction()
    for topic in topics:
        send_all(own, topic, numbers)
    expect(values_of(topics[0], "read_committed", 0), [], "committed before the end")
    expect(values_of(topics[0], "read_uncommitted", 10), numbers, "uncommitted before the end")
    own.producer.commit_transaction(20)
    for topic in topics:
        expect(values_of(topic, "read_committed", 10), numbers, "committed")
    own.producer.begin_transaction()
    send_all(own, topics[0], ["more"])
    own.producer.commit_transaction(20)
    expect(values_of(topics[0], "read_committed", 11), [*numbers, "more"], "after a second transaction")


def transactions_abort():
    topic, own = make_topic("abort"), transactional("abort")
    abort, commit = own.producer.abort_transaction, own.producer.commit_transaction
    for values, end in ((["a", "b"], abort), (["c"], commit), (["d"], abort)):
        own.producer.begin_transaction()
        send_all(own, topic, values)
        end(20)
    expect(values_of(topic, "read_uncommitted", 4), ["a", "b", "c", "d"], "uncommitted")
    expect(values_of(topic, "read_committed", 1), ["c"], "committed")


def committed_offset(group, topic):
    request = ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0)])
    offset = result(admin.list_consumer_group_offsets([request])).topic_partitions[0].offset
    return None if offset < 0 else offset


def transactions_offsets():
    source, target, group = make_topic("offsets-in"), make_topic("offsets-out"), f"{RUN}-{CLIENT}-offsets"
    send_numbers(source, 10)
    own, member = transactional("offsets"), consumer(group_id=group)
    member.subscribe([source])
    expect(len(read(member, 10)), 10, "records read")
    for offset, end, wanted in ((4, own.producer.abort_transaction, None), (7, own.producer.commit_transaction, 7)):
        own.producer.begin_transaction()
        send_all(own, target, [f"up to {offset}"])
        own.producer.send_offsets_to_transaction([TopicPartition(source, 0, offset)], member.consumer_group_metadata(), 20)
        end(20)
        until(lambda: committed_offset(group, source) == wanted, f"the committed offset {wanted}", 10)  # markers are written later
    expect(values_of(target, "read_committed", 1), ["up to 7"], "committed")
    member.close()


def transactions_fencing():
    topic, zombie = make_topic("fencing"), transactional("fencing")
    zombie.producer.begin_transaction()
    send_all(zombie, topic, ["of the zombie"])
    successor = transactional("fencing")
    successor.producer.begin_transaction()
    send_all(successor, topic, ["of the successor"])
    successor.producer.commit_transaction(20)
    try:
        zombie.producer.commit_transaction(20)
        raise AssertionError("the zombie committed")
    except KafkaException as error:
        fenced = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)
        expect(error.args[0].code() in fenced, True, f"fenced, not {error!r}")
    expect(values_of(topic, "read_committed", 1), ["of the successor"], "committed")


def fails(code, call, *args, **kwargs):
    try:
        got = call(*args, **kwargs)
    except KafkaException as error:
        expect(error.args[0].name(), KafkaError(code).name(), "error")
        return
    raise AssertionError(f"{got!r} instead of {KafkaError(code).name()}")


def partitions_of(topic):
    return len(admin.list_topics(topic, 5).topics[topic].partitions)


def admin_topics():
    topic = make_topic("admin-topics", 3, {"retention.ms": "1234567"})
    expect(topic in admin.list_topics(timeout=5).topics, True, "listed")
    expect(partitions_of(topic), 3, "partitions")
    fails(KafkaError.TOPIC_ALREADY_EXISTS, make_topic, "admin-topics")
    result(admin.delete_topics([topic]))
    until(lambda: topic not in admin.list_topics(timeout=5).topics, "the topic to go")
    fails(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: result(admin.delete_topics([topic])))
    make_topic("admin-topics", 2)
    until(lambda: partitions_of(topic) == 2, "partitions of the new topic", 10)


def config_of(resource, name):
    try:
        return result(admin.describe_configs([resource]))[name].value
    except KafkaException as error:  # the broker has not heard of the topic yet
        expect(error.args[0].code(), KafkaError.UNKNOWN_TOPIC_OR_PART, "error")


def alter(kind, name, key, value):
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    return result(admin.incremental_alter_configs([ConfigResource(kind, name, incremental_configs=[entry])]))


def admin_configs():
    topic = make_topic("admin-configs", 1, {"retention.ms": "1234567"})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    until(lambda: config_of(resource, "retention.ms") == "1234567", "the value as made", 5)
    alter(ConfigResource.Type.TOPIC, topic, "retention.ms", "7654321")
    until(lambda: config_of(resource, "retention.ms") == "7654321", "the new value", 5)
    fails(KafkaError.INVALID_CONFIG, alter, ConfigResource.Type.TOPIC, topic, "retention.ms", "soon")
    node = str(next(iter(admin.list_topics(timeout=5).brokers)))
    expect(config_of(ConfigResource(ConfigResource.Type.BROKER, node), "num.partitions"), "1", "a broker's configuration")


def admin_partitions():
    topic = make_topic("admin-partitions", 2)
    result(admin.create_partitions([NewPartitions(topic, 5)]))
    until(lambda: partitions_of(topic) == 5, "five partitions", 5)
    expect(send_numbers(topic, 3, partition=4), [0, 1, 2], "offsets in a new partition")
    fails(KafkaError.INVALID_PARTITIONS, lambda: result(admin.create_partitions([NewPartitions(topic, 3)])))


def admin_groups():
    topic, group = make_topic("admin-groups"), f"{RUN}-{CLIENT}-admin-groups"
    send_numbers(topic, 10)
    member = Member(topic, group)
    until(lambda: len(member.records) == 10, "the records")

    def is_listed():
        return group in [listing.group_id for listing in admin.list_consumer_groups().result(20).valid]

    expect(is_listed(), True, "listed")
    described = result(admin.describe_consumer_groups([group]))
    expect((described.state.name, len(described.members)), ("STABLE", 1), "described")
    member.stop()
    expect(committed_offset(group, topic), 10, "committed")
    result(admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [TopicPartition(topic, 0, 3)])]))
    expect(committed_offset(group, topic), 3, "altered")
    result(admin.delete_consumer_groups([group]))
    expect(is_listed(), False, "listed after it was deleted")
    fails(KafkaError.GROUP_ID_NOT_FOUND, lambda: result(admin.delete_consumer_groups([group])))


def admin_delete_records():
    topic = make_topic("admin-delete-records")
    send_numbers(topic, 10)
    deleted = result(admin.delete_records([TopicPartition(topic, 0, 5)]))
    expect(deleted.low_watermark, 5, "low watermark")
    own = reader(topic)
    expect([r.offset() for r in read(own, 5)], list(range(5, 10)), "left")
    own.close()


def admin_acls():
    pattern = (ResourceType.TOPIC, f"{RUN}-{CLIENT}-acl", ResourcePatternType.LITERAL)
    entry = ("User:alice", "*", AclOperation.READ, AclPermissionType.ALLOW)
    acl, wanted = AclBinding(*pattern, *entry), AclBindingFilter(*pattern, *entry)
    result(admin.create_acls([acl]))
    until(lambda: admin.describe_acls(wanted).result(20) == [acl], "the ACL", 5)
    expect(result(admin.delete_acls([wanted])), [acl], "deleted")
    until(lambda: admin.describe_acls(wanted).result(20) == [], "no ACL", 5)


def errors_unknown_topic():
    topic = f"{RUN}-{CLIENT}-nowhere"
    fails(KafkaError.UNKNOWN_TOPIC_OR_PART, lambda: result(admin.delete_topics([topic])))
    own = consumer(allow_auto_create_topics=False)
    own.subscribe([topic])
    message = own.poll(10)
    expect(message.error().code(), KafkaError.UNKNOWN_TOPIC_OR_PART, "error of a consumer")
    own.close()


def errors_invalid_topic():
    fails(KafkaError.TOPIC_EXCEPTION, lambda: result(admin.create_topics([NewTopic("not/a topic", 1, 1)])))


def errors_too_large():
    topic, own = make_topic("too-large"), Sender(message_max_bytes=5_000_000)
    own.send(topic, os.urandom(2_000_000))
    fails(KafkaError.MSG_SIZE_TOO_LARGE, own.flush)
    expect(send_numbers(topic, 1), [0], "offset of the next")


def errors_offset_out_of_range():
    topic = make_topic("out-of-range")
    send_numbers(topic, 10)
    own = consumer(auto_offset_reset="error")
    own.assign([TopicPartition(topic, 0, 1000)])
    expect(own.poll(10).error().code(), KafkaError._AUTO_OFFSET_RESET, "error")
    own.close()


scenarios = {name.replace("_", "-"): what for name, what in list(globals().items()) if callable(what)}
run({**scenarios, **{codec: compressed(codec) for codec in CODECS}})
