package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/IBM/sarama"

	. "millrace/clients/harness"
)

var codecs = map[string]sarama.CompressionCodec{
	"gzip": sarama.CompressionGZIP, "snappy": sarama.CompressionSnappy, "lz4": sarama.CompressionLZ4, "zstd": sarama.CompressionZSTD,
}

var scenarios = map[string]func(){
	"produce":                    produce,
	"consume":                    consume,
	"idempotence":                idempotence,
	"gzip":                       compressed("gzip"),
	"snappy":                     compressed("snappy"),
	"lz4":                        compressed("lz4"),
	"zstd":                       compressed("zstd"),
	"across-write":               acrossWrite,
	"across-read":                func() { Across(verify) },
	"groups":                     groups,
	"groups-cooperative":         func() { Skip("sarama has no cooperative rebalances") },
	"groups-static":              groupsStatic,
	"groups-kip848":              func() { Skip("sarama has no group.protocol=consumer") },
	"transactions-commit":        transactionsCommit,
	"transactions-abort":         transactionsAbort,
	"transactions-offsets":       transactionsOffsets,
	"transactions-fencing":       transactionsFencing,
	"admin-topics":               adminTopics,
	"admin-configs":              adminConfigs,
	"admin-partitions":           adminPartitions,
	"admin-groups":               adminGroups,
	"admin-delete-records":       adminDeleteRecords,
	"admin-acls":                 adminACLs,
	"errors-unknown-topic":       errorsUnknownTopic,
	"errors-invalid-topic":       errorsInvalidTopic,
	"errors-too-large":           errorsTooLarge,
	"errors-offset-out-of-range": errorsOffsetOutOfRange,
}

func sample(topic string, i int) *sarama.ProducerMessage {
	message := &sarama.ProducerMessage{
		Topic:     topic,
		Key:       sarama.StringEncoder(fmt.Sprintf("key-%d", i)),
		Value:     sarama.StringEncoder(fmt.Sprintf("value-%d", i)),
		Headers:   []sarama.RecordHeader{{Key: []byte("number"), Value: fmt.Append(nil, i)}, {Key: []byte("empty"), Value: []byte{}}},
		Timestamp: time.UnixMilli(FirstTimeMs + int64(i)*1000),
	}
	if i == 50 {
		message.Key = nil
	}
	if i == 51 {
		message.Value = nil
	}
	return message
}

func sendSamples(topic string) []int64 {
	messages := make([]*sarama.ProducerMessage, 100)
	for i := range messages {
		messages[i] = sample(topic, i)
	}
	return send(messages)
}

func offsetAt(topic string, time int64) int64 { return Must(client.GetOffset(topic, 0, time)) }

func produce() {
	topic := topicOf("produce")
	Expect(sendSamples(topic), Numbers(0, 100), "offsets")
	for _, acks := range []sarama.RequiredAcks{sarama.WaitForLocal, sarama.NoResponse} {
		sendNumbers(topic, 0, 1, func(c *sarama.Config) { c.Producer.RequiredAcks = acks })
	}
	Until(func() bool { return offsetAt(topic, sarama.OffsetNewest) == 102 }, "the end offset 102")
}

// bytesOf tells null from empty.
func bytesOf(encoder sarama.Encoder) string {
	if encoder == nil {
		return "null"
	}
	return string(Must(encoder.Encode()))
}

func plain(bytes []byte) string {
	if bytes == nil {
		return "null"
	}
	return string(bytes)
}

func consume() {
	topic := topicOf("consume")
	sendSamples(topic)
	records := read(topic, 100, sarama.OffsetOldest)
	Expect(offsetsOf(records), Numbers(0, 100), "offsets")
	for i, got := range records {
		wanted := sample(topic, i)
		Expect([]string{plain(got.Key), plain(got.Value)}, []string{bytesOf(wanted.Key), bytesOf(wanted.Value)}, "record")
		Expect(got.Timestamp.UnixMilli(), wanted.Timestamp.UnixMilli(), "time stamp")
		Expect([]string{string(got.Headers[0].Value), string(got.Headers[1].Value)}, []string{fmt.Sprint(i), ""}, "headers")
	}
	Expect(read(topic, 60, 40)[0].Offset, int64(40), "offset after seek")
	Expect(offsetAt(topic, FirstTimeMs+60_000), int64(60), "offset of a time")
	Expect(offsetAt(topic, FirstTimeMs+59_001), int64(60), "offset after a time")
	Expect([]int64{offsetAt(topic, sarama.OffsetOldest), offsetAt(topic, sarama.OffsetNewest)}, []int64{0, 100}, "ends")
}

