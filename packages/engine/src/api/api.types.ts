/**
 * What the compiler must infer, and what it must refuse: each `@ts-expect-error` is a mistake of a user. Compiled with the workspace, never run.
 */
import { raw, rawKeyed, splitList, unionList, type RawState } from './operator-state.ts'
import { discard } from '../connectors/discard.ts'
import type { Sink } from '../connectors/sink.ts'
import type { Source } from '../connectors/source.ts'
import { buildJob } from './build-job.ts'
import { defineJob, type Job } from './job.ts'
import type { KeyedStream } from './keyed-stream.ts'
import type { Failure } from './process-functions.ts'
import { aggregating, list, map, reducing, value, type StandardSchema } from './state.ts'
import type { Stream, StreamView } from './stream.ts'
import { type } from './types.ts'
import { watermarks } from './watermarks.ts'

type Equal<A, B> = (<X>() => X extends A ? 1 : 2) extends <X>() => X extends B ? 1 : 2 ? true : false
/** Refuses to compile unless the argument's type is exactly `Expected`. */
declare function exactly<Expected>(): <Actual>(actual: Actual & (Equal<Expected, Actual> extends true ? unknown : never)) => void

interface Reading {
  readonly sensor: string
  readonly kind: 'heat' | 'smoke'
  celsius: number
  readonly at: number
  readonly tags: string[]
}
/** Texts that are not to be mixed up. */
type UserId = string & { readonly brand: 'user' }
type OrderId = string & { readonly brand: 'order' }
interface Visit {
  readonly user: UserId
  readonly order: OrderId
  readonly shelf: number & { readonly brand: 'shelf' }
  readonly place: bigint & { readonly brand: 'place' }
}
declare const visits: Source<Visit>
interface Alarm {
  readonly sensor: string
  readonly why: string
}
declare const readings: Source<Reading>
declare const alarms: Sink<Alarm>
declare const totals: Sink<{ key: string; count: number }>
declare const schema: StandardSchema<Alarm>
declare const bloom: RawState<Set<string>>

