/** A whole log directory in memory, one file of which is damaged: it opens, with notices, or says that it is corrupt. */
import { posix } from 'node:path'
import { createMemoryDisk, type Disk } from '@millrace/core'
import { SeededRandom, VirtualClock } from '@millrace/testkit'
import { buildBatch, batches } from '../../src/records/index.ts'
import { buildEndTransactionMarker } from '../../src/records/control-record.ts'
import { defaultLogConfig, type LogConfig } from '../../src/storage/config.ts'
import { LogDirectory } from '../../src/storage/directory/log-directory.ts'
import { readRanges } from '../../src/storage/partition/read-plan.ts'
import type { PartitionLog } from '../../src/storage/partition/partition-log.ts'
import type { Target } from './target.ts'

const config: LogConfig = { ...defaultLogConfig, segmentBytes: 700, indexIntervalBytes: 100 }
const root = '/data'

interface StoredFile {
  readonly path: string
  readonly bytes: Uint8Array
}

function open(disk: Disk, clock: VirtualClock): Promise<LogDirectory> {
  return LogDirectory.open({ path: root, disk, clock, random: new SeededRandom(1), clusterId: 'c', brokerId: 1 })
}

async function filesBelow(disk: Disk, folder: string): Promise<StoredFile[]> {
  const found: StoredFile[] = []
  for (const name of await disk.list(folder)) {
    const path = posix.join(folder, name)
    if ((await disk.stat(path)).kind === 'directory') found.push(...(await filesBelow(disk, path)))
    else found.push({ path, bytes: await disk.readFile(path) })
  }
  return found
}

/** What a small log with transactions leaves: shut down cleanly, or as a crash leaves it. */
async function written(isClean: boolean): Promise<readonly StoredFile[]> {
  const [disk, clock] = [createMemoryDisk(() => 0), new VirtualClock()]
  const directory = await clock.run(open(disk, clock))
  const log = await clock.run(directory.createLog({ topic: 'orders', partition: 0 }, config, 'AAAAAAAAAAAAAAAAAAAAAA'))
  for (let i = 0; i < 12; i++) {
    const options = { producerId: 7, producerEpoch: 0, baseSequence: i * 3, transactional: true }
    const records = [0, 1, 2].map((n) => ({ key: Buffer.from(`k${n}`), value: Buffer.alloc(20, i), timestamp: 1_000 + i }))
    await clock.run(log.append(buildBatch(records, options).whole, { origin: 'client' }))
    const marker = buildEndTransactionMarker({
      producerId: 7,
      producerEpoch: 0,
      coordinatorEpoch: 0,
      outcome: i % 2 === 0 ? 'abort' : 'commit',
      timestamp: 1_000 + i,
    })
    await clock.run(log.append(marker.whole, { origin: 'coordinator' }))
  }
  await clock.run(log.flush())
  await clock.run(directory.checkpointRecoveryPoints())
  if (isClean) await clock.run(directory.close(7))
  return await filesBelow(disk, root)
}

const states = [await written(true), await written(false)] as const

/** The last two bytes of an input say which file of which state it stands for. */
function seeds(): readonly Uint8Array[] {
  return states.flatMap((files, state) => files.map(({ bytes }, index) => Buffer.concat([bytes, Buffer.from([state, index])])))
}

async function readAll(log: PartitionLog): Promise<void> {
  for (let offset = log.logStartOffset; offset < log.logEndOffset;) {
    const plan = await log.read({ startOffset: offset, maxBytes: 10_000, isolation: 'log-end', minOneBatch: true })
    const bytes = await readRanges(plan)
    plan.release()
    if (bytes.length === 0) throw new Error(`nothing at ${offset} of a log that ends at ${log.logEndOffset}`)
    // What lies below the recovery point is not looked at when a log is opened: a client finds the damage.
    const last = [...batches(bytes)].at(-1)
    if (last === undefined || last.nextOffset <= offset) return
    offset = last.nextOffset
  }
  await log.findTimestamp(1_005)
  await log.abortedTransactions(log.logStartOffset, log.logEndOffset)
}

async function openDamaged(files: readonly StoredFile[], damaged: number, bytes: Uint8Array): Promise<void> {
  const [disk, clock] = [createMemoryDisk(() => 0), new VirtualClock()]
  const work = async (): Promise<void> => {
    for (const [index, file] of files.entries()) {
      await disk.makeDirectory(posix.dirname(file.path))
      const handle = await disk.open(file.path, 'write')
      await handle.write(index === damaged ? bytes : file.bytes, 0)
      await handle.close()
    }
    const directory = await open(disk, clock)
    try {
      for (const log of await directory.loadLogs(() => config)) await readAll(log)
    } finally {
      await directory.close(8)
    }
  }
  await clock.run(work(), 100_000)
}

export const logDirectoryTarget: Target = {
  name: 'files of a log directory',
  weight: 4,
  seeds: seeds(),
  async decode(bytes, random) {
    const state = states[(bytes.at(-2) ?? 0) % states.length]!
    const index = random.chance(0.2) ? random.between(0, state.length - 1) : (bytes.at(-1) ?? 0) % state.length
    await openDamaged(state, index, bytes.subarray(0, -2))
  },
}
