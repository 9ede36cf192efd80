// From log to log, exactly once: events of orders come from one topic, the outcome of each order goes to another.
//
//   millrace run examples/05-orders-log-to-log.ts -p 2 --checkpoint-interval 1s --restore latest --param brokers=localhost:9092
//
// Offsets and orders are state; outcomes are written in a transaction that ends with the checkpoint. So whatever is killed when, a reader that
// reads committed sees each outcome once. `npm run demo` does that to it.
import { defineJob, type, value, type Stream } from 'millrace'
import { json, kafkaSink, kafkaSource } from 'millrace/kafka'
import { isFinal, isOver, rememberedFor, transitions, type OrderEvent, type OrderState } from './03-order-state-machine.ts'

/** What became of an order, once it is in a final state. A received order is remembered, so that what comes for it afterwards does not make another outcome. */
export interface Outcome {
  readonly order: number
  readonly state: OrderState
  /** Events that moved it on, the last one included. */
  readonly moves: number
  /** Events that its state did not allow. */
  readonly refused: number
}

interface Progress {
  readonly state: OrderState
  readonly moves: number
  readonly refused: number
}

const nothingYet: Progress = { state: 'awaiting-payment', moves: 0, refused: 0 }

export function outcomesOf(events: Stream<OrderEvent>): Stream<Outcome> {
  return events
    .keyBy((event) => event.order)
    .process({
      emits: type<Outcome>(),
      state: { progress: value<Progress>({ ttl: rememberedFor }) },
      onElement({ order, type: event }, ctx) {
        const { state, moves, refused } = ctx.state.progress.get() ?? nothingYet
        const next = transitions[state][event]
        if (next === undefined) return ctx.state.progress.set({ state, moves, refused: refused + 1 })
        if (isOver(next)) ctx.state.progress.clear()
        else ctx.state.progress.set({ state: next, moves: moves + 1, refused })
        if (isFinal(next)) ctx.emit({ order, state: next, moves: moves + 1, refused })
      },
    })
    .uid('order-outcomes')
}

const params = { brokers: 'localhost:9092', from: 'orders', to: 'order-outcomes' }

export default defineJob('orders-log-to-log', { params }, (env, { brokers, from, to }) => {
  const events = env.fromSource(kafkaSource({ brokers, topics: from, value: json<OrderEvent>(), groupId: to }), { uid: 'orders' })
  outcomesOf(events)
    .sinkTo(kafkaSink({ brokers, topic: to, key: ({ order }) => order, value: json<Outcome>(), transactionalIdPrefix: to }))
    .uid('outcomes')
})
