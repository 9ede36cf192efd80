import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { MemoryLog } from '../framework/testing/memory-log.ts'
import { fetchOffsets } from '../offsets/fetch.ts'
import { GroupCoordinator } from './group-coordinator.ts'
import { groupMachine } from './group-machine.ts'
import { SETTINGS } from './testing/group-bench.ts'

const NO_ID = new Uint8Array(16)

void test('offsets of a topic that is deleted while they are being loaded are forgotten', async () => {
  const clock = new VirtualClock()
  const batches: Uint8Array[] = []
  const started = (leaderEpoch: number): GroupCoordinator => {
    const settings = (): typeof SETTINGS => SETTINGS
    const machine = groupMachine(settings)
    const coordinator = new GroupCoordinator({ machine, settings, partitionCount: () => 1, clock, random: new SeededRandom(1) })
    coordinator.load(0, new MemoryLog({ clock, batches, leaderEpoch, delayMs: () => 1 }))
    return coordinator
  }
  const before = started(0)
  await clock.run(before.loadSettled('g'))
  const offsets = ['kept', 'deleted'].map((topic) => ({ topic, topicId: NO_ID, partition: 0, offset: 7, leaderEpoch: -1, metadata: null }))
  const who = { memberId: '', instanceId: null, generationOrEpoch: -1 }
  await clock.run(before.commit({ groupId: 'g', ...who, retentionTimeMs: -1, version: 8, offsets }))
  before.close()

  const after = started(1)
  await clock.run(after.onTopicDeleted('deleted'))
  const all = { groupId: 'g', memberId: null, memberEpoch: -1, topics: null, requireStable: false }
  const { topics } = await clock.run(after.submit('g', fetchOffsets(all)))
  assert.deepEqual(
    topics.map(({ topic }) => topic),
    ['kept'],
  )
  after.close()
})
