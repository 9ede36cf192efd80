import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError, type LogRecord } from '@millrace/core'
import { engineError } from '../errors.ts'
import { collect, execute, startJob } from './execute.ts'
import type { Environment } from '../api/environment.ts'
import { defineJob } from '../api/job.ts'
import { metricsText } from './metrics/metrics-text.ts'
import { type } from '../api/types.ts'
import { value } from '../api/state.ts'
import { discard } from '../connectors/discard.ts'
import { fileSink } from '../connectors/file-sink/file-sink.ts'
import { files } from '../connectors/files/files.ts'
import { generator } from '../connectors/generator/generator.ts'
import { print } from '../connectors/print/print.ts'

async function all<T>(results: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const result of results) list.push(result)
  return list
}

describe('a job on one thread', () => {
  it('maps, filters and flattens in order', async () => {
    const results = await all(
      collect((env) =>
        env
          .fromCollection([1, 2, 3, 4])
          .map((n) => n * 10)
          .filter((n) => n > 10)
          .flatMap((n) => [n, n + 1]),
      ),
    )
    assert.deepEqual(results, [20, 21, 30, 31, 40, 41])
  })

  for (const parallelism of [1, 2, 3]) {
    it(`counts by key at parallelism ${parallelism}`, async () => {
      const words = 'to be or not to be that is the question to be'.split(' ')
      const results = await all(
        collect(
          (env) =>
            env
              .fromCollection(words)
              .keyBy((word) => word)
              .process({
                emits: type<{ word: string; count: number }>(),
                state: { count: value<number>() },
                onElement(word, ctx) {
                  const count = (ctx.state.count.get() ?? 0) + 1
                  ctx.state.count.set(count)
                  ctx.emit({ word, count })
                },
              }),
          { parallelism },
        ),
      )
      assert.equal(results.length, words.length)
      assert.deepEqual(
        results.filter(({ word }) => word === 'to').map(({ count }) => count),
        [1, 2, 3],
      )
    })
  }

  it('refuses what is no job, in its own words', () => {
    for (const wrong of [{}, undefined, () => {}]) assert.throws(() => startJob(wrong as never), { code: 'JOB_INVALID' })
  })

  it('says that a file stands where the folder of its checkpoints would be, and that no restart mends it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-execute-'))
    await writeFile(join(folder, 'file'), '')
    const job = defineJob('nowhere', (env) => env.fromCollection([1]).sinkTo(discard()))
    const place = { checkpointing: { storage: 'filesystem', dir: join(folder, 'file', 'below') } } as const
    const problem = /where a folder is needed.*checkpointing\.dir/
    await assert.rejects(execute(job, { options: place }), { code: 'CHECKPOINT_STORAGE_NOT_WRITABLE', message: problem, retry: false })
    await rm(folder, { recursive: true })
  })

  it('runs once for each loop over the same pipeline, also side by side', async () => {
    const pipeline = collect((env) => env.fromCollection([1, 2, 3]).map((n) => n * 2))
    assert.deepEqual(await Promise.all([all(pipeline), all(pipeline)]), [
      [2, 4, 6],
      [2, 4, 6],
    ])
    assert.deepEqual(await all(pipeline), [2, 4, 6])
  })

  it('has ended when its loop has been left', async () => {
    let closed = false
    const results = collect((env) =>
      env.fromSource(generator({ generate: (n) => n })).process({
        emits: type<number>(),
        onElement: (n, ctx) => ctx.emit(n),
        async close() {
          await sleep(5)
          closed = true
        },
      }),
    )
    for await (const n of results) if (n === 3) break
    assert.ok(closed)
  })

  it('throws the reason into its loop when it is aborted: what came before must not look like all there is', async () => {
    const controller = new AbortController()
    const got: number[] = []
    const loop = async (signal: AbortSignal): Promise<void> => {
      for await (const n of collect((env) => env.fromSource(generator({ generate: (n) => n })), { signal })) {
        got.push(n)
        if (n === 3) controller.abort(new Error('enough'))
      }
    }
    await assert.rejects(loop(controller.signal), /enough/)
    assert.ok(got.length > 0)
    await assert.rejects(loop(AbortSignal.abort()), { name: 'AbortError' })
  })

  it('is cancelled where what is told of it throws, and throws that, once', async () => {
    let events = 0
    const job = defineJob('watched', (env) => {
      env.fromSource(generator({ generate: (n) => n })).sinkTo(discard())
    })
    const onEvent = (): never => {
      events++
      throw new Error('the watcher failed')
    }
    await assert.rejects(execute(job, { onEvent }), /the watcher failed/)
    assert.ok(events > 1, 'it was told of the end all the same')
  })

  for (const [option, given] of Object.entries({ signal: new AbortController(), onEvent: 'no', log: 'yes', restore: 5, threads: 'yes' })) {
    it(`is not started where ${option} is not what it must be`, async () => {
      let built = false
      const job = defineJob('never', (env) => {
        built = true
        env.fromCollection([1]).sinkTo(print())
      })
      await assert.rejects(execute(job, { [option]: given }), (error: Error) => {
        assert.match(error.message, new RegExp(`^execute: ${option} must be `))
        return true
      })
      assert.equal(built, false)
    })
  }

  it('writes warnings with console.warn, where nobody has said what else is to be done with them', async (context) => {
    const written: string[] = []
    context.mock.method(console, 'warn', (line: string) => void written.push(line))
    const talking = (fails = false) =>
      defineJob('talks', (env) => {
        env.restart.strategy = { kind: 'fixed-delay', attempts: 1, delay: 1 }
        env
          .fromCollection([1])
          .process({
            emits: type<number>(),
            onElement(_, ctx) {
              ctx.log.info('heard by who listens')
              ctx.log.warn('take care', { n: 7 })
              if (fails) throw new Error('no')
            },
          })
          .sinkTo(discard())
      })
    const taken = (): string[] => written.splice(0).map((line) => line.slice(line.indexOf(' ') + 1))
    await execute(talking())
    assert.deepEqual(taken(), ['WARN  take care operator=process subtask=0 n=7'])
    const heard: string[] = []
    await execute(talking(), { log: ({ level, message }) => void heard.push(`${level} ${message}`) })
    assert.deepEqual(heard, ['info heard by who listens', 'warn take care'])
    await execute(talking(), { log: false })
    await execute(talking(), { onEvent: () => {} })
    assert.deepEqual(taken(), [])
    await assert.rejects(execute(talking(true)))
    const [, restart, again] = taken()
    assert.match(
      restart!,
      /^WARN {2}restart 1 in 1 ms: operator 'process', subtask 0, failed in onElement.*: Error: no error=no\n +Error: no\n +at /,
    )
    assert.match(again!, /take care/)
    const failing = (): never => {
      throw new Error('the log failed')
    }
    await assert.rejects(execute(talking(), { log: failing }), /the log failed/)
  })

  it('fails with an error of ours that says who must act, and whether to try again', async (context) => {
    context.mock.method(console, 'warn', () => {})
    const failure = async (build: (env: Environment) => void): Promise<MillraceError> => {
      const error: unknown = await execute(defineJob('fails', build)).catch((thrown: unknown) => thrown)
      assert.ok(error instanceof MillraceError)
      return error
    }
    const own = await failure((env) => {
      env
        .fromCollection([1])
        .map((n) => (n as unknown as string).trim())
        .name('trims')
        .sinkTo(discard())
    })
    assert.deepEqual([own.name, own.code, own.who, own.retry], ['OperatorFailure', 'OPERATOR_FAILED', 'user', false])
    assert.deepEqual([own.details['operator'], own.details['subtask'], own.details['during']], ['trims', 0, 'map'])
    const missing = await failure((env) => {
      env.fromSource(files({ path: '/none/at/all' })).sinkTo(discard())
    })
    assert.deepEqual([missing.name, missing.code, missing.who, missing.retry], ['MillraceError', 'FILES_NOT_FOUND', 'user', false])
    const full = await failure((env) => {
      const writer = { open() {}, write() {}, close() {}, prepare: () => Promise.reject(engineError('FILE_SINK_WRITE_FAILED')) }
      env.fromCollection([1]).sinkTo({ connector: 'full', delivery: 'none', createWriter: () => writer })
    })
    assert.deepEqual([full.who, full.retry], ['operator', true])
  })

  it("fails with the operator, the record and the user's own error", async () => {
    const job = defineJob('failing', (env) => {
      env
        .fromCollection([1, 2, 3])
        .map((n) => {
          if (n === 2) throw new TypeError('no twos')
          return n
        })
        .name('picky')
        .filter(() => false)
        .sinkTo({
          connector: 'none',
          delivery: 'none',
          createWriter: () => ({ open() {}, write() {}, prepare: async () => [], close() {} }),
        })
    })
    await assert.rejects(execute(job), (error: Error) => {
      assert.match(error.message, /operator 'picky', subtask 0, failed in map.*no twos/)
      assert.equal((error.cause as Error).name, 'TypeError')
      return true
    })
  })

  it('fails where a timer is set that nothing is called for, as by who knows the name of it from elsewhere', async () => {
    const timers = (
      handler: string,
      set: (ctx: { readonly [name: string]: { at(time: number): void } }) => void,
      isAsync: boolean,
    ): Promise<unknown> =>
      execute(
        defineJob('timers', (env) => {
          const onElement = isAsync ? async (_: string, ctx: never): Promise<void> => set(ctx) : (_: string, ctx: never): void => set(ctx)
          env
            .fromCollection(['a'])
            .keyBy((text) => text)
            .process({ onElement, [handler]: () => {} })
            .sinkTo(discard())
        }),
        { log: false },
      )
    for (const isAsync of [false, true])
      for (const [kind, handler] of [
        ['eventTimers', 'onEventTimer'],
        ['processingTimers', 'onProcessingTimer'],
      ] as const) {
        const set = (ctx: { readonly [name: string]: { at(time: number): void } }): void => ctx[kind]!.at(5)
        await assert.rejects(timers('onTimer', set, isAsync), (error: MillraceError) => {
          assert.match(error.message, new RegExp(`A timer of process is set, and its function has no ${handler},.*TIMER_UNHANDLED`))
          return error.who === 'user'
        })
        await timers(handler, set, isAsync)
        const setText: typeof set = (ctx) => ctx[kind]!.at('5' as never)
        await assert.rejects(timers(handler, setText, isAsync), /A timer of process is set to '5', which is not a time in milliseconds/)
      }
  })

  it('fails by the fault of the job where what it keeps cannot be stored', async () => {
    const job = defineJob('keeps', (env) => {
      env
        .fromCollection(['a'])
        .keyBy((text) => text)
        .process({ state: { kept: value<unknown>() }, onElement: (_text, ctx) => ctx.state.kept.set(() => {}) })
        .sinkTo(discard())
    })
    const options = { checkpointing: { interval: '10s' }, restart: { strategy: 'none' } } as const
    await assert.rejects(execute(job, { log: false, options }), (error: MillraceError) => {
      assert.deepEqual([error.code, error.who], ['CHECKPOINT_FAILED_BY_JOB', 'user'])
      assert.match(error.message, /State "kept" of process, key a, .* kept is a function.*Keep plain data/)
      return true
    })
  })

  it('keeps checkpoints in memory, unless the job or its caller says where', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'millrace-dir-'))
    const [ofCaller, ofJob] = [join(folder, 'caller'), join(folder, 'job')]
    const jobWith = (dir: string | undefined): ReturnType<typeof defineJob> =>
      defineJob('placed', (env) => {
        if (dir !== undefined) env.checkpointing.dir = dir
        env.fromCollection([1]).sinkTo(discard())
      })
    const warnings: string[] = []
    const pathOf = async (dir: string | undefined, checkpointing: object): Promise<string | undefined> => {
      const options = { stateDir: join(folder, 'state'), checkpointing }
      const log = ({ level, message }: LogRecord): unknown => level === 'warn' && warnings.push(message)
      return (await execute(jobWith(dir), { options, log })).lastCheckpoint?.path
    }
    assert.equal(await pathOf(undefined, {}), undefined)
    assert.ok((await pathOf(undefined, { dir: ofCaller }))!.startsWith(ofCaller))
    assert.ok((await pathOf(ofJob, { dir: ofCaller }))!.startsWith(ofJob))
    assert.ok(!warnings.some((warning) => warning.includes('checkpointing.dir')))
    assert.equal(await pathOf(ofJob, { storage: 'memory' }), undefined)
    assert.match(warnings.join('\n'), new RegExp(`no checkpoint is in ${ofJob} \\(checkpointing\\.dir.*storage is memory`))
    await rm(folder, { recursive: true })
  })

  it('writes no object as a line of text', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-lines-'))
    const job = defineJob('objects', (env) => {
      env.fromCollection([{ word: 'tea' }]).sinkTo(fileSink({ dir }) as never)
    })
    await assert.rejects(
      execute(job),
      /fileSink: a record cannot be written as lines: it is \{ word: 'tea' \}, and no text: give format: 'json'/,
    )
    await rm(dir, { recursive: true })
  })

  it('tells that a file is where a sink needs a folder, of no record and no place in the source', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-lines-'))
    const path = join(dir, 'in.txt')
    await writeFile(path, 'tea\n')
    const job = defineJob('folder', (env) => {
      env.fromSource(files({ path })).sinkTo(fileSink({ dir: path }))
    })
    await assert.rejects(
      execute(job),
      /'files sink', subtask 0, failed in open: MillraceError: fileSink: .*in\.txt cannot be written: it is a file, .*\[FILE_SINK_WRITE_FAILED\]/,
    )
    await rm(dir, { recursive: true })
  })

  it('tells of an option that there is not', async () => {
    const job = defineJob('options', (env) => {
      env.fromCollection([1]).sinkTo(print())
    })
    await assert.rejects(execute(job, { paralelism: 2 } as never), {
      code: 'ARGUMENT_INVALID',
      message: /execute: an option must be one of parallelism, .*, and is paralelism; did you mean parallelism\?/,
    })
  })

  it('says what is wrong with what a function answers, where the compiler was not asked', async () => {
    const nothing = (() => undefined) as never
    await assert.rejects(all(collect(nothing)), { message: /collect: what the function answers must be a stream, and is undefined/ })
    await assert.rejects(all(collect(((env: Environment) => env.fromCollection([1]).keyBy((n) => n)) as never)), {
      code: 'ARGUMENT_INVALID',
    })
    for (const answer of [() => undefined, () => 5, async () => null]) {
      await assert.rejects(all(collect((env) => env.fromCollection([1]).flatMap(answer as never))), {
        code: 'OPERATOR_FAILED',
        message: /it must answer records to iterate over, such as an array, and answered (undefined|5|null)/,
      })
    }
  })

  it('refuses the options of millrace run, which nothing would heed, and serves its figures as a text', async () => {
    const job = defineJob('options', (env) => {
      env.fromCollection([1]).sinkTo(discard())
    })
    for (const options of [{ metrics: { port: 0 } }, { log: { level: 'debug' } }, { 'metrics.host': '::' }]) {
      await assert.rejects(execute(job, { options: options as never }), { code: 'OPTION_OF_RUN', message: /In a program: / })
    }
    const running = startJob(job)
    await running.done
    assert.match(metricsText(running.metrics()), /^# TYPE millrace_job_restarts_total counter\nmillrace_job_restarts_total 0$/m)
  })

  it('tells that a value stands where a section of options belongs', async () => {
    const job = defineJob('options', (env) => {
      env.fromCollection([1]).sinkTo(print())
    })
    for (const checkpointing of [5, '5s']) {
      await assert.rejects(execute(job, { options: { checkpointing: checkpointing as never } }), {
        code: 'OPTION_INVALID',
        message: /checkpointing must be a section with options in it: checkpointing\.\w+, /,
      })
    }
  })

  it('closes what it was opening when it was cancelled only once it is open, and opens nothing after that', async () => {
    const events: string[] = []
    const slow = (name: string) => ({
      emits: type<number>(),
      async open() {
        events.push(`opening ${name}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
        events.push(`opened ${name}`)
      },
      onElement() {},
      close: () => void events.push(`closed ${name}`),
    })
    const job = defineJob('slow to open', (env) => {
      env.fromCollection([1, 2, 3]).process(slow('first')).process(slow('second')).sinkTo(print())
    })
    const running = startJob(job)
    while (events.length === 0) await new Promise((resolve) => setImmediate(resolve))
    await running.cancel()
    assert.equal((await running.done).state, 'canceled')
    await new Promise((resolve) => setTimeout(resolve, 30))
    assert.deepEqual(events, ['opening second', 'opened second', 'opening first', 'opened first', 'closed first', 'closed second'])
  })

  it('keeps asynchronous results in order', async () => {
    const results = await all(
      collect((env) =>
        env.fromCollection([5, 1, 3]).map(async (n) => {
          await new Promise((resolve) => setTimeout(resolve, n))
          return n
        }),
      ),
    )
    assert.deepEqual(results, [5, 1, 3])
  })
})
