// Logs that go from one directory to another while they are written to, on a disk that dies at every step of it.
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { createLogger, type Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { isTopicProblem } from '../../controller/index.ts'
import { BatchCursor, buildBatch, buildEndTransactionMarker } from '../../records/index.ts'
import { LogDirectories, LogDirectory, readRanges } from '../../storage/index.ts'
import { BrokerConfig } from '../config/index.ts'
import { Cluster } from '../metadata/cluster.ts'
import type { Partition } from './partition.ts'

const DIRS = ['/a', '/b']
const PLACE = { topic: 't', partition: 0 }
const clock = new VirtualClock()
/** What operators were told of. */
const told: string[] = []
const logger = createLogger({ clock, level: 'error', write: ({ message }) => void told.push(message) })

interface Life {
  readonly cluster: Cluster
  readonly directories: LogDirectories
  readonly partition: Partition
}

async function open(disk: Disk, random: SeededRandom): Promise<Life> {
  const opened: LogDirectory[] = []
  for (const path of DIRS) opened.push(await LogDirectory.open({ path, disk, clock, random, clusterId: 'c', brokerId: 1 }))
  const directories = new LogDirectories(opened)
  const config = new BrokerConfig()
  const cluster = await Cluster.open({ directories, nodeId: 1, config, durable: true, disk, clock, random, logger })
  if (cluster.topics.named(PLACE.topic) === undefined) {
    const made = await cluster.controller.create({ name: PLACE.topic, configs: { 'segment.bytes': '1000' } })
    assert.ok(!isTopicProblem(made))
  }
  return { cluster, directories, partition: cluster.topics.named(PLACE.topic)!.partitions[0]! }
}

async function close({ cluster, directories }: Life): Promise<void> {
  await cluster.topics.moves.close()
  await cluster.close()
  await directories.close(cluster.brokerEpoch)
}

const record = (value: string, sequence: number): Uint8Array =>
  buildBatch([{ key: null, value: Buffer.from(value.padEnd(60)), timestamp: clock.now() }], {
    producerId: 5,
    producerEpoch: 0,
    baseSequence: sequence,
  }).whole

/** The other directory than the one it is in. */
function elsewhere({ directories }: Life): string {
  return directories.opened.find((directory) => directory !== directories.directoryOf(PLACE))!.path
}

async function settled({ cluster }: Life): Promise<void> {
  while ([...cluster.topics.moves.all()].length > 0) await clock.advance(1)
}

/** Offsets of all batches. */
async function offsetsOf({ log }: Partition): Promise<readonly number[]> {
  const plan = await log.read({ startOffset: log.logStartOffset, maxBytes: 1 << 20, isolation: 'log-end', minOneBatch: true })
  const bytes = await readRanges(plan).finally(() => plan.release())
  return [...new BatchCursor(bytes, { verifyCrc: true })].map(({ baseOffset }) => baseOffset)
}

const upTo = (count: number): readonly number[] => Array.from({ length: count }, (_, offset) => offset)

test('a log that is moved is the same afterwards: records, start, producers, open transactions, epochs', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1), clock })
  let life = await clock.run(open(disk.attach(), new SeededRandom(2)))
  for (let count = 0; count < 30; count++) await clock.run(life.partition.append(record(`${count}`, count)))
  const open7 = { producerId: 7, producerEpoch: 0, isTransactional: true }
  await clock.run(
    life.partition.append(buildBatch([{ key: null, value: null, timestamp: clock.now() }], { ...open7, baseSequence: 0 }).whole),
  )
  const aborted = buildEndTransactionMarker({
    producerId: 5,
    producerEpoch: 0,
    coordinatorEpoch: 3,
    outcome: 'abort',
    timestamp: clock.now(),
  }).whole
  await clock.run(life.partition.append(aborted, { origin: 'coordinator' }))
  await clock.run(life.partition.deleteRecordsBefore(17))
  await clock.run(life.partition.log.applyRetention())
  const factsOf = ({ log }: Partition): unknown => ({
    start: log.logStartOffset,
    end: log.logEndOffset,
    stable: log.lastStableOffset,
    highWatermark: log.highWatermark,
    producers: log.producers(),
    epochs: log.epochs,
    topicId: log.topicId,
  })
  const before = factsOf(life.partition)
  const records = await clock.run(offsetsOf(life.partition))
  for (let round = 0; round < 2; round++) {
    const to = elsewhere(life)
    assert.equal(await clock.run(life.cluster.topics.moves.begin(PLACE, resolve(to))), 0)
    await settled(life)
    assert.equal(life.directories.directoryOf(PLACE)!.path, to)
    assert.deepEqual(factsOf(life.partition), before)
    assert.deepEqual(await clock.run(offsetsOf(life.partition)), records)
  }
  await clock.run(life.partition.append(record('31', 30)))
  await clock.run(close(life))
  await clock.advance(120_000)
  assert.equal(disk.openHandles, 0)
  life = await clock.run(open(disk.attach(), new SeededRandom(3)))
  assert.deepEqual([life.partition.log.logStartOffset, life.partition.log.logEndOffset], [17, 33])
  assert.deepEqual([...life.directories.logs()].length, 1)
  for (const dir of DIRS) {
    const names = await clock.run(disk.list(dir))
    assert.ok(!names.some((name) => name.endsWith('-future')), names.join())
  }
  await clock.run(close(life))
})