export const jobs: readonly Job[] = [
  // ---------- stateless streams
  defineJob('stateless', (env) => {
    const stream = env.fromSource(readings)
    exactly<Stream<number>>()(stream.map((r) => r.celsius))
    const risky = stream.map(async (r) => ({ ...r, risk: await Promise.resolve(0.5) }))
    risky.filter((r) => r.risk > 0.1).filter(async (r) => Promise.resolve(r.celsius > 1))
    const words: Stream<string> = stream.flatMap((r) => r.tags)
    const smoke = stream.filter((r): r is Reading & { kind: 'smoke' } => r.kind === 'smoke')
    smoke.map((r) => {
      exactly<'smoke'>()(r.kind)
    })
    const either: StreamView<string | number> = words.union<string | number>(stream.map((r) => r.celsius))
    either.map((v) => (typeof v === 'string' ? v.length : v.toFixed()))
    words.map((word, ctx) => `${ctx.subtask} ${ctx.timestamp} ${word}`)

    // @ts-expect-error records are read-only
    stream.map((r) => (r.celsius = 1))
    // @ts-expect-error no such field
    stream.map((r) => r.fahrenheit)
    // @ts-expect-error a predicate answers a boolean
    stream.filter((r) => r.celsius)
    // @ts-expect-error flatMap answers several
    stream.flatMap((r) => r.celsius)
    // @ts-expect-error the stream is of readings, not of alarms
    stream.map((r: Alarm) => r.why)
    // @ts-expect-error a map has no emit
    stream.map((r, ctx) => ctx.emit(r))
    // @ts-expect-error an object is no key
    stream.keyBy((r) => r)
    // @ts-expect-error nor is undefined
    stream.keyBy((r) => (r.celsius > 1 ? r.sensor : undefined))
    // @ts-expect-error a stream of readings does not fit a sink of alarms
    stream.sinkTo(alarms)
    // @ts-expect-error no such partitioning
    stream.partition('robin')
    // @ts-expect-error a partitioner answers a subtask
    stream.partition((r) => r.sensor)
    // @ts-expect-error a union is no operator, so it has no uid
    words.union(words).uid('words')
    // @ts-expect-error nor has a partitioning
    words.partition('shuffle').parallelism(2)
    // @ts-expect-error chained as what?
    words.chain('sometimes')
    // @ts-expect-error a sink ends the stream
    words.sinkTo(discard()).map((word) => word)
    // @ts-expect-error of what?
    words.union()
  }),

  // ---------- process without keys
  defineJob('process', (env) => {
    const stream = env.fromSource(readings, { uid: 'readings', watermarks: watermarks.boundedOutOfOrderness('5s', (r) => r.at) })
    const checked = stream.process({
      emits: type<Alarm>(),
      sides: { late: type<Reading>(), counted: type<number>() },
      onError: 'side',
      async open(ctx) {
        ctx.log.info('open', { subtask: ctx.subtask })
      },
      onElement(reading, ctx) {
        ctx.emit({ sensor: reading.sensor, why: reading.kind })
        ctx.emitTo('late', reading)
        ctx.emitTo('counted', 1)
        ctx.metrics.counter('seen').add()
        // @ts-expect-error not an alarm
        ctx.emit({ sensor: 1 })
        // @ts-expect-error no such side output
        ctx.emitTo('early', reading)
        // @ts-expect-error a number goes there
        ctx.emitTo('counted', 'one')
        // @ts-expect-error no key without keyBy
        ctx.key.toString()
        // @ts-expect-error no state without keyBy
        ctx.state.toString()
        // @ts-expect-error no timers without keyBy
        ctx.processingTimers.after('1s')
      },
      finish(ctx) {
        ctx.emit({ sensor: '', why: 'the end' })
      },
    })
    checked.side.late.map((reading) => exactly<number>()(reading.celsius))
    checked.side.counted.map((n) => n.toFixed())
    const failures: StreamView<Failure<Reading>> = checked.failures
    failures.map((failure) => failure.error.stack + failure.record.sensor)
    checked.uid('check').name('check').parallelism(2).maxParallelism(64).chain('start').sinkTo(alarms).uid('alarms')
    stream.process({ emits: schema, onElement: (_reading, ctx) => ctx.emit({ sensor: '', why: '' }) }).sinkTo(alarms)

    // @ts-expect-error the schema says what is emitted
    stream.process({ emits: schema, onElement: (_reading, ctx) => ctx.emit({ sensor: '' }) })
    // @ts-expect-error no such side output
    void checked.side.early
    // @ts-expect-error a side output is no operator of its own
    checked.side.late.uid('late')
    // @ts-expect-error nothing is emitted unless declared
    stream.process({ onElement: (reading, ctx) => ctx.emit(reading) })
    // @ts-expect-error failures go to a side output only if declared
    void stream.process({ onElement: () => {} }).failures
    stream.process({
      emits: type<number>(),
      operatorState: { recent: splitList<Reading>(), all: unionList<string>(), filter: raw(bloom) },
      open: (ctx) => exactly<readonly string[]>()(ctx.operatorState.all.restored),
      onElement(reading, ctx) {
        ctx.operatorState.recent.add(reading)
        exactly<Set<string>>()(ctx.operatorState.filter)
        // @ts-expect-error readings are kept
        ctx.operatorState.recent.add('reading')
        // @ts-expect-error only a union knows what all had
        void ctx.operatorState.recent.restored
        // @ts-expect-error not declared
        void ctx.operatorState.others
      },
      finish: (ctx) => ctx.emit(ctx.operatorState.recent.get().length),
    })
    // @ts-expect-error operator state does not expire
    splitList<string>({ ttl: '1h' })
    // @ts-expect-error per-key state is no state of the operator
    stream.process({ operatorState: { last: value<number>() }, onElement: () => {} })
    // @ts-expect-error only a keyed stream has state
    stream.process({ state: { last: value<number>() }, onElement: () => {} })
    // @ts-expect-error only a keyed stream has timers
    stream.process({ onElement: () => {}, onEventTimer: () => {} })
    // @ts-expect-error what to do with the records?
    stream.process({ emits: type<Alarm>() })
    // @ts-expect-error no such answer to an error
    stream.process({ onError: 'ignore', onElement: () => {} })
    // @ts-expect-error a source of readings has no time stamps of alarms
    env.fromSource(readings, { watermarks: watermarks.monotonous((alarm: Alarm) => alarm.why.length) })
  }),

  // ---------- keys, state, timers
  defineJob('keyed', (env) => {
    const stream = env.fromSource(readings)
    exactly<KeyedStream<Readonly<Reading>, string>>()(stream.keyBy((r) => r.kind))
    exactly<KeyedStream<Readonly<Reading>, readonly [string, number]>>()(stream.keyBy((r) => [r.sensor, r.celsius]))
    exactly<KeyedStream<Readonly<Reading>, string | null>>()(stream.keyBy((r) => (r.celsius > 1 ? r.sensor : null)))
    stream
      .keyBy((r) => r.sensor)
      .process({
        emits: type<Alarm>(),
        state: {
          last: value<Reading>({ version: 2, migrate: (old, version) => ({ ...(old as Reading), at: version }) }),
          seen: map<string, number>(),
          sum: reducing<number>((a, b) => a + b),
          log: list<Reading>(),
          mean: aggregating({
            create: () => ({ n: 0, sum: 0 }),
            add: (celsius: number, { n, sum }) => ({ n: n + 1, sum: sum + celsius }),
            result: ({ n, sum }) => sum / n,
          }),
        },
        onElement(reading, ctx) {
          exactly<string>()(ctx.key)
          exactly<number | undefined>()(ctx.state.mean.get())
          exactly<Reading | undefined>()(ctx.state.last.get())
          ctx.state.last.set(reading)
          ctx.state.last.update((last) => last ?? reading)
          ctx.state.mean.add(reading.celsius)
          for (const [name, count] of ctx.state.seen.entries()) ctx.state.log.addAll(name === '' && count > 1 ? [reading] : [])
          const due: number = ctx.eventTimers.after('1h')
          ctx.eventTimers.deleteAt(due)
          // @ts-expect-error not declared
          void ctx.state.first
          // @ts-expect-error a reading is stored there
          ctx.state.last.set(1)
          // @ts-expect-error keyed by a string
          ctx.state.seen.set(1, 1)
          // @ts-expect-error numbers are added up
          ctx.state.sum.add('1')
          // @ts-expect-error a value has no add
          ctx.state.last.add(reading)
          // @ts-expect-error a list is changed by its methods
          ctx.state.log.get().push(reading)
          // @ts-expect-error no unit
          ctx.eventTimers.after('10')
          // @ts-expect-error handles are not replaced
          ctx.state.sum = reducing<number>((a) => a)
          // @ts-expect-error nor is the key
          ctx.key = ''
        },
        async onProcessingTimer(time, ctx) {
          await Promise.resolve(time)
          ctx.emit({ sensor: ctx.key, why: 'silent' })
        },
        onEventTimer(time, ctx) {
          ctx.state.last.clear()
          // @ts-expect-error a time is no reading
          ctx.state.last.set(time)
        },
      })
    stream
      .keyBy((r) => [r.sensor, r.kind] as const)
      .process({
        emits: type<string>(),
        onElement(_reading, ctx) {
          const [sensor, kind] = ctx.key
          ctx.emit(sensor + kind)
          // @ts-expect-error two parts
          ctx.emit(ctx.key[2])
        },
      })
    stream
      .keyBy((r) => r.sensor)
      .process({
        state: {
          last: value<number>({ ttl: '1h' }),
          seen: map<string, Reading>({ ttl: { after: 5, update: 'on-read-and-write', visibility: 'until-cleaned' } }),
          checked: value<Alarm>({ schema, codec: { encode: ({ why }) => Buffer.from(why), decode: () => ({ sensor: '', why: '' }) } }),
        },
        operatorState: { groups: rawKeyed(bloom), list: splitList<string>() },
        async onElement(reading, ctx) {
          exactly<Set<string>>()(ctx.operatorState.groups)
          ctx.operatorState.list.add(ctx.key)
          ctx.state.seen.set(ctx.key, reading)
        },
        onEventTimer(_time, ctx) {
          exactly<readonly string[]>()(ctx.operatorState.list.get())
        },
      })
    // @ts-expect-error a ttl says after what
    value<number>({ ttl: { update: 'on-write' } })
    // @ts-expect-error no such update
    value<number>({ ttl: { after: '1h', update: 'on-read' } })
    // @ts-expect-error the schema is of something else
    value<number>({ schema })
    // @ts-expect-error the codec is of something else
    value<number>({ codec: { encode: (text: string) => Buffer.from(text), decode: () => '' } })
    // @ts-expect-error declared with value(), list(), …
    stream.keyBy((r) => r.sensor).process({ state: { last: 0 }, onElement: () => {} })
    // @ts-expect-error a map state's keys are atoms
    map<readonly string[], number>()
    // @ts-expect-error reduces to the same type
    reducing<number>((a, b) => `${a}${b}`)
    // @ts-expect-error migrates to today's type
    value<number>({ version: 2, migrate: (old) => String(old) })
    // @ts-expect-error no such option
    value<number>({ expires: '1h' })
  }),

  // ---------- aggregations
  defineJob('aggregations', (env) => {
    const keyed = env.fromSource(readings).keyBy((r) => r.sensor)
    keyed.count().sinkTo(totals)
    keyed.sum('celsius').map((r) => r.sensor)
    keyed.min('sensor').union(keyed.max('at'), keyed.minBy('kind'), keyed.maxBy('celsius'))
    keyed.reduce((a, b) => (a.at > b.at ? a : b)).map((r) => r.tags)
    const mean: Stream<number> = keyed.aggregate(
      {
        create: () => [0, 0] as readonly [number, number],
        add: (r, [n, sum]) => [n + 1, sum + r.celsius] as const,
        result: ([n, sum]) => sum / n,
      },
      { version: 2, migrate: (old) => [1, old as number] as const },
    )
    mean.map((m) => m.toFixed())
    // @ts-expect-error text has no sum
    keyed.sum('sensor')
    // @ts-expect-error no such field
    keyed.sum('fahrenheit')
    // @ts-expect-error lists have no order
    keyed.maxBy('tags')
    // @ts-expect-error reduces to the same type
    keyed.reduce((a, b) => a.at + b.at)
    // @ts-expect-error reduce must not change its arguments
    keyed.reduce((a, b) => ((a.celsius += b.celsius), a))
    // @ts-expect-error a keyed stream is for operators with state: map before keyBy
    keyed.map((r) => r)
    // @ts-expect-error no operator yet
    keyed.uid('keyed')
    const perTime = env.fromSource(readings).keyBy((r) => r.at)
    // @ts-expect-error counts have string keys there
    perTime.count().sinkTo(totals)
  }),

  // ---------- two inputs
  defineJob('two-inputs', (env) => {
    const stream = env.fromSource(readings)
    const others = env.fromCollection([{ sensor: 'a', limit: 10 }])
    stream
      .connect(others)
      .map(
        (r) => r.celsius,
        (o) => o.limit,
      )
      .map((n) => n.toFixed())
    stream.connect(others).process({
      emits: type<number>(),
      onLeft: (r, ctx) => ctx.emit(r.celsius),
      onRight: (o, ctx) => ctx.emit(o.limit),
      // @ts-expect-error no state without keys
      state: { last: value<number>() },
    })
    stream
      .keyBy((r) => r.sensor)
      .connect(others.keyBy((o) => o.sensor))
      .process({
        state: { limit: value<number>() },
        emits: type<Alarm>(),
        onLeft(reading, ctx) {
          if (reading.celsius > (ctx.state.limit.get() ?? 0)) ctx.emit({ sensor: ctx.key, why: reading.kind })
        },
        onRight(other, ctx) {
          ctx.state.limit.set(other.limit)
          // @ts-expect-error the left input's
          void other.celsius
        },
        onEventTimer(_time, ctx) {
          ctx.state.limit.clear()
        },
      })
    stream
      .connect(others)
      .keyBy(
        (r) => [r.sensor, r.at],
        (o) => [o.sensor, o.limit],
      )
      .process({ onLeft: () => {}, onRight: () => {} })
    // @ts-expect-error both inputs must be keyed, or neither
    stream.connect(others.keyBy((o) => o.sensor))
    // @ts-expect-error both inputs must be keyed, or neither
    stream.keyBy((r) => r.sensor).connect(others)
    // @ts-expect-error keys of different types never meet
    stream.keyBy((r) => r.sensor).connect(others.keyBy((o) => o.limit))
    const both = stream.connect(others)
    both.keyBy(
      (r) => r.sensor,
      // @ts-expect-error keys of different types never meet
      (o) => o.limit,
    )
    // @ts-expect-error one method an input
    stream.connect(others).process({ onLeft: () => {} })
    // @ts-expect-error one method an input
    stream.connect(others).process({ onElement: () => {} })
  }),

  // ---------- keys with a brand
  defineJob('brands', (env) => {
    const stream = env.fromSource(visits)
    const byUser = stream.keyBy((v) => v.user)
    exactly<KeyedStream<Visit, UserId>>()(byUser)
    exactly<KeyedStream<Visit, readonly [UserId, Visit['shelf'], Visit['place']]>>()(stream.keyBy((v) => [v.user, v.shelf, v.place]))
    byUser.connect(stream.keyBy((v) => v.user)).process({ onLeft: (_visit, ctx) => exactly<UserId>()(ctx.key), onRight: () => {} })
    // @ts-expect-error orders are no users, though both are texts
    byUser.connect(stream.keyBy((v) => v.order))
    exactly<KeyedStream<Visit, string>>()(stream.keyBy((v) => `${v.user}/${v.order}`))
    byUser.count().map(({ key }) => exactly<UserId>()(key))
  }),

  // ---------- broadcast state
  defineJob('broadcast', (env) => {
    const stream = env.fromSource(readings)
    const rules = env.fromCollection([{ name: 'hot', limit: 10 }]).broadcast({ rules: map<string, number>() })
    stream
      .keyBy((r) => r.sensor)
      .connect(rules)
      .process({
        emits: type<Alarm>(),
        state: { last: value<Reading>() },
        onElement(reading, ctx) {
          ctx.state.last.set(reading)
          for (const [why, limit] of ctx.broadcast.rules.entries()) if (reading.celsius > limit) ctx.emit({ sensor: ctx.key, why })
          // @ts-expect-error elements only read broadcast state
          ctx.broadcast.rules.set('cold', 1)
          // @ts-expect-error not declared
          void ctx.broadcast.limits
        },
        onBroadcast(rule, ctx) {
          ctx.broadcast.rules.set(rule.name, rule.limit)
          // @ts-expect-error no key on the broadcast side
          void ctx.key
          // @ts-expect-error nor its state
          void ctx.state
        },
      })
    stream.connect(rules).process({
      emits: type<string>(),
      onElement: (reading, ctx) => ctx.emit(reading.sensor + ctx.broadcast.rules.size),
      onBroadcast: () => {},
    })
    // @ts-expect-error only a keyed stream has state of its own
    stream.connect(rules).process({ state: { last: value<number>() }, onElement: () => {}, onBroadcast: () => {} })
    // @ts-expect-error a broadcast changes state in the same order everywhere, so not asynchronously
    stream.connect(rules).process({ onElement: () => {}, onBroadcast: async () => {} })
    // @ts-expect-error for connect alone
    rules.map((rule) => rule)
    // @ts-expect-error which state?
    stream.broadcast()
  }),

  // ---------- settings
  defineJob('settings', (env) => {
    env.checkpointing.interval = '1s'
    env.checkpointing.mode = 'at-least-once'
    env.checkpointing.backend = 'rocksdb'
    env.checkpointing.storage = 'memory'
    env.checkpointing.storage = { dir: '/data/checkpoints' }
    // @ts-expect-error no such backend
    env.checkpointing.backend = 'disk'
    // @ts-expect-error where
    env.checkpointing.storage = {}
    env.restart.strategy = { kind: 'fixed-delay', attempts: 3, delay: '10s' }
    env.restart.strategy = 'none'
    // @ts-expect-error no unit
    env.checkpointing.timeout = '10'
    // @ts-expect-error no such option
    env.checkpointing.intervall = '1s'
    // @ts-expect-error no such mode
    env.checkpointing.mode = 'exactly-twice'
    // @ts-expect-error no such strategy
    env.restart.strategy = { kind: 'forever' }
    // @ts-expect-error another strategy's option
    env.restart.strategy = { kind: 'fixed-delay', multiplier: 2 }
    // @ts-expect-error set its members
    env.checkpointing = { interval: '1s' }
  }),
]

