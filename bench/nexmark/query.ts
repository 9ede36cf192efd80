/** What every query is made of: the events, with event time where it is asked for, and the sink that takes the rows. */
import { watermarks, type Environment, type Stream } from '@millrace/engine'
import { Generator, type Bid, type Event } from './generator.ts'
import { checksumSink, type AddRow } from './sink.ts'
import { eventSource } from './source.ts'

export interface QueryParams {
  readonly events: number
  readonly seed: number
  readonly checksum: boolean
  /** The reader that comes to this event fails there, once, after a checkpoint has completed. 0: none does. */
  readonly crashAt: number
  /** Of the micro job `count`: how many keys there are. */
  readonly keys: number
  /** How often each comes: `uniform`, `zipf:EXPONENT`. */
  readonly distribution: string
  /** What a key's state takes besides its count. */
  readonly rowBytes: number
  /** One record of each key comes first, before the events. */
  readonly fill: boolean
}

export type Query = (env: Environment, params: QueryParams) => void

export function events(env: Environment, { events: count, seed, crashAt }: QueryParams): Stream<Event> {
  return env.fromSource(eventSource<Event>({ count, crashAt, make: maker(seed) }), { uid: 'events' }) as Stream<Event>
}

/** With watermarks: time stamps never fall within a reader. */
export function timedEvents(env: Environment, { events: count, seed, crashAt }: QueryParams): Stream<Event> {
  const strategy = watermarks.monotonous<Event>((event) => event.dateTime)
  return env.fromSource(eventSource<Event>({ count, crashAt, make: maker(seed) }), { uid: 'events', watermarks: strategy }) as Stream<Event>
}

function maker(seed: number): () => (index: number) => Event {
  return () => {
    const generator = new Generator(seed)
    return (index) => generator.event(index)
  }
}

export function isBid(event: Event): event is Bid {
  return event.kind === 'bid'
}

export function sink<T>(params: QueryParams, rows: Stream<T>, add: AddRow<T>): void {
  rows.sinkTo(checksumSink<T>(params.checksum ? add : undefined)).uid('rows')
}