test('appends during a move keep their order and are all there', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1), clock, latencyMs: [0, 3] })
  const life = await clock.run(open(disk.attach(), new SeededRandom(2)))
  let sequence = 0
  const appended: Promise<unknown>[] = []
  for (let round = 0; round < 6; round++) {
    const to = elsewhere(life)
    assert.equal(await clock.run(life.cluster.topics.moves.begin(PLACE, resolve(to))), 0)
    while ([...life.cluster.topics.moves.all()].length > 0) {
      appended.push(life.partition.append(record(`${sequence}`, sequence++)))
      await clock.advance(2)
    }
    assert.equal(life.directories.directoryOf(PLACE)!.path, to)
  }
  await clock.run(Promise.all(appended))
  assert.ok(sequence > 20, `${sequence}`)
  assert.deepEqual(await clock.run(offsetsOf(life.partition)), upTo(sequence))
  await clock.run(close(life))
})

test('a wish for where the log is, or for another place, ends the move under way; a topic that is deleted too', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1), clock, latencyMs: [1, 2] })
  const life = await clock.run(open(disk.attach(), new SeededRandom(2)))
  for (let count = 0; count < 30; count++) await clock.run(life.partition.append(record(`${count}`, count)))
  const { moves } = life.cluster.topics
  const [from, to] = [life.directories.directoryOf(PLACE)!.path, elsewhere(life)]
  assert.equal(await clock.run(moves.begin(PLACE, resolve(to))), 0)
  assert.deepEqual(
    Array.from(moves.all(), ({ destination }) => destination.path),
    [to],
  )
  assert.equal(await clock.run(moves.begin(PLACE, resolve(from))), 0)
  assert.deepEqual([...moves.all()], [])
  assert.equal(life.directories.directoryOf(PLACE)!.path, from)
  const names = async (): Promise<readonly string[]> => (await clock.run(disk.list(to))).filter((name) => name.startsWith('t-0'))
  assert.deepEqual(await names(), [])
  assert.equal(await clock.run(moves.begin(PLACE, resolve(to))), 0)
  assert.equal((await names()).length, 1)
  await clock.run(life.cluster.controller.delete(life.cluster.topics.named('t')!.idText))
  assert.deepEqual([await names(), [...moves.all()].length], [[], 0])
  await clock.run(close(life))
})

