import { defineJob, print, type, value } from '@millrace/engine'
import { keySource } from './key-source.ts'

/** A count for each of many keys. Once every key has been seen, a few come again, and each prints its key and count: 2 or more, if nothing was lost. */
export default defineJob('recovery', { params: { keys: 1_000_000, strings: false } }, (env, { keys, strings }) => {
  env
    .fromSource(keySource(keys), { uid: 'keys' })
    .keyBy(({ number }) => (strings ? `customer-${number}` : number))
    .process({
      emits: type<string>(),
      state: { count: value<number>() },
      onElement({ number, again }, ctx) {
        const count = (ctx.state.count.get() ?? 0) + 1
        ctx.state.count.set(count)
        if (again) ctx.emit(`${number} ${count}`)
      },
    })
    .uid('count')
    .sinkTo(print())
    .uid('lines')
})
