/**
 * The micro job `count`: counts by key, with as many keys as asked for: each as often as any other, or a few much more often than the rest. Where a row is to be large,
 * it is one value of a count and a text, read and written as one. `fill`: first comes one record of each key, before the events that are counted.
 */
import { type, value, type KeyedStream, type Stream } from '@millrace/engine'
import { filler, Generator, type CountRecord } from './generator.ts'
import { sink, type Query } from './query.ts'
import { hashNumber, ROW_START } from './row-checksum.ts'
import { eventSource } from './source.ts'
import { parseDistribution, ZipfRanks } from './zipf.ts'

export const count: Query = (env, params) => {
  const { keys, distribution, rowBytes } = params
  const filling = params.fill ? keys : 0
  const skew = parseDistribution(distribution)
  const make = (): ((index: number) => CountRecord) => {
    const generator = new Generator(params.seed)
    const ranks = skew === undefined ? undefined : new ZipfRanks(keys, skew)
    if (filling === 0) return (index) => generator.record(index, keys, ranks)
    return (index) => (index < filling ? { ...generator.record(index), key: index } : generator.record(index, keys, ranks))
  }
  const source = eventSource<CountRecord>({ count: filling + params.events, crashAt: params.crashAt, timedFrom: filling, make })
  const records = env.fromSource(source, { uid: 'records' }).keyBy((record) => record.key)
  const rows = rowBytes === 0 ? counted(records) : countedBesideText(records, rowBytes)
  sink(params, rows, (row, checksum) => {
    checksum.end(hashNumber(hashNumber(ROW_START, row.key), row.count), 1)
    return 1
  })
}

interface Counted {
  readonly key: number
  readonly count: number
}

function counted(records: KeyedStream<CountRecord, number>): Stream<Counted> {
  return records
    .process({
      emits: type<Counted>(),
      state: { count: value<number>() },
      onElement({ key }, ctx) {
        const count = (ctx.state.count.get() ?? 0) + 1
        ctx.state.count.set(count)
        ctx.emit({ key, count })
      },
    })
    .uid('count')
}

function countedBesideText(records: KeyedStream<CountRecord, number>, rowBytes: number): Stream<Counted> {
  return records
    .process({
      emits: type<Counted>(),
      state: { wide: value<{ readonly count: number; readonly text: string }>() },
      onElement({ key }, ctx) {
        const before = ctx.state.wide.get()
        const count = (before?.count ?? 0) + 1
        ctx.state.wide.set({ count, text: before?.text ?? filler(key, rowBytes) })
        ctx.emit({ key, count })
      },
    })
    .uid('count')
}
