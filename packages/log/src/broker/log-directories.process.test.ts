// Brokers whose disks fill up and fail, and brokers with several log directories, seen by their clients and their operators.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger, createPromptDisk, DiskError, nodeClock, type Disk, type DiskErrorReason, type LogRecord } from '@millrace/core'
import { ERROR_CODE } from '../protocol/index.ts'
import { Log } from './log.ts'
import type { LogOptions } from './log-options.ts'
import { batchOf, createTopic, fetchFrom, produceTo } from './testing/requests.ts'
import { WireClient } from './testing/wire-client.ts'

const { KAFKA_STORAGE_ERROR, LEADER_NOT_AVAILABLE, NONE } = ERROR_CODE

const cleanUps = new WeakMap<TestContext, (() => unknown)[]>()

/** At the end of the test, the last first. */
function atEnd(t: TestContext, cleanUp: () => unknown): void {
  const all = cleanUps.get(t) ?? []
  if (all.length === 0) {
    cleanUps.set(t, all)
    t.after(async () => {
      for (const each of all.toReversed()) await each()
    })
  }
  all.push(cleanUp)
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'millrace-directories-'))
  atEnd(t, () => rmSync(path, { recursive: true }))
  return path
}

/** This machine's disk, which refuses to write below some paths. */
class FailingDisk {
  readonly port: Disk
  /** By the beginning of a path. */
  readonly failures = new Map<string, DiskErrorReason>()

  constructor() {
    const disk = createPromptDisk()
    const check = (path: string): void => {
      for (const [prefix, reason] of this.failures) if (path.startsWith(prefix)) throw new DiskError(reason, 'write', path)
    }
    this.port = {
      open: async (path, mode) => {
        const file = await disk.open(path, mode)
        return {
          read: (into, position) => file.read(into, position),
          write: async (bytes, position) => (check(path), file.write(bytes, position)),
          writeAll: async (chunks, position) => (check(path), file.writeAll(chunks, position)),
          truncate: (length) => file.truncate(length),
          sync: () => file.sync(),
          stat: () => file.stat(),
          close: () => file.close(),
        }
      },
      readFile: (path) => disk.readFile(path),
      list: (path) => disk.list(path),
      stat: (path) => disk.stat(path),
      makeDirectory: (path) => disk.makeDirectory(path),
      rename: (from, to) => disk.rename(from, to),
      link: (from, to) => disk.link(from, to),
      remove: (path) => disk.remove(path),
      removeTree: (path) => disk.removeTree(path),
      syncDirectory: (path) => disk.syncDirectory(path),
    }
  }
}

/** What an operator reads. */
class Told {
  readonly records: LogRecord[] = []
  readonly logger = createLogger({ clock: nodeClock, level: 'info', write: (record) => void this.records.push(record) })

  matching(level: LogRecord['level'], pattern: RegExp): readonly LogRecord[] {
    return this.records.filter((record) => record.level === level && pattern.test(record.message))
  }
}

async function started(t: TestContext, options: LogOptions): Promise<{ log: Log; client: WireClient }> {
  const log = await Log.start(options)
  const client = await WireClient.connect(log)
  atEnd(t, async () => {
    await client.close()
    await log.close()
  })
  return { log, client }
}

function gauge(log: Log, name: string): string | undefined {
  return new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(log.metrics())?.[1]
}

/** What `/ready` answers. */
async function readiness(log: Log): Promise<readonly [status: number, text: string]> {
  const response = await fetch(`http://127.0.0.1:${log.metricsPort}/ready`)
  return [response.status, await response.text()]
}

async function directoriesOf(
  client: WireClient,
  topic: string,
): Promise<readonly (readonly [dir: string, error: number, partitions: string])[]> {
  const { results } = await client.ask('DescribeLogDirs', 4, { topics: [{ topic, partitions: [] }] })
  return results.map(({ logDir, errorCode, topics }) => {
    const partitions = topics.flatMap((each) => each.partitions)
    const texts = partitions.map(({ partitionIndex, isFutureKey }) => `${partitionIndex}${isFutureKey ? ' future' : ''}`)
    return [logDir, errorCode, texts.toSorted().join()]
  })
}

