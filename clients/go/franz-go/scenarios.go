package main

import (
	"crypto/rand"
	"fmt"
	"reflect"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	. "millrace/clients/harness"
)

var codecs = map[string]kgo.CompressionCodec{
	"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
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
	"groups":                     func() { share("groups", kgo.Balancers(kgo.RangeBalancer())) },
	"groups-cooperative":         func() { share("groups-cooperative", kgo.Balancers(kgo.CooperativeStickyBalancer())) },
	"groups-static":              groupsStatic,
	"groups-kip848":              func() { share("groups-kip848", kgo.ServerSideBalancer()) },
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

func sample(topic string, i int) *kgo.Record {
	record := &kgo.Record{
		Topic:     topic,
		Key:       fmt.Appendf(nil, "key-%d", i),
		Value:     fmt.Appendf(nil, "value-%d", i),
		Headers:   []kgo.RecordHeader{{Key: "number", Value: fmt.Append(nil, i)}, {Key: "empty", Value: []byte{}}, {Key: "null"}},
		Timestamp: time.UnixMilli(FirstTimeMs + int64(i)*1000),
	}
	if i == 50 {
		record.Key = nil
	}
	if i == 51 {
		record.Value = nil
	}
	return record
}

func sendSamples(topic string) []int64 {
	own := newClient()
	defer own.Close()
	records := make([]*kgo.Record, 100)
	for i := range records {
		records[i] = sample(topic, i)
	}
	return produceAll(own, records)
}

func endOf(topic string) int64 {
	end, _ := Must(admin.ListEndOffsets(ctx, topic)).Lookup(topic, 0)
	return end.Offset
}

func startOf(topic string) int64 {
	start, _ := Must(admin.ListStartOffsets(ctx, topic)).Lookup(topic, 0)
	return start.Offset
}

func produce() {
	topic := topicOf("produce")
	Expect(sendSamples(topic), Numbers(0, 100), "offsets")
	for _, acks := range []kgo.Acks{kgo.LeaderAck(), kgo.NoAck()} {
		sendNumbers(topic, 0, 1, kgo.RequiredAcks(acks), kgo.DisableIdempotentWrite())
	}
	Until(func() bool { return endOf(topic) == 102 }, "the end offset 102")
}

func consume() {
	topic := topicOf("consume")
	sendSamples(topic)
	records := readAll(topic, 100)
	Expect(offsetsOf(records), Numbers(0, 100), "offsets")
	for i, got := range records {
		wanted := sample(topic, i)
		Expect([]any{string(got.Key), got.Key == nil, string(got.Value), got.Value == nil}, []any{string(wanted.Key), i == 50, string(wanted.Value), i == 51}, "record")
		Expect(got.Timestamp.UnixMilli(), wanted.Timestamp.UnixMilli(), "time stamp")
		Expect(fmt.Sprint(got.Headers), fmt.Sprint(wanted.Headers), "headers")
	}
	sought := reader(topic, kgo.NewOffset().At(40))
	Expect(read(sought, 60)[0].Offset, int64(40), "offset after seek")
	sought.Close()
	for after, wanted := range map[int64]int64{60_000: 60, 59_001: 60} {
		at, _ := Must(admin.ListOffsetsAfterMilli(ctx, FirstTimeMs+after, topic)).Lookup(topic, 0)
		Expect(at.Offset, wanted, "offset of a time")
	}
	Expect([]int64{startOf(topic), endOf(topic)}, []int64{0, 100}, "ends")
}

func idempotence() {
	topic := topicOf("idempotence")
	Expect(sendNumbers(topic, 0, 2000, kgo.ProducerBatchMaxBytes(1000)), Numbers(0, 2000), "offsets")
	Expect(values(topic, 2000, kgo.ReadUncommitted()), Values(2000), "values")
}

func write(topic, codec string) {
	own := newClient(kgo.ProducerBatchCompression(codecs[codec]), kgo.ProducerLinger(20*time.Millisecond))
	defer own.Close()
	records := make([]*kgo.Record, 200)
	for i := range records {
		headers := []kgo.RecordHeader{{Key: "codec", Value: []byte(codec)}}
		records[i] = &kgo.Record{Topic: topic, Key: fmt.Appendf(nil, "key-%d", i), Value: []byte(Compressible(i)), Headers: headers}
	}
	produceAll(own, records)
}

func verify(topic, codec string) {
	records := readAll(topic, 200)
	Expect(len(records), 200, "records of "+topic)
	for i, record := range records {
		got := []string{string(record.Key), string(record.Value), record.Headers[0].Key, string(record.Headers[0].Value)}
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

func transactional(name string) *kgo.Client {
	return newClient(kgo.TransactionalID(Prefix+name), kgo.TransactionTimeout(30*time.Second))
}

func transactionsCommit() {
	topics, own := []string{topicOf("commit-0"), topicOf("commit-1")}, transactional("commit")
	defer own.Close()
	Check(own.BeginTransaction())
	for _, topic := range topics {
		sendValues(own, topic, Values(10)...)
	}
	Expect(values(topics[0], 0, kgo.ReadCommitted()), []string{}, "committed before the end")
	Expect(values(topics[0], 10, kgo.ReadUncommitted()), Values(10), "uncommitted before the end")
	Check(own.EndTransaction(ctx, kgo.TryCommit))
	for _, topic := range topics {
		Expect(values(topic, 10, kgo.ReadCommitted()), Values(10), "committed")
	}
	Check(own.BeginTransaction())
	sendValues(own, topics[0], "more")
	Check(own.EndTransaction(ctx, kgo.TryCommit))
	Expect(values(topics[0], 11, kgo.ReadCommitted()), append(Values(10), "more"), "after a second transaction")
}

func transactionsAbort() {
	topic, own := topicOf("abort"), transactional("abort")
	defer own.Close()
	for _, step := range []struct {
		values []string
		end    kgo.TransactionEndTry
	}{{[]string{"a", "b"}, kgo.TryAbort}, {[]string{"c"}, kgo.TryCommit}, {[]string{"d"}, kgo.TryAbort}} {
		Check(own.BeginTransaction())
		sendValues(own, topic, step.values...)
		Check(own.EndTransaction(ctx, step.end))
	}
	Expect(values(topic, 4, kgo.ReadUncommitted()), []string{"a", "b", "c", "d"}, "uncommitted")
	Expect(values(topic, 1, kgo.ReadCommitted()), []string{"c"}, "committed")
}

// committed is -1 if nothing is.
func committed(group, topic string) int64 {
	offset, ok := Must(admin.FetchOffsets(ctx, group)).Lookup(topic, 0)
	if !ok {
		return -1
	}
	return offset.At
}

func transactionsOffsets() {
	source, target, group := topicOf("offsets-in"), topicOf("offsets-out"), Prefix+"offsets"
	sendNumbers(source, 0, 10)
	session := Must(kgo.NewGroupTransactSession(
		kgo.SeedBrokers(Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.TransactionalID(Prefix+"offsets"),
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(source), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(),
	))
	defer session.Close()
	for _, step := range []struct {
		end    kgo.TransactionEndTry
		stored int64
	}{{kgo.TryAbort, -1}, {kgo.TryCommit, 10}} {
		var read []*kgo.Record
		for len(read) < 10 {
			read = append(read, session.PollFetches(ctx).Records()...)
		}
		Check(session.Begin())
		Check(session.ProduceSync(ctx, &kgo.Record{Topic: target, Value: fmt.Append(nil, "ends ", step.stored)}).FirstErr())
		Must(session.End(ctx, step.end))
		Until(func() bool { return committed(group, source) == step.stored }, "the committed offset") // markers are written later
	}
	Expect(values(target, 1, kgo.ReadCommitted()), []string{"ends 10"}, "committed")
}

func transactionsFencing() {
	topic, zombie := topicOf("fencing"), transactional("fencing")
	Check(zombie.BeginTransaction())
	sendValues(zombie, topic, "of the zombie")
	successor := transactional("fencing")
	defer successor.Close()
	Check(successor.BeginTransaction())
	sendValues(successor, topic, "of the successor")
	Check(successor.EndTransaction(ctx, kgo.TryCommit))
	Fails(zombie.EndTransaction(ctx, kgo.TryCommit), kerr.ProducerFenced, kerr.InvalidProducerEpoch)
	Expect(values(topic, 1, kgo.ReadCommitted()), []string{"of the successor"}, "committed")
}

func isListed(topic string) bool { return Must(admin.ListTopics(ctx)).Has(topic) }

func partitionsOf(topic string) int { return len(Must(admin.ListTopics(ctx, topic))[topic].Partitions) }

func createError(what string) error {
	answer, _ := admin.CreateTopic(ctx, 1, 1, nil, what)
	return answer.Err
}

func deleteError(topic string) error {
	answer, _ := admin.DeleteTopic(ctx, topic)
	return answer.Err
}

func adminTopics() {
	topic := makeTopic("admin-topics", 3, map[string]*string{"retention.ms": kadm.StringPtr("1234567")})
	Expect(isListed(topic), true, "listed")
	Expect(partitionsOf(topic), 3, "partitions")
	Fails(createError(topic), kerr.TopicAlreadyExists)
	Check(deleteError(topic))
	Until(func() bool { return !isListed(topic) }, "the topic to go")
	Fails(deleteError(topic), kerr.UnknownTopicOrPartition)
	makeTopic("admin-topics", 2, nil)
	Until(func() bool { return partitionsOf(topic) == 2 }, "the partitions of the new topic")
}

func valueOf(configs kadm.ResourceConfigs, key string) string {
	for _, config := range configs[0].Configs {
		if config.Key == key {
			return config.MaybeValue()
		}
	}
	return ""
}

func adminConfigs() {
	topic := makeTopic("admin-configs", 1, map[string]*string{"retention.ms": kadm.StringPtr("1234567")})
	config := func() string { return valueOf(Must(admin.DescribeTopicConfigs(ctx, topic)), "retention.ms") }
	alter := func(value string) error {
		change := kadm.AlterConfig{Op: kadm.SetConfig, Name: "retention.ms", Value: &value}
		return Must(admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, topic))[0].Err
	}
	Until(func() bool { return config() == "1234567" }, "the value as made")
	Check(alter("7654321"))
	Until(func() bool { return config() == "7654321" }, "the new value")
	Fails(alter("soon"), kerr.InvalidConfig)
	node := Must(admin.ListBrokers(ctx))[0].NodeID
	Expect(valueOf(Must(admin.DescribeBrokerConfigs(ctx, node)), "num.partitions"), "1", "a broker's configuration")
}

func adminPartitions() {
	topic := makeTopic("admin-partitions", 2, nil)
	update := func(count int) error {
		answer, _ := Must(admin.UpdatePartitions(ctx, count, topic)).On(topic, nil)
		return answer.Err
	}
	Check(update(5))
	Until(func() bool { return partitionsOf(topic) == 5 }, "five partitions")
	Expect(sendNumbers(topic, 4, 3), Numbers(0, 3), "offsets in a new partition")
	request := kmsg.NewPtrCreatePartitionsRequest()
	fewer := kmsg.NewCreatePartitionsRequestTopic()
	fewer.Topic, fewer.Count = topic, 3
	request.Topics, request.TimeoutMillis = append(request.Topics, fewer), 5000
	own := newClient()
	defer own.Close()
	Fails(kerr.ErrorForCode(Must(request.RequestWith(ctx, own)).Topics[0].ErrorCode), kerr.InvalidPartitions)
}

func adminGroups() {
	topic, group := topicOf("admin-groups"), Prefix+"admin-groups"
	sendNumbers(topic, 0, 10)
	member := newMember(topic, group)
	Until(func() bool { return len(member.recordSet()) == 10 }, "the records")
	listed := func() bool { _, ok := Must(admin.ListGroups(ctx))[group]; return ok }
	Expect(listed(), true, "listed")
	described := Must(admin.DescribeGroups(ctx, group))[group]
	Expect([]any{described.State, len(described.Members)}, []any{"Stable", 1}, "described")
	member.stop(true)
	Expect(committed(group, topic), int64(10), "committed")
	altered := kadm.Offsets{}
	altered.AddOffset(topic, 0, 3, -1)
	Check(Must(admin.CommitOffsets(ctx, group, altered)).Error())
	Expect(committed(group, topic), int64(3), "altered")
	Check(Must(admin.DeleteGroup(ctx, group)).Err)
	Expect(listed(), false, "listed after it was deleted")
	answer, _ := admin.DeleteGroup(ctx, group)
	Fails(answer.Err, kerr.GroupIDNotFound)
}

func adminDeleteRecords() {
	topic := topicOf("admin-delete-records")
	sendNumbers(topic, 0, 10)
	before := kadm.Offsets{}
	before.AddOffset(topic, 0, 5, -1)
	deleted, _ := Must(admin.DeleteRecords(ctx, before)).Lookup(topic, 0)
	Check(deleted.Err)
	Expect([]int64{deleted.LowWatermark, startOf(topic)}, []int64{5, 5}, "log start")
	Expect(offsetsOf(readAll(topic, 5)), Numbers(5, 10), "left")
}

func adminACLs() {
	acl := kadm.NewACLs().Topics(Prefix + "acl").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead).Allow("User:alice").AllowHosts("*")
	Check(Must(admin.CreateACLs(ctx, acl))[0].Err)
	described := func() int {
		count := 0
		for _, result := range Must(admin.DescribeACLs(ctx, acl)) {
			Check(result.Err)
			count += len(result.Described)
		}
		return count
	}
	Until(func() bool { return described() == 1 }, "the ACL")
	Must(admin.DeleteACLs(ctx, acl))
	Until(func() bool { return described() == 0 }, "no ACL")
}

func errorsUnknownTopic() {
	Fails(Must(admin.ListTopics(ctx, Prefix+"nowhere"))[Prefix+"nowhere"].Err, kerr.UnknownTopicOrPartition)
	own := newClient(kgo.UnknownTopicRetries(1))
	defer own.Close()
	Fails(own.ProduceSync(ctx, &kgo.Record{Topic: Prefix + "nowhere", Value: []byte("lost")}).FirstErr(), kerr.UnknownTopicOrPartition)
}

func errorsInvalidTopic() { Fails(createError("not/a topic"), kerr.InvalidTopicException) }

func errorsTooLarge() {
	topic, value := topicOf("too-large"), make([]byte, 2_000_000)
	rand.Read(value)
	own := newClient(kgo.ProducerBatchMaxBytes(5_000_000))
	defer own.Close()
	Fails(own.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: value}).FirstErr(), kerr.MessageTooLarge)
	Expect(sendNumbers(topic, 0, 1), Numbers(0, 1), "offset of the next")
}

func errorsOffsetOutOfRange() {
	topic := topicOf("out-of-range")
	sendNumbers(topic, 0, 10)
	own := reader(topic, kgo.NewOffset().At(1000), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	defer own.Close()
	fetches := own.PollFetches(ctx)
	Fails(fetches.Err(), kerr.OffsetOutOfRange)
}

func sameSet[T comparable](a, b map[T]bool) bool { return reflect.DeepEqual(a, b) }
