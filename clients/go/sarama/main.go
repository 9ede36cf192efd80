// sarama against a broker: program BOOTSTRAP RUN CLIENT SCENARIO...
package main

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"

	. "millrace/clients/harness"
)

var (
	client sarama.Client
	admin  sarama.ClusterAdmin
)

func main() {
	client = Must(sarama.NewClient([]string{Bootstrap}, config()))
	admin = Must(sarama.NewClusterAdmin([]string{Bootstrap}, config()))
	RunAll(scenarios)
}

func config(changes ...func(*sarama.Config)) *sarama.Config {
	c := sarama.NewConfig()
	c.Version = sarama.V4_1_0_0
	c.Metadata.AllowAutoTopicCreation = false
	c.Producer.Return.Successes, c.Producer.Return.Errors = true, true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Producer.Partitioner = sarama.NewManualPartitioner
	c.Consumer.Return.Errors = true
	c.Consumer.MaxWaitTime = 200 * time.Millisecond
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	for _, change := range changes {
		change(c)
	}
	return c
}

func makeTopic(what string, partitions int32, configs map[string]*string) string {
	detail := &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1, ConfigEntries: configs}
	Check(admin.CreateTopic(Prefix+what, detail, false))
	return Prefix + what
}

func topicOf(what string) string { return makeTopic(what, 1, nil) }

// sendAll hands all records over at once and returns their offsets.
func sendAll(own sarama.AsyncProducer, messages []*sarama.ProducerMessage) []int64 {
	go func() {
		for _, message := range messages {
			own.Input() <- message
		}
	}()
	var failed error
	for range messages {
		select {
		case <-own.Successes():
		case trouble := <-own.Errors():
			failed = trouble.Err
		}
	}
	Check(failed)
	offsets := make([]int64, len(messages))
	for i, message := range messages {
		offsets[i] = message.Offset
	}
	return offsets
}

func send(messages []*sarama.ProducerMessage, changes ...func(*sarama.Config)) []int64 {
	own := Must(sarama.NewAsyncProducer([]string{Bootstrap}, config(changes...)))
	defer own.Close()
	return sendAll(own, messages)
}

func sendNumbers(topic string, partition int32, count int, changes ...func(*sarama.Config)) []int64 {
	messages := make([]*sarama.ProducerMessage, count)
	for i := range messages {
		key, value := fmt.Sprintf("key-%d", i), fmt.Sprintf("value-%d", i)
		messages[i] = &sarama.ProducerMessage{Topic: topic, Partition: partition, Key: sarama.StringEncoder(key), Value: sarama.StringEncoder(value)}
	}
	return send(messages, changes...)
}

// read collects records until there are count, and a little longer, so that one too many is noticed.
func read(topic string, count int, from int64, changes ...func(*sarama.Config)) []*sarama.ConsumerMessage {
	own := Must(sarama.NewConsumer([]string{Bootstrap}, config(changes...)))
	defer own.Close()
	partition := Must(own.ConsumePartition(topic, 0, from))
	defer partition.Close()
	var records []*sarama.ConsumerMessage
	limit := time.After(20 * time.Second)
	if count == 0 {
		limit = time.After(time.Second)
	}
	for count == 0 || len(records) < count {
		select {
		case record := <-partition.Messages():
			records = append(records, record)
			continue
		case trouble := <-partition.Errors():
			panic(trouble.Err)
		case <-limit:
		}
		break
	}
	for quiet := time.After(300 * time.Millisecond); ; {
		select {
		case record := <-partition.Messages():
			records = append(records, record)
			continue
		case <-quiet:
		}
		return records
	}
}

func committedOnly(c *sarama.Config) { c.Consumer.IsolationLevel = sarama.ReadCommitted }

func values(topic string, count int, changes ...func(*sarama.Config)) []string {
	texts := []string{}
	for _, record := range read(topic, count, sarama.OffsetOldest, changes...) {
		texts = append(texts, string(record.Value))
	}
	return texts
}

func offsetsOf(records []*sarama.ConsumerMessage) []int64 {
	offsets := make([]int64, len(records))
	for i, record := range records {
		offsets[i] = record.Offset
	}
	return offsets
}
