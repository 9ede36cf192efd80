import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { nodeDisk, type MillraceError } from '@millrace/core'
import { list, reducing, value, type Job, type JobEvent, type RunningJob, type StandardSchema } from '../../index.ts'
import { defineJob, discard, fileSink, generator, startJob, type, watermarks, type ExecuteOptions } from '../../index.ts'
import { disposeSavepoint } from '../../checkpoint/savepoints.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-savepoints-'))
after(() => rmSync(folder, { recursive: true }))

const KEYS = 20

interface Parts {
  readonly name: string
  readonly count?: number
  /** As fast as it goes, to get to the end. */
  readonly fast?: boolean
}

/** Counts by key; each record is published once. */
function countingJob({ name, count, fast = false }: Parts): Job {
  return defineJob(name, (env) => {
    env
      .fromSource(generator({ generate: (n) => n, ...(fast ? {} : { ratePerSecond: 1_000 }), ...(count === undefined ? {} : { count }) }), {
        uid: 'numbers',
      })
      .keyBy((n) => n % KEYS)
      .process({
        emits: type<{ n: number; seen: number }>(),
        state: { seen: reducing<number>((a, b) => a + b) },
        onElement(n, ctx) {
          ctx.state.seen.add(1)
          ctx.emit({ n, seen: ctx.state.seen.get()! })
        },
      })
      .uid('count')
      .sinkTo(fileSink({ dir: join(folder, name, 'out'), format: 'json' }))
      .uid('out')
  })
}

interface Row {
  readonly n: number
  readonly seen: number
}

function rowsOf(name: string): Row[] {
  const out = join(folder, name, 'out')
  if (!existsSync(out)) return []
  const lines = readdirSync(out)
    .filter((file) => !file.startsWith('.'))
    .flatMap((file) => readFileSync(join(out, file), 'utf8').split('\n').slice(0, -1))
  return lines.map((line) => JSON.parse(line) as Row).toSorted((a, b) => a.n - b.n)
}

/** Every number once, and each key's counts without a gap. */
function checkRows(rows: readonly Row[]): void {
  assert.deepEqual(
    rows.map(({ n }) => n),
    rows.map((_, index) => index),
  )
  for (const [, counts] of countsByKey(rows))
    assert.deepEqual(
      counts,
      counts.map((_, index) => index + 1),
      'state has seen each once',
    )
}

function countsByKey(rows: readonly Row[]): Map<number, number[]> {
  const keys = Map.groupBy(rows, ({ n }) => n % KEYS)
  return new Map(Array.from(keys, ([key, list]) => [key, list.map(({ seen }) => seen).toSorted((a, b) => a - b)]))
}

