/** The micro job `count`: counts by key, with as many keys as asked for: each as often as any other, or a few much more often than the rest. */
import { type, value } from '@millrace/engine'
import { filler, Generator, type CountRecord } from './generator.ts'
import { sink, type Query } from './query.ts'
import { hashNumber, ROW_START } from './row-checksum.ts'
import { eventSource } from './source.ts'
import { parseDistribution, ZipfRanks } from './zipf.ts'

export const count: Query = (env, params) => {
  const { keys, distribution, rowBytes } = params
  const skew = parseDistribution(distribution)
  const make = (): ((index: number) => CountRecord) => {
    const generator = new Generator(params.seed)
    if (skew === undefined) return (index) => generator.record(index, keys)
    const ranks = new ZipfRanks(keys, skew)
    return (index) => generator.record(index, keys, ranks)
  }
  const records = env.fromSource(eventSource<CountRecord>({ count: params.events, crashAt: params.crashAt, make }), { uid: 'records' })
  const rows = records
    .keyBy((record) => record.key)
    .process({
      emits: type<{ readonly key: number; readonly count: number }>(),
      state: { count: value<number>(), filler: value<string>() },
      onElement(record, ctx) {
        const next = (ctx.state.count.get() ?? 0) + 1
        ctx.state.count.set(next)
        if (next === 1 && rowBytes > 0) ctx.state.filler.set(filler(record.key, rowBytes))
        ctx.emit({ key: record.key, count: next })
      },
    })
    .uid('count')
  sink(params, rows, (row, checksum) => {
    checksum.end(hashNumber(hashNumber(ROW_START, row.key), row.count), 1)
    return 1
  })
}
