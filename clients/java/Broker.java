import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The broker under test, and what all scenarios do with it. */
final class Broker {
    final String bootstrap;
    final String prefix;
    final Admin admin;

    Broker(String bootstrap, String run, String client) {
        this.bootstrap = bootstrap;
        this.prefix = run + "-" + client + "-";
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    String topic(String what, int partitions, Map<String, String> configs) throws Exception {
        admin.createTopics(List.of(new NewTopic(prefix + what, partitions, (short) 1).configs(configs))).all().get();
        return prefix + what;
    }

    String topic(String what) throws Exception {
        return topic(what, 1, Map.of());
    }

    KafkaProducer<byte[], byte[]> producer(Map<String, Object> config) {
        Map<String, Object> all = new HashMap<>(Map.of("bootstrap.servers", bootstrap));
        all.putAll(config);
        return new KafkaProducer<>(all, new ByteArraySerializer(), new ByteArraySerializer());
    }

    KafkaProducer<byte[], byte[]> transactional(String id) {
        KafkaProducer<byte[], byte[]> producer = producer(Map.of("transactional.id", prefix + id, "transaction.timeout.ms", 30_000));
        producer.initTransactions();
        return producer;
    }

    KafkaConsumer<byte[], byte[]> consumer(Map<String, Object> config) {
        Map<String, Object> all = new HashMap<>(
                Map.of("bootstrap.servers", bootstrap, "auto.offset.reset", "earliest", "enable.auto.commit", false, "allow.auto.create.topics", false));
        all.putAll(config);
        return new KafkaConsumer<>(all, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    KafkaConsumer<byte[], byte[]> reader(String topic, Map<String, Object> config) {
        KafkaConsumer<byte[], byte[]> consumer = consumer(config);
        consumer.assign(List.of(new TopicPartition(topic, 0)));
        consumer.seekToBeginning(consumer.assignment());
        return consumer;
    }

    /** Reads until there are `count` records, and a little longer, so that one too many is noticed. */
    static List<ConsumerRecord<byte[], byte[]>> read(KafkaConsumer<byte[], byte[]> consumer, int count) {
        List<ConsumerRecord<byte[], byte[]>> records = new ArrayList<>();
        long end = System.nanoTime() + (count == 0 ? 1 : 20) * 1_000_000_000L;
        while ((count == 0 || records.size() < count) && System.nanoTime() < end) consumer.poll(Duration.ofMillis(200)).forEach(records::add);
        consumer.poll(Duration.ofMillis(300)).forEach(records::add);
        return records;
    }

    List<ConsumerRecord<byte[], byte[]>> readAll(String topic, int count) {
        try (var consumer = reader(topic, Map.of())) {
            return read(consumer, count);
        }
    }

    List<String> values(String topic, String isolation, int count) {
        try (var consumer = reader(topic, Map.of("isolation.level", isolation))) {
            return read(consumer, count).stream().map(record -> text(record.value())).toList();
        }
    }

    static List<Long> send(KafkaProducer<byte[], byte[]> producer, List<ProducerRecord<byte[], byte[]>> records) throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (var record : records) sent.add(producer.send(record));
        producer.flush();
        List<Long> offsets = new ArrayList<>();
        for (var future : sent) offsets.add(future.get().offset());
        return offsets;
    }

    static List<Long> sendValues(KafkaProducer<byte[], byte[]> producer, String topic, String... values) throws Exception {
        return send(producer, List.of(values).stream().map(value -> new ProducerRecord<byte[], byte[]>(topic, 0, null, bytes(value))).toList());
    }

    List<Long> sendNumbers(String topic, int partition, int count, Map<String, Object> config) throws Exception {
        try (var producer = producer(config)) {
            return send(producer, IntStream.range(0, count)
                    .mapToObj(i -> new ProducerRecord<>(topic, partition, bytes("key-" + i), bytes("value-" + i)))
                    .toList());
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return bytes == null ? null : new String(bytes, StandardCharsets.UTF_8);
    }

    static List<Long> numbers(int from, int to) {
        return IntStream.range(from, to).mapToObj(i -> (long) i).toList();
    }
}
