/** Stages whose state expires, or belongs to the operator: each checks at every record that it is what it must be. */
import {
  list,
  map,
  rawKeyed,
  splitList,
  type,
  unionList,
  value,
  type KeyedStream,
  type ListState,
  type Output,
  type StreamView,
  type UnionListState,
} from '@millrace/engine'
import type { UserCode } from './stages.ts'
import { traced, type Traced } from './traced.ts'

export type KeyedTraced = KeyedStream<Traced, number>
export type Counted = (record: Traced, key: number, count: number) => Traced
type Stage = Output<Traced, {}>

/** Short enough that state expires in every job, and long enough that it does not at once. */
const TTL_MS = 40

/** What the states that expire must still show: [entry, count, when it was written]. Kept in a state that does not expire. */
interface Written {
  readonly entries: readonly [number, number, number][]
  readonly items: readonly [number, number][]
  readonly last: readonly [number, number] | undefined
}

/** States of three kinds that expire, beside one that says what was written into them and when. */
export function expiring(keyed: KeyedTraced, counted: Counted, user: UserCode): Stage {
  const ttl = TTL_MS
  return keyed.process({
    emits: type<Traced>(),
    ...user.lifetime(),
    state: {
      count: value<number>(),
      written: value<Written>(),
      last: value<{ count: number }>({ ttl }),
      items: list<number>({ ttl }),
      entries: map<number, number>({ ttl }),
    },
    onElement(record, ctx) {
      const { count, written, last, items, entries } = ctx.state
      const { now } = ctx.processingTimers
      const before = written.get() ?? { entries: [], items: [], last: undefined }
      const isLive = (time: number): boolean => time + TTL_MS > now
      const expected = {
        last: before.last !== undefined && isLive(before.last[1]) ? before.last[0] : undefined,
        items: before.items.filter(([, time]) => isLive(time)),
        entries: before.entries.filter(([, , time]) => isLive(time)),
      }
      if (expected.items.length < before.items.length) user.met('state had expired')
      const seen = { last: last.get()?.count, items: [...items.get()], entries: [...entries.entries()] }
      const wanted = {
        last: expected.last,
        items: expected.items.map(([item]) => item),
        entries: expected.entries.map(([entry, n]) => [entry, n]),
      }
      // Entries of a map come in another order after a restore.
      seen.entries.sort(byEntry)
      wanted.entries.sort(byEntry as (a: number[], b: number[]) => number)
      if (JSON.stringify(seen) !== JSON.stringify(wanted)) {
        user.violation(`state that expires is ${JSON.stringify(seen)} where ${JSON.stringify(wanted)} was left at ${now}`)
      }
      const next = (count.get() ?? 0) + 1
      const entry = record.id % 5
      count.set(next)
      last.set({ count: next })
      items.add(next)
      entries.set(entry, next)
      written.set({
        last: [next, now],
        items: [...expected.items, [next, now]],
        entries: [...expected.entries.filter(([other]) => other !== entry), [entry, next, now]],
      })
      user.hazard()
      ctx.emit(counted(record, ctx.key, next))
    },
  })
}

function byEntry(a: readonly number[], b: readonly number[]): number {
  return a[0]! - b[0]!
}

/** Every count of every key is an element of an operator list: those restored, and those of this run, are as many as the key has counted. */
export function operatorLists(keyed: KeyedTraced, counted: Counted, user: UserCode, isAsync: boolean): Stage {
  const operatorState = { all: unionList<[key: number, count: number]>() }
  const check = (key: number, count: number, { all }: { readonly all: UnionListState<[key: number, count: number]> }): void => {
    if (all.restored.length > 0) user.met('operator list restored')
    const restored = new Set(all.restored.filter(([other]) => other === key).map(([, n]) => n))
    const own = all.get().filter(([other, n]) => other === key && !restored.has(n))
    const numbers = [...restored, ...own.map(([, n]) => n)].toSorted((a, b) => a - b)
    if (numbers.length !== count || numbers.some((n, index) => n !== index + 1)) {
      user.violation(`the operator lists have ${numbers.join(', ')} of key ${key}, which has counted to ${count}`)
    }
  }
  if (isAsync) {
    return keyed.process({
      emits: type<Traced>(),
      ...user.lifetime(),
      state: { count: value<number>() },
      operatorState,
      async onElement(record, ctx) {
        const count = ctx.state.count.get() ?? 0
        check(ctx.key, count, ctx.operatorState)
        ctx.operatorState.all.add([ctx.key, count + 1])
        await user.delay()
        user.hazard()
        ctx.state.count.set(count + 1)
        ctx.emit(counted(record, ctx.key, count + 1))
      },
    })
  }
  return keyed.process({
    emits: type<Traced>(),
    ...user.lifetime(),
    state: { count: value<number>() },
    operatorState,
    onElement(record, ctx) {
      const count = ctx.state.count.get() ?? 0
      check(ctx.key, count, ctx.operatorState)
      const all: ListState<[key: number, count: number]> = ctx.operatorState.all
      all.add([ctx.key, count + 1])
      ctx.state.count.set(count + 1)
      user.hazard()
      ctx.emit(counted(record, ctx.key, count + 1))
    },
  })
}

/** Counts by key in an object of the function's own, a text for each key group. */
export function rawCounts(keyed: KeyedTraced, counted: Counted, user: UserCode): Stage {
  const counts = rawKeyed<Map<number, number>>({
    create: () => new Map(),
    snapshot: (state, out) => {
      for (const [key, count] of state) out.write(Buffer.from(`${key} ${count}\n`))
    },
    async restore(state, bytes) {
      user.met('raw state restored')
      let text = ''
      for await (const piece of bytes) text += Buffer.from(piece).toString()
      for (const line of text.trimEnd().split('\n')) state.set(Number(line.split(' ')[0]), Number(line.split(' ')[1]))
    },
  })
  return keyed.process({
    emits: type<Traced>(),
    ...user.lifetime(),
    operatorState: { counts },
    onElement(record, ctx) {
      const group = ctx.operatorState.counts
      const count = (group.get(ctx.key) ?? 0) + 1
      group.set(ctx.key, count)
      user.hazard()
      ctx.emit(counted(record, ctx.key, count))
    },
  })
}

/** In the place of what was held: it has been let go of, and nothing has come since. */
const LET_GO = -1

/** Records of which some go on only when the input has ended. */
export function held(stream: StreamView<Traced>, user: UserCode): Stage {
  const lifetime = user.lifetime()
  return stream.process({
    emits: type<Traced>(),
    operatorState: { waiting: splitList<Traced>() },
    ...lifetime,
    onElement(record, ctx) {
      const { waiting } = ctx.operatorState
      if (waiting.get()[0]?.id === LET_GO) waiting.clear()
      user.hazard()
      if (record.id % 5 === 2) waiting.add(record)
      else ctx.emit(record)
    },
    async finish(ctx) {
      const { waiting } = ctx.operatorState
      if (waiting.get()[0]?.id === LET_GO) user.violation('a function finishes twice without any input between')
      await lifetime.finish?.()
      for (const record of waiting.get()) ctx.emit(record)
      waiting.clear()
      waiting.add(traced(LET_GO))
    },
  })
}
