/** What stands between the engine and its surroundings: to look on, or to err on purpose. Every part may be left out. */
import type { Clock, Disk } from '@millrace/core'
import type { Sink, Source } from '@millrace/engine'
import type { ChannelFactory, KeyedStateBackend, ObjectStore, OrderedStores, SlotLauncher } from '@millrace/engine/simulation'

export interface Interposer {
  disk?(disk: Disk, clock: Clock): Disk
  channels?(factory: ChannelFactory): ChannelFactory
  source?<T>(source: Source<T>): Source<T>
  sink?<T>(sink: Sink<T>): Sink<T>
  keyedState?(backend: KeyedStateBackend): KeyedStateBackend
  /** Of the state backend `rocksdb`. */
  stores?(stores: OrderedStores): OrderedStores
  /** Where checkpoints are in a store of objects. */
  objects?(store: ObjectStore, clock: Clock): ObjectStore
  launcher?(launcher: SlotLauncher): SlotLauncher
  /** In place of the job's own. */
  readonly mode?: 'exactly-once' | 'at-least-once'
}

/** The target with some members replaced; all others are its own, private fields included. */
export function overlay<T extends object>(target: T, members: Partial<T>): T {
  return new Proxy(target, {
    get(from, name) {
      if (name in members) return Reflect.get(members, name) as unknown
      const member: unknown = Reflect.get(from, name, from)
      return typeof member === 'function' ? (member.bind(from) as unknown) : member
    },
    has: (from, name) => name in members || name in from,
  })
}
