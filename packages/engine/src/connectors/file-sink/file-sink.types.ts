/** What the sink's types catch; checked by the compiler alone. */
import { defineJob } from '../../api/job.ts'
import type { Sink } from '../sink.ts'
import { fileSink } from './file-sink.ts'

interface Order {
  readonly id: string
  readonly cents: number
}

const dir = 'out'

export const lines: Sink<string> = fileSink({ dir })
export const texts: Sink<string> = fileSink({ dir, format: 'json' })
export const words: Sink<'yes' | 'no'> = fileSink<'yes' | 'no'>({ dir, format: 'lines' })
export const objects: Sink<Order> = fileSink({ dir, format: 'json' })
export const made: Sink<Order> = fileSink({ dir, format: (order) => `${order.id} ${order.cents}` })

export const job: ReturnType<typeof defineJob> = defineJob('sinks', (env) => {
  const counts = env
    .fromCollection(['a'])
    .keyBy((word) => word)
    .count()
  counts.sinkTo(fileSink({ dir, format: ({ key, count }) => `${key} ${count}` }))
  counts.sinkTo(fileSink({ dir, format: 'json' }))
  counts.map(({ key }) => key).sinkTo(fileSink({ dir }))
  // @ts-expect-error what is no text needs a format
  counts.sinkTo(fileSink({ dir }))
  // @ts-expect-error lines are texts
  counts.sinkTo(fileSink({ dir, format: 'lines' }))
})

// @ts-expect-error what is no text needs a format
fileSink<Order>({ dir })
// @ts-expect-error a line is a text
fileSink<Order>({ dir, format: (order) => order.cents })