async function moveTo(client: WireClient, path: string, name: string, partitions: number[]): Promise<readonly number[]> {
  const { results } = await client.ask('AlterReplicaLogDirs', 2, { dirs: [{ path, topics: [{ name, partitions }] }] })
  return results[0]!.partitions.map(({ errorCode }) => errorCode)
}

/** In both partitions of the offsets' topic. */
const GROUPS = ['g0', 'g1', 'g2', 'g3']

async function commit(client: WireClient, groupId: string, committedOffset: number): Promise<number> {
  await client.ask('FindCoordinator', 1, { key: groupId, keyType: 0 })
  const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: null }]
  const { topics } = await client.ask('OffsetCommit', 8, { groupId, topics: [{ name: 't', partitions }] })
  return topics[0]!.partitions[0]!.errorCode
}

async function committed(client: WireClient, groupId: string): Promise<readonly [offset: number, errorCode: number]> {
  await client.ask('FindCoordinator', 1, { key: groupId, keyType: 0 })
  const { errorCode, topics } = await client.ask('OffsetFetch', 7, { groupId, topics: [{ name: 't', partitionIndexes: [0] }] })
  const found = topics[0]?.partitions[0]
  return errorCode === NONE ? [found!.committedOffset, found!.errorCode] : [-1, errorCode]
}

/** Waits until a look finds it; a test that waits in vain is ended by its runner. */
async function until(isThere: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isThere())) await sleep(10)
}

