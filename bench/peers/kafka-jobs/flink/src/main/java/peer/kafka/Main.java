package peer.kafka;

import java.io.File;
import java.io.IOException;
import java.nio.file.*;
import java.util.*;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.configuration.*;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.*;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/** One job from topic to topic in one JVM. */
public final class Main {
    public static void main(String[] args) throws Exception {
        Map<String, String> o = new HashMap<>();
        for (int k = 0; k + 1 < args.length; k += 2) o.put(args[k].replaceFirst("^--", ""), args[k + 1]);
        int p = Integer.parseInt(o.getOrDefault("parallelism", "2"));
        Path tmp = Files.createTempDirectory("peer-kafka-jobs-");
        Runtime.getRuntime().addShutdownHook(new Thread(() -> { try { delete(tmp); } catch (IOException e) { /* it is in the temp folder */ } }));
        StreamExecutionEnvironment env = environment(o, p, tmp);
        if (o.get("mode").equals("json")) {
            DataStream<Event> events = env.fromSource(source(o, new EventSchema()), WatermarkStrategy.noWatermarks(), "from");
            events.map(new Transform()).returns(TypeInformation.of(Event.class)).sinkTo(sink(o, new EventWriter(o.get("to"))));
        } else {
            DataStream<byte[]> values = env.fromSource(source(o, new BytesSchema()), WatermarkStrategy.noWatermarks(), "from");
            values.sinkTo(sink(o, new BytesWriter(o.get("to"))));
        }
        env.execute(o.get("to"));
        System.exit(0);
    }

    static StreamExecutionEnvironment environment(Map<String, String> o, int p, Path tmp) {
        Configuration conf = new Configuration();
        conf.set(PipelineOptions.OBJECT_REUSE, true);
        conf.set(PipelineOptions.GENERIC_TYPES, false);
        conf.set(StateBackendOptions.STATE_BACKEND, "hashmap");
        conf.set(CheckpointingOptions.CHECKPOINT_STORAGE, "filesystem");
        conf.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, tmp.resolve("checkpoints").toUri().toString());
        conf.setString("io.tmp.dirs", tmp.resolve("work").toString());
        conf.setString("restart-strategy.type", "none");
        conf.setString("taskmanager.memory.network.min", "64m");
        conf.setString("taskmanager.memory.network.max", "64m");
        conf.setString("taskmanager.memory.managed.size", "32m");
        o.forEach((k, v) -> { if (k.startsWith("conf.")) conf.setString(k.substring(5), v); });
        StreamExecutionEnvironment env = StreamExecutionEnvironment.createLocalEnvironment(p, conf);
        env.enableCheckpointing(Long.parseLong(o.getOrDefault("checkpoint-ms", "1000")),
            o.get("delivery").equals("exactly-once") ? CheckpointingMode.EXACTLY_ONCE : CheckpointingMode.AT_LEAST_ONCE);
        return env;
    }

    static <T> KafkaSource<T> source(Map<String, String> o, DeserializationSchema<T> schema) {
        var builder = KafkaSource.<T>builder().setBootstrapServers(o.get("bootstrap")).setTopics(o.get("from")).setGroupId(o.get("to"))
            .setStartingOffsets(OffsetsInitializer.earliest()).setValueOnlyDeserializer(schema)
            .setProperty("isolation.level", "read_committed")
            .setProperty("max.poll.records", o.getOrDefault("max-poll-records", "2000"));
        if (o.containsKey("end")) {
            Map<TopicPartition, Long> ends = new HashMap<>();
            for (int at = 0; at < Integer.parseInt(o.get("partitions")); at++) ends.put(new TopicPartition(o.get("from"), at), Long.parseLong(o.get("end")));
            builder.setBounded(OffsetsInitializer.offsets(ends));
        }
        return builder.build();
    }

    static <T> KafkaSink<T> sink(Map<String, String> o, KafkaRecordSerializationSchema<T> schema) {
        boolean exactly = o.get("delivery").equals("exactly-once");
        var builder = KafkaSink.<T>builder().setBootstrapServers(o.get("bootstrap")).setRecordSerializer(schema)
            .setDeliveryGuarantee(exactly ? DeliveryGuarantee.EXACTLY_ONCE : DeliveryGuarantee.AT_LEAST_ONCE)
            .setProperty("acks", "all").setProperty("transaction.timeout.ms", "900000")
            .setProperty("batch.size", o.getOrDefault("batch-bytes", "131072")).setProperty("linger.ms", o.getOrDefault("linger-ms", "5"));
        if (exactly) builder.setTransactionalIdPrefix(o.get("to"));
        return builder.build();
    }

    static final class Transform implements org.apache.flink.api.common.functions.MapFunction<Event, Event> {
        @Override public Event map(Event event) {
            event.total = event.amount * event.quantity;
            event.large = event.total > 100_000;
            return event;
        }
    }

    static final class EventSchema implements DeserializationSchema<Event> {
        private transient Json json;
        private transient Event event;
        @Override public Event deserialize(byte[] bytes) throws IOException {
            if (json == null) { json = new Json(); event = new Event(); }
            json.read(bytes, event);
            return event;
        }
        @Override public boolean isEndOfStream(Event event) { return false; }
        @Override public TypeInformation<Event> getProducedType() { return TypeInformation.of(Event.class); }
    }

    static final class BytesSchema implements DeserializationSchema<byte[]> {
        @Override public byte[] deserialize(byte[] bytes) { return bytes; }
        @Override public boolean isEndOfStream(byte[] bytes) { return false; }
        @Override public TypeInformation<byte[]> getProducedType() { return PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO; }
    }

    static final class EventWriter implements KafkaRecordSerializationSchema<Event> {
        private final String topic;
        private transient Json json;
        EventWriter(String topic) { this.topic = topic; }
        @Override public ProducerRecord<byte[], byte[]> serialize(Event event, KafkaSinkContext context, Long timestamp) {
            if (json == null) json = new Json();
            try {
                return new ProducerRecord<>(topic, null, timestamp, null, json.write(event));
            } catch (IOException e) { throw new IllegalStateException(e); }
        }
    }

    static final class BytesWriter implements KafkaRecordSerializationSchema<byte[]> {
        private final String topic;
        BytesWriter(String topic) { this.topic = topic; }
        @Override public ProducerRecord<byte[], byte[]> serialize(byte[] value, KafkaSinkContext context, Long timestamp) {
            return new ProducerRecord<>(topic, null, timestamp, null, value);
        }
    }

    static void delete(Path p) throws IOException {
        try (var s = Files.walk(p)) { s.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete); }
    }
}
