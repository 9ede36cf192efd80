/**
 * Seeded lives of producers and coordinators, with everything lost, repeated and late that can be.
 *
 * 1. A transaction is committed in all its partitions or in none, and nothing of another one with it.
 * 2. What was answered stays so: a commit with all that was acknowledged, an abort with nothing.
 * 3. No marker stands behind records or markers of a higher epoch of its producer id.
 * 4. Once a producer has its id, nothing that an older one of its transactional id asks for is carried out.
 * 5. In the end nothing is open: not at the coordinator, not in any partition.
 *
 * `MILLRACE_SEED=n` replays one seed, `MILLRACE_SEEDS=n` runs so many.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { CALM, ClusterModel, type Counts } from './testing/cluster-model.ts'
import type { MarkerBatch, PartitionModel } from './testing/partition-model.ts'
import { ProducerModel, type WrittenTransaction } from './testing/producer-model.ts'
import { NO_PARTITIONS, type Transaction } from './transaction.ts'

async function simulate(seed: number, counts: Counts): Promise<void> {
  const random = new SeededRandom(seed)
  const clock = new VirtualClock()
  const bad = random.between(0, 3) / 30
  const weather = {
    requestLost: bad,
    answerLost: bad,
    requestLate: bad,
    markerRepeatedLate: 0.3,
    noLeader: bad,
    appendFails: bad / 2,
    crash: bad / 5,
  }
  const cluster = new ClusterModel(clock, random, counts, weather, random.chance(0.4) ? [usedUp(random)] : [])
  for (const partition of cluster.partitions) partition.failureRate = bad / 2
  const ids = ['a', 'b']
  const producers: ProducerModel[] = []
  const runs: Promise<void>[] = []
  const start = (): void => {
    const producer = new ProducerModel(cluster, random.pick(ids), random.pick([0, 2, 2]), `${producers.length}`)
    producers.push(producer)
    runs.push(producer.run(random.between(2, 8)))
  }
  for (let count = random.between(2, 4); count > 0; count--) clock.after(random.between(0, 800), start)
  for (let count = random.between(0, 3); count > 0; count--) clock.after(random.between(1, 1000), () => cluster.replaceCoordinator())
  await clock.advance(801)
  await clock.run(Promise.all(runs))
  cluster.weather = CALM
  for (const partition of cluster.partitions) partition.failureRate = 0
  await clock.advance(5000)
  check(cluster, producers, (await clock.run(cluster.coordinator.list()))!)
  cluster.close()
}

/** An id whose epochs are nearly used up. */
function usedUp(random: SeededRandom): Transaction {
  return {
    transactionalId: 'a',
    producerId: 500,
    producerEpoch: random.between(32_760, 32_766),
    previousProducerId: -1,
    nextProducerId: -1,
    lastProducerEpoch: -1,
    timeoutMs: 400,
    state: 'CompleteCommit',
    partitions: NO_PARTITIONS,
    startedMs: 1,
    updatedMs: 1,
    clientVersion: 2,
  }
}

function check(cluster: ClusterModel, producers: readonly ProducerModel[], transactions: readonly Transaction[]): void {
  for (const { transactionalId, state } of transactions) {
    assert.ok(['Empty', 'CompleteCommit', 'CompleteAbort'].includes(state), `${transactionalId} stays ${state}`)
  }
  const ends = new Map<number, Set<string>>()
  for (const partition of cluster.partitions) {
    assert.deepEqual(partition.open, [], `partition ${partition.partition} has open transactions`)
    checkEpochs(partition)
    for (const [tag, end] of endsIn(partition)) ends.set(tag, (ends.get(tag) ?? new Set()).add(end))
  }
  for (const one of producers.flatMap(({ written }) => written)) checkOutcome(one, ends.get(one.tag) ?? new Set())
  checkFencing(producers)
}

