// What a newcomer's first job might be, type-checked and run against the packed packages.
import { collect, defineJob, execute, MillraceError, print, type, value, type JobResult } from 'millrace'

interface Sale {
  readonly shop: string
  readonly amount: number
}

const sales: readonly Sale[] = [
  { shop: 'a', amount: 1 },
  { shop: 'a', amount: 2 },
  { shop: 'a', amount: 3 },
]

export default defineJob('packed', (env) => {
  env
    .fromCollection(sales)
    .uid('sales')
    .keyBy((sale) => sale.shop)
    .process({
      emits: type<number>(),
      state: { total: value<number>() },
      onElement(sale, ctx) {
        ctx.state.total.update((total = 0) => total + sale.amount)
        ctx.emit(ctx.state.total.get() ?? 0)
      },
    })
    .uid('totals')
    .sinkTo(print({ prefix: '' }))
})

/** Never called; what it uses must type-check. */
export async function types(): Promise<readonly [JobResult['state'], number]> {
  const { state } = await execute(defineJob('other', (env) => void env.fromCollection([1]).sinkTo(print())))
  for await (const doubled of collect((env) => env.fromCollection([1]).map((n) => n * 2))) return [state, doubled]
  throw new MillraceError('X', { who: 'user', retry: false, message: 'never' }, {})
}
