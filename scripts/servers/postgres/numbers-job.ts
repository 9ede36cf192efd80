// Numbers into a table that takes each of them as often as it is written: what is there twice was written twice.
import { defineJob, generator, type } from 'millrace'
import { postgresSink } from 'millrace/postgres'

interface Numbered {
  readonly n: number
  readonly bucket: number
}

export default defineJob(
  'numbers',
  { params: { url: '', count: 100_000, rate: 20_000, keyed: false } },
  (env, { url, count, rate, keyed }) => {
    const numbers = generator<Numbered>({ count, ratePerSecond: rate, generate: (n) => ({ n, bucket: n % 1_000 }) })
    const sink = keyed
      ? postgresSink<Numbered>({ url, table: 'newest', columns: ['bucket', 'n'], keys: ['bucket'] })
      : postgresSink<Numbered>({ url, table: 'numbers', columns: ['n', 'bucket'] })
    env
      .fromSource(numbers, { uid: 'numbers' })
      .keyBy(({ bucket }) => bucket)
      .process({ emits: type<Numbered>(), onElement: (each, ctx) => ctx.emit(each) })
      .uid('by-bucket')
      .sinkTo(sink)
      .uid('table')
  },
)
