// What had come to its end at a checkpoint, operator by operator, and what of it finishes again: a restore deals out splits anew, and puts other operators in one chain.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import type { MillraceError } from '@millrace/core'
import { defineJob, discard, splitList, startJob, type, type Job, type RunningJob, type Source, type Split } from '../../index.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-finish-again-'))
after(() => rmSync(folder, { recursive: true }))

const COUNT = 20

interface Range extends Split {
  readonly next: number
}

/**
 * One split. In the first life subtask 1 reads half of it, and subtask 0 has nothing to read; in the last it is the other way round. In between nobody is given anything,
 * nor told that there is nothing.
 */
type Life = 'first' | 'between' | 'last'

function numbers(life: Life): Source<number> {
  const reads = life === 'first' ? 1 : 0
  return {
    connector: 'numbers',
    replayable: true,
    bounded: true,
    createEnumerator: (context) => {
      const all: Range = { id: 'all', next: 0 }
      let left: readonly Split[] = [all]
      return {
        start: (restored) => void (left = (restored as readonly Split[] | undefined) ?? left),
        addSplitsBack: (splits) => void (left = splits),
        addReader: (subtask) => {
          if (life === 'between') return
          if (subtask === reads) context.assign(subtask, left)
          if (subtask === reads) left = []
          context.noMoreSplits(subtask)
        },
        snapshot: () => left,
        close: () => {},
      }
    },
    createReader: () => {
      let split: Range | undefined
      let noMore = false
      return {
        addSplits: (splits) => void (split = splits[0] as Range),
        noMoreSplits: () => void (noMore = true),
        poll: (output) => {
          if (split === undefined) return noMore ? 'end' : 'wait'
          if (split.next === COUNT) return 'end'
          if (life === 'first' && split.next === COUNT / 2) return 'wait'
          output.emit(split.next)
          split = { ...split, next: split.next + 1 }
          return 'more'
        },
        snapshot: () => (split === undefined ? [] : [split]),
        close: () => {},
      }
    },
  }
}

interface Seen {
  /** Elements that came in. */
  taken: number
  /** Subtasks that have finished. */
  readonly ends: number[]
  readonly got: number[]
}

interface HoldingContext {
  readonly subtask: number
  readonly operatorState: { readonly held: { add(n: number): void; get(): readonly number[]; clear(): void } }
}

/** Holds everything until the end; `keyed`: behind an exchange, which at parallelism 1 is none. */
function holding(
  life: Life,
  seen: Seen,
  { keyed = false, passes = () => true }: { keyed?: boolean; passes?: (n: number) => boolean } = {},
): Job {
  return defineJob('holds', (env) => {
    const all = env.fromSource(numbers(life), { uid: 'numbers' }).filter(passes).uid('passes')
    const holds = {
      emits: type<number>(),
      operatorState: { held: splitList<number>() },
      onElement(n: number, ctx: HoldingContext) {
        seen.taken++
        ctx.operatorState.held.add(n)
      },
      finish(ctx: HoldingContext) {
        seen.ends.push(ctx.subtask)
        seen.got.push(...ctx.operatorState.held.get())
        ctx.operatorState.held.clear()
      },
    }
    const held = keyed ? all.keyBy((n) => n).process(holds) : all.process(holds)
    held.uid('holds').sinkTo(discard())
  })
}

const nothing = (): Seen => ({ taken: 0, ends: [], got: [] })
const options = { stateDir: folder } as const
const ascending = (numbers: readonly number[]): number[] => numbers.toSorted((a, b) => a - b)
const numbersUpTo = (end: number): number[] => Array.from({ length: end }, (_, n) => n)

/** Subtask 0 has come to its end, subtask 1 is half-way. Answers where the job can go on from. */
async function halfWay(): Promise<string> {
  const seen = nothing()
  const running = startJob(holding('first', seen), { parallelism: 2, options })
  await until(() => seen.ends.length > 0 && seen.taken === COUNT / 2)
  await running.savepoint() // what had just come to its end is over when this is
  const { path } = await running.savepoint()
  await running.cancel()
  assert.deepEqual(seen, { taken: COUNT / 2, ends: [0], got: [] })
  return path!
}

