import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyClassicGroup } from '../../coordinators/groups/classic/classic-group.ts'
import { ConsumerGroup } from '../../coordinators/groups/consumer/consumer-group.ts'
import type { Transactions } from '../../coordinators/transactions/transaction-machine.ts'
import { NO_PARTITIONS, type Transaction } from '../../coordinators/transactions/transaction.ts'
import { newGroupState } from '../../coordinators/groups/group-store.ts'
import { coordinatorGauges, groupGauges } from './coordinator-gauges.ts'

test('groups are counted by protocol and state, over all partitions that are loaded', () => {
  const [one, two] = [newGroupState(), newGroupState()]
  one.groups.set('a', emptyClassicGroup('a', 0))
  two.groups.set('b', { ...emptyClassicGroup('b', 0), state: 'Stable' })
  two.groups.set('c', new ConsumerGroup('c'))
  const value = { offset: 5, leaderEpoch: -1, metadata: '', commitTimestamp: 0, expireTimestamp: -1, topicId: new Uint8Array(16) }
  one.offsets.apply(
    { name: 'offsetCommit', key: { groupId: 'a', topic: 't', partition: 0 }, value },
    { order: 0, timestampMs: 0, producer: undefined },
  )
  const gauges = new Map(
    groupGauges([one, two, undefined]).flatMap((metric) =>
      metric.kind === 'gauge' && metric.value > 0
        ? [[`${metric.name} ${Object.values(metric.labels).join(' ')}`.trim(), metric.value]]
        : [],
    ),
  )
  assert.deepEqual(Object.fromEntries(gauges), {
    kafka_coordinator_group_groupmetadatamanager_numoffsets: 1,
    kafka_coordinator_group_groupmetadatamanager_numgroups: 2,
    kafka_coordinator_group_groupmetadatamanager_numgroupsempty: 1,
    kafka_coordinator_group_groupmetadatamanager_numgroupsstable: 1,
    'kafka_server_group_coordinator_metrics_group_count classic': 2,
    'kafka_server_group_coordinator_metrics_group_count consumer': 1,
    'kafka_server_group_coordinator_metrics_consumer_group_count empty': 1,
    'kafka_server_group_coordinator_metrics_num_partitions active': 2,
    'kafka_server_group_coordinator_metrics_num_partitions loading': 1,
  })
})

function transaction(transactionalId: string, state: Transaction['state']): [string, Transaction] {
  const epochs = { producerId: 1, producerEpoch: 0, previousProducerId: -1, nextProducerId: -1, lastProducerEpoch: -1 }
  const times = { timeoutMs: 1, startedMs: 0, updatedMs: 0 }
  return [transactionalId, { transactionalId, ...epochs, ...times, state, partitions: NO_PARTITIONS, clientVersion: 2 }]
}

test('transactional ids are counted by state, and the loads of partitions timed', () => {
  const [one, two]: Transactions[] = [
    new Map([transaction('a', 'Ongoing'), transaction('b', 'Empty')]),
    new Map([transaction('c', 'Ongoing'), transaction('d', 'PrepareCommit')]),
  ]
  const gauges = coordinatorGauges(
    { present: () => [], loadTimesMs: () => [] },
    { present: () => [one, undefined, two], loadTimesMs: () => [10, 40] },
  )
  const found = gauges.flatMap((metric) =>
    metric.kind === 'gauge' && /transaction/.test(metric.name) && metric.value > 0
      ? [[`${metric.name} ${Object.values(metric.labels).join(' ')}`.trim(), metric.value]]
      : [],
  )
  assert.deepEqual(Object.fromEntries(found), {
    'millrace_transactional_ids Ongoing': 2,
    'millrace_transactional_ids Empty': 1,
    'millrace_transactional_ids PrepareCommit': 1,
    kafka_server_transaction_coordinator_metrics_partition_load_time_max: 40,
    kafka_server_transaction_coordinator_metrics_partition_load_time_avg: 25,
  })
})
