import { test } from 'node:test'
import assert from 'node:assert/strict'
import { ERROR_CODE } from '../../protocol/index.ts'
import { batches, records } from '../../records/index.ts'
import { GroupBench, subscription } from '../groups/testing/group-bench.ts'
import { groupRecordFormat } from '../groups/group-store.ts'
import { deleteGroup, deleteOffsets, deleteOffsetsOfTopic } from './delete.ts'

const { NONE, UNKNOWN_MEMBER_ID, ILLEGAL_GENERATION } = ERROR_CODE

test('whoever is no member commits while the group has none', async () => {
  const bench = await GroupBench.start()
  assert.deepEqual(await bench.run(bench.commit(5)), [NONE])
  assert.equal((await bench.run(bench.fetch())).committedOffset, 5)
  const member = await bench.run(bench.enter())
  assert.deepEqual(await bench.run(bench.commit(6)), [UNKNOWN_MEMBER_ID])
  const mine = { memberId: member.memberId, generationOrEpoch: 1 }
  assert.deepEqual(await bench.run(bench.commit(6, mine)), [ERROR_CODE.REBALANCE_IN_PROGRESS])
  await bench.run(bench.sync(member))
  assert.deepEqual(await bench.run(bench.commit(6, mine)), [NONE])
  assert.deepEqual(await bench.run(bench.commit(7, { ...mine, generationOrEpoch: 0 })), [ILLEGAL_GENERATION])
  assert.deepEqual(await bench.run(bench.commit(7, { ...mine, memberId: 'x' })), [UNKNOWN_MEMBER_ID])
  assert.deepEqual(await bench.run(bench.commit(7, { ...mine, instanceId: 'i' })), [UNKNOWN_MEMBER_ID])
  assert.equal((await bench.run(bench.fetch())).committedOffset, 6)
})

test('a group that does not exist is called so from version 9 on', async () => {
  const bench = await GroupBench.start()
  const codes = await bench.run(Promise.all([8, 9].map((version) => bench.commit(1, { memberId: 'm', generationOrEpoch: 3, version }))))
  assert.deepEqual(codes, [[ILLEGAL_GENERATION], [ERROR_CODE.GROUP_ID_NOT_FOUND]])
  assert.equal(await bench.run(bench.group()), undefined)
})

test('a commit keeps the session alive', async () => {
  const bench = await GroupBench.start()
  const member = await bench.run(bench.enter())
  await bench.run(bench.sync(member))
  for (let count = 0; count < 5; count++) {
    await bench.clock.advance(600)
    assert.deepEqual(await bench.run(bench.commit(count, { memberId: member.memberId, generationOrEpoch: 1 })), [NONE])
  }
})

test('metadata that is too long is refused alone', async () => {
  const bench = await GroupBench.start()
  const place = { topic: 't', topicId: new Uint8Array(16), leaderEpoch: 3, offset: 1 }
  const offsets = [
    { ...place, partition: 0, metadata: 'x'.repeat(21) },
    { ...place, partition: 1, metadata: 'x'.repeat(20) },
  ]
  assert.deepEqual(await bench.run(bench.commit(0, { offsets })), [ERROR_CODE.OFFSET_METADATA_TOO_LARGE, NONE])
  const { committedOffset, committedLeaderEpoch, metadata } = await bench.run(bench.fetch(1))
  assert.deepEqual([committedOffset, committedLeaderEpoch, metadata], [1, 3, 'x'.repeat(20)])
  assert.equal((await bench.run(bench.fetch(0))).committedOffset, -1)
})

test('offsets in a transaction are pending until its marker, through a restart, and unstable for those who ask', async () => {
  const bench = await GroupBench.start()
  await bench.run(bench.commit(1))
  const producer = { producerId: 7, producerEpoch: 0 }
  assert.deepEqual(await bench.run(bench.commit(9, { version: undefined, producer })), [NONE])
  assert.equal((await bench.run(bench.fetch())).committedOffset, 1)
  const after = await bench.restarted()
  const unstable = await after.run(after.fetch(0, true))
  assert.deepEqual([unstable.committedOffset, unstable.errorCode], [-1, ERROR_CODE.UNSTABLE_OFFSET_COMMIT])
  await after.run(after.mark({ ...producer, isCommit: true }))
  assert.equal((await after.run(after.fetch(0, true))).committedOffset, 9)
  await after.run(after.commit(20, { version: undefined, producer }))
  await after.run(after.mark({ ...producer, isCommit: false }))
  const last = await after.restarted()
  assert.equal((await last.run(last.fetch(0, true))).committedOffset, 9)
  await assert.rejects(last.commit(30, { version: undefined, producer: { producerId: 7, producerEpoch: -1 } }), { code: 'PRODUCER_FENCED' })
})

