import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.internals.RecordHeader;

/** Produce, consume, compression, errors. */
final class RecordScenarios {
    private static final long START = 1_700_000_000_000L;
    private static final List<String> CODECS = List.of("gzip", "snappy", "lz4", "zstd");

    private final Broker broker;
    private final String run;

    RecordScenarios(Broker broker, String run) {
        this.broker = broker;
        this.run = run;
    }

    void addTo(Map<String, Harness.Scenario> scenarios) {
        scenarios.put("produce", this::produce);
        scenarios.put("consume", this::consume);
        scenarios.put("idempotence", this::idempotence);
        for (String codec : CODECS) scenarios.put(codec, () -> {
            write(broker.topic(codec), codec);
            check(broker.prefix + codec, codec);
        });
        scenarios.put("across-write", () -> {
            for (String codec : CODECS) write(broker.topic("across-" + codec), codec);
        });
        scenarios.put("across-read", () -> {
            for (String writer : System.getenv("MATRIX_WRITERS").split(","))
                for (String codec : CODECS) check(run + "-" + writer + "-across-" + codec, codec);
        });
        scenarios.put("errors-unknown-topic", this::unknownTopic);
        scenarios.put("errors-invalid-topic", () -> Harness.fails(InvalidTopicException.class,
                () -> broker.admin.createTopics(List.of(new org.apache.kafka.clients.admin.NewTopic("not/a topic", 1, (short) 1))).all().get()));
        scenarios.put("errors-too-large", this::tooLarge);
        scenarios.put("errors-offset-out-of-range", this::offsetOutOfRange);
    }

    private static ProducerRecord<byte[], byte[]> sample(String topic, int i) {
        byte[] key = i == 50 ? null : Broker.bytes("key-" + i), value = i == 51 ? null : Broker.bytes("value-" + i);
        var headers = List.<org.apache.kafka.common.header.Header>of(
                new RecordHeader("number", Broker.bytes("" + i)), new RecordHeader("empty", new byte[0]), new RecordHeader("null", null));
        return new ProducerRecord<>(topic, 0, START + i * 1000L, key, value, headers);
    }

    private List<Long> sendSamples(String topic) throws Exception {
        try (var producer = broker.producer(Map.of())) {
            return Broker.send(producer, IntStream.range(0, 100).mapToObj(i -> sample(topic, i)).toList());
        }
    }

    private void produce() throws Exception {
        String topic = broker.topic("produce");
        Harness.expect(sendSamples(topic), Broker.numbers(0, 100), "offsets");
        for (String acks : List.of("1", "0")) broker.sendNumbers(topic, 0, 1, Map.of("acks", acks, "enable.idempotence", false));
        var partition = new TopicPartition(topic, 0);
        try (var consumer = broker.consumer(Map.of())) {
            Harness.until(() -> consumer.endOffsets(List.of(partition)).get(partition) == 102, "the end offset 102");
        }
    }

    private void consume() throws Exception {
        String topic = broker.topic("consume");
        sendSamples(topic);
        var partition = new TopicPartition(topic, 0);
        try (var consumer = broker.reader(topic, Map.of())) {
            var records = Broker.read(consumer, 100);
            Harness.expect(records.stream().map(ConsumerRecord::offset).toList(), Broker.numbers(0, 100), "offsets");
            for (int i = 0; i < 100; i++) {
                ConsumerRecord<byte[], byte[]> got = records.get(i);
                ProducerRecord<byte[], byte[]> wanted = sample(topic, i);
                Harness.expect(Broker.text(got.key()), Broker.text(wanted.key()), "key " + i);
                Harness.expect(Broker.text(got.value()), Broker.text(wanted.value()), "value " + i);
                Harness.expect(got.headers(), wanted.headers(), "headers " + i);
                Harness.expect(got.timestamp(), wanted.timestamp(), "time stamp " + i);
            }
            consumer.seek(partition, 40);
            Harness.expect(Broker.read(consumer, 60).get(0).offset(), 40L, "offset after seek");
            Harness.expect(consumer.offsetsForTimes(Map.of(partition, START + 60_000)).get(partition).offset(), 60L, "offset of a time");
            Harness.expect(consumer.offsetsForTimes(Map.of(partition, START + 59_001)).get(partition).offset(), 60L, "offset after a time");
            Harness.expect(consumer.offsetsForTimes(Map.of(partition, START + 99_001)).get(partition), null, "offset behind the last time");
            Harness.expect(consumer.beginningOffsets(List.of(partition)).get(partition), 0L, "start");
            Harness.expect(consumer.endOffsets(List.of(partition)).get(partition), 100L, "end");
        }
    }