func idempotent(c *sarama.Config) {
	c.Producer.Idempotent = true
	c.Net.MaxOpenRequests = 1
	c.Producer.Flush.MaxMessages = 20
}

func idempotence() {
	topic := topicOf("idempotence")
	Expect(sendNumbers(topic, 0, 2000, idempotent), Numbers(0, 2000), "offsets")
	Expect(values(topic, 2000), Values(2000), "values")
}

func write(topic, codec string) {
	messages := make([]*sarama.ProducerMessage, 200)
	for i := range messages {
		headers := []sarama.RecordHeader{{Key: []byte("codec"), Value: []byte(codec)}}
		key, value := sarama.StringEncoder(fmt.Sprintf("key-%d", i)), sarama.StringEncoder(Compressible(i))
		messages[i] = &sarama.ProducerMessage{Topic: topic, Key: key, Value: value, Headers: headers}
	}
	send(messages, func(c *sarama.Config) {
		c.Producer.Compression = codecs[codec]
		c.Producer.Flush.Frequency = 20 * time.Millisecond
	})
}

func verify(topic, codec string) {
	records := read(topic, 200, sarama.OffsetOldest)
	Expect(len(records), 200, "records of "+topic)
	for i, record := range records {
		got := []string{string(record.Key), string(record.Value), string(record.Headers[0].Key), string(record.Headers[0].Value)}
		Expect(got, []string{fmt.Sprintf("key-%d", i), Compressible(i), "codec", codec}, topic)
	}
}

func compressed(codec string) func() {
	return func() {
		topic := topicOf(codec)
		write(topic, codec)
		verify(topic, codec)
	}
}

func acrossWrite() {
	for _, codec := range Codecs {
		write(topicOf("across-"+codec), codec)
	}
}

func transactional(name string) sarama.AsyncProducer {
	return Must(sarama.NewAsyncProducer([]string{Bootstrap}, config(idempotent, func(c *sarama.Config) {
		c.Producer.Transaction.ID = Prefix + name
		c.Producer.Transaction.Timeout = 30 * time.Second
	})))
}

func sendTexts(own sarama.AsyncProducer, topic string, texts ...string) {
	messages := make([]*sarama.ProducerMessage, len(texts))
	for i, text := range texts {
		messages[i] = &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(text)}
	}
	sendAll(own, messages)
}

func transactionsCommit() {
	topics, own := []string{topicOf("commit-0"), topicOf("commit-1")}, transactional("commit")
	defer own.Close()
	Check(own.BeginTxn())
	for _, topic := range topics {
		sendTexts(own, topic, Values(10)...)
	}
	Expect(values(topics[0], 0, committedOnly), []string{}, "committed before the end")
	Expect(values(topics[0], 10), Values(10), "uncommitted before the end")
	Check(own.CommitTxn())
	for _, topic := range topics {
		Expect(values(topic, 10, committedOnly), Values(10), "committed")
	}
	Check(own.BeginTxn())
	sendTexts(own, topics[0], "more")
	Check(own.CommitTxn())
	Expect(values(topics[0], 11, committedOnly), append(Values(10), "more"), "after a second transaction")
}

func transactionsAbort() {
	topic, own := topicOf("abort"), transactional("abort")
	defer own.Close()
	for _, step := range []struct {
		texts []string
		end   func() error
	}{{[]string{"a", "b"}, own.AbortTxn}, {[]string{"c"}, own.CommitTxn}, {[]string{"d"}, own.AbortTxn}} {
		Check(own.BeginTxn())
		sendTexts(own, topic, step.texts...)
		Check(step.end())
	}
	Expect(values(topic, 4), []string{"a", "b", "c", "d"}, "uncommitted")
	Expect(values(topic, 1, committedOnly), []string{"c"}, "committed")
}

// committed is -1 if nothing is.
func committed(group, topic string) int64 {
	block := Must(admin.ListConsumerGroupOffsets(group, map[string][]int32{topic: {0}})).GetBlock(topic, 0)
	Check(kerror(block.Err))
	return block.Offset
}

func kerror(code sarama.KError) error {
	if code == sarama.ErrNoError {
		return nil
	}
	return code
}

