import type { Clock } from '@millrace/core'
import type { OrderedScan, OrderedStore } from './ordered-store.ts'

/** How long it goes on before it gives the thread back. */
const TURN_MS = 20
const ROWS_A_LOOK = 64

/** Reads all that is in a store, so that damage is seen before anything is made of it. @throws TypeError what is wrong with it */
export async function readThrough(store: OrderedStore, clock: Pick<Clock, 'monotonic' | 'soon'>): Promise<void> {
  const scan = store.scan(new Uint8Array(0), undefined)
  try {
    for (let untilMs = clock.monotonic() + TURN_MS; goOn(scan);) {
      if (clock.monotonic() < untilMs) continue
      await new Promise<void>((resolve) => clock.soon(resolve))
      untilMs = clock.monotonic() + TURN_MS
    }
  } finally {
    scan.close()
  }
  await store.readApart?.()
}

/** False at the end. */
function goOn(scan: OrderedScan): boolean {
  for (let row = 0; row < ROWS_A_LOOK; row++) if (!scan.next()) return false
  return true
}
