// What the compiler must infer of sources, and what it must refuse.
import type { Source } from '../../source.ts'
import { nullable } from '../formats/format.ts'
import { csv } from '../formats/csv.ts'
import { debezium, type Change } from '../formats/debezium.ts'
import { json, string } from '../formats/plain.ts'
import type { StandardSchema } from '../../../api/state.ts'
import { kafkaSource } from './kafka-source.ts'
import type { KafkaRecord } from './options.ts'
import type { PoisonRecord } from './poison.ts'

interface Order {
  readonly id: string
}

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

function emits<T>(): <S>(source: Source<S> & (Same<S, T> extends true ? unknown : never)) => void {
  return () => {}
}

const brokers = 'localhost:9092'
declare const schema: StandardSchema<Order>

emits<Order>()(kafkaSource({ brokers, topics: 'orders', value: json<Order>() }))
emits<Order>()(kafkaSource({ brokers, topics: 'orders', value: json(schema) }))
emits<number>()(kafkaSource({ brokers, topics: 'orders', value: (bytes) => bytes?.length ?? 0 }))
emits<Order | null>()(kafkaSource({ brokers, topics: 'orders', value: json<Order>(), onPoison: 'null' }))
emits<Order | null>()(kafkaSource({ brokers, topics: 'orders', value: nullable(json<Order>()) }))
emits<Order | PoisonRecord>()(kafkaSource({ brokers, topics: 'orders', value: json<Order>(), onPoison: 'emit' }))
emits<KafkaRecord<string, Order>>()(kafkaSource({ brokers, topics: 'orders', key: string(), value: json<Order>(), metadata: true }))
emits<KafkaRecord<Uint8Array, Order>>()(kafkaSource({ brokers, topics: 'orders', value: json<Order>(), metadata: true }))
emits<{ a: string; b: string }>()(kafkaSource({ brokers, topics: 'rows', value: csv({ columns: ['a', 'b'] }) }))
emits<Change<Order>>()(kafkaSource({ brokers, topics: 'rows', value: debezium<Order>(json()) }))

// @ts-expect-error a format for values is missing
kafkaSource({ brokers, topics: 'orders' })
// @ts-expect-error the key is only there in whole records
kafkaSource({ brokers, topics: 'orders', key: string(), value: json<Order>() })
// @ts-expect-error no such policy
kafkaSource({ brokers, topics: 'orders', value: json<Order>(), onPoison: 'ignore' })
// @ts-expect-error no such place
kafkaSource({ brokers, topics: 'orders', value: json<Order>(), startAt: 'beginning' })
// @ts-expect-error reading cannot end at the beginning
kafkaSource({ brokers, topics: 'orders', value: json<Order>(), endAt: 'earliest' })
