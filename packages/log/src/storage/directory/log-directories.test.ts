import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { logError } from '../../errors.ts'
import { buildBatch } from '../../records/batch-builder.ts'
import { defaultLogConfig } from '../config.ts'
import type { StorageNotice } from '../partition/log-host.ts'
import { LogDirectories } from './log-directories.ts'
import { LogDirectory } from './log-directory.ts'

const record = (): Uint8Array => buildBatch([{ key: null, value: Buffer.from('x'.repeat(40)), timestamp: 1 }]).whole
const place = (partition: number): { topic: string; partition: number } => ({ topic: 't', partition })
const code = (expected: string): { code: string } => ({ code: expected })

class Bench {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(1)
  readonly disk = new SimulatedDisk({ random: this.random.fork(), clock: this.clock })
  readonly notices: StorageNotice[] = []

  async open(paths: readonly string[] = ['/a', '/b', '/c']): Promise<LogDirectories> {
    const { clock, random } = this
    const disk = this.disk.attach()
    const onNotice = (notice: StorageNotice): void => void this.notices.push(notice)
    const opened: LogDirectory[] = []
    for (const path of paths) {
      opened.push(await clock.run(LogDirectory.open({ path, disk, clock, random, clusterId: 'c', brokerId: 1, onNotice })))
    }
    return new LogDirectories(opened)
  }

  /** Makes the logs of the topic's first partitions, all at the same time. */
  async make(directories: LogDirectories, count: number, from = 0): Promise<void> {
    const making = Array.from({ length: count }, (_, index) => directories.createLog(place(from + index), defaultLogConfig))
    await this.clock.run(Promise.all(making))
  }

  async load(directories: LogDirectories): Promise<void> {
    await this.clock.run(directories.loadLogs(() => defaultLogConfig))
  }

  /** A log in /a with offsets 0, 1, 4, 5: the segment between is gone since a clean shutdown. */
  async makeGap(): Promise<void> {
    const directories = await this.open(['/a'])
    await this.make(directories, 1)
    const log = directories.log(place(0))!
    for (let count = 0; count < 3; count++) {
      await this.clock.run(Promise.all([log.append(record()), log.append(record())]))
      await this.clock.run(log.roll())
    }
    await this.clock.run(directories.close(1))
    await this.clock.run(this.disk.attach().remove('/a/t-0/00000000000000000002.log'))
  }

  told(kind: StorageNotice['kind']): number {
    return this.notices.filter((notice) => notice.kind === kind).length
  }
}

test('new logs go where there are the fewest, also those that are made at the same time; each is found again', async () => {
  const bench = new Bench()
  const first = await bench.open()
  await bench.make(first, 7)
  const counts = (directories: LogDirectories): readonly number[] => directories.opened.map(({ logCount }) => logCount)
  assert.deepEqual(counts(first), [3, 2, 2])
  for (const log of first.logs()) await bench.clock.run(log.append(record()))
  await bench.clock.run(first.close(1))
  const second = await bench.open()
  await bench.load(second)
  assert.deepEqual(counts(second), [3, 2, 2])
  for (let partition = 0; partition < 7; partition++) {
    assert.equal(second.directoryOf(place(partition))!.path, first.directoryOf(place(partition))!.path)
    assert.equal(second.log(place(partition))!.logEndOffset, 1)
  }
  await bench.clock.run(second.removeLog(place(0)))
  await bench.clock.run(second.createLog(place(9), defaultLogConfig))
  assert.equal(second.directoryOf(place(9))!.path, first.directoryOf(place(0))!.path)
})