test('a full disk: producers are told, the operator once, with what to do; and writing goes on by itself', async (t) => {
  const disk = new FailingDisk()
  const told = new Told()
  const dir = join(folder(t), 'log')
  const { log, client } = await started(t, { dir, logger: told.logger, ports: { disk: disk.port } })
  await createTopic(client, 't', {}, 2)
  assert.equal((await produceTo(client, 't', batchOf(['a']))).errorCode, NONE)
  disk.failures.set(dir, 'no-space')
  for (let count = 0; count < 20; count++) {
    assert.equal((await produceTo(client, 't', batchOf(['b']), { partition: count % 2 })).errorCode, KAFKA_STORAGE_ERROR)
  }
  const { topics } = await client.ask('CreateTopics', 7, {
    topics: [{ name: 'u', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
    timeoutMs: 5000,
    validateOnly: false,
  })
  assert.equal(topics[0]!.errorCode, KAFKA_STORAGE_ERROR)
  const [line, ...others] = told.matching('error', /./)
  assert.deepEqual(others, [])
  assert.match(line!.message, /disk of a log directory is full.*Free space/)
  assert.deepEqual([gauge(log, 'millrace_log_directory_full'), gauge(log, 'kafka_log_logmanager_offlinelogdirectorycount')], ['1', '0'])
  assert.deepEqual((await fetchFrom(client, 't')).values, ['a'], 'what is there can be read')
  disk.failures.clear()
  assert.equal((await produceTo(client, 't', batchOf(['c']))).baseOffset, 1)
  assert.deepEqual((await fetchFrom(client, 't')).values, ['a', 'c'])
  assert.deepEqual(told.matching('error', /./).length, 1)
})

test('one directory of three fails: its partitions are offline, the others and new topics are served', async (t) => {
  const root = folder(t)
  const dirs = ['a', 'b', 'c'].map((name) => join(root, name))
  const disk = new FailingDisk()
  const told = new Told()
  const { log, client } = await started(t, { dir: dirs, logger: told.logger, ports: { disk: disk.port }, metricsPort: 0 })
  await createTopic(client, 't', {}, 6)
  assert.deepEqual(await readiness(log), [200, 'ready\n'])
  assert.deepEqual(await directoriesOf(client, 't'), [
    [dirs[0], NONE, '0,3'],
    [dirs[1], NONE, '1,4'],
    [dirs[2], NONE, '2,5'],
  ])
  for (let partition = 0; partition < 6; partition++) {
    assert.equal((await produceTo(client, 't', batchOf(['x']), { partition })).errorCode, NONE)
  }
  disk.failures.set(dirs[1]!, 'input-output')
  assert.equal((await produceTo(client, 't', batchOf(['y']), { partition: 1 })).errorCode, KAFKA_STORAGE_ERROR)
  for (const [partition, errorCode] of [NONE, KAFKA_STORAGE_ERROR, NONE, NONE, KAFKA_STORAGE_ERROR, NONE].entries()) {
    assert.equal((await produceTo(client, 't', batchOf(['z']), { partition })).errorCode, errorCode, `partition ${partition}`)
    const offsets = await client.ask('ListOffsets', 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 't', partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp: -1 }] }],
    })
    assert.equal(offsets.topics[0]!.partitions[0]!.errorCode, errorCode)
  }
  const { topics } = await client.ask('Metadata', 12, { topics: [{ name: 't' }] })
  assert.deepEqual(
    topics[0]!.partitions.map(({ errorCode, leaderId, offlineReplicas }) => [errorCode, leaderId, offlineReplicas.length]),
    [0, 1, 2, 3, 4, 5].map((index) => (index % 3 === 1 ? [LEADER_NOT_AVAILABLE, -1, 1] : [NONE, 1, 0])),
  )
  assert.deepEqual((await directoriesOf(client, 't'))[1], [dirs[1], KAFKA_STORAGE_ERROR, ''])
  assert.deepEqual(
    ['kafka_log_logmanager_offlinelogdirectorycount', 'kafka_server_replicamanager_offlinereplicacount'].map((name) => gauge(log, name)),
    ['1', '2'],
  )
  assert.equal(told.matching('error', /log directory has failed.*start the broker anew/).length, 1)
  const [status, reason] = await readiness(log)
  assert.deepEqual([status, reason.includes(dirs[1]!), reason.trimEnd().split('\n').length], [503, true, 1], reason)
  await createTopic(client, 'new', {}, 4)
  for (let partition = 0; partition < 4; partition++) {
    assert.equal((await produceTo(client, 'new', batchOf(['x']), { partition })).errorCode, NONE)
  }
  assert.deepEqual(await moveTo(client, dirs[2]!, 't', [0, 1]), [KAFKA_STORAGE_ERROR, KAFKA_STORAGE_ERROR], 'not while one is offline')
  // The topic is gone for clients; its name is taken until the last of its logs can be removed.
  const deleted = await client.ask('DeleteTopics', 6, { topics: [{ name: 't', topicId: new Uint8Array(16) }], timeoutMs: 5000 })
  assert.equal(deleted.responses[0]!.errorCode, NONE)
  await createTopic(client, 'after')
  const again = { name: 't', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  const { topics: refused } = await client.ask('CreateTopics', 7, { topics: [again], timeoutMs: 5000, validateOnly: false })
  assert.equal(refused[0]!.errorCode, ERROR_CODE.TOPIC_ALREADY_EXISTS)
  await log.close()
  const next = await started(t, { dir: dirs })
  assert.deepEqual(
    readdirSync(dirs[1]!).filter((name) => /^t-\d$/.test(name)),
    [],
  )
  await createTopic(next.client, 't')
})

