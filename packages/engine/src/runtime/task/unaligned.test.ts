// Unaligned checkpoints of a job in which nothing moves: the last operator waits for a gate to open.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { defineJob, type Job } from '../../api/job.ts'
import { value } from '../../api/state.ts'
import { type } from '../../api/types.ts'
import type { EngineOptionInput } from '../../config/options.ts'
import { generator } from '../../connectors/generator/generator.ts'
import type { Sink } from '../../connectors/sink.ts'
import { startJob } from '../execute.ts'
import type { CheckpointHistoryEntry, RunningJob } from '../job-types.ts'

const RECORDS = 3_000
const KEYS = 60

/** Records stand in two exchanges before the gate: of a stage that is through, and of the one that waits. */
class Gate {
  readonly seen: { readonly n: number; readonly count: number }[] = []
  open: () => void
  #opened: Promise<void>

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#opened = promise
    this.open = resolve
  }

  job(records: number): Job {
    return defineJob('gate', (env) => {
      env
        .fromSource(generator<{ n: number }>({ count: records, generate: (n) => ({ n }) }), { uid: 'numbers' })
        .keyBy(({ n }) => n % 7)
        .process({ emits: type<{ n: number }>(), onElement: (record, ctx) => ctx.emit(record) })
        .uid('by-seven')
        .keyBy(({ n }) => n % KEYS)
        .process({
          emits: type<{ n: number; count: number }>(),
          state: { count: value<number>() },
          onElement: async ({ n }, ctx) => {
            await this.#opened
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            ctx.emit({ n, count })
          },
        })
        .uid('behind-the-gate')
        .sinkTo(this.#sink())
        .uid('seen')
    })
  }

  #sink(): Sink<{ n: number; count: number }> {
    const write = (record: { n: number; count: number }): void => void this.seen.push(record)
    return {
      connector: 'seen',
      delivery: 'none',
      createWriter: () => ({ open: () => {}, write, prepare: async () => [], close: () => {} }),
    }
  }
}

let folder: string
before(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-unaligned-'))))
after(() => rmSync(folder, { recursive: true, force: true }))

interface Started {
  readonly gate: Gate
  readonly running: RunningJob
}

function start(
  place: string,
  parallelism: number,
  checkpointing: NonNullable<EngineOptionInput['checkpointing']>,
  records: number = RECORDS,
): Started {
  const gate = new Gate()
  const options = {
    stateDir: join(folder, place),
    checkpointing: { storage: 'filesystem', interval: 10, retainOnCancel: true, ...checkpointing },
    restart: { strategy: 'none' },
  } as const
  return { gate, running: startJob(gate.job(records), { parallelism, restore: 'latest', options }) }
}

/** The first checkpoint of which this is true. */
async function checkpoint(running: RunningJob, matches: (entry: CheckpointHistoryEntry) => boolean): Promise<CheckpointHistoryEntry> {
  for (;;) {
    const found = running.checkpoints().history.find(matches)
    if (found !== undefined) return found
    await sleep(2)
  }
}

const inFlightBytes = ({ subtasks }: CheckpointHistoryEntry): number => subtasks.reduce((sum, subtask) => sum + subtask.inFlightBytes, 0)
const isComplete = ({ outcome }: CheckpointHistoryEntry): boolean => outcome.kind === 'completed'

/** Each number once, and each key's count without a gap. */
function checkAll({ seen }: Gate): void {
  assert.deepEqual(
    seen.map(({ n }) => n).toSorted((a, b) => a - b),
    Array.from({ length: RECORDS }, (_, n) => n),
  )
  const last = new Map<number, number>()
  for (const { n, count } of seen) {
    assert.equal(count, (last.get(n % KEYS) ?? 0) + 1)
    last.set(n % KEYS, count)
  }
}

async function restoreAt(parallelism: number): Promise<void> {
  const place = `restore-${parallelism}`
  const { running } = start(place, 2, { unaligned: true })
  const completed = await checkpoint(running, (entry) => isComplete(entry) && inFlightBytes(entry) > 0)
  assert.ok(completed.stateBytes >= inFlightBytes(completed))
  assert.ok(completed.subtasks.some(({ unaligned }) => unaligned))
  await running.cancel()
  const again = start(place, parallelism, { unaligned: true })
  // What is replayed, and is not through, is in flight again.
  await checkpoint(again.running, (entry) => isComplete(entry) && entry.checkpointId > completed.checkpointId)
  again.gate.open()
  const result = await again.running.done
  assert.equal(result.state, 'finished')
  checkAll(again.gate)
}

describe('unaligned checkpoints', () => {
  // option: checkpointing.unaligned
  it('complete while nothing moves, and what was in flight is restored', () => restoreAt(2))
  for (const parallelism of [3, 1]) it(`restore at parallelism ${parallelism}`, () => restoreAt(parallelism))

  // option: checkpointing.alignedTimeout
  it('wait for barriers as long as they may, and no longer', async () => {
    const closed = start('timeout', 2, { unaligned: true, alignedTimeout: 60 })
    const late = await checkpoint(closed.running, (entry) => isComplete(entry) && inFlightBytes(entry) > 0)
    assert.ok(late.durationMs >= 60, `${late.durationMs} ms`)
    await closed.running.cancel()
    const { gate, running } = start('patient', 2, { unaligned: true, alignedTimeout: '1h' })
    gate.open()
    await running.done
    const { history } = running.checkpoints()
    assert.ok(history.some(isComplete))
    assert.ok(history.every(({ subtasks }) => subtasks.every(({ unaligned }) => !unaligned)))
    checkAll(gate)
  })

  // option: checkpointing.inFlightLimit
  it('are given up when too much is in flight, and the job goes on', async () => {
    const { gate, running } = start('limit', 2, { unaligned: true, inFlightLimit: 1_000 })
    const failed = await checkpoint(running, ({ outcome }) => outcome.kind === 'failed')
    assert.deepEqual(failed.outcome.kind === 'failed' && failed.outcome.reason, 'alignment-bytes')
    gate.open()
    const result = await running.done
    assert.equal(result.state, 'finished')
    checkAll(gate)
  })

  it('are not what a savepoint is', async () => {
    const { gate, running } = start('savepoint', 2, { unaligned: true }, Number.MAX_SAFE_INTEGER)
    await checkpoint(running, (entry) => isComplete(entry) && inFlightBytes(entry) > 0)
    const asked = running.savepoint({ dir: join(folder, 'savepoints') })
    gate.open()
    await asked
    const savepoint = await checkpoint(running, ({ kind }) => kind === 'savepoint')
    assert.ok(savepoint.subtasks.every(({ unaligned }) => !unaligned))
    await running.cancel()
  })

  it('go with exactly once, one at a time', async () => {
    const atLeastOnce = start('mode', 1, { unaligned: true, mode: 'at-least-once' })
    const concurrent = start('concurrent', 1, { unaligned: true, maxConcurrent: 2 })
    for (const { running } of [atLeastOnce, concurrent]) {
      const result = await running.done
      assert.equal(result.state === 'failed' && (result.failure.error as { code?: string }).code, 'CHECKPOINT_UNALIGNED_CONFLICT')
    }
  })
})
