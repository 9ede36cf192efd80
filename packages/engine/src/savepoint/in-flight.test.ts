// Records in flight of an unaligned checkpoint, without the job: told, printed, kept by whoever writes or edits, refused where they make no sense.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '@millrace/core'
import { defineJob, generator, startJob, type, value, type Job, type Sink } from '../index.ts'
import { openSavepoint, type EntryFilter } from './open-savepoint.ts'
import type { InFlightEntry, SnapshotItem } from './state-entry.ts'
import { formatStateLine, parseStateLine } from './state-lines.ts'
import { writeSavepoint } from './write-savepoint.ts'

const RECORDS = 600
const folder = mkdtempSync(join(tmpdir(), 'millrace-in-flight-'))
/** A checkpoint with records in flight to two operators. */
let checkpoint = ''

interface Seen {
  readonly n: number
  readonly count: number
}

/** Nothing gets past the second operator before `opened`. */
function gateJob(opened: Promise<void>, seen: Seen[]): Job {
  const sink: Sink<Seen> = {
    connector: 'seen',
    delivery: 'none',
    createWriter: () => ({ open: () => {}, write: (record) => void seen.push(record), prepare: async () => [], close: () => {} }),
  }
  return defineJob('gate', (env) => {
    env
      .fromSource(generator<{ n: number }>({ count: RECORDS, generate: (n) => ({ n }) }), { uid: 'numbers' })
      .keyBy(({ n }) => n % 7)
      .process({ emits: type<{ n: number }>(), onElement: (record, ctx) => ctx.emit(record) })
      .uid('by-seven')
      .keyBy(({ n }) => n % 20)
      .process({
        emits: type<Seen>(),
        state: { count: value<number>() },
        onElement: async ({ n }, ctx) => {
          await opened
          const count = (ctx.state.count.get() ?? 0) + 1
          ctx.state.count.set(count)
          ctx.emit({ n, count })
        },
      })
      .uid('behind-the-gate')
      .sinkTo(sink)
      .uid('seen')
  })
}

before(async () => {
  const running = startJob(gateJob(new Promise(() => {}), []), {
    parallelism: 2,
    options: {
      stateDir: join(folder, 'state'),
      checkpointing: { storage: 'filesystem', interval: 10, unaligned: true, retainOnCancel: true },
      restart: { strategy: 'none' },
    },
  })
  const found = (): string | undefined =>
    running
      .checkpoints()
      .history.find(({ outcome, subtasks }) => outcome.kind === 'completed' && subtasks.some(({ inFlightBytes }) => inFlightBytes > 0))
      ?.path
  for (let waited = 0; found() === undefined; waited += 2) {
    assert.ok(waited < 20_000)
    await sleep(2)
  }
  await running.cancel()
  checkpoint = (await running.done).lastCheckpoint!.path!
})
after(() => rmSync(folder, { recursive: true }))

async function itemsOf(path: string, filter: EntryFilter = {}): Promise<SnapshotItem[]> {
  const items: SnapshotItem[] = []
  for await (const item of (await openSavepoint(path)).items(filter)) items.push(item)
  return items
}

const inFlightOf = (items: readonly SnapshotItem[]): InFlightEntry[] => items.filter((item) => item.kind === 'in-flight')
const recordsIn = async (path: string): Promise<Record<string, number>> =>
  Object.fromEntries((await openSavepoint(path)).sizes().map(({ operator, inFlightRecords }) => [operator, inFlightRecords]))

/** Restores, opens the gate, and sees that each record comes through once, and each key is counted without a gap. */
async function restoresWhole(from: string, name: string, parallelism: number): Promise<void> {
  const seen: Seen[] = []
  const result = await startJob(gateJob(Promise.resolve(), seen), {
    parallelism,
    restore: from,
    options: { stateDir: join(folder, `state-${name}`), checkpointing: { storage: 'filesystem' }, restart: { strategy: 'none' } },
  }).done
  assert.equal(result.state, 'finished', result.state === 'failed' ? String(result.failure.error) : '')
  assert.deepEqual(
    seen.map(({ n }) => n).toSorted((a, b) => a - b),
    Array.from({ length: RECORDS }, (_, n) => n),
  )
  const counts = new Map<number, number>()
  for (const { n, count } of seen) {
    assert.equal(count, (counts.get(n % 20) ?? 0) + 1)
    counts.set(n % 20, count)
  }
}

