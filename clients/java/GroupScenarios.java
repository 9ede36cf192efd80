import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.common.errors.FencedInstanceIdException;

/** Groups, by the classic protocol and by the new one. */
final class GroupScenarios {
    private final Broker broker;

    GroupScenarios(Broker broker) {
        this.broker = broker;
    }

    void addTo(Map<String, Harness.Scenario> scenarios) {
        scenarios.put("groups", () -> share("groups", Map.of()));
        scenarios.put("groups-cooperative", () -> share("groups-cooperative",
                Map.of("partition.assignment.strategy", CooperativeStickyAssignor.class.getName())));
        scenarios.put("groups-static", this::staticMembers);
        scenarios.put("groups-kip848", () -> share("groups-kip848", Map.of("group.protocol", "consumer")));
    }

    private static boolean all(Set<Integer> partitions) {
        return partitions.equals(Set.of(0, 1, 2, 3));
    }

    /** Two members share a topic, one leaves, the other takes over, a third resumes at what was committed. */
    private void share(String name, Map<String, Object> config) throws Throwable {
        String topic = broker.topic(name, 4, Map.of()), group = broker.prefix + name;
        for (int p = 0; p < 4; p++) broker.sendNumbers(topic, p, 10, Map.of());
        Member first = new Member(broker, topic, group, config);
        Harness.until(() -> all(first.assigned), "all partitions at the first member");
        Member second = new Member(broker, topic, group, config);
        Harness.until(() -> first.assigned.size() == 2 && second.assigned.size() == 2, "two partitions each");
        Set<Integer> kept = new HashSet<>(first.assigned), both = new HashSet<>(kept);
        both.addAll(second.assigned);
        Harness.expect(all(both), true, "all partitions are shared");
        Harness.until(() -> {
            Set<String> records = new HashSet<>(first.records);
            records.addAll(second.records);
            return records.size() == 40;
        }, "all records");
        second.end(true);
        Harness.until(() -> all(first.assigned), "all partitions back at the first member");
        if (!config.isEmpty()) {
            kept.retainAll(first.lost);
            Harness.expect(kept, Set.of(), "partitions given up for nothing");
        }
        first.end(true);
        for (int p = 0; p < 4; p++) broker.sendNumbers(topic, p, 2, Map.of());
        Member third = new Member(broker, topic, group, config);
        Harness.until(() -> third.records.size() >= 8, "the records after the committed offsets");
        third.end(true);
        Harness.expect(third.records, new TreeSet<>(List.of("0:10", "0:11", "1:10", "1:11", "2:10", "2:11", "3:10", "3:11")), "resumed");
    }

    private void staticMembers() throws Throwable {
        String topic = broker.topic("groups-static", 2, Map.of()), group = broker.prefix + "static";
        broker.sendNumbers(topic, 0, 5, Map.of());
        Map<String, Object> one = Map.of("group.instance.id", "one");
        Member first = new Member(broker, topic, group, one);
        Member second = new Member(broker, topic, group, Map.of("group.instance.id", "two"));
        Harness.until(() -> first.assigned.size() == 1 && second.assigned.size() == 1, "a partition each");
        Set<Integer> had = new HashSet<>(first.assigned), others = new HashSet<>(second.assigned);
        first.end(false);
        Member again = new Member(broker, topic, group, one);
        Harness.until(() -> again.assigned.equals(had), "the same partition as before");
        Member thief = new Member(broker, topic, group, one);
        Harness.until(() -> again.error != null, "the fencing of the first");
        Harness.fails(FencedInstanceIdException.class, () -> again.end(false));
        Harness.until(() -> thief.assigned.equals(had), "the partition at the second of that id");
        Harness.expect(second.assigned, others, "what the other has");
        thief.end(true);
        second.end(true);
    }
}
