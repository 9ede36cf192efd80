package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	. "millrace/clients/harness"
)

// member of a group polls until it is stopped, and commits what it has before it gives partitions up.
type member struct {
	own      *kgo.Client
	lock     sync.Mutex
	assigned map[int32]bool
	lost     map[int32]bool
	records  map[string]bool
	err      error
	cancel   context.CancelFunc
	ended    chan struct{}
}

func newMember(topic, group string, options ...kgo.Opt) *member {
	m := &member{assigned: map[int32]bool{}, lost: map[int32]bool{}, records: map[string]bool{}, ended: make(chan struct{})}
	within, cancel := context.WithCancel(ctx)
	m.cancel = cancel
	give := func(_ context.Context, own *kgo.Client, gone map[string][]int32) {
		if within.Err() == nil {
			own.CommitUncommittedOffsets(ctx)
		}
		m.lock.Lock()
		defer m.lock.Unlock()
		for _, partition := range gone[topic] {
			delete(m.assigned, partition)
			m.lost[partition] = within.Err() == nil
		}
	}
	take := func(_ context.Context, _ *kgo.Client, added map[string][]int32) {
		m.lock.Lock()
		defer m.lock.Unlock()
		for _, partition := range added[topic] {
			m.assigned[partition] = true
		}
	}
	m.own = newClient(append([]kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(), kgo.FetchMaxWait(200 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.SessionTimeout(6 * time.Second), kgo.HeartbeatInterval(300 * time.Millisecond),
		kgo.OnPartitionsAssigned(take), kgo.OnPartitionsRevoked(give), kgo.OnPartitionsLost(give),
	}, options...)...)
	go m.poll(within)
	return m
}

func (m *member) poll(within context.Context) {
	defer close(m.ended)
	for within.Err() == nil {
		fetches := m.own.PollFetches(within)
		m.lock.Lock()
		for _, record := range fetches.Records() {
			m.records[fmt.Sprintf("%d:%d", record.Partition, record.Offset)] = true
		}
		for _, failed := range fetches.Errors() {
			if !errors.Is(failed.Err, context.Canceled) {
				m.err = failed.Err
			}
		}
		m.lock.Unlock()
		m.own.AllowRebalance()
	}
}

func (m *member) stop(commit bool) {
	m.cancel()
	<-m.ended
	if commit {
		Check(m.own.CommitUncommittedOffsets(ctx))
	}
	m.own.CloseAllowingRebalance()
}

func copied[T comparable](lock *sync.Mutex, set map[T]bool) map[T]bool {
	lock.Lock()
	defer lock.Unlock()
	all := map[T]bool{}
	for one := range set {
		all[one] = true
	}
	return all
}

func (m *member) has() map[int32]bool        { return copied(&m.lock, m.assigned) }
func (m *member) recordSet() map[string]bool { return copied(&m.lock, m.records) }

func (m *member) failure() error {
	m.lock.Lock()
	defer m.lock.Unlock()
	return m.err
}

// share: two members share a topic, one leaves, the other takes over, a third resumes at what was committed.
func share(name string, options ...kgo.Opt) {
	topic, group := makeTopic(name, 4, nil), Prefix+name
	for p := range int32(4) {
		sendNumbers(topic, p, 10)
	}
	first := newMember(topic, group, options...)
	Until(func() bool { return len(first.has()) == 4 }, "all partitions at the first member")
	second := newMember(topic, group, options...)
	Until(func() bool { return len(first.has()) == 2 && len(second.has()) == 2 }, "two partitions each")
	kept, all := first.has(), second.has()
	for partition := range kept {
		all[partition] = true
	}
	Expect(len(all), 4, "all partitions")
	Until(func() bool {
		records := first.recordSet()
		for record := range second.recordSet() {
			records[record] = true
		}
		return len(records) == 40
	}, "all records")
	second.stop(true)
	Until(func() bool { return len(first.has()) == 4 }, "all partitions back at the first member")
	if name != "groups" {
		for partition := range kept {
			Expect(first.lost[partition], false, "partition given up for nothing")
		}
	}
	first.stop(true)
	for p := range int32(4) {
		sendNumbers(topic, p, 2)
	}
	third := newMember(topic, group, options...)
	Until(func() bool { return len(third.recordSet()) >= 8 }, "the records after the committed offsets")
	third.stop(true)
	resumed := map[string]bool{}
	for p := range 4 {
		resumed[fmt.Sprintf("%d:10", p)], resumed[fmt.Sprintf("%d:11", p)] = true, true
	}
	Expect(third.recordSet(), resumed, "resumed")
}

func groupsStatic() {
	topic, group := makeTopic("groups-static", 2, nil), Prefix+"static"
	sendNumbers(topic, 0, 5)
	one := kgo.InstanceID("one")
	first, second := newMember(topic, group, one), newMember(topic, group, kgo.InstanceID("two"))
	Until(func() bool { return len(first.has()) == 1 && len(second.has()) == 1 }, "a partition each")
	had, others := first.has(), second.has()
	first.stop(false)
	again := newMember(topic, group, one)
	Until(func() bool { return sameSet(again.has(), had) }, "the same partition as before")
	Expect(second.has(), others, "what the other has")
	thief := newMember(topic, group, one)
	Until(func() bool { return again.failure() != nil }, "the fencing of the first")
	Fails(again.failure(), kerr.FencedInstanceID)
	thief.stop(true)
	second.stop(true)
}
