// franz-go against a broker: program BOOTSTRAP RUN CLIENT SCENARIO...
package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	. "millrace/clients/harness"
)

var (
	ctx   = context.Background()
	admin *kadm.Client
)

func main() {
	admin = kadm.NewClient(newClient())
	RunAll(scenarios)
}

func newClient(options ...kgo.Opt) *kgo.Client {
	return Must(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(Bootstrap), kgo.RecordPartitioner(kgo.ManualPartitioner())}, options...)...))
}

func makeTopic(what string, partitions int32, configs map[string]*string) string {
	Check(Must(admin.CreateTopic(ctx, partitions, 1, configs, Prefix+what)).Err)
	return Prefix + what
}

func topicOf(what string) string { return makeTopic(what, 1, nil) }

// produceAll sends records and returns their offsets.
func produceAll(own *kgo.Client, records []*kgo.Record) []int64 {
	results := own.ProduceSync(ctx, records...)
	Check(results.FirstErr())
	offsets := make([]int64, len(records))
	for i, record := range records {
		offsets[i] = record.Offset
	}
	return offsets
}

func sendNumbers(topic string, partition int32, count int, options ...kgo.Opt) []int64 {
	own := newClient(options...)
	defer own.Close()
	records := make([]*kgo.Record, count)
	for i := range records {
		key, value := fmt.Sprintf("key-%d", i), fmt.Sprintf("value-%d", i)
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Key: []byte(key), Value: []byte(value)}
	}
	return produceAll(own, records)
}

func sendValues(own *kgo.Client, topic string, values ...string) []int64 {
	records := make([]*kgo.Record, len(values))
	for i, value := range values {
		records[i] = &kgo.Record{Topic: topic, Value: []byte(value)}
	}
	return produceAll(own, records)
}

func reader(topic string, from kgo.Offset, options ...kgo.Opt) *kgo.Client {
	where := map[string]map[int32]kgo.Offset{topic: {0: from}}
	return newClient(append(options, kgo.ConsumePartitions(where), kgo.FetchMaxWait(200*time.Millisecond))...)
}

// read polls until there are count records, and a little longer, so that one too many is noticed.
func read(own *kgo.Client, count int) []*kgo.Record {
	var records []*kgo.Record
	poll := func(wait time.Duration) {
		within, cancel := context.WithTimeout(ctx, wait)
		defer cancel()
		fetches := own.PollFetches(within)
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.DeadlineExceeded) {
				panic(failed.Err)
			}
		}
		records = append(records, fetches.Records()...)
	}
	limit := 20 * time.Second
	if count == 0 {
		limit = time.Second
	}
	for end := time.Now().Add(limit); (count == 0 || len(records) < count) && time.Now().Before(end); {
		poll(200 * time.Millisecond)
	}
	poll(300 * time.Millisecond)
	return records
}

func readAll(topic string, count int, options ...kgo.Opt) []*kgo.Record {
	own := reader(topic, kgo.NewOffset().AtStart(), options...)
	defer own.Close()
	return read(own, count)
}

func values(topic string, count int, isolation kgo.IsolationLevel) []string {
	texts := []string{}
	for _, record := range readAll(topic, count, kgo.FetchIsolationLevel(isolation)) {
		texts = append(texts, string(record.Value))
	}
	return texts
}

func offsetsOf(records []*kgo.Record) []int64 {
	offsets := make([]int64, len(records))
	for i, record := range records {
		offsets[i] = record.Offset
	}
	return offsets
}
