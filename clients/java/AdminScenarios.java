import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

final class AdminScenarios {
    private final Broker broker;

    AdminScenarios(Broker broker) {
        this.broker = broker;
    }

    void addTo(Map<String, Harness.Scenario> scenarios) {
        scenarios.put("admin-topics", this::topics);
        scenarios.put("admin-configs", this::configs);
        scenarios.put("admin-partitions", this::partitions);
        scenarios.put("admin-groups", this::groups);
        scenarios.put("admin-delete-records", this::deleteRecords);
        scenarios.put("admin-acls", this::acls);
    }

    private int partitionsOf(String topic) throws Exception {
        return broker.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size();
    }

    private void topics() throws Exception {
        String topic = broker.topic("admin-topics", 3, Map.of("retention.ms", "1234567"));
        Harness.expect(broker.admin.listTopics().names().get().contains(topic), true, "listed");
        Harness.expect(partitionsOf(topic), 3, "partitions");
        var id = broker.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        Harness.fails(TopicExistsException.class, () -> broker.topic("admin-topics"));
        broker.admin.deleteTopics(List.of(topic)).all().get();
        Harness.until(() -> !broker.admin.listTopics().names().get().contains(topic), "the topic to go");
        Harness.fails(UnknownTopicOrPartitionException.class, () -> broker.admin.deleteTopics(List.of(topic)).all().get());
        broker.topic("admin-topics", 2, Map.of());
        Harness.until(() -> partitionsOf(topic) == 2, "the partitions of the new topic");
        var next = broker.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId();
        Harness.expect(next.equals(id), false, "a topic made again has the id of the first");
    }

    private ConfigEntry config(ConfigResource resource, String key) throws Exception {
        return broker.admin.describeConfigs(List.of(resource)).all().get().get(resource).get(key);
    }

    private void alter(ConfigResource resource, AlterConfigOp.OpType operation, String key, String value) throws Exception {
        var change = new AlterConfigOp(new ConfigEntry(key, value), operation);
        broker.admin.incrementalAlterConfigs(Map.of(resource, List.of(change))).all().get();
    }

    private void configs() throws Exception {
        var topic = new ConfigResource(ConfigResource.Type.TOPIC, broker.topic("admin-configs", 1, Map.of("retention.ms", "1234567")));
        Harness.until(() -> config(topic, "retention.ms").value().equals("1234567"), "the value as made");
        Harness.expect(config(topic, "retention.ms").source(), ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG, "source");
        Harness.expect(config(topic, "max.compaction.lag.ms").source(), ConfigEntry.ConfigSource.DEFAULT_CONFIG, "source of a default");
        alter(topic, AlterConfigOp.OpType.SET, "retention.ms", "7654321");
        alter(topic, AlterConfigOp.OpType.APPEND, "cleanup.policy", "compact");
        Harness.until(() -> config(topic, "retention.ms").value().equals("7654321"), "the new value");
        Harness.expect(config(topic, "cleanup.policy").value(), "delete,compact", "appended");
        alter(topic, AlterConfigOp.OpType.DELETE, "retention.ms", null);
        Harness.until(() -> config(topic, "retention.ms").value().equals("604800000"), "the default again");
        Harness.fails(InvalidConfigurationException.class, () -> alter(topic, AlterConfigOp.OpType.SET, "retention.ms", "soon"));
        Harness.fails(InvalidConfigurationException.class, () -> alter(topic, AlterConfigOp.OpType.SET, "no.such.key", "1"));
        int id = broker.admin.describeCluster().nodes().get().iterator().next().id();
        var node = new ConfigResource(ConfigResource.Type.BROKER, "" + id);
        Harness.expect(config(node, "num.partitions").value(), "1", "a broker's configuration");
        alter(node, AlterConfigOp.OpType.SET, "message.max.bytes", "1048577");
        Harness.until(() -> config(node, "message.max.bytes").value().equals("1048577"), "the broker's new value");
        alter(node, AlterConfigOp.OpType.DELETE, "message.max.bytes", null);
    }

    private void partitions() throws Exception {
        String topic = broker.topic("admin-partitions", 2, Map.of());
        broker.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(5))).all().get();
        Harness.until(() -> partitionsOf(topic) == 5, "five partitions");
        Harness.expect(broker.sendNumbers(topic, 4, 3, Map.of()), Broker.numbers(0, 3), "offsets in a new partition");
        Harness.fails(InvalidPartitionsException.class, () -> broker.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get());
    }

    private boolean isListed(String group) throws Exception {
        return broker.admin.listConsumerGroups().all().get().stream().anyMatch(listing -> listing.groupId().equals(group));
    }

    private long committed(String group, TopicPartition partition) throws Exception {
        return broker.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(partition).offset();
    }

    private void groups() throws Throwable {
        String topic = broker.topic("admin-groups"), group = broker.prefix + "admin-groups";
        broker.sendNumbers(topic, 0, 10, Map.of());
        var partition = new TopicPartition(topic, 0);
        Member member = new Member(broker, topic, group, Map.of());
        Harness.until(() -> member.records.size() == 10, "the records");
        Harness.expect(isListed(group), true, "listed");
        var described = broker.admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        Harness.expect(described.state().toString(), "Stable", "state");
        var assignment = described.members().iterator().next().assignment().topicPartitions();
        Harness.expect(assignment, Set.of(partition), "assignment");
        member.end(true);
        Harness.expect(committed(group, partition), 10L, "committed");
        broker.admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(3, "three"))).all().get();
        Harness.expect(committed(group, partition), 3L, "altered");
        broker.admin.deleteConsumerGroupOffsets(group, Set.of(partition)).all().get();
        Harness.expect(broker.admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().isEmpty(), true, "offsets deleted");
        broker.admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(3))).all().get();
        broker.admin.deleteConsumerGroups(List.of(group)).all().get();
        Harness.expect(isListed(group), false, "listed after it was deleted");
        Harness.fails(GroupIdNotFoundException.class, () -> broker.admin.deleteConsumerGroups(List.of(group)).all().get());
    }

    private void deleteRecords() throws Exception {
        String topic = broker.topic("admin-delete-records");
        broker.sendNumbers(topic, 0, 10, Map.of());
        var partition = new TopicPartition(topic, 0);
        var low = broker.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(5))).lowWatermarks().get(partition).get().lowWatermark();
        Harness.expect(low, 5L, "low watermark");
        try (var consumer = broker.consumer(Map.of())) {
            Harness.expect(consumer.beginningOffsets(List.of(partition)).get(partition), 5L, "log start");
        }
        Harness.expect(broker.readAll(topic, 5).stream().map(ConsumerRecord::offset).toList(), Broker.numbers(5, 10), "left");
    }

    private void acls() throws Exception {
        var resource = new ResourcePattern(ResourceType.TOPIC, broker.prefix + "acl", PatternType.PREFIXED);
        var acl = new AclBinding(resource, new AccessControlEntry("User:alice", "*", AclOperation.READ, AclPermissionType.ALLOW));
        broker.admin.createAcls(List.of(acl)).all().get();
        var filter = new AclBindingFilter(resource.toFilter(), AccessControlEntryFilter.ANY);
        Harness.until(() -> broker.admin.describeAcls(filter).values().get().equals(List.of(acl)), "the ACL");
        broker.admin.deleteAcls(List.of(filter)).all().get();
        Harness.until(() -> broker.admin.describeAcls(filter).values().get().isEmpty(), "no ACL");
    }
}
