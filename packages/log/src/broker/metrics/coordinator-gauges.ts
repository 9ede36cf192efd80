/** What the group coordinator holds at the moment somebody looks, under both families of names that Kafka has for it. */
import type { MetricSnapshot } from '@millrace/core'
import { isConsumerGroup, type GroupState } from '../../coordinators/groups/group-store.ts'
import { gaugeSnapshot } from './snapshots.ts'

const CLASSIC_STATES = ['PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead', 'Empty'] as const
const CONSUMER_STATES = ['Empty', 'Assigning', 'Reconciling', 'Stable', 'Dead'] as const

const COORDINATOR = 'kafka_server_group_coordinator_metrics'
const MANAGER = 'kafka_coordinator_group_groupmetadatamanager'

/** @param partitions of `__consumer_offsets` that are led here; undefined: it is being loaded */
export function groupGauges(partitions: readonly (GroupState | undefined)[]): MetricSnapshot[] {
  const loaded = partitions.filter((state) => state !== undefined)
  const classic = new Map<string, number>()
  const consumer = new Map<string, number>()
  for (const { groups } of loaded) {
    for (const group of groups.values()) {
      const counts = isConsumerGroup(group) ? consumer : classic
      counts.set(group.state, (counts.get(group.state) ?? 0) + 1)
    }
  }
  const numClassic = sum(classic)
  const numConsumer = sum(consumer)
  const numOffsets = loaded.reduce((count, { offsets }) => count + offsets.count, 0)
  return [
    gaugeSnapshot(`${MANAGER}_numoffsets`, 'Offsets that groups have committed.', numOffsets),
    gaugeSnapshot(`${MANAGER}_numgroups`, 'Groups of the classic protocol.', numClassic),
    ...CLASSIC_STATES.map((state) =>
      gaugeSnapshot(
        `${MANAGER}_numgroups${state.toLowerCase()}`,
        `Groups of the classic protocol in state ${state}.`,
        classic.get(state) ?? 0,
      ),
    ),
    gaugeSnapshot(`${COORDINATOR}_group_count`, 'Groups.', numClassic, { protocol: 'classic' }),
    gaugeSnapshot(`${COORDINATOR}_group_count`, 'Groups.', numConsumer, { protocol: 'consumer' }),
    ...CONSUMER_STATES.map((state) =>
      gaugeSnapshot(`${COORDINATOR}_consumer_group_count`, 'Groups of the consumer protocol.', consumer.get(state) ?? 0, {
        state: state.toLowerCase(),
      }),
    ),
    gaugeSnapshot(`${COORDINATOR}_num_partitions`, 'Partitions of __consumer_offsets.', loaded.length, { state: 'active' }),
    gaugeSnapshot(`${COORDINATOR}_num_partitions`, 'Partitions of __consumer_offsets.', partitions.length - loaded.length, {
      state: 'loading',
    }),
  ]
}

function sum(counts: ReadonlyMap<string, number>): number {
  let total = 0
  for (const count of counts.values()) total += count
  return total
}
