import { test } from 'node:test'
import assert from 'node:assert/strict'
import type { Disk } from '@millrace/core'
import { SeededRandom, SimulatedDisk, VirtualClock } from '@millrace/testkit'
import { buildBatch } from '../../records/batch-builder.ts'
import { defaultLogConfig, type LogConfig } from '../config.ts'
import { LogDirectory } from './log-directory.ts'

const LOGS = 60
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAA'

/** The disk, with counts of what costs: syncs of folders and files, and files opened to be written. */
function counted(disk: Disk): { readonly disk: Disk; readonly counts: { syncs: number; writes: number } } {
  const counts = { syncs: 0, writes: 0 }
  const open: Disk['open'] = async (path, mode) => {
    const file = await disk.open(path, mode)
    return new Proxy(file, {
      get(target, name) {
        if (name === 'sync') counts.syncs++
        if (name === 'write' || name === 'writeAll' || name === 'truncate') counts.writes++
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }
  const syncDirectory: Disk['syncDirectory'] = (path) => {
    counts.syncs++
    return disk.syncDirectory(path)
  }
  const all: Disk = {
    open,
    syncDirectory,
    readFile: (path) => disk.readFile(path),
    list: (path) => disk.list(path),
    stat: (path) => disk.stat(path),
    makeDirectory: (path) => disk.makeDirectory(path),
    rename: (from, to) => disk.rename(from, to),
    link: (from, to) => disk.link(from, to),
    remove: (path) => disk.remove(path),
    removeTree: (path) => disk.removeTree(path),
  }
  return { disk: all, counts }
}

class Bench {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(1)
  readonly simulated = new SimulatedDisk({ random: this.random.fork(), clock: this.clock })
  counts = { syncs: 0, writes: 0 }

  open(): Promise<LogDirectory> {
    const { disk, counts } = counted(this.simulated.attach())
    this.counts = counts
    const { clock, random } = this
    return clock.run(LogDirectory.open({ path: '/data', disk, clock, random, clusterId: 'c', brokerId: 1 }))
  }

  async create(directory: LogDirectory, config: LogConfig = defaultLogConfig): Promise<void> {
    for (let partition = 0; partition < LOGS; partition++) {
      await this.clock.run(directory.createLog({ topic: 't', partition }, config, TOPIC_ID))
    }
  }
}

const record = (): Uint8Array => buildBatch([{ key: null, value: Buffer.from('x'), timestamp: 1 }]).whole

test('logs that nobody writes to cost no sync: not when they are made, nor at close, nor when they are opened', async () => {
  const bench = new Bench()
  const first = await bench.open()
  const before = bench.counts.syncs
  await bench.create(first)
  assert.equal(bench.counts.syncs, before)
  await bench.clock.run(first.close(1))
  assert.ok(bench.counts.syncs - before < 20, `${bench.counts.syncs - before} syncs to close`)
  const second = await bench.open()
  const logs = await bench.clock.run(second.loadLogs(() => defaultLogConfig))
  assert.equal(logs.length, LOGS)
  assert.ok(bench.counts.syncs < 20, `${bench.counts.syncs} syncs to open`)
})

test('a log that was read only is not written again at close', async () => {
  const bench = new Bench()
  const first = await bench.open()
  await bench.create(first)
  for (const log of first.logs()) await bench.clock.run(log.append(record(), { leaderEpoch: 1 }))
  await bench.clock.run(first.close(1))
  const second = await bench.open()
  const logs = await bench.clock.run(second.loadLogs(() => defaultLogConfig))
  // A leader's epoch without records is nothing to keep.
  for (const log of logs) log.startEpoch(2)
  await bench.clock.run(second.close(1))
  assert.ok(bench.counts.writes < 20, `${bench.counts.writes} writes`)
  assert.ok(bench.counts.syncs < 20, `${bench.counts.syncs} syncs`)
  const third = await bench.open()
  const [log] = await bench.clock.run(third.loadLogs(() => defaultLogConfig))
  assert.deepEqual([log!.logEndOffset, log!.topicId, log!.epochs], [1, TOPIC_ID, [{ epoch: 1, startOffset: 0 }]])
})

test("the first record that is acknowledged as durable makes its log's folder and id so", async () => {
  const bench = new Bench()
  const directory = await bench.open()
  await bench.create(directory, { ...defaultLogConfig, durable: true })
  await bench.clock.run(directory.log({ topic: 't', partition: 7 })!.append(record()))
  bench.simulated.crash()
  const again = await bench.open()
  const logs = await bench.clock.run(again.loadLogs(() => defaultLogConfig))
  const found = logs.find(({ partition }) => partition.partition === 7)!
  assert.deepEqual([found.logEndOffset, found.topicId], [1, TOPIC_ID])
})

test('a full disk refuses the first durable append, and nothing of it is in the log', async () => {
  const bench = new Bench()
  const directory = await bench.open()
  await bench.create(directory, { ...defaultLogConfig, durable: true })
  const log = directory.log({ topic: 't', partition: 0 })!
  bench.simulated.setCapacity(bench.simulated.usedBytes)
  await bench.clock.run(assert.rejects(log.append(record()), { code: 'STORAGE_FULL' }))
  assert.equal(log.logEndOffset, 0)
  bench.simulated.setCapacity(Infinity)
  await bench.clock.run(log.append(record()))
  assert.equal(log.syncedOffset, 1)
})