test('whatever step of a move is the last, nothing acknowledged is lost, one log is left, and the move is made in the end', async () => {
  const seen = { moved: 0, resumed: 0, twoLogs: 0 }
  for (let step = 1, isOver = false; !isOver; step += 5) {
    const random = new SeededRandom(step)
    const disk = new SimulatedDisk({ random: random.fork(), clock, latencyMs: [0, 1] })
    let life = await clock.run(open(disk.attach(), random.fork()))
    const acknowledged: number[] = []
    let sequence = 0
    const append = (): void => {
      const offset = sequence++
      void life.partition.append(record(`${offset}`, offset)).then(
        () => acknowledged.push(offset),
        () => undefined,
      )
    }
    for (let count = 0; count < 20; count++) append()
    await clock.advance(200)
    const to = elsewhere(life)
    const before = disk.operationCount
    void life.cluster.topics.moves.begin(PLACE, resolve(to))
    isOver = true
    while (life.directories.directoryOf(PLACE)?.path !== to || [...life.cluster.topics.moves.all()].length > 0) {
      if (disk.operationCount - before >= step) {
        isOver = false
        break
      }
      if (random.chance(0.2)) append()
      if (!(await clock.step())) await clock.advance(1)
    }
    if (random.chance(0.5)) disk.crash()
    else disk.kill()
    const both: string[] = []
    for (const dir of DIRS) if ((await clock.run(disk.attach().list(dir))).includes('t-0')) both.push(dir)
    if (both.length === 2) seen.twoLogs++
    life = await clock.run(open(disk.attach(), random.fork()))
    assert.equal([...life.directories.logs()].length, 1)
    const end = life.partition.log.logEndOffset
    assert.ok(end > (acknowledged.at(-1) ?? -1), `step ${step}: ${end} of ${acknowledged.length}`)
    assert.deepEqual(await clock.run(offsetsOf(life.partition)), upTo(end))
    await clock.run(life.cluster.topics.moves.resume())
    if ([...life.cluster.topics.moves.all()].length > 0) seen.resumed++
    await settled(life)
    if (life.directories.directoryOf(PLACE)!.path === to) seen.moved++
    assert.deepEqual(await clock.run(offsetsOf(life.partition)), upTo(end))
    await clock.run(life.partition.append(record('last', end)))
    await clock.run(close(life))
  }
  assert.ok(seen.moved > 5 && seen.resumed > 5 && seen.twoLogs > 0, JSON.stringify(seen))
  assert.deepEqual(told, [])
})

test('a full disk ends a move, and another attempt succeeds; where the directory fails the log stays', async () => {
  const disk = new SimulatedDisk({ random: new SeededRandom(1), clock })
  const life = await clock.run(open(disk.attach(), new SeededRandom(2)))
  for (let count = 0; count < 30; count++) await clock.run(life.partition.append(record(`${count}`, count)))
  const from = life.directories.directoryOf(PLACE)!.path
  const to = elsewhere(life)
  const { moves } = life.cluster.topics
  const move = async (reason?: 'no-space' | 'input-output'): Promise<void> => {
    if (reason !== undefined) disk.fail({ operations: ['write'], path: new RegExp(`^${to}/.*future/.*log$`), reason, times: 1 })
    assert.equal(await clock.run(moves.begin(PLACE, resolve(to))), 0)
    await settled(life)
  }
  assert.equal(await clock.run(moves.begin(PLACE, resolve('/nowhere'))), 57)
  assert.equal(await clock.run(moves.begin({ topic: 't', partition: 9 }, resolve(to))), 3)
  disk.fail({ operations: ['write'], path: new RegExp(`^${to}/.*future/`), reason: 'no-space', times: 1 })
  assert.equal(await clock.run(moves.begin(PLACE, resolve(to))), 56, 'not even a folder of it can be made')
  assert.ok(!(await clock.run(disk.list(to))).some((name) => name.includes('future')))
  await move('no-space')
  assert.equal(life.directories.directoryOf(PLACE)!.path, from)
  assert.match(told.splice(0).join(), /^a log could not be moved to another directory; it stays where it is$/)
  await move()
  assert.equal(life.directories.directoryOf(PLACE)!.path, to)
  assert.equal(await clock.run(moves.begin(PLACE, resolve(from))), 0)
  await settled(life)
  await move('input-output')
  assert.equal(life.directories.directoryOf(PLACE)!.path, from)
  assert.equal(told.splice(0).length, 1)
  assert.equal(await clock.run(moves.begin(PLACE, resolve(to))), 56, 'it is offline')
  await clock.run(life.partition.append(record('30', 30)))
  assert.equal(life.partition.log.logEndOffset, 31)
  await clock.run(close(life))
})
