import type { ErasedProcessFunction } from './functions.ts'
import { value, type Aggregate, type StateOptions, type ValueState } from './state.ts'
import { type } from './types.ts'

/** The part of the context that aggregations use. One state, always called `result`. */
interface AggregationContext<T> {
  readonly key: unknown
  readonly state: { readonly result: ValueState<T> }
  emit(value: unknown): void
}

type Fields = { readonly [field: string]: unknown }

function aggregation<T>(
  options: StateOptions<T> | undefined,
  onElement: (record: never, ctx: AggregationContext<T>) => void,
): ErasedProcessFunction {
  return { emits: type<unknown>(), state: { result: value<T>(options) }, onElement: onElement }
}

/** Keeps what `fold` makes of the result so far and the record, and emits it; the first record stands for itself. */
export function reduce<T>(fold: (a: T, b: T) => T, options?: StateOptions<T>): ErasedProcessFunction {
  return aggregation<T>(options, (record: T, ctx) => {
    const { result } = ctx.state
    const before = result.get()
    const after = before === undefined ? record : fold(before, record)
    result.set(after)
    ctx.emit(after)
  })
}

export function aggregate<In, Acc, Out>(parts: Aggregate<In, Acc, Out>, options?: StateOptions<Acc>): ErasedProcessFunction {
  return aggregation<Acc>(options, (record: In, ctx) => {
    const { result } = ctx.state
    const accumulator = parts.add(record, result.get() ?? parts.create())
    result.set(accumulator)
    ctx.emit(parts.result(accumulator))
  })
}

export function count(): ErasedProcessFunction {
  return aggregation<number>(undefined, (_record, ctx) => {
    const { result } = ctx.state
    const next = (result.get() ?? 0) + 1
    result.set(next)
    ctx.emit({ key: ctx.key, count: next })
  })
}

/** Records are read-only once emitted, so each sum is a record of its own. */
export function sum(field: string): ErasedProcessFunction {
  return reduce<Fields>((before, record) => ({ ...before, [field]: (before[field] as number) + (record[field] as number) }))
}

/** The first record, with the least or greatest value of a field of all. */
export function extremeField(field: string, which: 'least' | 'greatest'): ErasedProcessFunction {
  return reduce<Fields>((before, record) => (isBeyond(record, before, field, which) ? { ...before, [field]: record[field] } : before))
}

/** The record with the least or greatest value of a field; of equals the first. */
export function extremeRecord(field: string, which: 'least' | 'greatest'): ErasedProcessFunction {
  return reduce<Fields>((before, record) => (isBeyond(record, before, field, which) ? record : before))
}

function isBeyond(record: Fields, before: Fields, field: string, which: 'least' | 'greatest'): boolean {
  const candidate = record[field] as number
  const best = before[field] as number
  return which === 'least' ? candidate < best : candidate > best
}