test('offsets of topics that members are subscribed to are not deleted, others are', async () => {
  const bench = await GroupBench.start()
  const member = await bench.run(bench.enter({ protocols: [{ name: 'range', metadata: subscription('t') }] }))
  await bench.run(bench.sync(member))
  const mine = { memberId: member.memberId, generationOrEpoch: 1 }
  await bench.run(bench.commit(1, mine))
  await bench.run(bench.commit(2, { ...mine, topic: 'u' }))
  const wanted = [
    { topic: 't', partition: 0 },
    { topic: 'u', partition: 0 },
    { topic: 'u', partition: 9 },
  ]
  const deleted = await bench.run(bench.submit(deleteOffsets('g', wanted)))
  assert.deepEqual(deleted, { errorCode: NONE, codes: [ERROR_CODE.GROUP_SUBSCRIBED_TO_TOPIC, NONE, NONE] })
  assert.equal((await bench.run(bench.fetch(0, false, 'u'))).committedOffset, -1)
  assert.equal(bench.log.batches.length, 5, 'one tombstone is written')
})

test('offsets of a topic that is gone are forgotten a few at a time, pending ones too', async () => {
  const bench = await GroupBench.start()
  await bench.run(Promise.all([0, 1, 2].map((partition) => bench.commit(partition, { partition }))))
  await bench.run(bench.commit(4, { partition: 4, version: undefined, producer: { producerId: 1, producerEpoch: 0 } }))
  await bench.run(bench.commit(5, { topic: 'other' }))
  assert.equal(await bench.run(bench.submit(deleteOffsetsOfTopic('t', 3))), false)
  assert.equal(await bench.run(bench.submit(deleteOffsetsOfTopic('t', 3))), true)
  await bench.run(bench.mark({ producerId: 1, producerEpoch: 0, isCommit: true }))
  for (const partition of [0, 1, 2, 4]) assert.equal((await bench.run(bench.fetch(partition))).committedOffset, -1)
  assert.equal((await bench.run(bench.fetch(0, false, 'other'))).committedOffset, 5)
})

test('offsets without members expire from their commit on, and their group with them', async () => {
  const bench = await GroupBench.start()
  await bench.run(bench.commit(1))
  await bench.clock.advance(50_000)
  await bench.run(bench.commit(2, { partition: 1 }))
  await bench.clock.advance(20_000)
  assert.deepEqual([(await bench.run(bench.fetch(0))).committedOffset, (await bench.run(bench.fetch(1))).committedOffset], [-1, 2])
  await bench.clock.advance(50_000)
  assert.equal(await bench.run(bench.group()), undefined)
  const after = await bench.restarted()
  assert.equal(await after.run(after.group()), undefined)
})

test('offsets of members are kept while they are subscribed, and from then on for the retention', async () => {
  const bench = await GroupBench.start({ settings: { maxSessionTimeoutMs: 1e9 } })
  const long = { sessionTimeoutMs: 1e9 }
  const member = await bench.run(bench.enter(long))
  await bench.run(bench.sync(member))
  const mine = { memberId: member.memberId, generationOrEpoch: 1 }
  await bench.run(bench.commit(1, mine))
  await bench.run(bench.commit(2, { ...mine, topic: 'u' }))
  await bench.clock.advance(200_000)
  assert.equal((await bench.run(bench.fetch())).committedOffset, 1)
  assert.equal((await bench.run(bench.fetch(0, false, 'u'))).committedOffset, -1, 'nobody is subscribed to it')
  await bench.run(bench.leave({ memberId: member.memberId }))
  await bench.clock.advance(55_000)
  assert.equal((await bench.run(bench.fetch())).committedOffset, 1)
  await bench.clock.advance(20_000)
  assert.equal((await bench.run(bench.fetch())).committedOffset, -1)
  assert.equal(await bench.run(bench.group()), undefined)
})

