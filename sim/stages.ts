/** The stages of a random job. Each passes every record on exactly once; those with keys add how many they had seen. */
import { aggregating, list, map, reducing, type, value, type Stream, type StreamView } from '@millrace/engine'
import type { Lifetime } from './lifetimes.ts'
import { CYCLE, widthOf, type StagePlan } from './scenario.ts'
import type { Situation } from './situations.ts'
import { expiring, held, operatorLists, rawCounts } from './state-stages.ts'
import type { Traced } from './traced.ts'

/** What the functions of a job meet in one life. */
export interface UserCode {
  /** May throw. */
  hazard(): void
  /** Takes its time. */
  delay(): Promise<void>
  /** Something is seen that must never be: the seed fails. */
  violation(problem: string): void
  met(situation: Situation): void
  /** The job is built: what comes now belongs to another launch. */
  built(): void
  /** Of the function of one operator. */
  lifetime(): Lifetime
}

export interface StageParts {
  readonly plan: StagePlan
  readonly index: number
  /** In the names of its operators. */
  readonly name: string
  readonly keys: number
  /** Exactly once: no record is seen twice. */
  readonly strict: boolean
  readonly parallelism: number
  readonly user: UserCode
  /** A stream 0, 1, 2, … for broadcasting. */
  readonly rules: () => StreamView<number>
}

export function addStage(stream: StreamView<Traced>, parts: StageParts): StreamView<Traced> {
  const { plan, name, parallelism } = parts
  const settle = <S extends Stream<Traced>>(stage: S): S => {
    const width = widthOf(plan, parallelism)
    const settled = stage.uid(`stage-${name}`).chain(plan.chain)
    return width === undefined ? settled : settled.parallelism(width)
  }
  return plan.kind.startsWith('keyed') ? addKeyedStage(stream, parts, settle) : addPlainStage(stream, parts, settle)
}

type Settle = <S extends Stream<Traced>>(stage: S) => S

function addPlainStage(stream: StreamView<Traced>, { plan, user, strict, rules }: StageParts, settle: Settle): StreamView<Traced> {
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the default is the plainest stage
  switch (plan.kind) {
    case 'async-map':
      return settle(
        stream.map(async (record) => {
          await user.delay()
          user.hazard()
          return record
        }),
      )
    case 'flat-map':
      return settle(
        stream.flatMap((record) => {
          user.hazard()
          return record.id < 0 ? [] : [record]
        }),
      )
    case 'rebalance':
    case 'shuffle':
    case 'rescale':
    case 'global':
      return settle(stream.partition(plan.kind).map((record) => record))
    case 'side-output': {
      const stage = settle(
        stream.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          sides: { odd: type<Traced>() },
          onElement(record, ctx) {
            user.hazard()
            if (record.id % 2 === 0) ctx.emit(record)
            else ctx.emitTo('odd', record)
          },
        }),
      )
      return stage.union(stage.side.odd)
    }
    case 'held':
      return settle(held(stream, user))
    case 'broadcast':
      return settle(
        stream.connect(rules().broadcast({ last: value<number>() })).process({
          emits: type<Traced>(),
          ...user.lifetime(),
          onElement(record, ctx) {
            user.hazard()
            ctx.emit(record)
          },
          onBroadcast(rule, ctx) {
            const due = (ctx.broadcast.last.get() ?? -1) + 1
            if (strict && rule !== due) user.violation(`rule ${rule} was broadcast where ${due} was due`)
            ctx.broadcast.last.set(rule)
          },
        }),
      )
    default:
      return settle(
        stream.map((record) => {
          user.hazard()
          return { ...record }
        }),
      )
  }
}

