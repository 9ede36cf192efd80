// Payments that arrive more than once, because someone upstream tried again, pass on once.
//
//   millrace run examples/06-deduplication.ts -p 2
//
// What has passed is state: the id, and a timer that forgets it when no repetition is to be expected any more. So the state does not grow for ever.
import {
  defineJob,
  generator,
  print,
  type,
  value,
  watermarks,
  type Duration,
  type Environment,
  type GeneratorContext,
  type Stream,
} from 'millrace'

export interface Payment {
  readonly id: string
  readonly account: number
  readonly cents: number
  /** Milliseconds since 1970. */
  readonly at: number
}

/** Passes on the first payment of each id; another within `rememberFor` of it is a repetition. */
export function withoutRepetitions(payments: Stream<Payment>, rememberFor: Duration): Stream<Payment> {
  return payments
    .keyBy((payment) => payment.id)
    .process({
      emits: type<Payment>(),
      state: { seen: value<boolean>() },
      onElement(payment, ctx) {
        if (ctx.state.seen.get() === true) return
        ctx.state.seen.set(true)
        ctx.eventTimers.after(rememberFor)
        ctx.emit(payment)
      },
      onEventTimer(_time, ctx) {
        ctx.state.seen.clear()
      },
    })
    .uid('seen-payments')
}

const firstAt = Date.UTC(2026, 0, 1)

/** A payment every 20 ms; one in five is one of the last hundred, sent again. */
export function paymentAt(index: number, ctx: GeneratorContext): Payment {
  const repeated = ctx.random() < 0.2 ? Math.max(0, index - 1 - Math.floor(ctx.random() * 100)) : index
  return { id: `payment-${repeated}`, account: repeated % 17, cents: 100 + ((repeated * 7919) % 10_000), at: firstAt + index * 20 }
}

const params = { payments: 2_000, ratePerSecond: 2_000, rememberFor: '1m', seed: 7 }

export default defineJob('deduplication', { params }, (env: Environment, { payments: count, ratePerSecond, rememberFor, seed }) => {
  const payments = env.fromSource(generator({ count, ratePerSecond, seed, generate: paymentAt }), {
    uid: 'payments',
    watermarks: watermarks.monotonous((payment) => payment.at, { idleAfter: '10s' }),
  })
  withoutRepetitions(payments, rememberFor as Duration)
    .map(({ id, account, cents }) => `${id}: account ${account} pays ${(cents / 100).toFixed(2)}`)
    .sinkTo(print({ prefix: '' }))
    .uid('payments-once')
})
