import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedDisk } from '@millrace/testkit'
import { EmbeddedCoordination } from './embedded.ts'
import { makePath } from './make-path.ts'
import { coordinationConformance } from './testing/conformance.ts'

const JOURNAL = '/data/coordination.journal'
const bytes = (text: string): Uint8Array => Buffer.from(text)

async function newDisk(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) })
  await disk.attach().makeDirectory('/data')
  await disk.attach().syncDirectory('/')
  return disk
}

const open = (disk: SimulatedDisk, journalSlackBytes?: number): Promise<EmbeddedCoordination> =>
  EmbeddedCoordination.open({ disk: disk.attach(), folder: '/data', ...(journalSlackBytes === undefined ? {} : { journalSlackBytes }) })

coordinationConformance('embedded', async () => {
  const coordination = await open(await newDisk())
  return { coordination, expire: (session) => coordination.expire(session), close: () => coordination.close() }
})

void test('what was written is there at the next start, but for ephemeral nodes; ids go on growing', async () => {
  const disk = await newDisk()
  const first = await open(disk)
  const session = await first.connect()
  await makePath(session, '/brokers/topics')
  const binary = Uint8Array.of(0xff, 0, 0xfe, 0x80)
  const { stat } = await session.create('/brokers/topics/a', binary)
  await session.create('/brokers/alive', bytes('me'), { ephemeral: true })
  await first.close()
  assert.equal(disk.openHandles, 0)

  const second = await open(disk)
  const next = await second.connect()
  assert.deepEqual(await next.children('/brokers'), ['topics'])
  const node = (await next.get('/brokers/topics/a'))!
  assert.deepEqual([...node.bytes], [...binary])
  assert.deepEqual(node.stat, stat)
  assert.notEqual(next.id, session.id)
  assert.ok((await next.create('/b', bytes(''))).stat!.creationId > stat!.creationId + 1)
  await second.close()
})

void test('the journal is replaced when most of it is history', async () => {
  const disk = await newDisk()
  const coordination = await open(disk, 4096)
  const session = await coordination.connect()
  await session.create('/kept', bytes('kept'))
  await session.create('/a', bytes(''))
  for (let round = 0; round < 300; round++) await session.set('/a', bytes(`value ${round}`))
  assert.ok((await disk.attach().stat(JOURNAL)).size < 10_000)
  await coordination.close()
  const again = await (await open(disk)).connect()
  assert.equal(Buffer.from((await again.get('/a'))!.bytes).toString(), 'value 299')
  assert.equal((await again.get('/a'))!.stat.version, 300)
  assert.deepEqual(await again.children('/'), ['a', 'kept'])
})

void test('writes of one turn share a sync', async () => {
  const disk = await newDisk()
  const session = await (await open(disk)).connect()
  const before = disk.operationCount
  await Promise.all(Array.from({ length: 100 }, (_, index) => session.create(`/n${index}`, bytes(''))))
  assert.equal(disk.operationCount - before, 2)
})

void test('a full disk refuses the change, and works again when there is room', async () => {
  const disk = await newDisk()
  const coordination = await open(disk)
  const session = await coordination.connect()
  await session.create('/a', bytes('1'))
  disk.setCapacity(disk.usedBytes + 100)
  await assert.rejects(session.create('/b', new Uint8Array(4096)), { code: 'COORDINATION_UNAVAILABLE', retry: true })
  assert.equal(await session.get('/b'), undefined)
  disk.setCapacity(Infinity)
  await session.create('/c', bytes(''))
  await coordination.close()
  assert.deepEqual(await (await (await open(disk)).connect()).children('/'), ['a', 'c'])
})

void test('after a failed sync nothing is written any more', async () => {
  const disk = await newDisk()
  const session = await (await open(disk)).connect()
  disk.fail({ operations: ['sync'], reason: 'input-output', times: 1 })
  await assert.rejects(session.create('/a', bytes('')), { code: 'COORDINATION_UNAVAILABLE' })
  await assert.rejects(session.create('/b', bytes('')), { code: 'COORDINATION_UNAVAILABLE' })
  assert.deepEqual(await session.children('/'), [])
})

void test('damage inside the journal is refused, at its end it is what a crash left', async () => {
  const disk = await newDisk()
  const coordination = await open(disk)
  const session = await coordination.connect()
  const sizes: number[] = []
  for (const path of ['/a', '/b', '/c']) {
    await session.create(path, bytes('content'))
    sizes.push((await disk.attach().stat(JOURNAL)).size)
  }
  await coordination.close()
  disk.flip(JOURNAL, sizes[2]! - 3)
  assert.deepEqual(await (await (await open(disk)).connect()).children('/'), ['a', 'b'])
  for (const position of [sizes[0]! + 5, sizes[0]! + 40]) {
    disk.flip(JOURNAL, position)
    await assert.rejects(open(disk), { code: 'COORDINATION_CORRUPT' })
    disk.flip(JOURNAL, position)
  }
  disk.flip(JOURNAL, 3)
  await assert.rejects(open(disk), { code: 'COORDINATION_CORRUPT' })
})
