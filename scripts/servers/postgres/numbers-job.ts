// Numbers into a table that takes each of them as often as it is written: what is there twice was written twice.
import { defineJob, generator, type, value } from 'millrace'
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
    const common = { url, commitRetention: '1h' } as const
    const sink = keyed
      ? postgresSink<Numbered>({ ...common, table: 'newest', columns: ['bucket', 'n'], keys: ['bucket'] })
      : postgresSink<Numbered>({ ...common, table: 'numbers', columns: ['n', 'bucket'] })
    env
      .fromSource(numbers, { uid: 'numbers' })
      .keyBy(({ bucket }) => bucket)
      .process({
        emits: type<Numbered>(),
        state: { newest: value<number>() },
        onElement(each, ctx) {
          // Numbers of one bucket come from several subtasks: what is to be the newest in the table must be the last.
          if (keyed && each.n < (ctx.state.newest.get() ?? 0)) return
          ctx.state.newest.set(each.n)
          ctx.emit(each)
        },
      })
      .uid('by-bucket')
      .sinkTo(sink)
      .uid('table')
  },
)