test('a directory that fails takes its logs with it alone; new ones go to the others', async () => {
  const bench = new Bench()
  const directories = await bench.open()
  await bench.make(directories, 3)
  bench.disk.fail({ operations: ['write'], path: /^\/b\//, reason: 'input-output' })
  const outcomes = [0, 1, 2].map((partition) => directories.log(place(partition))!.append(record()))
  const settled = await bench.clock.run(Promise.allSettled(outcomes))
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.deepEqual([directories.offlineCount, directories.live.length, bench.told('offline')], [1, 2, 1])
  await bench.make(directories, 3, 3)
  for (const partition of [3, 4, 5]) assert.notEqual(directories.directoryOf(place(partition))!.path, '/b')
  await assert.rejects(bench.clock.run(directories.removeLog(place(1))), code('STORAGE_OFFLINE'))
  // It may have the log of a partition that is in none of the others.
  await assert.rejects(bench.clock.run(directories.removeLog(place(77))), code('STORAGE_OFFLINE'))
  await bench.clock.run(directories.close(1))
  assert.equal(bench.disk.openHandles, 0)
  bench.disk.heal()
  const again = await bench.open()
  assert.deepEqual(
    again.opened.map(({ lastShutdown }) => lastShutdown.clean),
    [true, false, true],
  )
  await bench.load(again)
  assert.equal([...again.logs()].length, 6)
})

test('one that fails while its logs are opened is offline; the others are served', async () => {
  const bench = new Bench()
  const first = await bench.open()
  await bench.make(first, 3)
  for (const log of first.logs()) await bench.clock.run(log.append(record()))
  bench.disk.kill()
  const second = await bench.open()
  bench.disk.fail({ operations: ['read', 'list'], path: /^\/c\//, reason: 'input-output' })
  await bench.load(second)
  assert.deepEqual([second.offlineCount, second.log(place(0))!.logEndOffset, second.log(place(1))!.logEndOffset], [1, 1, 1])
  assert.ok(second.gap !== undefined)
  const standIn = second.unreachableLog(place(2), defaultLogConfig)
  for (const use of [
    () => standIn.append(record()),
    () => standIn.flush(),
    () => standIn.applyRetention(),
    () => standIn.findMaxTimestamp(),
  ]) {
    await assert.rejects(bench.clock.run<unknown>(use()), code('STORAGE_OFFLINE'))
  }
  await bench.clock.run(standIn.close())
  // Without the first, that of the metadata, there is nothing to be served.
  bench.disk.kill()
  bench.disk.heal()
  const third = await bench.open()
  bench.disk.fail({ operations: ['read', 'list'], path: /^\/a\//, reason: 'input-output' })
  await assert.rejects(bench.load(third), code('STORAGE_OFFLINE'))
})

test('a full disk is told once, whoever meets it, and its end once it is over; a full directory gets new logs last', async () => {
  const bench = new Bench()
  const directories = await bench.open(['/a', '/b'])
  await bench.make(directories, 4)
  const log = directories.log(place(0))!
  const { path } = directories.directoryOf(place(0))!
  const cancel = bench.disk.fail({ operations: ['write'], path: new RegExp(`^${path}/`), reason: 'no-space' })
  for (let second = 0; second < 60; second++) {
    await assert.rejects(bench.clock.run(log.append(record())), code('STORAGE_FULL'))
    await assert.rejects(bench.clock.run(directories.opened[0]!.checkpointHighWatermarks()), code('STORAGE_FULL'))
    await bench.clock.advance(1000)
  }
  assert.deepEqual([bench.told('full'), bench.told('background-failure'), directories.opened[0]!.isFull], [1, 0, true])
  await bench.clock.run(directories.opened[1]!.createLog(place(10), defaultLogConfig))
  await bench.clock.run(directories.createLog(place(11), defaultLogConfig))
  assert.equal(directories.directoryOf(place(11))!.path, '/b', 'it has more, and room')
  cancel()
  // There may be room for the one and none for the other.
  await bench.clock.run(log.append(record()))
  assert.deepEqual([bench.told('writable'), directories.opened[0]!.isFull], [0, true])
  await bench.clock.advance(10_000)
  for (let count = 0; count < 3; count++) await bench.clock.run(log.append(record()))
  assert.deepEqual([bench.told('full'), bench.told('writable'), directories.opened[0]!.isFull], [1, 1, false])
  assert.equal(log.logEndOffset, 4, 'nothing of what was refused is there')
  bench.disk.setCapacity(bench.disk.usedBytes)
  await assert.rejects(bench.clock.run(log.append(record())), code('STORAGE_FULL'))
  assert.equal(bench.told('full'), 2, 'another time is another situation')
})

test('of two logs of a partition the one stays that goes on further', async () => {
  for (const [inA, inB, stays] of [
    [1, 3, '/b'],
    [3, 1, '/a'],
    [2, 2, '/b'],
  ] as const) {
    const bench = new Bench()
    const first = await bench.open(['/a', '/b'])
    for (const [index, count] of [inA, inB].entries()) {
      const log = await bench.clock.run(first.opened[index]!.createLog(place(0), defaultLogConfig))
      for (let offset = 0; offset < count; offset++) await bench.clock.run(log.append(record()))
    }
    await bench.clock.run(first.close(1))
    const second = await bench.open(['/a', '/b'])
    await bench.load(second)
    await bench.clock.run(second.settle())
    assert.deepEqual([second.directoryOf(place(0))!.path, [...second.logs()].length, bench.told('two-logs')], [stays, 1, 1])
    assert.equal(second.log(place(0))!.logEndOffset, Math.max(inA, inB))
  }
})

test('a directory that is lost or missing may have the logs that are in no other', async () => {
  const bench = new Bench()
  const directories = await bench.open(['/a', '/b'])
  const error = logError('BROKER_DIRECTORY_UNUSABLE', { path: '/b', problem: 'it is gone' })
  const partly = new LogDirectories([directories.opened[0]!], directories.opened[0], [{ path: '/b', error }])
  assert.deepEqual([partly.offlineCount, partly.gap?.code, partly.gap?.cause], [1, 'STORAGE_OFFLINE', error])
  partly.missing = ['/old']
  assert.equal(partly.gap?.cause, error)
  const alone = new LogDirectories(directories.opened)
  assert.equal(alone.gap, undefined)
  alone.missing = ['/old']
  assert.equal(alone.gap!.code, 'STORAGE_OFFLINE')
  // What is missing is not waited for where a log is removed.
  await bench.clock.run(alone.removeLog(place(3)))
})

test('a log that is removed while it is flushed takes nothing else with it', async () => {
  const bench = new Bench()
  const directories = await bench.open(['/a'])
  for (let partition = 0; partition < 10; partition++) {
    await bench.clock.run(directories.createLog(place(partition), defaultLogConfig))
    const log = directories.log(place(partition))!
    await bench.clock.run(log.append(record()))
    const rolled = log.roll()
    for (let step = 0; step < partition; step++) await bench.clock.step()
    await bench.clock.run(Promise.all([directories.removeLog(place(partition)), rolled.catch(() => undefined)]))
    await bench.clock.advance(1000)
    assert.deepEqual([directories.offlineCount, bench.notices], [0, []])
  }
})

test('a log that ends before what was durable, and one that has gone, is told of; one that was removed is not', async () => {
  const bench = new Bench()
  const first = await bench.open(['/a'])
  await bench.make(first, 4)
  for (const log of first.logs()) await bench.clock.run(Promise.all([log.append(record()), log.append(record())]))
  await bench.clock.run(first.removeLog(place(3)))
  await bench.clock.run(first.close(1))

  const disk = bench.disk.attach()
  const file = await bench.clock.run(disk.open('/a/t-0/00000000000000000000.log', 'update'))
  await bench.clock.run(file.truncate(record().length))
  await bench.clock.run(disk.removeTree('/a/t-1'))
  const second = await bench.open(['/a'])
  await bench.load(second)
  await bench.clock.run(second.createLog(place(1), defaultLogConfig))
  await bench.clock.run(second.createLog(place(3), defaultLogConfig))
  const told = bench.notices.filter(({ kind }) => kind === 'records-lost').map(({ path, problem }) => [path, problem])
  assert.deepEqual(told, [
    ['/a/t-0', 'it ends at offset 1, and was durable up to 2'],
    ['/a/t-1', 'the folder is not there, and was durable up to offset 2'],
  ])
  assert.equal(second.log(place(2))!.logEndOffset, 2)
  await bench.clock.run(second.close(2))

  const third = await bench.open(['/a'])
  await bench.load(third)
  assert.equal(bench.told('records-lost'), 2)
  await bench.clock.run(third.close(3))
})

test('a log whose files are damaged is told of once, however often it is read', async () => {
  const bench = new Bench()
  const first = await bench.open(['/a'])
  await bench.make(first, 1)
  const log = first.log(place(0))!
  for (let count = 0; count < 2; count++) {
    await bench.clock.run(log.append(record()))
    await bench.clock.run(log.roll())
  }
  await bench.clock.run(first.close(1))
  const file = await bench.clock.run(bench.disk.attach().open('/a/t-0/00000000000000000000.log', 'update'))
  await bench.clock.run(file.truncate(record().length - 1))
  const second = await bench.open(['/a'])
  await bench.load(second)
  const damaged = second.log(place(0))!
  for (let count = 0; count < 3; count++) {
    const reading = damaged.read({ startOffset: 0, maxBytes: 1000, isolation: 'log-end', minOneBatch: true })
    await assert.rejects(bench.clock.run(reading), code('STORAGE_CORRUPT'))
  }
  assert.deepEqual(
    bench.notices.filter(({ kind }) => kind === 'damaged').map(({ path }) => path),
    ['/a/t-0'],
  )
  await bench.clock.run(damaged.append(record()))
  await bench.clock.run(second.close(2))
})

test('a segment that is missing in the middle is told of once, unless the log is compacted', async () => {
  for (const cleanupCompact of [false, true]) {
    const bench = new Bench()
    const config = { ...defaultLogConfig, cleanupCompact }
    await bench.makeGap()
    const second = await bench.open(['/a'])
    await bench.clock.run(second.loadLogs(() => config))
    const rest = second.log(place(0))!
    for (const startOffset of [0, 1, 2, 3, 4, 2]) {
      const plan = await bench.clock.run(rest.read({ startOffset, maxBytes: 1, isolation: 'log-end', minOneBatch: true }))
      plan.release()
    }
    const told = bench.notices.filter(({ kind }) => kind === 'gap').map(({ path, problem }) => [path, problem])
    assert.deepEqual(told, cleanupCompact ? [] : [['/a/t-0', 'offsets 2 to 3 were asked for and are not there']])
    await bench.clock.run(second.close(2))
  }
})

test('a recovery keeps what is behind a gap in what was durable, as Kafka compacts, and cuts off what is behind one that a crash may have left', async () => {
  for (const isKnown of [true, false]) {
    const bench = new Bench()
    await bench.makeGap()
    const disk = bench.disk.attach()
    if (!isKnown) await bench.clock.run(disk.remove('/a/recovery-point-offset-checkpoint'))
    // A damaged checkpoint of epochs is made anew from all segments.
    const epochs = await bench.clock.run(disk.open('/a/t-0/leader-epoch-checkpoint', 'write'))
    await bench.clock.run(epochs.write(Buffer.from('damaged'), 0))
    await bench.clock.run(epochs.close())
    for (let life = 0; life < 2; life++) {
      const directories = await bench.open(['/a'])
      await bench.load(directories)
      const rest = directories.log(place(0))!
      assert.equal(rest.logEndOffset, isKnown ? 6 : 2)
      const plan = await bench.clock.run(rest.read({ startOffset: 2, maxBytes: 1_000, isolation: 'log-end', minOneBatch: true }))
      assert.equal(plan.sizeBytes > 0, isKnown)
      plan.release()
      assert.deepEqual([bench.told('truncated'), bench.told('records-lost')], isKnown ? [0, 0] : [1, 0])
      await bench.clock.run(directories.close(life + 2))
    }
  }
})