test('a directory that cannot be used at the start is offline with its partitions; the others are served', async (t) => {
  const root = folder(t)
  const dirs = ['a', 'b'].map((name) => join(root, name))
  const first = await started(t, { dir: dirs, config: { 'offsets.topic.num.partitions': '2' } })
  await createTopic(first.client, 't', {}, 2)
  for (const partition of [0, 1]) await produceTo(first.client, 't', batchOf(['x']), { partition })
  for (const group of GROUPS) assert.equal(await commit(first.client, group, 42), NONE)
  await first.log.close()
  // A file stands where the directory was.
  renameSync(dirs[1]!, join(root, 'away'))
  writeFileSync(dirs[1]!, '')
  const told = new Told()
  const second = await started(t, { dir: dirs, logger: told.logger, metricsPort: 0 })
  assert.equal((await readiness(second.log))[0], 503)
  assert.deepEqual(await directoriesOf(second.client, 't'), [
    [dirs[0], NONE, '0'],
    [dirs[1], KAFKA_STORAGE_ERROR, ''],
  ])
  const produced = await Promise.all([0, 1].map((partition) => produceTo(second.client, 't', batchOf(['y']), { partition })))
  assert.deepEqual(
    produced.map(({ errorCode }) => errorCode),
    [NONE, KAFKA_STORAGE_ERROR],
  )
  assert.equal(told.matching('error', /log directory has failed/).length, 1)
  const [line] = told.matching('error', /none of the log directories/)
  assert.match(JSON.stringify(line), /"partitions":2/)
  // A group whose offsets are out of reach has not lost them: whoever heard so would begin anew.
  const offsets = await Promise.all(GROUPS.map((group) => committed(second.client, group)))
  const { COORDINATOR_NOT_AVAILABLE } = ERROR_CODE
  assert.deepEqual(
    new Set(offsets.map(([offset, errorCode]) => `${offset} ${errorCode}`)),
    new Set(['42 0', `-1 ${COORDINATOR_NOT_AVAILABLE}`]),
  )
  const [unavailable] = GROUPS.filter((_, index) => offsets[index]![1] !== NONE)
  assert.equal(await commit(second.client, unavailable!, 43), COORDINATOR_NOT_AVAILABLE)
  await createTopic(second.client, 'new', {}, 2)
  await second.log.close()
  // Without the directory of the metadata there is no broker.
  await assert.rejects(Log.start({ dir: [dirs[1]!] }), { code: 'BROKER_DIRECTORY_UNUSABLE' })
  rmSync(dirs[1]!)
  renameSync(join(root, 'away'), dirs[1]!)
  const third = await started(t, { dir: dirs })
  for (const group of GROUPS) assert.deepEqual(await committed(third.client, group), [42, NONE])
  for (const partition of [0, 1]) {
    assert.equal((await produceTo(third.client, 't', batchOf(['z']), { partition })).baseOffset, partition === 0 ? 2 : 1)
  }
})

test('a directory that is not given any more is missed, and nothing of it is begun anew', async (t) => {
  const root = folder(t)
  const dirs = ['a', 'b'].map((name) => join(root, name))
  const first = await started(t, { dir: dirs })
  await createTopic(first.client, 't', {}, 2)
  await first.log.close()
  const told = new Told()
  const second = await started(t, { dir: dirs[0]!, logger: told.logger })
  const produced = await Promise.all([0, 1].map((partition) => produceTo(second.client, 't', batchOf(['y']), { partition })))
  assert.deepEqual(
    produced.map(({ errorCode }) => errorCode),
    [NONE, KAFKA_STORAGE_ERROR],
  )
  assert.equal(told.matching('error', /none of the log directories/).length, 1)
  // What is gone for good is given up by deleting its topics.
  await deleteTopic(second.client, 't')
  await createTopic(second.client, 't', {}, 2)
  for (const partition of [0, 1]) assert.equal((await produceTo(second.client, 't', batchOf(['z']), { partition })).errorCode, NONE)
  await second.log.close()
  const calm = new Told()
  const third = await started(t, { dir: dirs[0]!, logger: calm.logger })
  assert.deepEqual([calm.matching('error', /./).length, (await fetchFrom(third.client, 't')).values], [0, ['z']])
})

async function deleteTopic(client: WireClient, name: string): Promise<void> {
  const { responses } = await client.ask('DeleteTopics', 6, { topics: [{ name, topicId: new Uint8Array(16) }], timeoutMs: 5000 })
  assert.equal(responses[0]!.errorCode, NONE)
}

