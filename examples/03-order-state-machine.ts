// Orders as state machines: every event moves its order on, and what its state does not allow becomes an alert, such as cancelling what has been received.
// A cancelled order is over, and its state is cleared; the others are forgotten when nothing has been heard of them for long.
//
//   millrace run examples/03-order-state-machine.ts -p 2
import { defineJob, generator, print, type, value, type Environment, type GeneratorContext, type Stream } from 'millrace'

export type OrderState = 'awaiting-payment' | 'paid' | 'in-delivery' | 'received' | 'cancelled'
export type OrderEventType = 'pay' | 'ship' | 'receive' | 'cancel'

export interface OrderEvent {
  readonly order: number
  readonly type: OrderEventType
}

export interface Alert {
  readonly order: number
  readonly state: OrderState
  readonly refused: OrderEventType
}

/** The state that follows, for each state and each event that it allows. */
export const transitions: { readonly [state in OrderState]: { readonly [event in OrderEventType]?: OrderState } } = {
  'awaiting-payment': { pay: 'paid', cancel: 'cancelled' },
  paid: { ship: 'in-delivery', cancel: 'cancelled' },
  'in-delivery': { receive: 'received', cancel: 'cancelled' },
  received: {},
  cancelled: {},
}

/** Whether nothing is allowed any more. */
export function isFinal(state: OrderState): boolean {
  return Object.keys(transitions[state]).length === 0
}

/** Whether nothing needs to be known any more. Of a received order it has to be known that it can be cancelled no longer. */
export function isOver(state: OrderState): boolean {
  return state === 'cancelled'
}

/** So long after its last event an order is forgotten, or those that were received would be kept for ever. */
export const rememberedFor = '90d'

/** An order of which nothing is known awaits its payment: it is new, or it has been forgotten. */
export function alertsOf(events: Stream<OrderEvent>): Stream<Alert> {
  return events
    .keyBy((event) => event.order)
    .process({
      emits: type<Alert>(),
      state: { current: value<OrderState>({ ttl: rememberedFor }) },
      onElement(event, ctx) {
        const state = ctx.state.current.get() ?? 'awaiting-payment'
        const next = transitions[state][event.type]
        if (next === undefined) ctx.emit({ order: event.order, state, refused: event.type })
        else if (isOver(next)) ctx.state.current.clear()
        else ctx.state.current.set(next)
      },
    })
    .uid('order-state-machine')
}

const lifeOfAnOrder: readonly OrderEventType[] = ['pay', 'ship', 'receive']
const mistakes: readonly OrderEventType[] = ['ship', 'receive', 'pay', 'cancel']
const openOrders = 50

/** Event number `index`: 50 orders at a time go through their lives in step; one event in about twenty is not the one whose turn it is. */
export function eventAt(index: number, ctx: GeneratorContext): OrderEvent {
  const round = Math.floor(index / openOrders)
  const order = (index % openOrders) + openOrders * Math.floor(round / lifeOfAnOrder.length)
  const expected = lifeOfAnOrder[round % lifeOfAnOrder.length]!
  return { order, type: ctx.random() < 0.05 ? mistakes[Math.floor(ctx.random() * mistakes.length)]! : expected }
}

const params = { events: 3_000, ratePerSecond: 2_000, seed: 7 }

export default defineJob('order-state-machine', { params }, (env: Environment, { events: count, ratePerSecond, seed }) => {
  const events = env.fromSource(generator({ count, ratePerSecond, seed, generate: eventAt }), { uid: 'order-events' })
  alertsOf(events)
    .map(({ order, state, refused }) => `order ${order} is ${state}: ${refused} refused`)
    .sinkTo(print({ prefix: '' }))
    .uid('alerts')
})