describe('a subtask that had come to its end', () => {
  it('finishes again where a restore gives it splits to read', async () => {
    const seen = nothing()
    const running = startJob(holding('last', seen), { parallelism: 2, options, restore: await halfWay() })
    assert.equal((await running.done).state, 'finished')
    assert.deepEqual(ascending(seen.ends), [0, 1])
    assert.deepEqual(ascending(seen.got), numbersUpTo(COUNT))
  })

  it('is known to have finished after any number of restores, as long as nothing comes in', async () => {
    const between = startJob(holding('between', nothing()), { parallelism: 2, options, restore: await halfWay() })
    const path = await savepointOf(between)
    await between.cancel()
    const seen = nothing()
    // Subtask 1 reads on, as at first.
    const running = startJob(holding('first', seen), { parallelism: 2, options, restore: path })
    await savepointOf(running)
    await running.stop({ savepoint: true, drain: true })
    assert.deepEqual([seen.ends, seen.got], [[1], numbersUpTo(COUNT / 2)])
  })
})

describe('operators of a task that had come to its end, in one chain with others', () => {
  it('do not finish again where nothing has come to them, whatever the chain has read', async () => {
    const seen = nothing()
    const restore = await halfWay()
    const running = startJob(holding('last', seen, { passes: (n) => n < COUNT / 2 }), { parallelism: 2, options, restore })
    assert.equal((await running.done).state, 'finished')
    assert.deepEqual([seen.ends, seen.got], [[1], numbersUpTo(COUNT / 2)])
  })

  it('are refused at another parallelism where some of them had finished and others had not', async () => {
    const running = startJob(holding('last', nothing()), { parallelism: 1, options, restore: await halfWay() })
    const result = await running.done
    assert.ok(result.state === 'failed')
    assert.equal((result.failure.error as MillraceError).code, 'RESTORE_PARTLY_FINISHED')
  })

  it('leave those behind them free to start at another parallelism, where they have no finish themselves', async () => {
    const before = nothing()
    const first = startJob(holding('first', before, { keyed: true }), { parallelism: 2, options })
    await until(() => before.taken === COUNT / 2)
    const restore = await savepointOf(first)
    await first.cancel()
    const seen = nothing()
    const running = startJob(holding('last', seen, { keyed: true }), { parallelism: 1, options, restore })
    assert.equal((await running.done).state, 'finished')
    assert.deepEqual([seen.ends, ascending(seen.got)], [[0], numbersUpTo(COUNT)])
  })

  it('finish where they had not, and not where they had', async () => {
    const before = { first: 0, second: 0 }
    const gate = Promise.withResolvers<void>()
    const waits = startJob(twoFinish(before, gate.promise), { parallelism: 2, options })
    await until(() => before.first === 2)
    await savepointOf(waits)
    const restore = await savepointOf(waits)
    await waits.cancel()
    assert.deepEqual(before, { first: 2, second: 0 })
    const seen = { first: 0, second: 0 }
    const running = startJob(twoFinish(seen, Promise.resolve()), { parallelism: 1, options, restore })
    assert.equal((await running.done).state, 'finished')
    assert.deepEqual(seen, { first: 0, second: 1 })
  })
})

/** Two functions that finish; calls of the second are under way until the gate opens. */
function twoFinish(seen: { first: number; second: number }, gate: Promise<void>): Job {
  return defineJob('two-finish', (env) => {
    env
      .fromCollection([1, 2, 3, 4])
      .uid('some')
      .process({
        emits: type<number>(),
        onElement: (n, ctx) => ctx.emit(n),
        finish: () => void seen.first++,
      })
      .uid('first')
      .keyBy((n) => n)
      .process({
        emits: type<number>(),
        onElement: async (n, ctx) => {
          await gate
          ctx.emit(n)
        },
        finish: () => void seen.second++,
      })
      .uid('second')
      .sinkTo(discard())
  })
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve))
}

/** Asks again while the job starts. */
async function savepointOf(running: RunningJob): Promise<string> {
  for (;;) {
    try {
      return (await running.savepoint()).path!
    } catch (error) {
      if (!String(error).includes('it is starting')) throw error
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}