function start(job: Job, options: ExecuteOptions = {}, checkpointing: object = {}): RunningJob {
  const stateDir = join(folder, 'state')
  return startJob(job, {
    ...options,
    options: { stateDir, ...options.options, checkpointing: { storage: 'filesystem', interval: '20ms', ...checkpointing } },
  })
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    assert.ok(waited < 10_000, what)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

async function running(job: RunningJob): Promise<RunningJob> {
  await until(() => job.metrics().checkpoints.completed > 1, 'it does not run')
  return job
}

/** More than a busy machine gets through before its savepoint is taken. */
const COUNT = 10_000

void describe('savepoints of a running job', () => {
  void it('is taken while the job goes on, moved, and restored at another parallelism and max parallelism', async () => {
    const first = await running(start(countingJob({ name: 'moved', count: COUNT })))
    const { path } = await first.savepoint({ dir: join(folder, 'sp') })
    assert.match(path!, /\/sp\/savepoint-[0-9a-f]{6}-[0-9a-f]{12}$/)
    assert.deepEqual(readdirSync(path!).toSorted(), ['_metadata', 'shared'])
    const before = rowsOf('moved').length
    await until(() => rowsOf('moved').length > before, 'it does not go on')
    await first.cancel()
    const moved = join(folder, 'elsewhere')
    renameSync(path!, moved)
    const second = start(countingJob({ name: 'moved', count: COUNT, fast: true }), {
      restore: moved,
      parallelism: 3,
      options: { maxParallelism: 7 },
    })
    assert.equal((await second.done).state, 'finished')
    // What came after the savepoint is done again, with the same counts.
    const rows = rowsOf('moved')
    assert.ok(rows.length > COUNT)
    assert.equal(new Set(rows.map(({ n }) => n)).size, COUNT)
    for (const [, counts] of countsByKey(rows))
      assert.deepEqual(
        [...new Set(counts)],
        Array.from({ length: COUNT / KEYS }, (_, at) => at + 1),
      )
  })

  void it('on stop it is the last checkpoint too: nothing is lost or done twice, from either', async () => {
    for (const from of ['savepoint', 'latest'] as const) {
      const name = `stopped-${from}`
      const first = await running(start(countingJob({ name, count: COUNT }), { parallelism: 2 }))
      const savepoint = await first.stop({ savepoint: { dir: join(folder, 'sp') } })
      assert.equal((await first.done).state, 'stopped')
      assert.ok(rowsOf(name).length < COUNT)
      const restore = from === 'latest' ? from : savepoint!.path!
      const second = start(countingJob({ name, count: COUNT, fast: true }), { restore, parallelism: 3, options: { maxParallelism: 200 } })
      assert.equal((await second.done).state, 'finished')
      assert.equal(rowsOf(name).length, COUNT)
      checkRows(rowsOf(name))
    }
  })

  void it('drained, sources end, time comes to its end and operators finish; else they do not', async () => {
    for (const drain of [false, true]) {
      const name = drain ? 'drained' : 'kept'
      const said: string[] = []
      const job = defineJob(name, (env) => {
        env
          .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), {
            uid: 'numbers',
            watermarks: watermarks.monotonous((n) => n),
          })
          .keyBy((n) => n % 2)
          .process({
            emits: type<number>(),
            onElement(_, ctx) {
              ctx.eventTimers.at(1e12)
            },
            onEventTimer(time) {
              said.push(`timer ${time}`)
            },
            finish() {
              said.push('finish')
            },
          })
          .uid('waits')
          .sinkTo(discard())
      })
      const first = await running(start(job, { parallelism: 2 }))
      const savepoint = await first.stop({ savepoint: true, drain })
      assert.equal((await first.done).state, 'stopped')
      assert.ok(savepoint!.path!.startsWith(join(folder, 'state', name, 'savepoints')))
      const expected = drain ? ['finish', 'finish', 'timer 1000000000000', 'timer 1000000000000'] : []
      assert.deepEqual(said.toSorted(), expected)
    }
  })

  void it('one that cannot be written leaves nothing, and the job goes on', async () => {
    const job = await running(start(countingJob({ name: 'undisturbed' })))
    for (const dir of ['/dev/null/nowhere', '/proc/nope']) {
      const refusal = { code: 'SAVEPOINT_PLACE_UNUSABLE', message: new RegExp(`^No savepoint can be written in ${dir}, where`) }
      await assert.rejects(job.savepoint({ dir }), refusal)
      await assert.rejects(job.stop({ savepoint: { dir } }), refusal)
    }
    const before = rowsOf('undisturbed').length
    await until(() => rowsOf('undisturbed').length > before, 'it does not go on')
    await job.stop()
    await assert.rejects(job.savepoint(), { code: 'SAVEPOINT_JOB_ENDED' })
    assert.deepEqual(readdirSync(join(folder, 'state', 'undisturbed', 'checkpoints', 'savepoints-under-way')), [])
    checkRows(rowsOf('undisturbed'))
  })

  void it('one whose place is not said as it must be is refused, and not taken elsewhere', async () => {
    const job = await running(start(countingJob({ name: 'no-options' })))
    for (const wrong of [join(folder, 'sp'), { path: join(folder, 'sp') }] as unknown as { readonly dir: string }[]) {
      await assert.rejects(job.savepoint(wrong), { code: 'ARGUMENT_INVALID', message: /^savepoint: / })
      await assert.rejects(job.stop({ savepoint: wrong }), { code: 'ARGUMENT_INVALID', message: /^stop, savepoint: / })
    }
    await job.stop()
    assert.equal((await job.done).state, 'stopped')
  })

  void it('one at a URL that is none is refused, and leaves nothing', async () => {
    const job = await running(start(countingJob({ name: 'no-url' })))
    for (const dir of ['s3://', 's3:///savepoints', 'ftp://store/savepoints']) {
      const refusal = { code: 'CHECKPOINT_URL_INVALID', message: new RegExp(`^${dir} is no place`) }
      await assert.rejects(job.savepoint({ dir }), refusal)
      await assert.rejects(job.stop({ savepoint: { dir } }), refusal)
    }
    await job.stop()
    assert.equal(existsSync('s3:'), false)
    assert.ok(!readdirSync(join(folder, 'state', 'no-url', 'checkpoints')).includes('savepoints-under-way'), 'nothing is noted')
  })

  void it('one that was under way where nobody can look now does not keep the job from starting', async () => {
    const first = await running(start(countingJob({ name: 'out-of-reach' })))
    await first.stop()
    const notes = join(folder, 'state', 'out-of-reach', 'checkpoints', 'savepoints-under-way')
    const outOfReach = join(folder, 'x'.repeat(300), 'savepoint-1')
    const leave = (path: string): void => {
      mkdirSync(notes, { recursive: true })
      writeFileSync(join(notes, basename(path)), `${JSON.stringify({ version: 1, folder: path })}\n`)
    }
    leave(outOfReach)
    leave('ftp://store/savepoint-2')
    const warnings: string[] = []
    const onEvent = (event: JobEvent): unknown =>
      event.kind === 'log' && event.record.level === 'warn' && warnings.push(event.record.message)
    const second = await running(start(countingJob({ name: 'out-of-reach' }), { restore: 'latest', onEvent }))
    await second.stop()
    assert.equal((await second.done).state, 'stopped')
    assert.match(warnings[0]!, /^whether a former process has left half of a savepoint is not known .*: .*ENAMETOOLONG/)
    assert.deepEqual(readdirSync(notes), ['savepoint-1'], 'it is looked at again; what is no place never will be one')
    checkRows(rowsOf('out-of-reach'))
  })

  void it('there is none of a job that ends, whenever it is asked for, and none is said to go on', async () => {
    const job = await running(start(countingJob({ name: 'ends' })))
    const ended = job.cancel().then(() => 'ended')
    const asked: Promise<unknown>[] = []
    do {
      const code = job.savepoint().then(
        () => 'taken',
        (error: MillraceError) => error.code,
      )
      asked.push(code)
    } while ((await Promise.race([ended, sleep(1)])) !== 'ended')
    assert.deepEqual([...new Set(await Promise.all(asked))], ['SAVEPOINT_JOB_ENDED'])
  })

  void it('that a new version cannot take up leaves the job the checkpoints that it has taken since', async () => {
    const version = (state: { readonly [name: string]: ReturnType<typeof value<number>> }): Job =>
      defineJob('refused', (env) => {
        const numbers = env.fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' }).keyBy((n) => n % KEYS)
        numbers
          .process({ state, onElement: (n, ctx) => Object.values(ctx.state)[0]!.set(n) })
          .uid('last')
          .sinkTo(discard())
      })
    const job = await running(start(version({ last: value<number>() })))
    const { path } = await job.savepoint({ dir: join(folder, 'sp') })
    await job.stop()
    const { lastCheckpoint } = await job.done
    const fails = (): never => {
      throw new RangeError('not such a number')
    }
    const schema: StandardSchema<number> = {
      '~standard': { version: 1, vendor: 'own', validate: () => ({ issues: [{ message: 'not such a number' }] }) },
    }
    const refusals = {
      STATE_UNMAPPED: { newest: value<number>() },
      STATE_KIND_CHANGED: { last: list<number>() as unknown as ReturnType<typeof value<number>> },
      STATE_MIGRATION_MISSING: { last: value<number>({ version: 2 }) },
      // Found by reading the values.
      STATE_MIGRATION_FAILED: { last: value<number>({ version: 2, migrate: fails }) },
      STATE_SCHEMA_FAILED: { last: value({ schema }) },
    }
    for (const [code, state] of Object.entries(refusals)) {
      const result = await start(version(state), { restore: path! }).done
      assert.equal(result.state === 'failed' && (result.failure.error as MillraceError).code, code)
    }
    const restored: unknown[] = []
    const onEvent = (event: JobEvent): unknown => event.kind === 'started' && restored.push(event.restored)
    const again = await running(start(version({ last: value<number>() }), { restore: 'latest', onEvent }))
    await again.stop()
    assert.deepEqual(restored, [lastCheckpoint])
  })

  void it('of a job with its checkpoints in memory is a folder all the same', async () => {
    const first = await running(start(countingJob({ name: 'memory', count: COUNT }), { parallelism: 2 }, { storage: 'memory' }))
    const savepoint = await first.stop({ savepoint: { dir: join(folder, 'sp') } })
    const second = start(countingJob({ name: 'memory', count: COUNT, fast: true }), { restore: savepoint!.path! }, { storage: 'memory' })
    assert.equal((await second.done).state, 'finished')
    assert.equal(rowsOf('memory').length, COUNT)
    checkRows(rowsOf('memory'))
  })

  void it('that times out says whose snapshot has not come', async () => {
    const never = new Promise<void>(() => {})
    const asked = Promise.withResolvers<void>()
    const job = defineJob('stuck', (env) => {
      env
        .fromSource(generator({ generate: (n) => n, ratePerSecond: 1_000 }), { uid: 'numbers' })
        .keyBy((n) => n)
        // Not declared as asynchronous: what it has changed directly cannot be held back, so no snapshot is taken meanwhile.
        .process({
          emits: type<number>(),
          onElement: (): Promise<void> => {
            asked.resolve()
            return never
          },
        })
        .name('asks')
        .uid('asks')
        .sinkTo(discard())
    })
    const stuck = start(job, {}, { timeout: '300ms', interval: undefined })
    await asked.promise
    await assert.rejects(stuck.savepoint({ dir: join(folder, 'sp') }), {
      code: 'SAVEPOINT_FAILED',
      message: /timeout: no snapshot came of .*asks.*, subtask 0/,
    })
    await stuck.cancel()
  })

  void it('is disposed of by its path; a checkpoint is not', async () => {
    const job = await running(start(countingJob({ name: 'disposed' })))
    const { path } = await job.savepoint({ dir: join(folder, 'sp') })
    await job.stop()
    const { lastCheckpoint } = await job.done
    assert.equal(await disposeSavepoint(nodeDisk, path!), path)
    assert.equal(existsSync(path!), false)
    await assert.rejects(disposeSavepoint(nodeDisk, path!), { code: 'CHECKPOINT_NOT_FOUND' })
    await assert.rejects(disposeSavepoint(nodeDisk, lastCheckpoint!.path!), { code: 'SAVEPOINT_IS_CHECKPOINT' })
  })
})
