// A job that restores records and timers that were waiting, when the function that they waited for has been given other inputs or methods.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  defineJob,
  discard,
  generator,
  startJob,
  type,
  type Environment,
  type JobResult,
  type RunningJob,
  type Stream,
} from '../../index.ts'

type Define = (env: Environment, left: Stream<number>, right: Stream<number>, seen: string[]) => void

const never = new Promise<never>(() => {})
const key = (n: number): number => n % 5

/** Nothing gets through it. */
const connected =
  (records: number): Define =>
  (_env, left, right) => {
    const onEither = async (): Promise<void> => await never
    left
      .filter((n) => n < records)
      .keyBy(key)
      .connect(right.filter((n) => n < records).keyBy(key))
      .process({ emits: type<string>(), onLeft: onEither, onRight: onEither })
      .uid('visits')
      .sinkTo(discard())
  }

const single: Define = (_env, left, right, seen) => {
  left
    .keyBy(key)
    .process({
      emits: type<string>(),
      onElement: (n) => void seen.push(`left ${n}`),
    })
    .uid('visits')
    .sinkTo(discard())
  right.sinkTo(discard())
}

const timed =
  (method: object): Define =>
  (_env, left, right, seen) => {
    left
      .filter((n) => n < 5)
      .keyBy(key)
      .process({
        emits: type<string>(),
        onElement: async (n, ctx) => {
          ctx.processingTimers.at(1)
          seen.push(`left ${n}`)
        },
        ...method,
      })
      .uid('visits')
      .sinkTo(discard())
    right.sinkTo(discard())
  }

let folder: string
before(() => void (folder = mkdtempSync(join(tmpdir(), 'millrace-changed-inputs-'))))
after(() => rmSync(folder, { recursive: true, force: true }))

function start(place: string, define: Define, seen: string[], count: number, unaligned: boolean): RunningJob {
  const job = defineJob('visits', (env) => {
    const numbers = (uid: string): Stream<number> => env.fromSource(generator({ count, ratePerSecond: 1_000, generate: (n) => n }), { uid })
    define(env, numbers('left'), numbers('right'), seen)
  })
  const options = {
    stateDir: join(folder, place),
    checkpointing: { storage: 'filesystem', interval: 10, retainOnCancel: true, unaligned },
    restart: { strategy: 'none' },
  } as const
  return startJob(job, { parallelism: 2, restore: 'latest', options })
}

/** The job as it was runs until `waits` have been held up, and has a checkpoint of that; then it is another. Answers how that ends, and what it has seen. */
async function change(
  place: string,
  [former, today]: readonly [Define, Define],
  { count = 20, unaligned = false } = {},
): Promise<{ readonly result: JobResult; readonly seen: readonly string[] }> {
  const first = start(place, former, [], count, unaligned)
  const completed = (): number => first.checkpoints().history.filter(({ outcome }) => outcome.kind === 'completed').length
  // One that nothing holds up may end before that.
  let hasEnded = (): boolean => false
  void first.done.then(() => (hasEnded = () => true))
  for (const until = performance.now() + 10_000; completed() < 5 && !hasEnded(); await sleep(2)) assert.ok(performance.now() < until)
  await first.cancel()
  const seen: string[] = []
  return { result: await start(place, today, seen, count, unaligned).done, seen: seen.toSorted() }
}

const codeOf = (result: JobResult): unknown => result.state === 'failed' && (result.failure.error as { code?: unknown }).code

test('records that an asynchronous function was not done with are not taken for those of another input', async () => {
  const { result, seen } = await change('unfinished', [connected(5), single])
  assert.equal(codeOf(result), 'RESTORE_INPUTS_CHANGED')
  assert.deepEqual(seen, [])
})

test('nor are records in flight', async () => {
  const { result, seen } = await change('in-flight', [connected(Infinity), single], { count: 300, unaligned: true })
  assert.equal(codeOf(result), 'RESTORE_INPUTS_CHANGED')
  assert.deepEqual(seen, [])
})

test('where none wait the inputs may be others', async () => {
  const { result } = await change('none', [connected(0), single], { count: 300 })
  assert.equal(result.state, 'finished')
})

test('a timer that was under way is dropped where the function has no method for it any more, as one that fires is', async () => {
  const { result } = await change('timers', [timed({ onProcessingTimer: async () => await never }), timed({})])
  assert.equal(result.state, 'finished', String(codeOf(result)))
})
