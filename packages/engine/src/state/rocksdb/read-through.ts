import type { Clock } from '@millrace/core'
import type { OrderedStore } from './ordered-store.ts'
import { Turns } from '../turns.ts'

/** Reads all that is in a store, so that damage is seen before anything is made of it; until `stopped`. @throws TypeError what is wrong with it; the reason of `stopped` */
export async function readThrough(store: OrderedStore, clock: Pick<Clock, 'monotonic' | 'soon'>, stopped?: AbortSignal): Promise<void> {
  // Values that lie apart are not asked for: their files are read from beginning to end.
  const scan = store.scan(new Uint8Array(0), undefined)
  const keys = { next: () => scan.next(), close: () => scan.close() }
  await new Turns({ clock, signal: stopped }).through(keys, () => {})
  await store.readApart?.(stopped)
}
