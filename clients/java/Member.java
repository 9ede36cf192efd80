import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentSkipListSet;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** A member of a group that polls until it is stopped, and commits what it has before it gives partitions up. */
final class Member extends Thread {
    private final KafkaConsumer<byte[], byte[]> consumer;
    private volatile boolean stopping;
    private volatile boolean committing;
    final Set<Integer> assigned = new ConcurrentSkipListSet<>();
    final Set<Integer> lost = new ConcurrentSkipListSet<>();
    /** 'partition:offset' of every record. */
    final Set<String> records = new ConcurrentSkipListSet<>();
    volatile Throwable error;

    Member(Broker broker, String topic, String group, Map<String, Object> config) {
        Map<String, Object> all = new HashMap<>(Map.of("group.id", group));
        if (!"consumer".equals(config.get("group.protocol"))) all.putAll(Map.of("session.timeout.ms", 6000, "heartbeat.interval.ms", 300));
        all.putAll(config);
        consumer = broker.consumer(all);
        consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
            @Override
            public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
                partitions.forEach(partition -> assigned.add(partition.partition()));
            }

            @Override
            public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
                if (!stopping) consumer.commitSync();
                partitions.forEach(partition -> {
                    assigned.remove(partition.partition());
                    if (!stopping) lost.add(partition.partition());
                });
            }
        });
        setDaemon(true);
        start();
    }

    @Override
    public void run() {
        try (consumer) {
            while (!stopping) consumer.poll(Duration.ofMillis(100)).forEach(record -> records.add(record.partition() + ":" + record.offset()));
            if (committing) consumer.commitSync();
        } catch (Throwable failure) {
            error = failure;
        }
    }

    void end(boolean commit) throws Throwable {
        committing = commit;
        stopping = true;
        join(20_000);
        if (error != null) throw error;
    }
}