/** How each transaction ended here, by the marker behind its records. */
function endsIn({ batches, partition }: PartitionModel): ReadonlyMap<number, string> {
  const ends = new Map<number, string>()
  const open = new Map<number, number>()
  for (const batch of batches) {
    const tag = open.get(batch.producerId)
    if (batch.kind === 'data') {
      assert.ok(tag === undefined || tag === batch.tag, `transactions ${tag} and ${batch.tag} share a marker in partition ${partition}`)
      assert.ok(!ends.has(batch.tag), `transaction ${batch.tag} goes on behind its end in partition ${partition}`)
      open.set(batch.producerId, batch.tag)
    } else if (tag !== undefined) {
      ends.set(tag, batch.isCommit ? 'commit' : 'abort')
      open.delete(batch.producerId)
    }
  }
  return ends
}

function checkEpochs({ batches }: PartitionModel): void {
  const highest = new Map<number, number>()
  const coordinators = new Map<number, MarkerBatch>()
  for (const batch of batches) {
    const { producerId, producerEpoch } = batch
    assert.ok(producerEpoch >= (highest.get(producerId) ?? -1), `epoch ${producerEpoch} behind ${highest.get(producerId)}`)
    highest.set(producerId, producerEpoch)
    if (batch.kind === 'data') continue
    assert.ok(batch.coordinatorEpoch >= (coordinators.get(producerId)?.coordinatorEpoch ?? -1), 'a marker of an older coordinator')
    coordinators.set(producerId, batch)
  }
}

function checkOutcome({ tag, outcome, acknowledged, producer }: WrittenTransaction, ends: ReadonlySet<string>): void {
  assert.ok(ends.size <= 1, `transaction ${tag} of producer ${producer.name} ended in different ways`)
  if (outcome !== undefined && acknowledged.length > 0) assert.deepEqual([...ends], [outcome], `transaction ${tag} was answered ${outcome}`)
  if (outcome !== 'commit') return
  for (const { partition, producerEpoch, sequence } of acknowledged) {
    const isThere = partition.batches.some(
      (batch) => batch.kind === 'data' && batch.tag === tag && batch.producerEpoch === producerEpoch && batch.sequence === sequence,
    )
    assert.ok(isThere, `an acknowledged batch of transaction ${tag} is missing`)
  }
}

function checkFencing(producers: readonly ProducerModel[]): void {
  for (const old of producers) {
    for (const { transactionalId, name, grant } of producers) {
      if (grant === undefined || transactionalId !== old.transactionalId || !isOlder(old.grant, grant)) continue
      const late = old.successes.find(({ sentMs }) => sentMs > grant.atMs)
      assert.equal(late, undefined, `producer ${old.name} still could ${late?.what} after ${name} had come`)
    }
  }
}

/** Producer ids grow, and epochs of one id do. */
function isOlder(old: ProducerModel['grant'], grant: NonNullable<ProducerModel['grant']>): boolean {
  if (old === undefined) return false
  return old.producerId === grant.producerId ? old.producerEpoch < grant.producerEpoch : old.producerId < grant.producerId
}

test('producers and coordinators that come and go leave every transaction whole', async () => {
  const counts: Counts = new Map()
  const only = process.env['MILLRACE_SEED']
  if (only !== undefined) return await simulate(Number(only), counts)
  const seeds = Number(process.env['MILLRACE_SEEDS'] ?? 80)
  for (let seed = 0; seed < seeds; seed++) {
    try {
      await simulate(seed, counts)
    } catch (error) {
      throw new Error(`seed ${seed} fails; replay it with MILLRACE_SEED=${seed}`, { cause: error })
    }
  }
  if (process.env['MILLRACE_SEEDS'] !== undefined) console.log(Object.fromEntries(counts))
  for (const event of [
    'answered commit in version 0',
    'answered commit in version 2',
    'answered abort in version 2',
    'coordinator crashed',
    'coordinator lived on',
    'crash between an append and its answer',
    'crash before markers are written',
    'crash between markers and their answer',
    'marker request repeated late',
    'producer id changed',
  ]) {
    assert.ok((counts.get(event) ?? 0) > 0, `${event}: it never happened`)
  }
})