func transactionsOffsets() {
	source, target, group := topicOf("offsets-in"), topicOf("offsets-out"), Prefix+"offsets"
	sendNumbers(source, 0, 10)
	own := transactional("offsets")
	defer own.Close()
	for _, step := range []struct {
		offset, stored int64
		end            func() error
	}{{4, -1, own.AbortTxn}, {7, 7, own.CommitTxn}} {
		Check(own.BeginTxn())
		sendTexts(own, target, fmt.Sprint("up to ", step.offset))
		offsets := map[string][]*sarama.PartitionOffsetMetadata{source: {{Partition: 0, Offset: step.offset, LeaderEpoch: -1}}}
		Check(own.AddOffsetsToTxn(offsets, group))
		Check(step.end())
		Until(func() bool { return committed(group, source) == step.stored }, "the committed offset") // markers are written later
	}
	Expect(values(target, 1, committedOnly), []string{"up to 7"}, "committed")
}

func transactionsFencing() {
	topic, zombie := topicOf("fencing"), transactional("fencing")
	Check(zombie.BeginTxn())
	sendTexts(zombie, topic, "of the zombie")
	successor := transactional("fencing")
	defer successor.Close()
	Check(successor.BeginTxn())
	sendTexts(successor, topic, "of the successor")
	Check(successor.CommitTxn())
	Fails(zombie.CommitTxn(), sarama.ErrProducerFenced, sarama.ErrInvalidProducerEpoch)
	Expect(values(topic, 1, committedOnly), []string{"of the successor"}, "committed")
}

func isListed(topic string) bool {
	_, ok := Must(admin.ListTopics())[topic]
	return ok
}

func partitionsOf(topic string) int {
	return len(Must(admin.DescribeTopics([]string{topic}))[0].Partitions)
}

// isOf tells whether an error of this admin client is of a kind.
func isOf(err error, kind sarama.KError) {
	var topicError *sarama.TopicError
	if errors.As(err, &topicError) && topicError.Err == kind {
		return
	}
	Fails(err, kind)
}

func text(of string) *string { return &of }

func adminTopics() {
	topic := makeTopic("admin-topics", 3, map[string]*string{"retention.ms": text("1234567")})
	Expect(isListed(topic), true, "listed")
	Expect(partitionsOf(topic), 3, "partitions")
	isOf(admin.CreateTopic(topic, &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false), sarama.ErrTopicAlreadyExists)
	Check(admin.DeleteTopic(topic))
	Until(func() bool { return !isListed(topic) }, "the topic to go")
	isOf(admin.DeleteTopic(topic), sarama.ErrUnknownTopicOrPartition)
	makeTopic("admin-topics", 2, nil)
	Until(func() bool { return partitionsOf(topic) == 2 }, "the partitions of the new topic")
}

func configOf(kind sarama.ConfigResourceType, name, key string) string {
	entries, err := admin.DescribeConfig(sarama.ConfigResource{Type: kind, Name: name, ConfigNames: []string{key}})
	if errors.Is(err, sarama.ErrUnknownTopicOrPartition) {
		return "" // the broker has not heard of the topic yet
	}
	Check(err)
	for _, entry := range entries {
		if entry.Name == key {
			return entry.Value
		}
	}
	return ""
}

func adminConfigs() {
	topic := makeTopic("admin-configs", 1, map[string]*string{"retention.ms": text("1234567")})
	alter := func(value string) error {
		entries := map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &value}}
		return admin.IncrementalAlterConfig(sarama.TopicResource, topic, entries, false)
	}
	Until(func() bool { return configOf(sarama.TopicResource, topic, "retention.ms") == "1234567" }, "the value as made")
	Check(alter("7654321"))
	Until(func() bool { return configOf(sarama.TopicResource, topic, "retention.ms") == "7654321" }, "the new value")
	Fails(alter("soon"), sarama.ErrInvalidConfig)
	brokers, _, err := admin.DescribeCluster()
	Check(err)
	Expect(configOf(sarama.BrokerResource, fmt.Sprint(brokers[0].ID()), "num.partitions"), "1", "a broker's configuration")
}