test('a retention that the client asks for holds, and what is pending does not expire', async () => {
  const bench = await GroupBench.start()
  await bench.run(bench.commit(1, { version: 4, retentionTimeMs: 1000 }))
  await bench.run(bench.commit(2, { partition: 1, version: 4, retentionTimeMs: 500_000 }))
  await bench.run(bench.commit(3, { partition: 2, version: 4, retentionTimeMs: 1000 }))
  await bench.run(bench.commit(4, { partition: 2, version: undefined, producer: { producerId: 1, producerEpoch: 0 } }))
  const versions = bench.log.batches.flatMap((bytes) =>
    [...batches(bytes)].flatMap((batch) => [...records(batch)].map(({ value }) => value![1])),
  )
  assert.deepEqual(versions, [1, 1, 1, 4])
  await bench.clock.advance(100_000)
  const left = await bench.run(Promise.all([0, 1, 2].map((partition) => bench.fetch(partition))))
  assert.deepEqual(
    left.map(({ committedOffset }) => committedOffset),
    [-1, 2, 3],
  )
})

test('many offsets expire over several decisions', async () => {
  const bench = await GroupBench.start({ batchBytesMax: 1 << 20 })
  const place = { topic: 't', topicId: new Uint8Array(16), leaderEpoch: -1, offset: 1, metadata: null }
  await bench.run(bench.commit(0, { offsets: Array.from({ length: 2500 }, (_, partition) => ({ ...place, partition })) }))
  await bench.clock.advance(75_000)
  assert.equal(await bench.run(bench.group()), undefined)
  assert.equal(bench.log.batches.length, 4)
})

test('offsets whose names are long expire, and are forgotten with their topic, over several decisions too', async () => {
  const bench = await GroupBench.start({ batchBytesMax: 1 << 20 })
  const commit = async (topic: string): Promise<void> => {
    const place = { topic, topicId: new Uint8Array(16), leaderEpoch: -1, offset: 1, metadata: null }
    for (let from = 0; from < 1000; from += 100) {
      const offsets = Array.from({ length: 100 }, (_, index) => ({ ...place, partition: from + index }))
      assert.deepEqual(new Set(await bench.run(bench.commit(0, { offsets }))), new Set([NONE]))
    }
  }
  await commit('d'.repeat(3000))
  let decisions = 1
  while (!(await bench.run(bench.submit(deleteOffsetsOfTopic('d'.repeat(3000), 1000))))) decisions++
  assert.ok(decisions > 3, String(decisions))
  await commit('e'.repeat(3000))
  await bench.clock.advance(75_000)
  assert.deepEqual(bench.faults, [])
  assert.equal(await bench.run(bench.group()), undefined)
})

test('a group whose offsets are more than a batch holds is deleted over several decisions', async () => {
  const bench = await GroupBench.start({ batchBytesMax: 1 << 20 })
  for (let from = 0; from < 1000; from += 100) {
    const place = { topic: 'd'.repeat(3000), topicId: new Uint8Array(16), leaderEpoch: -1, offset: 1, metadata: null }
    const offsets = Array.from({ length: 100 }, (_, index) => ({ ...place, partition: from + index }))
    await bench.run(bench.commit(0, { offsets }))
  }
  const { groupId } = (await bench.run(bench.group()))!
  const remove = (): Promise<number | undefined> => bench.run(bench.submit(deleteGroup(groupId, 1000)))
  let decisions = 1
  let errorCode
  while ((errorCode = await remove()) === undefined) decisions++
  assert.deepEqual([errorCode, decisions > 3, await bench.run(bench.group())], [NONE, true, undefined])
  assert.equal(await remove(), ERROR_CODE.GROUP_ID_NOT_FOUND)
})

test('the records are those of Kafka, byte for byte', () => {
  const hex = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('hex')
  const { key, value } = groupRecordFormat.encode({
    name: 'offsetCommit',
    key: { groupId: 'g', topic: 't', partition: 1 },
    value: { offset: 6, leaderEpoch: 2, metadata: 'm', commitTimestamp: 5, expireTimestamp: -1, topicId: Buffer.alloc(16, 9) },
  })
  assert.equal(hex(key), '000100016700017400000001')
  assert.equal(hex(value), `0004000000000000000600000002026d0000000000000005010010${'09'.repeat(16)}`)
  const older = Buffer.from('0001000000000000000600016d00000000000000050000000000000007', 'hex')
  const read = groupRecordFormat.decode(key, older)
  assert.deepEqual(read?.name === 'offsetCommit' && [read.value?.offset, read.value?.expireTimestamp, read.value?.leaderEpoch], [6, 7, -1])
  assert.equal(groupRecordFormat.decode(Buffer.from('00630000', 'hex'), null), undefined)
  assert.throws(() => groupRecordFormat.decode(key, Buffer.from('0004', 'hex')), { code: 'COORDINATOR_RECORD_CORRUPT' })
  assert.throws(() => groupRecordFormat.decode(key, Buffer.from('0009', 'hex')), { code: 'COORDINATOR_RECORD_CORRUPT' })
})