test('a broker that loses the directory of its metadata stops and says why', async (t) => {
  const root = folder(t)
  const dirs = ['a', 'b'].map((name) => join(root, name))
  for (const dir of [dirs, dirs[0]!]) {
    const disk = new FailingDisk()
    const told = new Told()
    const log = await Log.start({ dir, logger: told.logger, ports: { disk: disk.port } })
    const client = await WireClient.connect(log)
    await createTopic(client, typeof dir === 'string' ? 'one' : 'two', {}, 2)
    disk.failures.set(dirs[0]!, 'input-output')
    const topic = typeof dir === 'string' ? 'one' : 'two'
    assert.equal((await produceTo(client, topic, batchOf(['x']))).errorCode, KAFKA_STORAGE_ERROR)
    const reason = await log.ended
    assert.deepEqual([reason?.code, reason?.who], ['STORAGE_OFFLINE', 'operator'])
    await client.closed
    await assert.rejects(WireClient.connect(log))
    assert.equal(told.matching('error', /the broker stops/).length, 1)
    await log.close()
  }
  const whole = await Log.start({ dir: dirs })
  await whole.close()
  assert.equal(await whole.ended, undefined)
})

test('a log is moved to another directory by AlterReplicaLogDirs while it is written to and read', async (t) => {
  const root = folder(t)
  const dirs = ['a', 'b'].map((name) => join(root, name))
  const config = { 'log.segment.bytes': '100000', 'log.segment.delete.delay.ms': '100' }
  const { log, client } = await started(t, { dir: dirs, config })
  await createTopic(client, 't', {}, 2)
  const value = 'v'.repeat(1000)
  for (let count = 0; count < 300; count++) await produceTo(client, 't', batchOf([value, value]))
  const writing = { isOver: false }
  const writer = await WireClient.connect(log)
  const written = (async () => {
    const offsets: number[] = []
    while (!writing.isOver) {
      const { errorCode, baseOffset } = await produceTo(writer, 't', batchOf(['w']))
      assert.equal(errorCode, NONE)
      offsets.push(baseOffset)
    }
    return offsets
  })()
  assert.deepEqual(await moveTo(client, `${root}/none`, 't', [0]), [ERROR_CODE.LOG_DIR_NOT_FOUND])
  assert.deepEqual(await moveTo(client, dirs[0]!, 't', [0, 7]), [NONE, ERROR_CODE.UNKNOWN_TOPIC_OR_PARTITION], 'it is there already')
  assert.deepEqual(await moveTo(client, dirs[1]!, 't', [0]), [NONE])
  await until(async () => (await directoriesOf(client, 't'))[1]![2] === '0,1')
  writing.isOver = true
  const offsets = await written
  await writer.close()
  assert.deepEqual(
    offsets,
    offsets.map((_, index) => 600 + index),
  )
  const { highWatermark, values } = await fetchFrom(client, 't', { maxBytes: 10_000_000, partitionMaxBytes: 10_000_000 })
  assert.deepEqual([highWatermark, values.length], [600 + offsets.length, 600 + offsets.length])
  await until(() => !readdirSync(dirs[0]!).some((name) => name.startsWith('t-0')))
  assert.ok(existsSync(join(dirs[1]!, 't-0', '00000000000000000000.log')))
  assert.match(readFileSync(join(dirs[1]!, 't-0', 'partition.metadata'), 'utf8'), /topic_id/)
  await log.close()
  const again = await started(t, { dir: dirs })
  assert.equal((await fetchFrom(again.client, 't')).highWatermark, 600 + offsets.length)
})