    private void idempotence() throws Exception {
        String topic = broker.topic("idempotence");
        var config = Map.<String, Object>of("enable.idempotence", true, "batch.size", 1000, "max.in.flight.requests.per.connection", 5);
        Harness.expect(broker.sendNumbers(topic, 0, 2000, config), Broker.numbers(0, 2000), "offsets");
        var values = broker.readAll(topic, 2000).stream().map(record -> Broker.text(record.value())).toList();
        Harness.expect(values, IntStream.range(0, 2000).mapToObj(i -> "value-" + i).toList(), "values");
    }

    private static String text(int i) {
        return "value-" + i + "-" + "abcdefghij".repeat(i % 50);
    }

    private void write(String topic, String codec) throws Exception {
        try (var producer = broker.producer(Map.of("compression.type", codec, "linger.ms", 20))) {
            Broker.send(producer, IntStream.range(0, 200).mapToObj(i -> {
                var record = new ProducerRecord<>(topic, 0, Broker.bytes("key-" + i), Broker.bytes(text(i)));
                record.headers().add("codec", Broker.bytes(codec));
                return record;
            }).toList());
        }
    }

    private void check(String topic, String codec) {
        var records = broker.readAll(topic, 200);
        Harness.expect(records.size(), 200, "records of " + topic);
        for (int i = 0; i < 200; i++) {
            var record = records.get(i);
            var headers = StreamSupport.stream(record.headers().spliterator(), false).map(h -> h.key() + "=" + Broker.text(h.value())).toList();
            Harness.expect(Broker.text(record.key()), "key-" + i, topic + " key");
            Harness.expect(Broker.text(record.value()), text(i), topic + " value");
            Harness.expect(headers, List.of("codec=" + codec), topic + " headers");
        }
    }

    private void unknownTopic() {
        String topic = broker.prefix + "nowhere";
        Harness.fails(UnknownTopicOrPartitionException.class, () -> broker.admin.describeTopics(List.of(topic)).allTopicNames().get());
        Harness.fails(UnknownTopicOrPartitionException.class, () -> broker.admin.deleteTopics(List.of(topic)).all().get());
    }

    private void tooLarge() throws Exception {
        String topic = broker.topic("too-large");
        byte[] value = new byte[2_000_000];
        new Random(1).nextBytes(value);
        try (var producer = broker.producer(Map.of("max.request.size", 5_000_000))) {
            Harness.fails(RecordTooLargeException.class, () -> producer.send(new ProducerRecord<>(topic, value)).get());
            Harness.expect(Broker.sendValues(producer, topic, "fits"), List.of(0L), "offset of the next");
        }
    }

    private void offsetOutOfRange() throws Exception {
        String topic = broker.topic("out-of-range");
        broker.sendNumbers(topic, 0, 10, Map.of());
        try (var consumer = broker.consumer(Map.of("auto.offset.reset", "none"))) {
            consumer.assign(List.of(new TopicPartition(topic, 0)));
            consumer.seek(new TopicPartition(topic, 0), 1000);
            Harness.fails(OffsetOutOfRangeException.class, () -> {
                for (int i = 0; i < 50; i++) consumer.poll(Duration.ofMillis(200));
            });
        }
    }
}
