/** What the sink's types catch; checked by the compiler alone. */
import type { Sink } from '../../sink.ts'
import { json, string } from '../formats/plain.ts'
import { kafkaSink } from './kafka-sink.ts'

interface Order {
  readonly id: string
  readonly cents: number
}

const brokers = 'localhost:9092'

export const typed: Sink<Order> = kafkaSink({ brokers, topic: 'orders', value: json<Order>(), key: (order) => order.id })
export const byFunction: Sink<Order> = kafkaSink({ brokers, topicOf: (order: Order) => order.id, value: () => null })
export const keyed: Sink<Order> = kafkaSink({ brokers, topic: 'a', value: json<Order>(), key: ({ id }) => id, keyFormat: string() })

// @ts-expect-error a sink of orders takes no numbers
export const wrong: Sink<number> = kafkaSink({ brokers, topic: 'orders', value: json<Order>() })
// @ts-expect-error an order has no such field
kafkaSink({ brokers, topic: 'orders', value: json<Order>(), key: (order) => order.number })
// @ts-expect-error the key is a number, and its format takes text
kafkaSink({ brokers, topic: 'orders', value: json<Order>(), key: (order: Order) => order.cents, keyFormat: string() })
// @ts-expect-error how values are written is not optional
kafkaSink<Order>({ brokers, topic: 'orders' })
// @ts-expect-error there is no such delivery
kafkaSink({ brokers, topic: 'orders', value: json<Order>(), delivery: 'exactly' })
