import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { list, map, value, type ListState, type MapState, type ValueState } from '../../api/state.ts'
import { at, createState } from '../fixtures/operator-state.ts'

const BATCHES = 600
const BATCH_BYTES = 65_536

interface Handles {
  text: ValueState<string>
  object: ValueState<{ inner: string[]; text: string }>
  texts: ListState<string>
  entries: MapState<string, string>
}

test('strings in state do not keep the batches alive that they were cut from', () => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  const state = createState({
    text: value<string>(),
    object: value<{ inner: string[]; text: string }>(),
    texts: list<string>(),
    entries: map<string, string>(),
  })
  gc()
  const before = process.memoryUsage().heapUsed
  for (let n = 0; n < BATCHES; n++) {
    const batch = Buffer.alloc(BATCH_BYTES, `field number ${n} of a batch, `).toString('latin1')
    const cut = (from: number): string => batch.substring(from, from + 30)
    const { text, object, texts, entries } = at<Handles>(state, cut(0))
    text.set(cut(1))
    object.set({ inner: [cut(2)], text: cut(7) })
    texts.add(cut(3))
    entries.set(cut(4), cut(5))
    at<Handles>(state, [cut(0), n]).text.set(cut(6))
    state.timers.register('event', n)
  }
  gc()
  const kept = process.memoryUsage().heapUsed - before
  assert.ok(kept < (BATCHES * BATCH_BYTES) / 4, `${kept} bytes kept`)
  assert.ok(state.statistics().rows > BATCHES)
})