test('a move is told by DescribeLogDirs, can be throttled, and given up', async (t) => {
  const root = folder(t)
  const dirs = ['a', 'b'].map((name) => join(root, name))
  const rate = 'replica.alter.log.dirs.io.max.bytes.per.second'
  const { client } = await started(t, { dir: dirs, config: { [rate]: '1' } })
  await createTopic(client, 't')
  await produceTo(client, 't', batchOf(['x'.repeat(10_000)]))
  assert.deepEqual(await moveTo(client, dirs[1]!, 't', [0]), [NONE])
  const partitions = async (): Promise<readonly string[]> => (await directoriesOf(client, 't')).map(([, , text]) => text)
  assert.deepEqual(await partitions(), ['0', '0 future'])
  await produceTo(client, 't', batchOf(['y']))
  assert.deepEqual(await moveTo(client, dirs[0]!, 't', [0]), [NONE])
  assert.deepEqual(await partitions(), ['0', ''])
  assert.deepEqual(await moveTo(client, dirs[1]!, 't', [0]), [NONE])
  assert.deepEqual(await partitions(), ['0', '0 future'])
  await client.ask('IncrementalAlterConfigs', 1, {
    resources: [{ resourceType: 4, resourceName: '', configs: [{ name: rate, configOperation: 0, value: '100000000' }] }],
    validateOnly: false,
  })
  await until(async () => (await partitions()).join() === ',0')
  assert.equal((await fetchFrom(client, 't')).highWatermark, 2)
})

const BROKER = `
import { Log } from ${JSON.stringify(import.meta.resolve('./log.ts'))}
const log = await Log.start({ dir: process.argv.slice(2), durable: true })
console.log(log.port)
`

test('a broker with two directories that is killed comes back with all of both', async (t) => {
  const root = folder(t)
  const dirs = ['a', 'b'].map((name) => join(root, name))
  const script = join(root, 'broker.mjs')
  writeFileSync(script, BROKER)
  const conditions = process.execArgv.filter((flag) => flag.startsWith('--conditions'))
  const child = spawn(process.execPath, [...conditions, script, ...dirs], { stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(t, () => child.kill('SIGKILL'))
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (text: Buffer) => resolve(Number(text.toString()))))
  const client = await WireClient.connect({ host: '127.0.0.1', port })
  await createTopic(client, 't', {}, 4)
  const acknowledged = [0, 0, 0, 0]
  const writing = (async () => {
    for (let count = 0; ; count++) {
      const partition = count % 4
      const { baseOffset } = await produceTo(client, 't', batchOf([`${count}`]), { partition })
      acknowledged[partition] = baseOffset + 1
    }
  })()
  await until(() => acknowledged[3]! >= 20)
  assert.deepEqual(await moveTo(await WireClient.connect({ host: '127.0.0.1', port }), dirs[1]!, 't', [0]), [NONE])
  child.kill('SIGKILL')
  await assert.rejects(writing)
  const { client: next } = await started(t, { dir: dirs })
  for (const [partition, count] of acknowledged.entries()) {
    const { baseOffset } = await produceTo(next, 't', batchOf(['next']), { partition })
    assert.ok(baseOffset >= count, `partition ${partition}: ${baseOffset} of ${count}`)
  }
  // The move goes on.
  await until(async () => (await directoriesOf(next, 't'))[1]![2].split(',').includes('0'))
})

test('what cannot be a list of directories stops the start; log.dirs in the configuration is one', async (t) => {
  const root = folder(t)
  const [a, b] = ['a', 'b'].map((name) => join(root, name)) as [string, string]
  await assert.rejects(Log.start({ dir: [a, a] }), { code: 'BROKER_CONFIG_INVALID' })
  await assert.rejects(Log.start({ dir: [] }), { code: 'BROKER_CONFIG_INVALID' })
  const log = await Log.start({ config: { 'log.dirs': `${a}, ${b}` } })
  assert.ok(existsSync(join(b, 'meta.properties')))
  await assert.rejects(Log.start({ dir: [join(root, 'c'), b] }), { code: 'BROKER_DIRECTORY_LOCKED' })
  await log.close()
  const other = await Log.start({ dir: join(root, 'other') })
  await other.close()
  await assert.rejects(Log.start({ dir: [a, join(root, 'other')] }), { code: 'STORAGE_DIRECTORY_OF_OTHER' })
})
