import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;

final class TransactionScenarios {
    private static final String COMMITTED = "read_committed", UNCOMMITTED = "read_uncommitted";

    private final Broker broker;

    TransactionScenarios(Broker broker) {
        this.broker = broker;
    }

    void addTo(Map<String, Harness.Scenario> scenarios) {
        scenarios.put("transactions-commit", this::commit);
        scenarios.put("transactions-abort", this::abort);
        scenarios.put("transactions-offsets", this::offsets);
        scenarios.put("transactions-fencing", this::fencing);
    }

    private void commit() throws Exception {
        List<String> topics = List.of(broker.topic("commit-0"), broker.topic("commit-1"));
        String[] values = IntStream.range(0, 10).mapToObj(Integer::toString).toArray(String[]::new);
        try (var producer = broker.transactional("commit")) {
            producer.beginTransaction();
            for (String topic : topics) Broker.sendValues(producer, topic, values);
            Harness.expect(broker.values(topics.get(0), COMMITTED, 0), List.of(), "committed before the end");
            Harness.expect(broker.values(topics.get(0), UNCOMMITTED, 10), List.of(values), "uncommitted before the end");
            producer.commitTransaction();
            for (String topic : topics) Harness.expect(broker.values(topic, COMMITTED, 10), List.of(values), "committed");
            producer.beginTransaction();
            Broker.sendValues(producer, topics.get(0), "more");
            producer.commitTransaction();
            Harness.expect(broker.values(topics.get(0), COMMITTED, 11).get(10), "more", "after a second transaction");
        }
    }

    private void abort() throws Exception {
        String topic = broker.topic("abort");
        try (var producer = broker.transactional("abort")) {
            for (var values : List.of(new String[] {"a", "b"}, new String[] {"c"}, new String[] {"d"})) {
                producer.beginTransaction();
                Broker.sendValues(producer, topic, values);
                if (values[0].equals("c")) producer.commitTransaction();
                else producer.abortTransaction();
            }
        }
        Harness.expect(broker.values(topic, UNCOMMITTED, 4), List.of("a", "b", "c", "d"), "uncommitted");
        Harness.expect(broker.values(topic, COMMITTED, 1), List.of("c"), "committed");
    }

    private void offsets() throws Exception {
        String source = broker.topic("offsets-in"), target = broker.topic("offsets-out"), group = broker.prefix + "offsets";
        broker.sendNumbers(source, 0, 10, Map.of());
        var partition = new TopicPartition(source, 0);
        try (var producer = broker.transactional("offsets"); var consumer = broker.consumer(Map.of("group.id", group))) {
            consumer.subscribe(List.of(source));
            Harness.expect(Broker.read(consumer, 10).size(), 10, "records read");
            for (long offset : new long[] {4, 7}) {
                producer.beginTransaction();
                Broker.sendValues(producer, target, "up to " + offset);
                producer.sendOffsetsToTransaction(Map.of(partition, new OffsetAndMetadata(offset)), consumer.groupMetadata());
                if (offset == 4) producer.abortTransaction();
                else producer.commitTransaction();
                Harness.until(() -> { // markers are written later
                    var committed = broker.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition);
                    return offset == 4 ? committed == null : committed != null && committed.offset() == offset;
                }, "the committed offset");
            }
        }
        Harness.expect(broker.values(target, COMMITTED, 1), List.of("up to 7"), "committed");
    }

    private void fencing() throws Exception {
        String topic = broker.topic("fencing");
        var zombie = broker.transactional("fencing");
        zombie.beginTransaction();
        Broker.sendValues(zombie, topic, "of the zombie");
        try (var successor = broker.transactional("fencing")) {
            successor.beginTransaction();
            Broker.sendValues(successor, topic, "of the successor");
            successor.commitTransaction();
        }
        try {
            Broker.sendValues(zombie, topic, "too late");
            zombie.commitTransaction();
            throw new AssertionError("the zombie committed");
        } catch (Exception error) {
            Throwable cause = error.getCause() == null ? error : error.getCause();
            Harness.expect(cause instanceof ProducerFencedException || cause instanceof InvalidProducerEpochException, true, "fenced, not " + cause);
        }
        zombie.close(java.time.Duration.ofSeconds(1));
        Harness.expect(broker.values(topic, COMMITTED, 1), List.of("of the successor"), "committed");
    }
}