const refused =
  (problem: RegExp) =>
  (error: unknown): boolean =>
    error instanceof MillraceError && error.code === 'SAVEPOINT_STATE_INVALID' && problem.test(error.message)

describe('records in flight, without the job', () => {
  it('are told in figures, and printed', async () => {
    const told = await recordsIn(checkpoint)
    assert.ok(told['behind-the-gate']! > 0, JSON.stringify(told))
    assert.equal(told['numbers'], 0)
    const entries = inFlightOf(await itemsOf(checkpoint))
    const parts = new Map(entries.map(({ operator, subtask, part, records }) => [`${operator} ${subtask} ${part}`, records]))
    assert.equal(
      parts.values().reduce((sum, records) => sum + records, 0),
      Object.values(told).reduce((sum, records) => sum + records, 0),
    )
    assert.ok(entries.every(({ keyed, input, bytes }) => keyed && input === 0 && bytes.length > 0))
    assert.deepEqual(inFlightOf(await itemsOf(checkpoint, { state: 'count' })), [], 'they are of no state')
  })

  it('are kept by a copy, and by whoever edits something else', async () => {
    const path = join(folder, 'edited')
    await writeSavepoint(path, { from: checkpoint, edits: [{ operator: 'by-seven', to: 'by-7' }] })
    const told = await recordsIn(checkpoint)
    const renamed = Object.entries(told).map(([name, count]) => [name === 'by-seven' ? 'by-7' : name, count])
    assert.deepEqual(await recordsIn(path), Object.fromEntries(renamed))
    const back = join(folder, 'back')
    await writeSavepoint(back, { from: path, edits: [{ operator: 'by-7', to: 'by-seven' }] })
    await restoresWhole(back, 'back', 2)
  })

  it('are written again from lines, and restored at another parallelism, each once', async () => {
    const lines = (await itemsOf(checkpoint)).map((item) => formatStateLine(item))
    const path = join(folder, 'from-lines')
    await writeSavepoint(path, { items: lines.map((line) => parseStateLine(line)) })
    assert.deepEqual(await recordsIn(path), await recordsIn(checkpoint))
    await restoresWhole(path, 'from-lines', 3)
  })

  it('go with their operator, and with nothing else', async () => {
    const path = join(folder, 'without')
    await writeSavepoint(path, { from: checkpoint, edits: [{ operator: 'behind-the-gate' }] })
    const told = await recordsIn(path)
    assert.equal(told['behind-the-gate'], undefined)
    assert.equal(told['by-seven'], (await recordsIn(checkpoint))['by-seven'])
  })

  it('that make no sense are refused, and nothing is left', async () => {
    const items = await itemsOf(checkpoint)
    const [first] = inFlightOf(items)
    const others = items.filter((item) => item !== first)
    const wrong: readonly [InFlightEntry, RegExp][] = [
      [{ ...first!, bytes: first!.bytes.subarray(0, -1) }, /damaged/],
      [{ ...first!, bytes: Uint8Array.of(200, 0, 0, 0, 1, 2) }, /damaged/],
      [{ ...first!, bytes: Uint8Array.of(1, 2) }, /damaged/],
      [{ ...first!, part: 77, records: first!.records + 1 }, /records where/],
      [{ ...first!, part: 77, keyed: false }, /hashes/],
      [{ ...first!, operator: 'numbers' }, /source/],
      [{ ...first!, subtask: 9 }, /none with the number 9/],
    ]
    for (const [at, [entry, problem]] of wrong.entries()) {
      const path = join(folder, `wrong-${at}`)
      await assert.rejects(writeSavepoint(path, { items: [...others, entry] }), refused(problem), String(problem))
      await assert.rejects(openSavepoint(path), /no checkpoint/)
    }
  })
})
