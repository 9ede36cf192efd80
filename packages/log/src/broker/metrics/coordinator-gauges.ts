/** What the coordinators hold at the moment somebody looks, under the names that Kafka has for it: two families of them for the group coordinator. */
import type { MetricSnapshot } from '@millrace/core'
import { isConsumerGroup, type GroupState } from '../../coordinators/groups/group-store.ts'
import { TRANSACTION_STATES } from '../../coordinators/transactions/transaction-state.ts'
import type { Transactions } from '../../coordinators/transactions/transaction-machine.ts'
import { gaugeSnapshot } from './snapshots.ts'

const CLASSIC_STATES = ['PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead', 'Empty'] as const
const CONSUMER_STATES = ['Empty', 'Assigning', 'Reconciling', 'Stable', 'Dead'] as const

const COORDINATOR = 'kafka_server_group_coordinator_metrics'
const TRANSACTION_COORDINATOR = 'kafka_server_transaction_coordinator_metrics'
const MANAGER = 'kafka_coordinator_group_groupmetadatamanager'

/** A coordinator, as far as figures tell of it. */
export interface CoordinatorToWatch<S> {
  /** What each of its partitions holds; undefined: it is being loaded. */
  present(): readonly (S | undefined)[]
  /** How long the latest load of each partition took. */
  loadTimesMs(): readonly number[]
}

export function coordinatorGauges(
  groups: CoordinatorToWatch<GroupState>,
  transactions: CoordinatorToWatch<Transactions>,
): MetricSnapshot[] {
  return [
    ...groupGauges(groups.present()),
    ...loadGauges(COORDINATOR, groups.loadTimesMs()),
    ...transactionGauges(transactions.present()),
    ...loadGauges(TRANSACTION_COORDINATOR, transactions.loadTimesMs()),
  ]
}

function loadGauges(name: string, timesMs: readonly number[]): MetricSnapshot[] {
  const average = timesMs.length === 0 ? 0 : timesMs.reduce((total, each) => total + each, 0) / timesMs.length
  const help = (which: string): string => `Milliseconds that the latest load of a partition took, ${which}.`
  return [
    gaugeSnapshot(`${name}_partition_load_time_max`, help('the longest'), Math.max(0, ...timesMs)),
    gaugeSnapshot(`${name}_partition_load_time_avg`, help('on average'), average),
  ]
}

/** Kafka counts no transactions: the names are ours. */
function transactionGauges(partitions: readonly (Transactions | undefined)[]): MetricSnapshot[] {
  const counts = new Map<string, number>()
  for (const transactions of partitions) {
    for (const { state } of transactions?.values() ?? []) counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  return TRANSACTION_STATES.map((state) =>
    gaugeSnapshot('millrace_transactional_ids', 'Transactional ids, by the state of their transaction.', counts.get(state) ?? 0, { state }),
  )
}

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