function addKeyedStage(stream: StreamView<Traced>, parts: StageParts, settle: Settle): StreamView<Traced> {
  const { plan, index, name, keys, user } = parts
  const counted = (record: Traced, key: number, count: number): Traced => ({ ...record, counts: [...record.counts, [index, key, count]] })
  const keyOf = (record: Traced): number => record.id % keys
  const keyed = stream.keyBy(keyOf)
  // oxlint-disable-next-line typescript/switch-exhaustiveness-check -- the default is the plainest stage
  switch (plan.kind) {
    case 'keyed-map':
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { seen: map<number, number>() },
          onElement(record, ctx) {
            const { seen } = ctx.state
            seen.set(record.id % 5, (seen.get(record.id % 5) ?? 0) + 1)
            let sum = 0
            for (const [, count] of seen.entries()) sum += count
            // Entries come and go: what is taken out of one goes to another, so that tombstones matter.
            if (sum % 3 === 0) {
              seen.delete(record.id % 5)
              seen.set(100, sum - [...seen.entries()].reduce((rest, [entry, count]) => rest + (entry === 100 ? 0 : count), 0))
            }
            user.hazard()
            ctx.emit(counted(record, ctx.key, sum))
          },
        }),
      )
    case 'keyed-list':
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { recent: list<number>(), dropped: value<number>() },
          onElement(record, ctx) {
            const { recent, dropped } = ctx.state
            recent.add(record.id)
            const count = recent.get().length + (dropped.get() ?? 0)
            if (recent.get().length > 4) {
              dropped.set(count)
              recent.clear()
            }
            user.hazard()
            ctx.emit(counted(record, ctx.key, count))
          },
        }),
      )
    case 'keyed-reducing':
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { sum: reducing<number>((a, b) => a + b) },
          onElement(record, ctx) {
            ctx.state.sum.add(1)
            ctx.emit(counted(record, ctx.key, ctx.state.sum.get()!))
          },
        }),
      )
    case 'keyed-aggregate':
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { all: aggregating({ create: () => 0, add: (_: number, count: number) => count + 1, result: (count: number) => count }) },
          onElement(record, ctx) {
            ctx.state.all.add(record.id)
            user.hazard()
            ctx.emit(counted(record, ctx.key, ctx.state.all.get()!))
          },
        }),
      )
    case 'keyed-clearing':
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { count: value<number>() },
          onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            if (count === CYCLE) ctx.state.count.clear()
            else ctx.state.count.set(count)
            user.hazard()
            ctx.emit(counted(record, ctx.key, count))
          },
        }),
      )
    case 'keyed-async':
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { count: value<number>() },
          async onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            await user.delay()
            user.hazard()
            ctx.emit(counted(record, ctx.key, count))
          },
        }),
      )
    case 'keyed-failing': {
      const stage = settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          onError: 'side',
          state: { count: value<number>() },
          onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            ctx.emit(counted(record, ctx.key, count))
            if (record.id % 7 === 3) throw new Error('a record nobody can process')
            user.hazard()
          },
        }),
      )
      return stage.union(stage.failures.map(({ record }) => record).uid(`failures-${name}`))
    }
    case 'keyed-async-failing': {
      const stage = settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          onError: 'side',
          state: { count: value<number>() },
          async onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            ctx.emit(counted(record, ctx.key, count))
            await user.delay()
            if (record.id % 7 === 3) throw new Error('a record nobody can process')
            user.hazard()
          },
        }),
      )
      return stage.union(stage.failures.map(({ record }) => record).uid(`failures-${name}`))
    }
    case 'keyed-connected':
      return settle(
        stream
          .filter(({ id }) => id % 2 === 0)
          .uid(`left-${name}`)
          .connect(stream.filter(({ id }) => id % 2 === 1).uid(`right-${name}`))
          .keyBy(keyOf, keyOf)
          .process({
            emits: type<Traced>(),
            ...user.lifetime(),
            state: { count: value<number>() },
            onLeft(record, ctx) {
              const count = (ctx.state.count.get() ?? 0) + 1
              ctx.state.count.set(count)
              user.hazard()
              ctx.emit(counted(record, ctx.key, count))
            },
            async onRight(record, ctx) {
              const count = (ctx.state.count.get() ?? 0) + 1
              ctx.state.count.set(count)
              await user.delay()
              ctx.emit(counted(record, ctx.key, count))
            },
          }),
      )
    case 'keyed-timer':
    case 'keyed-async-timer': {
      const isAsync = plan.kind === 'keyed-async-timer'
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { count: value<number>(), armed: value<number>(), fired: value<number>() },
          onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            const armed = ctx.state.armed.get() ?? 0
            const fired = ctx.state.fired.get() ?? 0
            if (fired !== armed && fired !== armed - 1) user.violation(`a timer armed ${armed} times fired ${fired} times`)
            if (fired === armed) {
              ctx.state.armed.set(armed + 1)
              ctx.processingTimers.after(3 + (record.id % 40))
              ctx.processingTimers.deleteAt(ctx.processingTimers.after(60 + count))
            }
            ctx.emit(counted(record, ctx.key, count))
          },
          onProcessingTimer(_time, ctx) {
            ctx.state.fired.set((ctx.state.fired.get() ?? 0) + 1)
            return isAsync ? user.delay().then(() => user.hazard()) : user.hazard()
          },
        }),
      )
    }
    case 'keyed-event-timer':
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { count: value<number>(), waiting: list<Traced>() },
          onElement(record, ctx) {
            const count = (ctx.state.count.get() ?? 0) + 1
            ctx.state.count.set(count)
            ctx.state.waiting.add(counted(record, ctx.key, count))
            ctx.eventTimers.at(record.id + 20)
          },
          onEventTimer(_time, ctx) {
            for (const record of ctx.state.waiting.get()) ctx.emit(record)
            ctx.state.waiting.clear()
            user.hazard()
          },
        }),
      )
    case 'keyed-expiring':
      return settle(expiring(keyed, counted, user))
    case 'keyed-operator-list':
    case 'keyed-async-operator-list':
      return settle(operatorLists(keyed, counted, user, plan.kind === 'keyed-async-operator-list'))
    case 'keyed-raw':
      return settle(rawCounts(keyed, counted, user))
    default:
      return settle(
        keyed.process({
          emits: type<Traced>(),
          ...user.lifetime(),
          state: { count: value<{ n: number }>() },
          onElement(record, ctx) {
            const count = ctx.state.count.get() ?? { n: 0 }
            count.n++ // in place, as users do
            ctx.state.count.set(count)
            user.hazard()
            ctx.emit(counted(record, ctx.key, count.n))
          },
        }),
      )
  }
}