func adminPartitions() {
	topic := makeTopic("admin-partitions", 2, nil)
	Check(admin.CreatePartitions(topic, 5, nil, false))
	Until(func() bool { return partitionsOf(topic) == 5 }, "five partitions")
	Expect(sendNumbers(topic, 4, 3), Numbers(0, 3), "offsets in a new partition")
	var refused *sarama.TopicPartitionError
	Expect(errors.As(admin.CreatePartitions(topic, 3, nil, false), &refused), true, "fewer partitions are refused")
	Expect(refused.Err, sarama.ErrInvalidPartitions, "error")
}

func adminGroups() {
	topic, group := topicOf("admin-groups"), Prefix+"admin-groups"
	sendNumbers(topic, 0, 10)
	one := newMember(topic, group)
	Until(func() bool { return len(one.recordSet()) == 10 }, "the records")
	listed := func() bool { _, ok := Must(admin.ListConsumerGroups())[group]; return ok }
	Expect(listed(), true, "listed")
	described := Must(admin.DescribeConsumerGroups([]string{group}))[0]
	Expect([]any{described.State, len(described.Members)}, []any{"Stable", 1}, "described")
	one.stop()
	Expect(committed(group, topic), int64(10), "committed")
	altered := map[string]map[int32]sarama.OffsetAndMetadata{topic: {0: {Offset: 3, LeaderEpoch: -1}}}
	Must(admin.AlterConsumerGroupOffsets(group, altered, nil))
	Expect(committed(group, topic), int64(3), "altered")
	Check(admin.DeleteConsumerGroup(group))
	Expect(listed(), false, "listed after it was deleted")
	Fails(admin.DeleteConsumerGroup(group), sarama.ErrGroupIDNotFound)
}

func adminDeleteRecords() {
	topic := topicOf("admin-delete-records")
	sendNumbers(topic, 0, 10)
	Check(admin.DeleteRecords(topic, map[int32]int64{0: 5}))
	Expect(offsetAt(topic, sarama.OffsetOldest), int64(5), "log start")
	Expect(offsetsOf(read(topic, 5, sarama.OffsetOldest)), Numbers(5, 10), "left")
}

func adminACLs() {
	name, principal, host := Prefix+"acl", "User:alice", "*"
	resource := sarama.Resource{ResourceType: sarama.AclResourceTopic, ResourceName: name, ResourcePatternType: sarama.AclPatternLiteral}
	acl := sarama.Acl{Principal: principal, Host: host, Operation: sarama.AclOperationRead, PermissionType: sarama.AclPermissionAllow}
	filter := sarama.AclFilter{
		ResourceType: sarama.AclResourceTopic, ResourceName: &name, ResourcePatternTypeFilter: sarama.AclPatternLiteral,
		Principal: &principal, Host: &host, Operation: sarama.AclOperationRead, PermissionType: sarama.AclPermissionAllow,
	}
	Check(admin.CreateACL(resource, acl))
	Until(func() bool { return len(Must(admin.ListAcls(filter))) == 1 }, "the ACL")
	Expect(len(Must(admin.DeleteACL(filter, false))), 1, "deleted")
	Until(func() bool { return len(Must(admin.ListAcls(filter))) == 0 }, "no ACL")
}

func errorsUnknownTopic() {
	described := Must(admin.DescribeTopics([]string{Prefix + "nowhere"}))
	Expect(described[0].Err, sarama.ErrUnknownTopicOrPartition, "error")
}

func errorsInvalidTopic() {
	isOf(admin.CreateTopic("not/a topic", &sarama.TopicDetail{NumPartitions: 1, ReplicationFactor: 1}, false), sarama.ErrInvalidTopic)
}

func errorsTooLarge() {
	topic, value := topicOf("too-large"), make([]byte, 2_000_000)
	rand.Read(value)
	own := Must(sarama.NewSyncProducer([]string{Bootstrap}, config(func(c *sarama.Config) { c.Producer.MaxMessageBytes = 5_000_000 })))
	defer own.Close()
	_, _, err := own.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.ByteEncoder(value)})
	Fails(err, sarama.ErrMessageSizeTooLarge)
	Expect(sendNumbers(topic, 0, 1), Numbers(0, 1), "offset of the next")
}

func errorsOffsetOutOfRange() {
	topic := topicOf("out-of-range")
	sendNumbers(topic, 0, 10)
	own := Must(sarama.NewConsumer([]string{Bootstrap}, config()))
	defer own.Close()
	_, err := own.ConsumePartition(topic, 0, 1000)
	Fails(err, sarama.ErrOffsetOutOfRange)
}
