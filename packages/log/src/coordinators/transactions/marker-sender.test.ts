import assert from 'node:assert/strict'
import { test } from 'node:test'
import { VirtualClock } from '@millrace/testkit'
import { ERROR_CODE } from '../../protocol/index.ts'
import { MarkerSender, type MarkerJob, type MarkersRequest } from './marker-sender.ts'

/** Brokers that answer what they are told to, after 5 ms; partitions of even number are on broker 0, odd ones on broker 1. */
class Brokers {
  readonly clock = new VirtualClock()
  readonly sent: [broker: number, request: MarkersRequest][] = []
  readonly done: number[] = []
  readonly leaders = new Map<number, number | 'none' | undefined>()
  code: (partition: number) => number = () => ERROR_CODE.NONE
  isSilent = false
  readonly sender = new MarkerSender(this.clock, {
    leaderOf: (_, partition) => (this.leaders.has(partition) ? this.leaders.get(partition) : partition % 2),
    send: async (broker, request) => {
      this.sent.push([broker, request])
      await new Promise<void>((resolve) => void this.clock.after(5, resolve))
      if (this.isSilent) throw new Error('no answer')
      return {
        markers: request.markers.map(({ producerId, topics }) => ({
          producerId,
          topics: topics.map(({ name, partitionIndexes }) => ({
            name,
            partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, errorCode: this.code(partitionIndex) })),
          })),
        })),
      }
    },
  })

  add(producerId: number, partitions: readonly number[], changes: Partial<MarkerJob> = {}): () => void {
    return this.sender.add({
      producerId,
      producerEpoch: 1,
      isCommit: true,
      coordinatorEpoch: 7,
      transactionVersion: 2,
      partitions: [['t', partitions]],
      onDone: () => this.done.push(producerId),
      ...changes,
    })
  }

  partitionsSent(): readonly (readonly [broker: number, producerId: number, partitions: readonly number[]])[] {
    return this.sent.flatMap(([broker, { markers }]) =>
      markers.map(
        ({ producerId, topics }) => [broker, producerId, topics.flatMap(({ partitionIndexes }) => [...partitionIndexes])] as const,
      ),
    )
  }
}

test('markers of a turn share a request to each leader, and what comes meanwhile goes with the next', async () => {
  const brokers = new Brokers()
  brokers.add(1, [0, 1, 2])
  brokers.add(2, [0])
  await brokers.clock.advance(2)
  brokers.add(3, [0])
  brokers.add(4, [2])
  await brokers.clock.runUntilIdle()
  assert.equal(brokers.sent.filter(([broker]) => broker === 0).length, 2)
  assert.deepEqual(brokers.partitionsSent(), [
    [0, 1, [0, 2]],
    [0, 2, [0]],
    [1, 1, [1]],
    [0, 3, [0]],
    [0, 4, [2]],
  ])
  assert.deepEqual(brokers.sent[0]![1].markers[0], {
    producerId: 1,
    producerEpoch: 1,
    transactionResult: true,
    coordinatorEpoch: 7,
    transactionVersion: 2,
    topics: [{ name: 't', partitionIndexes: [0, 2] }],
  })
  assert.deepEqual(
    brokers.done.toSorted((left, right) => left - right),
    [1, 2, 3, 4],
  )
  assert.equal(brokers.sender.size, 0)
})

test('what fails is tried again alone, for as long as it fails; a job is done once', async () => {
  const brokers = new Brokers()
  brokers.code = (partition) => (partition === 2 ? ERROR_CODE.NOT_LEADER_OR_FOLLOWER : ERROR_CODE.NONE)
  brokers.add(1, [0, 2])
  await brokers.clock.advance(350)
  assert.deepEqual(
    brokers.partitionsSent().map(([, , partitions]) => partitions),
    [[0, 2], [2], [2], [2]],
  )
  assert.deepEqual(brokers.done, [])
  brokers.code = () => ERROR_CODE.NONE
  await brokers.clock.runUntilIdle()
  assert.deepEqual(brokers.done, [1])
})

test('no answer, no leader: tried again; no partition, a later epoch: nothing to do there', async () => {
  const brokers = new Brokers()
  brokers.leaders.set(4, undefined).set(6, 'none')
  brokers.isSilent = true
  brokers.code = (partition) => (partition === 8 ? ERROR_CODE.INVALID_PRODUCER_EPOCH : ERROR_CODE.NONE)
  brokers.add(1, [0, 4, 6, 8])
  await brokers.clock.advance(50)
  brokers.isSilent = false
  await brokers.clock.advance(200)
  assert.deepEqual(brokers.done, [])
  brokers.leaders.set(6, 0)
  await brokers.clock.runUntilIdle()
  assert.deepEqual(brokers.done, [1])
  brokers.add(2, [4])
  brokers.add(3, [])
  await brokers.clock.runUntilIdle()
  assert.deepEqual(brokers.done, [1, 2, 3])
})

test('one of each producer goes at a time, as answers tell them apart by the producer alone', async () => {
  const brokers = new Brokers()
  brokers.add(1, [0], { isCommit: true })
  brokers.add(1, [2], { isCommit: false })
  await brokers.clock.runUntilIdle()
  assert.deepEqual(brokers.partitionsSent(), [
    [0, 1, [0]],
    [0, 1, [2]],
  ])
  assert.deepEqual(brokers.done, [1, 1])
})

test('a job ends undone where a newer coordinator has been, where it is stopped, and at the end', async () => {
  const brokers = new Brokers()
  brokers.code = () => ERROR_CODE.TRANSACTION_COORDINATOR_FENCED
  brokers.add(1, [0])
  const stop = brokers.add(2, [1])
  await brokers.clock.advance(1)
  stop()
  await brokers.clock.runUntilIdle()
  assert.equal(brokers.sender.size, 0)
  brokers.add(3, [0])
  brokers.sender.close()
  await brokers.clock.runUntilIdle()
  assert.deepEqual(brokers.done, [])
  assert.equal(brokers.clock.pending, 0)
})
