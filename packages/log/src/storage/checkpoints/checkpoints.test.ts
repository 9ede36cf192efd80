import { test } from 'node:test'
import assert from 'node:assert/strict'
import { MillraceError } from '@millrace/core'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { readCleanShutdown, writeCleanShutdown } from './clean-shutdown.ts'
import { readLeaderEpochCheckpoint, writeLeaderEpochCheckpoint } from './leader-epoch-checkpoint.ts'
import { readMetaProperties, writeMetaProperties } from './meta-properties.ts'
import { readOffsetCheckpoint, writeOffsetCheckpoint } from './offset-checkpoint.ts'
import { readPartitionMetadata, writePartitionMetadata } from './partition-metadata.ts'

const disk = (): SimulatedDisk => new SimulatedDisk({ random: new SeededRandom(1) })
const text = async (target: SimulatedDisk, path: string): Promise<string> => Buffer.from(await target.readFile(path)).toString()
const isCorrupt = (error: unknown): boolean => error instanceof MillraceError && error.code === 'STORAGE_CORRUPT'

async function put(target: SimulatedDisk, content: string): Promise<void> {
  const file = await target.open('/f', 'write')
  await file.write(Buffer.from(content), 0)
  await file.close()
}

test('every file is what Kafka writes, and is read back', async () => {
  const target = disk()
  await writeOffsetCheckpoint(
    target,
    '/o',
    new Map([
      ['a-b-0', 5],
      ['c-11', 7],
    ]),
  )
  assert.equal(await text(target, '/o'), '0\n2\na-b 0 5\nc 11 7\n')
  assert.deepEqual(
    [...(await readOffsetCheckpoint(target, '/o'))],
    [
      ['a-b-0', 5],
      ['c-11', 7],
    ],
  )
  await writeLeaderEpochCheckpoint(target, '/e', [
    { epoch: 0, startOffset: 0 },
    { epoch: 4, startOffset: 90 },
  ])
  assert.equal(await text(target, '/e'), '0\n2\n0 0\n4 90\n')
  assert.deepEqual(await readLeaderEpochCheckpoint(target, '/e'), [
    { epoch: 0, startOffset: 0 },
    { epoch: 4, startOffset: 90 },
  ])
  await writePartitionMetadata(target, '/p', 'CI0yNm6tQX-PXWd57dWL7A')
  assert.equal(await text(target, '/p'), 'version: 0\ntopic_id: CI0yNm6tQX-PXWd57dWL7A')
  assert.equal(await readPartitionMetadata(target, '/p'), 'CI0yNm6tQX-PXWd57dWL7A')
  await writeCleanShutdown(target, '/s', 42)
  assert.equal(await text(target, '/s'), '{"version":0,"brokerEpoch":42}')
  assert.deepEqual(await readCleanShutdown(target, '/s'), { clean: true, brokerEpoch: 42 })
  const meta = { version: 1, clusterId: 'a=b', brokerId: 3, directoryId: 'x' } as const
  await writeMetaProperties(target, '/m', meta)
  assert.deepEqual(await readMetaProperties(target, '/m'), meta)
})

test('files of others are understood: comments, the older version, empty ones', async () => {
  const target = disk()
  await put(target, '#\n#Sat Nov 21 2026\nbroker.id=7\nversion=0\ncluster.id=abc\n')
  assert.deepEqual(await readMetaProperties(target, '/f'), { version: 0, clusterId: 'abc', brokerId: 7, directoryId: undefined })
  await put(target, '')
  assert.equal((await readOffsetCheckpoint(target, '/f')).size, 0)
  assert.deepEqual(await readCleanShutdown(target, '/f'), { clean: true, brokerEpoch: -1 })
})

test('a missing file is nothing, a damaged one an error', async () => {
  const target = disk()
  assert.equal((await readOffsetCheckpoint(target, '/f')).size, 0)
  assert.equal(await readMetaProperties(target, '/f'), undefined)
  assert.equal(await readPartitionMetadata(target, '/f'), undefined)
  assert.deepEqual(await readCleanShutdown(target, '/f'), { clean: false })
  for (const content of ['1\n0\n', '0\n2\na 0 5\n', '0\n1\na 0\n', '0\n1\na 0 x\n', '0\n1\na 0 99999999999999999999\n', 'x']) {
    await put(target, content)
    await assert.rejects(readOffsetCheckpoint(target, '/f'), isCorrupt, content)
  }
  await assert.rejects(readMetaProperties(target, '/f'), isCorrupt)
  await assert.rejects(readPartitionMetadata(target, '/f'), isCorrupt)
})

test('a checkpoint replaced in a crash is the old one or the new one', async () => {
  for (let seed = 0; seed < 60; seed++) {
    const target = new SimulatedDisk({ random: new SeededRandom(seed) })
    await writeOffsetCheckpoint(target, '/o', new Map([['t-0', 1]]))
    void writeOffsetCheckpoint(target.attach(), '/o', new Map([['t-0', 2]]))
    for (let turn = 0; turn < seed % 12; turn++) await Promise.resolve()
    target.crash()
    assert.ok([1, 2].includes((await readOffsetCheckpoint(target, '/o')).get('t-0')!))
  }
})