// ---------- parameters

const withParams = defineJob('params', { params: { limit: 100, region: 'eu', strict: false } }, (env, params) => {
  exactly<number>()(params.limit)
  exactly<string>()(params.region)
  exactly<boolean>()(params.strict)
  // @ts-expect-error not declared
  void params.limits
  // @ts-expect-error frozen
  params.limit = 1
  env.fromCollection([1]).sinkTo(discard())
})
buildJob(withParams, { params: { limit: 5 } })
// @ts-expect-error a number
buildJob(withParams, { params: { limit: '5' } })
// @ts-expect-error no such parameter
buildJob(withParams, { params: { limits: 5 } })
// @ts-expect-error parameters are texts, numbers and booleans
defineJob('params', { params: { list: [1] } }, () => {})
// @ts-expect-error building is synchronous
defineJob('async', () => Promise.resolve())
defineJob('expression', (env) => env.fromCollection([1]).sinkTo(discard()))

// ---------- helpers of users: generic functions over streams

export function dedupe<T>(stream: StreamView<T>, key: (value: T) => string): Stream<T> {
  return stream.keyBy(key).process({
    emits: type<T>(),
    state: { seen: value<boolean>() },
    onElement(record, ctx) {
      if (ctx.state.seen.get() === undefined) ctx.emit(record)
      ctx.state.seen.set(true)
    },
  })
}
