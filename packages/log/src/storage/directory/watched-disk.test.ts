import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EmbeddedCoordination } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import type { StorageNotice } from '../partition/log-host.ts'
import { LogDirectory } from './log-directory.ts'
import { watchedDisk } from './watched-disk.ts'

async function setting(): Promise<{
  clock: VirtualClock
  disk: SimulatedDisk
  directory: LogDirectory
  notices: readonly StorageNotice['kind'][]
  create: (name: string) => Promise<unknown>
}> {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const disk = new SimulatedDisk({ random: random.fork(), clock })
  const notices: StorageNotice['kind'][] = []
  const onNotice = ({ kind }: StorageNotice): void => void notices.push(kind)
  const directory = await clock.run(LogDirectory.open({ path: '/d', disk, clock, random, clusterId: 'c', brokerId: 1, onNotice }))
  const coordination = await clock.run(EmbeddedCoordination.open({ disk: watchedDisk(disk, directory), folder: '/d' }))
  const session = await coordination.connect()
  const create = (name: string): Promise<unknown> => clock.run(session.create(`/${name}`, new Uint8Array(100)))
  return { clock, disk, directory, notices, create }
}

test('a full disk that the coordination meets is told, and passes', async () => {
  const { clock, disk, directory, notices, create } = await setting()
  disk.setCapacity(disk.usedBytes)
  for (const name of ['a', 'b']) await assert.rejects(create(name), { code: 'COORDINATION_UNAVAILABLE' })
  assert.deepEqual([notices, directory.isFull, directory.offline], [['full'], true, undefined])
  disk.setCapacity(Infinity)
  await clock.advance(20_000)
  await create('a')
  assert.deepEqual([notices, directory.isFull], [['full', 'writable'], false])
})

test('what leaves its file in an unknown state takes the directory offline', async () => {
  for (const operations of [['write'], ['sync']] as const) {
    const { disk, directory, notices, create } = await setting()
    disk.fail({ operations, path: /journal/, reason: 'input-output', times: 1 })
    await assert.rejects(create('a'), { code: 'COORDINATION_UNAVAILABLE' })
    assert.deepEqual([notices, directory.offline?.code], [['offline'], 'STORAGE_OFFLINE'])
  }
})
