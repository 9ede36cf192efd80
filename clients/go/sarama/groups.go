package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/IBM/sarama"

	. "millrace/clients/harness"
)

// member of a group consumes until it is stopped, and commits when it gives partitions up.
type member struct {
	group    sarama.ConsumerGroup
	topic    string
	lock     sync.Mutex
	assigned map[int32]bool
	records  map[string]bool
	err      error
	cancel   context.CancelFunc
	ended    chan struct{}
}

func newMember(topic, group string, changes ...func(*sarama.Config)) *member {
	settings := config(append(changes, func(c *sarama.Config) {
		c.Consumer.Group.Session.Timeout = 6 * time.Second
		c.Consumer.Group.Heartbeat.Interval = 300 * time.Millisecond
		c.Consumer.Offsets.AutoCommit.Enable = true
	})...)
	within, cancel := context.WithCancel(context.Background())
	m := &member{topic: topic, assigned: map[int32]bool{}, records: map[string]bool{}, cancel: cancel, ended: make(chan struct{})}
	m.group = Must(sarama.NewConsumerGroup([]string{Bootstrap}, group, settings))
	go m.run(within)
	return m
}

func (m *member) run(within context.Context) {
	defer close(m.ended)
	for within.Err() == nil {
		if err := m.group.Consume(within, []string{m.topic}, m); err != nil && !errors.Is(err, context.Canceled) {
			m.lock.Lock()
			m.err = err
			m.lock.Unlock()
			if errors.Is(err, sarama.ErrFencedInstancedId) {
				return
			}
		}
	}
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	for _, partition := range session.Claims()[m.topic] {
		m.assigned[partition] = true
	}
	return nil
}

func (m *member) Cleanup(session sarama.ConsumerGroupSession) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	m.assigned = map[int32]bool{}
	return nil
}

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for record := range claim.Messages() {
		m.lock.Lock()
		m.records[fmt.Sprintf("%d:%d", record.Partition, record.Offset)] = true
		m.lock.Unlock()
		session.MarkMessage(record, "")
	}
	return nil
}

func (m *member) stop() {
	m.cancel()
	<-m.ended
	Check(m.group.Close())
}

func (m *member) has() map[int32]bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	return maps.Clone(m.assigned)
}

func (m *member) recordSet() map[string]bool {
	m.lock.Lock()
	defer m.lock.Unlock()
	return maps.Clone(m.records)
}

func (m *member) failure() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.err
}

// groups: two members share a topic, one leaves, the other takes over, a third resumes at what was committed.
func groups() {
	topic, group := makeTopic("groups", 4, nil), Prefix+"groups"
	for p := range int32(4) {
		sendNumbers(topic, p, 10)
	}
	first := newMember(topic, group)
	Until(func() bool { return len(first.has()) == 4 }, "all partitions at the first member")
	second := newMember(topic, group)
	Until(func() bool { return len(first.has()) == 2 && len(second.has()) == 2 }, "two partitions each")
	both := first.has()
	maps.Copy(both, second.has())
	Expect(len(both), 4, "all partitions")
	Until(func() bool {
		records := first.recordSet()
		maps.Copy(records, second.recordSet())
		return len(records) == 40
	}, "all records")
	second.stop()
	Until(func() bool { return len(first.has()) == 4 }, "all partitions back at the first member")
	first.stop()
	for p := range int32(4) {
		sendNumbers(topic, p, 2)
	}
	third := newMember(topic, group)
	Until(func() bool { return len(third.recordSet()) >= 8 }, "the records after the committed offsets")
	third.stop()
	resumed := map[string]bool{}
	for p := range 4 {
		resumed[fmt.Sprintf("%d:10", p)], resumed[fmt.Sprintf("%d:11", p)] = true, true
	}
	Expect(third.recordSet(), resumed, "resumed")
}

func groupsStatic() {
	topic, group := makeTopic("groups-static", 2, nil), Prefix+"static"
	sendNumbers(topic, 0, 5)
	instance := func(id string) func(*sarama.Config) {
		return func(c *sarama.Config) { c.Consumer.Group.InstanceId = id }
	}
	first, second := newMember(topic, group, instance("one")), newMember(topic, group, instance("two"))
	Until(func() bool { return len(first.has()) == 1 && len(second.has()) == 1 }, "a partition each")
	had, others := first.has(), second.has()
	first.stop()
	again := newMember(topic, group, instance("one"))
	Until(func() bool { return maps.Equal(again.has(), had) }, "the same partition as before")
	Expect(second.has(), others, "what the other has")
	thief := newMember(topic, group, instance("one"))
	Until(func() bool { return again.failure() != nil }, "the fencing of the first")
	Fails(again.failure(), sarama.ErrFencedInstancedId)
	thief.stop()
	second.stop()
}
