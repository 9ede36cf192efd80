import assert from 'node:assert/strict'
import { test } from 'node:test'
import { emptyClassicGroup } from '../../coordinators/groups/classic/classic-group.ts'
import { ConsumerGroup } from '../../coordinators/groups/consumer/consumer-group.ts'
import { newGroupState } from '../../coordinators/groups/group-store.ts'
import { groupGauges } from './coordinator-gauges.ts'

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
